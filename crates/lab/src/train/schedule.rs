//! Learning rate schedules.

use serde::{Deserialize, Serialize};

/// A learning rate schedule: linear warm-up, then decay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Number of warm-up steps.
    pub warmup: usize,
    /// Decay after the warm-up.
    pub decay: Decay,
    /// Final learning rate, as a share of the peak.
    pub floor: f64,
}

/// How the learning rate decays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Half-cosine decay (Loshchilov and Hutter 2017, arXiv:1608.03983).
    Cosine,
    /// Constant at first, then linear over the last part of the run (Hägele et al. 2024,
    /// arXiv:2405.18392).
    Linear {
        /// Share of the steps during which the learning rate decays.
        share: f64,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Self { warmup: 100, decay: Decay::Cosine, floor: 0.1 }
    }
}

impl Schedule {
    /// Returns the learning rate for step `step`, counted from 0, in a run of `steps` steps.
    pub fn learning_rate(&self, step: usize, steps: usize, peak: f64) -> f64 {
        if step < self.warmup {
            return peak * (step + 1) as f64 / self.warmup as f64;
        }
        let (step, begin, end) = (step as f64, self.warmup as f64, steps as f64);
        let fallen = match self.decay {
            Decay::Cosine => {
                let way = ((step - begin) / (end - begin).max(1.0)).clamp(0.0, 1.0);
                0.5 - 0.5 * (std::f64::consts::PI * way).cos()
            }
            Decay::Linear { share } => {
                let length = (end * share).min(end - begin).max(1.0);
                ((step - (end - length)) / length).clamp(0.0, 1.0)
            }
        };
        peak * (1.0 - (1.0 - self.floor) * fallen)
    }
}
