//! The course of the learning rate over a run.

use serde::{Deserialize, Serialize};

/// The course of the learning rate: up in a straight line, then as the decay says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Steps until the peak.
    pub warmup: usize,
    /// What comes then.
    pub decay: Decay,
    /// What is left at the end, as a share of the peak.
    pub floor: f64,
}

/// How the learning rate falls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983).
    Cosine,
    /// Not until the last share of the steps, then in a straight line (Hägele et al. 2024,
    /// arXiv:2405.18392).
    Linear {
        /// The share of the steps in which it falls.
        share: f64,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Self { warmup: 100, decay: Decay::Cosine, floor: 0.1 }
    }
}

impl Schedule {
    /// The learning rate of a step, counted from 0, of `steps`, where `peak` is the largest.
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
