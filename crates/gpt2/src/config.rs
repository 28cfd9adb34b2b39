//! `config.json`: the sizes and architecture options of a GPT-2 model.
//!
//! The keys and their defaults are those of transformers' `GPT2Config`. An unsupported value results
//! in an error that names the key.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use kernels::gelu::Activation;
use kernels::sampling::EndTokens;

use crate::error::{Error, Result};

/// Sizes and architecture options of a GPT-2 model.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Number of tokens in the vocabulary (V).
    pub vocab_size: usize,
    /// Maximum length of a text in tokens, including the prompt.
    pub n_positions: usize,
    /// Width of the residual stream (C).
    pub n_embd: usize,
    /// Number of transformer blocks.
    pub n_layer: usize,
    /// Number of attention heads per block (H).
    pub n_head: usize,
    /// Width of the hidden layer of a block's MLP (I); usually 4 C.
    pub n_inner: usize,
    /// The MLP's nonlinearity.
    pub activation: Activation,
    /// Constant added to the variance in every layer normalisation.
    pub layer_norm_epsilon: f64,
    /// Whether attention scores are divided by the square root of the head dimension.
    pub scale_attn_weights: bool,
    /// Whether attention scores are also divided by the block's number, counted from 1.
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Whether the output layer reuses the token embeddings; otherwise its weight is `lm_head.weight`.
    /// In an open checkpoint, this says whether the weights do.
    pub tie_word_embeddings: bool,
    /// Id of the token that begins a document.
    pub bos_token_id: Option<u32>,
    /// Ids of the tokens that end a document.
    pub eos_token_ids: EndTokens,
}

/// The contents of config.json, before validation. As in transformers, a size's general name, such as
/// `hidden_size`, takes precedence.
#[derive(Deserialize)]
#[serde(default)]
struct RawConfig {
    model_type: Option<String>,
    vocab_size: usize,
    n_positions: usize,
    max_position_embeddings: Option<usize>,
    n_embd: usize,
    hidden_size: Option<usize>,
    n_layer: usize,
    num_hidden_layers: Option<usize>,
    n_head: usize,
    num_attention_heads: Option<usize>,
    n_inner: Option<usize>,
    activation_function: String,
    layer_norm_epsilon: f64,
    scale_attn_weights: bool,
    scale_attn_by_inverse_layer_idx: bool,
    add_cross_attention: bool,
    tie_word_embeddings: bool,
    bos_token_id: Value,
    /// `None` if the key is missing; if it is null, no token ends a document.
    #[serde(deserialize_with = "given")]
    eos_token_id: Option<Value>,
}

fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// The default of `eos_token_id`.
const EOS_TOKEN_ID: u32 = 50256;

/// The defaults are those of the smallest published GPT-2.
impl Default for RawConfig {
    fn default() -> Self {
        Self {
            model_type: None,
            vocab_size: 50257,
            n_positions: 1024,
            max_position_embeddings: None,
            n_embd: 768,
            hidden_size: None,
            n_layer: 12,
            num_hidden_layers: None,
            n_head: 12,
            num_attention_heads: None,
            n_inner: None,
            activation_function: "gelu_new".into(),
            layer_norm_epsilon: 1e-5,
            scale_attn_weights: true,
            scale_attn_by_inverse_layer_idx: false,
            add_cross_attention: false,
            tie_word_embeddings: true,
            bos_token_id: Value::Null,
            eos_token_id: None,
        }
    }
}

impl Config {
    /// Parses and validates the contents of a config.json. `origin` is the file name to show in error
    /// messages.
    pub fn from_json(json: &[u8], origin: &str) -> Result<Self> {
        let raw: RawConfig = serde_json::from_slice(json)
            .map_err(|source| Error::Json { origin: origin.into(), source })?;
        raw.check(origin)
    }

    /// Applies the begin and end tokens in the contents of a generation_config.json, which take
    /// precedence over those of config.json. `origin` is the file name to show in error messages.
    ///
    /// # Errors
    /// Returns an error if `json` is not JSON, or a token id is not in the vocabulary.
    pub fn with_generation_config(self, json: &[u8], origin: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Tokens {
            #[serde(default)]
            bos_token_id: Value,
            #[serde(default)]
            eos_token_id: Value,
        }
        let tokens: Tokens = serde_json::from_slice(json)
            .map_err(|source| Error::Json { origin: origin.into(), source })?;
        let bos_token_id = begin_token(&tokens.bos_token_id, self.vocab_size, origin)?;
        let eos_token_ids = match &tokens.eos_token_id {
            Value::Null => self.eos_token_ids,
            ids => end_tokens(ids, self.vocab_size, origin)?,
        };
        Ok(Self { bos_token_id: bos_token_id.or(self.bos_token_id), eos_token_ids, ..self })
    }

    /// Dimension of each attention head (D).
    pub fn head_dim(&self) -> usize {
        self.n_embd / self.n_head
    }

    /// Number of parameters: weights and biases of all layers, and the embeddings.
    pub fn parameters(&self) -> usize {
        let width = self.n_embd;
        let linear: usize = self.linear_layers().map(|(inputs, outputs)| inputs * outputs).sum();
        let norms_and_biases = self.n_layer * (4 * width + 5 * width + self.n_inner) + 2 * width;
        // A tied output layer reuses the token embeddings.
        let tokens = if self.tie_word_embeddings { 0 } else { self.vocab_size };
        linear + norms_and_biases + (tokens + self.n_positions) * width
    }

    /// Returns the size of every linear layer as `(inputs, outputs)`, ending with the output layer.
    pub fn linear_layers(&self) -> impl Iterator<Item = (usize, usize)> {
        let (c, i) = (self.n_embd, self.n_inner);
        let block = [(c, 3 * c), (c, c), (c, i), (i, c)];
        (0..self.n_layer).flat_map(move |_| block).chain([(c, self.vocab_size)])
    }

    /// Returns the factor by which a block's attention scores are multiplied.
    pub fn attention_scale(&self, layer: usize) -> f64 {
        let mut scale = 1.0;
        if self.scale_attn_weights {
            scale /= (self.head_dim() as f64).sqrt();
        }
        if self.scale_attn_by_inverse_layer_idx {
            scale /= (layer + 1) as f64;
        }
        scale
    }
}

impl RawConfig {
    fn check(self, origin: &str) -> Result<Config> {
        let refuse = |key, got: String, expected: &str| {
            Err(Error::Config { origin: origin.into(), key, expected: expected.into(), got })
        };
        if let Some(model_type) = &self.model_type
            && model_type != "gpt2"
        {
            return refuse("model_type", format!("\"{model_type}\""), "\"gpt2\"");
        }
        let n_positions = self.max_position_embeddings.unwrap_or(self.n_positions);
        let n_embd = self.hidden_size.unwrap_or(self.n_embd);
        let n_layer = self.num_hidden_layers.unwrap_or(self.n_layer);
        let n_head = self.num_attention_heads.unwrap_or(self.n_head);
        let n_inner = self.n_inner.unwrap_or(n_embd.saturating_mul(4));
        for (key, size) in [
            ("vocab_size", self.vocab_size),
            ("n_positions", n_positions),
            ("n_embd", n_embd),
            ("n_layer", n_layer),
            ("n_head", n_head),
            ("n_inner", n_inner),
        ] {
            if size == 0 {
                return refuse(key, "0".into(), "at least 1");
            }
        }
        if !n_embd.is_multiple_of(n_head) {
            let expected = format!("a divisor of `n_embd`, which is {n_embd}");
            return refuse("n_head", n_head.to_string(), &expected);
        }
        let activation = match self.activation_function.as_str() {
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Activation::GeluTanh,
            "gelu" => Activation::GeluErf,
            other => {
                let expected = "\"gelu_new\", \"gelu_pytorch_tanh\", \"gelu_fast\" or \"gelu\"";
                return refuse("activation_function", format!("\"{other}\""), expected);
            }
        };
        if !(self.layer_norm_epsilon > 0.0 && self.layer_norm_epsilon < 1.0) {
            let got = self.layer_norm_epsilon.to_string();
            return refuse("layer_norm_epsilon", got, "a number between 0 and 1");
        }
        if self.add_cross_attention {
            return refuse("add_cross_attention", "true".into(), "false");
        }
        if self.eos_token_id.is_none() && EOS_TOKEN_ID as usize >= self.vocab_size {
            let got = format!("missing, and its default is {EOS_TOKEN_ID}");
            return refuse("eos_token_id", got, &end_tokens_rule(self.vocab_size));
        }
        let eos_token_id = self.eos_token_id.unwrap_or(EOS_TOKEN_ID.into());
        let eos_token_ids = end_tokens(&eos_token_id, self.vocab_size, origin)?;
        let bos_token_id = begin_token(&self.bos_token_id, self.vocab_size, origin)?;
        Ok(Config {
            vocab_size: self.vocab_size,
            n_positions,
            n_embd,
            n_layer,
            n_head,
            n_inner,
            activation,
            layer_norm_epsilon: self.layer_norm_epsilon,
            scale_attn_weights: self.scale_attn_weights,
            scale_attn_by_inverse_layer_idx: self.scale_attn_by_inverse_layer_idx,
            tie_word_embeddings: self.tie_word_embeddings,
            bos_token_id: bos_token_id.or(eos_token_ids.as_slice().first().copied()),
            eos_token_ids,
        })
    }
}

/// Returns the token ids of `bos_token_id`.
fn begin_token(value: &Value, vocab_size: usize, origin: &str) -> Result<Option<u32>> {
    let id = token_id(value, vocab_size);
    if id.is_none() && !value.is_null() {
        return Err(Error::Config {
            origin: origin.into(),
            key: "bos_token_id",
            expected: format!("a token id below {vocab_size}"),
            got: value.to_string(),
        });
    }
    Ok(id)
}

/// Returns the token ids of `eos_token_id`: one, several or none.
fn end_tokens(value: &Value, vocab_size: usize, origin: &str) -> Result<EndTokens> {
    let ids: Option<Vec<u32>> = match value {
        Value::Null => Some(Vec::new()),
        Value::Array(ids) => ids.iter().map(|id| token_id(id, vocab_size)).collect(),
        id => token_id(id, vocab_size).map(|id| vec![id]),
    };
    ids.and_then(|ids| EndTokens::new(&ids)).ok_or_else(|| Error::Config {
        origin: origin.into(),
        key: "eos_token_id",
        expected: end_tokens_rule(vocab_size),
        got: value.to_string(),
    })
}

fn end_tokens_rule(vocab_size: usize) -> String {
    format!("up to {} token ids below {vocab_size}", EndTokens::MAX)
}

fn token_id(value: &Value, vocab_size: usize) -> Option<u32> {
    let id = value.as_u64().filter(|id| *id < vocab_size as u64)?;
    u32::try_from(id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Config> {
        Config::from_json(json.as_bytes(), "config.json")
    }

    #[test]
    fn an_empty_config_is_the_smallest_published_gpt2() {
        let config = parse("{}").unwrap();
        assert_eq!((config.n_layer, config.n_head, config.n_embd), (12, 12, 768));
        assert_eq!((config.vocab_size, config.n_positions, config.n_inner), (50257, 1024, 3072));
        assert_eq!(
            (config.bos_token_id, config.eos_token_ids.as_slice()),
            (Some(50256), &[50256][..])
        );
        assert!(config.tie_word_embeddings && config.scale_attn_weights);
    }

    #[test]
    fn sizes_may_have_their_general_names() {
        let general = r#"{"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
            "max_position_embeddings": 128}"#;
        let own = r#"{"n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128}"#;
        assert_eq!(parse(general).unwrap(), parse(own).unwrap());
        // As in transformers, in either order.
        for both in [r#"{"n_embd": 96, "hidden_size": 48}"#, r#"{"hidden_size": 48, "n_embd": 96}"#]
        {
            assert_eq!(parse(both).unwrap().n_embd, 48, "{both}");
        }
    }

    #[test]
    fn parameter_count_matches_the_published_model() {
        let tied = parse("{}").unwrap();
        assert_eq!(tied.parameters(), 124_439_808);
        let own_head = parse(r#"{"tie_word_embeddings": false}"#).unwrap();
        assert_eq!(own_head.parameters() - tied.parameters(), 50_257 * 768);
    }

    #[test]
    fn unsupported_values_are_errors_that_name_the_key() {
        for (json, message) in [
            (
                r#"{"model_type": "llama"}"#,
                "config.json: `model_type` is \"llama\", expected \"gpt2\"",
            ),
            (r#"{"n_layer": 0}"#, "config.json: `n_layer` is 0, expected at least 1"),
            (
                r#"{"n_embd": 10, "n_head": 3}"#,
                "config.json: `n_head` is 3, expected a divisor of `n_embd`, which is 10",
            ),
            (
                r#"{"activation_function": "relu"}"#,
                "config.json: `activation_function` is \"relu\", expected \"gelu_new\", \
                 \"gelu_pytorch_tanh\", \"gelu_fast\" or \"gelu\"",
            ),
            (
                r#"{"layer_norm_epsilon": 0}"#,
                "config.json: `layer_norm_epsilon` is 0, expected a number between 0 and 1",
            ),
            (
                r#"{"add_cross_attention": true}"#,
                "config.json: `add_cross_attention` is true, expected false",
            ),
            (
                r#"{"vocab_size": 50256}"#,
                "config.json: `eos_token_id` is missing, and its default is 50256, \
                 expected up to 5 token ids below 50256",
            ),
            (
                r#"{"eos_token_id": 50257}"#,
                "config.json: `eos_token_id` is 50257, \
                 expected up to 5 token ids below 50257",
            ),
            (
                r#"{"eos_token_id": [1, 2, 3, 4, 5, 6]}"#,
                "config.json: `eos_token_id` is [1,2,3,4,5,6], \
                 expected up to 5 token ids below 50257",
            ),
            (
                r#"{"bos_token_id": "<s>"}"#,
                "config.json: `bos_token_id` is \"<s>\", expected a token id below 50257",
            ),
        ] {
            assert_eq!(parse(json).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_wrong_type_is_reported_with_its_line_and_column() {
        let error = parse("{\"n_embd\": \"wide\"}").unwrap_err();
        let Error::Json { source, .. } = error else { panic!("{error}") };
        assert!(source.to_string().contains("line 1 column"), "{source}");
    }

    #[test]
    fn documents_begin_and_end_with_the_tokens_of_the_files() {
        let tokens =
            |config: &Config| (config.bos_token_id, config.eos_token_ids.as_slice().to_vec());
        for (json, expected) in [
            (r#"{"eos_token_id": null}"#, (None, vec![])),
            (r#"{"eos_token_id": [7]}"#, (Some(7), vec![7])),
            (r#"{"eos_token_id": [7, 8], "bos_token_id": null}"#, (Some(7), vec![7, 8])),
            (r#"{"eos_token_id": 2, "bos_token_id": 1}"#, (Some(1), vec![2])),
            (r#"{"eos_token_id": null, "bos_token_id": 1}"#, (Some(1), vec![])),
        ] {
            assert_eq!(tokens(&parse(json).unwrap()), expected, "{json}");
        }
        let config = || parse(r#"{"eos_token_id": 2, "bos_token_id": 1}"#).unwrap();
        for (json, expected) in [
            ("{}", (Some(1), vec![2])),
            (r#"{"eos_token_id": [4, 5]}"#, (Some(1), vec![4, 5])),
            (r#"{"bos_token_id": 3, "eos_token_id": null}"#, (Some(3), vec![2])),
        ] {
            let config = config().with_generation_config(json.as_bytes(), "g.json").unwrap();
            assert_eq!(tokens(&config), expected, "{json}");
        }
        let error = config().with_generation_config(br#"{"eos_token_id": -1}"#, "g.json");
        assert_eq!(
            error.unwrap_err().to_string(),
            "g.json: `eos_token_id` is -1, expected up to 5 token ids below 50257"
        );
    }
}
