//! The model card: README.md beside the weights, written from what happened.

use std::fmt::Write;

use gpt2::Config;
use gpt2::train::Settings;

use super::super::corpus::Corpus;
use super::super::summary::{count, thousands};
use super::record::Record;

/// What a card tells of.
pub struct Run<'a> {
    pub name: &'a str,
    pub generator: &'a str,
    /// The model gone on from, if there is one.
    pub from: Option<&'a str>,
    pub config: &'a Config,
    pub settings: &'a Settings,
    pub precision: &'a str,
    pub device: &'a str,
    pub corpus: &'a Corpus,
    /// Tokens of an epoch.
    pub tokens: usize,
    /// Documents, tokens and bytes that were held out.
    pub held_out: (usize, usize, usize),
    pub record: &'a Record,
}

impl Run<'_> {
    /// Bits a byte of the text held out, from nats a token.
    pub fn bits_per_byte(&self, loss: f64) -> f64 {
        let (_, tokens, bytes) = self.held_out;
        loss * tokens as f64 / bytes.max(1) as f64 / std::f64::consts::LN_2
    }

    /// The card as Markdown.
    pub fn card(&self) -> String {
        let Self { name, config, settings, corpus, record, .. } = self;
        let mut card = String::new();
        // A String takes whatever is written to it.
        let mut add = |line: std::fmt::Arguments<'_>| {
            let _ = writeln!(card, "{line}");
        };
        add(format_args!("# {name}\n"));
        add(format_args!(
            "A GPT-2 in Hugging Face layout, trained by {}. `venti build --model DIR` writes with it, and \
             so does any program that reads GPT-2.\n",
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
        add(format_args!("| Begun from | {} |", self.from.unwrap_or("nothing")));
        let done = record.steps.last().map_or(0, |(step, _)| *step);
        let tokens = done * settings.accumulation * settings.batch_size * settings.context;
        add(format_args!(
            "| Text | {} in {}, {}; {} to learn, BLAKE3 `{}` |",
            count(corpus.documents.len(), "document"),
            count(corpus.files, "file"),
            count(corpus.words(), "word"),
            count(self.tokens, "token"),
            &corpus.hash()[..16]
        ));
        let epochs = tokens as f64 / self.tokens.max(1) as f64;
        add(format_args!(
            "| Training | {} of {} steps of {} rows of {} tokens: {} tokens, {epochs:.2} times the text |",
            thousands(done),
            thousands(settings.steps),
            settings.accumulation * settings.batch_size,
            thousands(settings.context),
            thousands(tokens)
        ));
        add(format_args!(
            "| Optimizer | AdamW, peak rate {}, betas {} and {}, weight decay {}, gradients clipped at {}, \
             dropout {}, weights averaged with {}; products in {} on {}, seed {} |",
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
        if let Some((step, loss)) = record.best() {
            add(format_args!(
                "| Held out | {}, {}: {loss:.4} nats a token, perplexity {:.1}, {:.3} bits \
                 a byte, after step {} |",
                count(self.held_out.0, "document"),
                count(self.held_out.1, "token"),
                loss.exp(),
                self.bits_per_byte(loss),
                thousands(step)
            ));
        }
        add(format_args!("\n![Loss by step](loss.svg)\n"));
        add(format_args!("`training.jsonl` has the loss of every step and of every test.\n"));
        add(format_args!("## Prompts\n"));
        add(format_args!(
            "A document of the training text is a title, an empty line, then paragraphs with an empty line \
             between them. Prompts in that form serve the model best.\n"
        ));
        add(format_args!("## What it cannot do\n"));
        add(format_args!(
            "It has learned how its text sounds, and nothing about what is true: it invents people, figures \
             and events. It may repeat sentences of the text it was trained on, with the opinions in them. \
             Publish what it writes as machine-written. Who may use the weights depends on the licences of \
             that text and of the model it was begun from."
        ));
        card
    }
}
