//! GPT-2 as a [`Generator`].

use std::path::Path;
use std::sync::Arc;

use generator::{Generator, Provenance, Tokenizer, Work};
use kernels::simd::Level;

use crate::{Checkpoint, Device, Dtype, Engine, Gpt2, generate};

/// A loaded GPT-2 model with its checkpoint and batch size.
pub struct Gpt2Generator {
    checkpoint: Arc<Checkpoint>,
    model: Gpt2,
    batch_size: usize,
}

impl Gpt2Generator {
    /// Loads the checkpoint's weights onto `device`. Weights converted for the CPU are cached in the
    /// file `packed`.
    ///
    /// # Errors
    /// See [`Engine::load`].
    pub fn new(
        checkpoint: Checkpoint,
        engine: Engine,
        device: &Device,
        packed: Option<&Path>,
    ) -> miette::Result<Self> {
        let model = engine.load(&checkpoint, device, packed)?;
        let batch_size = engine.batch_size(&model);
        Ok(Self { checkpoint: Arc::new(checkpoint), model, batch_size })
    }
}

impl Tokenizer for Checkpoint {
    fn tokenize(&self, text: &str) -> miette::Result<Vec<u32>> {
        Ok(self.tokenizer().encode(text)?)
    }

    fn tokenize_prompt(&self, text: &str) -> miette::Result<Vec<u32>> {
        Ok(self.tokenizer().encode_prompt(text)?)
    }

    fn bytes(&self, id: u32) -> &[u8] {
        self.tokenizer().bytes_of(id)
    }

    fn vocab_size(&self) -> usize {
        self.config().vocab_size
    }

    fn bos(&self) -> Option<u32> {
        let added = self.tokenizer().begin().first().copied();
        added.or(self.config().bos_token_id).or(self.tokenizer().end_of_text())
    }

    fn eos(&self) -> &[u32] {
        self.config().eos_token_ids.as_slice()
    }

    fn special_token(&self, id: u32) -> Option<&str> {
        self.tokenizer().special_token(id)
    }
}

/// Names the arithmetic of this processor, if it is not that of x86 with AVX2 and of 64-bit Arm; see
/// `docs/models.md`.
fn arithmetic(device: &Device, dtype: Dtype) -> Option<&'static str> {
    let level = Level::best();
    let differs = match dtype {
        Dtype::Bf16 => level.multiplies_bf16() || level.is_portable(),
        _ => level.is_portable(),
    };
    (device.is_cpu() && differs).then(|| level.id())
}

impl Generator for Gpt2Generator {
    fn provenance(&self) -> Provenance {
        Provenance {
            device: self.model.device().name().to_owned(),
            dtype: self.model.dtype().name().to_owned(),
            arithmetic: arithmetic(self.model.device(), self.model.dtype()).map(str::to_owned),
        }
    }

    fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        Arc::<Checkpoint>::clone(&self.checkpoint)
    }

    fn n_positions(&self) -> usize {
        self.model.config().n_positions
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn run(&mut self, work: &mut dyn Work) -> miette::Result<()> {
        generate(&self.model, self.checkpoint.tokenizer(), work, self.batch_size)
    }
}
