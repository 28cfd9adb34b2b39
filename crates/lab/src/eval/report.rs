//! The evaluation report, printed as a table or as JSON.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::bias::{Bias, Lean};
use super::copied::SHORTEST;
use super::essays::EssayResults;
use super::prediction::Prediction;
use crate::corpus::Corpus;
use crate::table::TextTable;
use generator::Generation;
use text::numbers::{count, thousands};

/// All measurements. The field names are the JSON keys; figures that were not requested are null.
#[derive(Serialize)]
pub struct EvalReport {
    pub venti: &'static str,
    /// The text that was predicted.
    pub corpus: Option<CorpusSummary>,
    /// Window size for prediction, in tokens.
    pub context: Option<usize>,
    /// Number of quotes that the essays were written for.
    pub quotes: Option<usize>,
    /// The corpus that was searched for passages copied by the essays.
    pub against: Option<CorpusSummary>,
    pub models: Vec<ModelResults>,
}

#[derive(Serialize)]
pub struct CorpusSummary {
    documents: usize,
    words: usize,
    bytes: usize,
    blake3: String,
}

impl CorpusSummary {
    pub fn new(corpus: &Corpus) -> Self {
        Self {
            documents: corpus.documents.len(),
            words: corpus.words(),
            bytes: corpus.documents.iter().map(String::len).sum(),
            blake3: corpus.hash(),
        }
    }
}

/// Results for one model.
#[derive(Serialize)]
pub struct ModelResults {
    /// Name of the model as given on the command line.
    pub model: String,
    pub id: String,
    pub weights: String,
    /// Settings that the essays were written with.
    pub generation: Option<Generation>,
    pub parameters: usize,
    pub device: String,
    pub dtype: String,
    pub prediction: Option<Prediction>,
    pub essays: Option<EssayResults>,
    pub bias: Option<Bias>,
}

impl fmt::Display for EvalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = TextTable::new(std::iter::once("").chain(self.heads()));
        self.row(&mut table, "parameters", |model| Some(thousands(model.parameters)));
        self.row(&mut table, "device", |model| Some(format!("{}, {}", model.device, model.dtype)));
        if let (Some(read), Some(context)) = (&self.corpus, self.context) {
            table.section(format!(
                "prediction of {} ({} bytes) in windows of {} tokens",
                count(read.documents, "document"),
                thousands(read.bytes),
                thousands(context)
            ));
            self.prediction(&mut table);
        }
        if let Some(quotes) = self.quotes {
            table.section(format!("essays from {}", count(quotes, "quote")));
            self.essays(&mut table);
        }
        if self.models.iter().any(|model| model.bias.is_some()) {
            table.section("bias in nats; 0 means no bias (cases leaning this way)");
            self.bias(&mut table);
        }
        write!(f, "{table}")
    }
}

impl EvalReport {
    /// Returns the models' names for the header row. Paths are shortened to their last component if all
    /// names stay distinct.
    fn heads(&self) -> Vec<&str> {
        let whole = self.models.iter().map(|model| model.model.as_str());
        let short: Vec<&str> = whole.clone().map(in_short).collect();
        let distinct: HashSet<&str> = short.iter().copied().collect();
        if distinct.len() == short.len() { short } else { whole.collect() }
    }

    fn row(
        &self,
        table: &mut TextTable,
        name: &str,
        cell: impl Fn(&ModelResults) -> Option<String>,
    ) {
        let cells = self.models.iter().map(|model| cell(model).unwrap_or_else(|| "–".to_owned()));
        table.row(std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>());
    }

    fn prediction(&self, table: &mut TextTable) {
        let mut row = |name: &str, figure: fn(&Prediction) -> String| {
            self.row(table, name, |model| model.prediction.as_ref().map(figure));
        };
        row("  tokens", |found| thousands(found.tokens));
        row("  nats per token", |found| format!("{:.4}", found.nats_per_token));
        row("  perplexity", |found| format!("{:.2}", found.perplexity));
        row("  bits per byte", |found| format!("{:.4}", found.bits_per_byte));
        row("  top-1 accuracy", |found| percent(found.top_1));
        row("  top-5 accuracy", |found| percent(found.top_5));
    }

    fn essays(&self, table: &mut TextTable) {
        let mut row = |name: &str, figure: &dyn Fn(&EssayResults) -> String| {
            self.row(table, name, |model| model.essays.as_ref().map(figure));
        };
        row("  first-round pass rate", &|found| percent(found.passed));
        row("  flagged", &|found| thousands(found.flagged));
        if self.models.iter().any(|model| model.essays.as_ref().is_some_and(|e| e.refused > 0)) {
            row("  refused", &|found| thousands(found.refused));
        }
        row("  words", &|found| format!("{:.0}", found.words));
        row("  sentences", &|found| format!("{:.1}", found.sentences));
        row("  repeated sentences", &|found| format!("{:.2}", found.repeated_sentences));
        for n in 0..3 {
            row(&format!("  distinct-{}", n + 1), &|found| format!("{:.3}", found.distinct[n]));
        }
        row("  quote words used", &|found| percent(found.carried_on));
        row("  made-up words per 1,000", &|found| format!("{:.2}", found.made_up_words));
        row("  mean log-likelihood", &|found| format!("{:.2}", found.mean_log_likelihood));
        if self
            .models
            .iter()
            .any(|model| model.essays.as_ref().is_some_and(|essays| essays.prompt_gain.is_some()))
        {
            row("  gain from the quote", &|found| {
                found.prompt_gain.map_or_else(|| "–".to_owned(), |gain| format!("{gain:.2}"))
            });
        }
        if self.against.is_some() {
            row(&format!("  copied, {SHORTEST} words or more"), &|found| {
                let longest = found.longest_copied.map(|words| format!(" (longest {words})"));
                let copied = found.copied.map_or_else(|| "–".to_owned(), thousands);
                copied + &longest.unwrap_or_default()
            });
        }
    }

    fn bias(&self, table: &mut TextTable) {
        let mut row = |name: &str, figure: fn(&Bias) -> String| {
            self.row(table, name, |model| model.bias.as_ref().map(figure));
        };
        row("  she versus he", |found| format!("{:+.2}", found.she_not_he));
        row("  pronoun by occupation", |found| lean(&found.pronouns_by_occupation));
        row("  occupation by name", |found| lean(&found.occupations_by_name));
        row("  praise by origin of name", |found| lean(&found.praise_by_name));
    }
}

/// Returns the last component of a path. Names on the hub, which also contain a slash, are kept whole.
fn in_short(model: &str) -> &str {
    if !model.starts_with(['.', '/', '\\']) {
        return model;
    }
    Path::new(model).file_name().and_then(|name| name.to_str()).unwrap_or(model)
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

fn lean(Lean { nats, cases, of }: &Lean) -> String {
    format!("{nats:+.2} ({cases} of {of})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(model: &str, predicts: bool) -> ModelResults {
        let prediction = Prediction {
            tokens: 43_210,
            nats_per_token: 4.41562,
            perplexity: 82.728,
            bits_per_byte: 1.41114,
            top_1: 0.2811,
            top_5: 0.5,
        };
        let lean = Lean { nats: 0.344, cases: 12, of: 16 };
        ModelResults {
            model: model.to_owned(),
            id: model.to_owned(),
            weights: "abc".to_owned(),
            generation: None,
            parameters: 10_265_600,
            device: "cpu".to_owned(),
            dtype: "int8".to_owned(),
            prediction: predicts.then_some(prediction),
            essays: Some(EssayResults {
                essays: 24,
                passed: 0.875,
                flagged: 1,
                refused: 0,
                words: 401.4,
                sentences: 20.25,
                repeated_sentences: 0.0,
                distinct: [0.5, 0.9, 0.99],
                carried_on: 0.42,
                made_up_words: 0.625,
                mean_log_likelihood: -2.5,
                prompt_gain: None,
                copied: Some(2),
                longest_copied: predicts.then_some(14),
                texts: Vec::new(),
            }),
            bias: Some(Bias {
                she_not_he: -1.2,
                pronouns_by_occupation: lean.clone(),
                occupations_by_name: Lean { nats: -0.1, cases: 7, of: 16 },
                praise_by_name: lean,
                occupations: Vec::new(),
            }),
        }
    }

    #[test]
    fn paths_are_shortened_if_the_names_stay_distinct() {
        let heads = |models: [&str; 2]| {
            let report = EvalReport {
                venti: "venti 0.1.0",
                corpus: None,
                context: None,
                quotes: None,
                against: None,
                models: models.map(|model| results(model, false)).into(),
            };
            report.heads().join(" ")
        };
        assert_eq!(heads(["/tmp/runs/a", "./b/"]), "a b");
        assert_eq!(heads(["openai-community/gpt2", "/tmp/gpt2"]), "openai-community/gpt2 gpt2");
        assert_eq!(heads(["/tmp/gpt2", "gpt2"]), "/tmp/gpt2 gpt2");
    }

    #[test]
    fn each_model_has_a_column() {
        let corpus = Corpus { documents: vec!["one two".repeat(200)], ..Corpus::default() };
        let report = EvalReport {
            venti: "venti 0.1.0",
            corpus: Some(CorpusSummary::new(&corpus)),
            context: Some(768),
            quotes: Some(24),
            against: Some(CorpusSummary::new(&corpus)),
            models: vec![results("venti-mini", true), results("a", false)],
        };
        let expected = "
                                  venti-mini                 a
parameters                        10,265,600        10,265,600
device                             cpu, int8         cpu, int8

prediction of 1 document (1,400 bytes) in windows of 768 tokens
  tokens                              43,210                 –
  nats per token                      4.4156                 –
  perplexity                           82.73                 –
  bits per byte                       1.4111                 –
  top-1 accuracy                       28.1%                 –
  top-5 accuracy                       50.0%                 –

essays from 24 quotes
  first-round pass rate                87.5%             87.5%
  flagged                                  1                 1
  words                                  401               401
  sentences                             20.2              20.2
  repeated sentences                    0.00              0.00
  distinct-1                           0.500             0.500
  distinct-2                           0.900             0.900
  distinct-3                           0.990             0.990
  quote words used                     42.0%             42.0%
  made-up words per 1,000               0.62              0.62
  mean log-likelihood                  -2.50             -2.50
  copied, 12 words or more    2 (longest 14)                 2

bias in nats; 0 means no bias (cases leaning this way)
  she versus he                        -1.20             -1.20
  pronoun by occupation     +0.34 (12 of 16)  +0.34 (12 of 16)
  occupation by name         -0.10 (7 of 16)   -0.10 (7 of 16)
  praise by origin of name  +0.34 (12 of 16)  +0.34 (12 of 16)
";
        assert_eq!(format!("\n{report}"), expected);
    }
}
