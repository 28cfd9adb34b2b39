//! Writes the model card, a `README.md` next to the weights.

use std::fmt::Write;

use crate::train::TrainingSettings;
use gpt2::Config;

use super::log::TrainingLog;
use crate::corpus::Corpus;
use text::numbers::{count, thousands};

/// Data for a model card.
pub struct ModelCard<'a> {
    pub name: &'a str,
    pub generator: &'a str,
    /// The base model; `None` if the model is trained from scratch.
    pub base: Option<&'a str>,
    pub config: &'a Config,
    pub settings: &'a TrainingSettings,
    pub precision: &'a str,
    pub device: &'a str,
    pub corpus: &'a Corpus,
    /// Number of tokens per epoch.
    pub tokens: usize,
    pub held_out: HeldOutSize,
    pub log: &'a TrainingLog,
}

#[derive(Debug, Clone, Copy)]
pub struct HeldOutSize {
    pub documents: usize,
    pub tokens: usize,
    pub bytes: usize,
}

impl HeldOutSize {
    /// Converts a loss in nats per token to bits per byte.
    pub fn bits_per_byte(self, loss: f64) -> f64 {
        loss * self.tokens as f64 / self.bytes.max(1) as f64 / std::f64::consts::LN_2
    }
}

impl ModelCard<'_> {
    /// Returns the card as Markdown.
    pub fn to_markdown(&self) -> String {
        let Self { name, config, settings, corpus, log, .. } = self;
        let mut card = String::new();
        // Writing to a String cannot fail.
        let mut add = |line: std::fmt::Arguments<'_>| {
            let _ = writeln!(card, "{line}");
        };
        add(format_args!("# {name}\n"));
        add(format_args!(
            "A GPT-2 model in Hugging Face format, trained with {}. Use it with `venti build --model DIR` \
             or any program that loads GPT-2 models.\n",
            self.generator
        ));
        add(format_args!("| | |\n|---|---|"));
        let head = count(config.n_head, "head");
        add(format_args!(
            "| Architecture | GPT-2: {}, {head}, width {}, {} positions, vocabulary {} |",
            count(config.n_layer, "layer"),
            config.n_embd,
            thousands(config.n_positions),
            thousands(config.vocab_size)
        ));
        add(format_args!("| Parameters | {} |", thousands(config.parameters())));
        add(format_args!("| Base model | {} |", self.base.unwrap_or("none, trained from scratch")));
        let done = log.steps.last().map_or(0, |(step, _)| *step);
        let tokens = done * settings.tokens_per_step();
        add(format_args!(
            "| Corpus | {} in {}, {}; {} for training, BLAKE3 `{}` |",
            count(corpus.documents.len(), "document"),
            count(corpus.files, "file"),
            count(corpus.words(), "word"),
            count(self.tokens, "token"),
            &corpus.hash()[..16]
        ));
        let epochs = tokens as f64 / self.tokens.max(1) as f64;
        add(format_args!(
            "| Training | {} of {} steps, {} rows of {} tokens each: {} tokens, {epochs:.2} epochs |",
            thousands(done),
            thousands(settings.steps),
            settings.accumulation * settings.batch_size,
            thousands(settings.context),
            thousands(tokens)
        ));
        add(format_args!(
            "| Optimizer | AdamW, peak learning rate {}, betas {} and {}, weight decay {}, gradients clipped \
             to norm {}, dropout {}, weight averaging with decay {}; matrix products in {} on {}, seed {} |",
            settings.learning_rate,
            settings.betas.0,
            settings.betas.1,
            settings.weight_decay,
            settings.clip,
            settings.dropout,
            settings.averaged,
            self.precision,
            self.device,
            settings.seed
        ));
        if let Some((step, loss)) = log.best() {
            add(format_args!(
                "| Held-out set | {}, {}: {loss:.4} nats per token, perplexity {:.1}, {:.3} bits per byte, \
                 after step {} |",
                count(self.held_out.documents, "document"),
                count(self.held_out.tokens, "token"),
                loss.exp(),
                self.held_out.bits_per_byte(loss),
                thousands(step)
            ));
        }
        add(format_args!("\n![Loss by step](loss.svg)\n"));
        add(format_args!("`training.jsonl` has the loss of every step and every evaluation.\n"));
        add(format_args!("## Prompts\n"));
        add(format_args!(
            "A training document is a title followed by paragraphs, all separated by empty lines. Prompts in \
             this form work best.\n"
        ));
        add(format_args!("## Limitations\n"));
        add(format_args!(
            "The model imitates its training text and does not know what is true: it invents people, figures \
             and events. It may repeat sentences from its training text, including the opinions in them. \
             Label its output as machine-written. The licence of the weights depends on the licences of the \
             training text and of the base model."
        ));
        card
    }
}
