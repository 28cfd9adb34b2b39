//! The tokens that a checkpoint adds to vocab.json: `tokenizer_config.json`, `special_tokens_map.json`
//! and `added_tokens.json`, as transformers reads them. A tokenizer.json contains its added tokens.

use std::collections::BTreeMap;

use generator::END_OF_TEXT;
use serde::Deserialize;
use serde_json::Value;
use tokenizers::AddedToken;

/// Names of the files, in the order in which they are read.
pub(crate) const FILES: [&str; 3] = [CONFIG, "special_tokens_map.json", ADDED];
const CONFIG: &str = "tokenizer_config.json";
const ADDED: &str = "added_tokens.json";

/// The roles that GPT-2's tokenizer fills with the end-of-text token if no file says otherwise.
const DEFAULT_ROLES: [&str; 3] = ["bos_token", "eos_token", "unk_token"];

/// Added tokens and the tokens with a special role.
#[derive(Debug, Clone)]
pub struct AddedTokens {
    /// Tokens by id.
    by_id: BTreeMap<u32, AddedToken>,
    /// Special tokens by role, such as `bos_token`.
    roles: BTreeMap<String, Vec<AddedToken>>,
    /// Whether tokenizer_config.json has all tokens, so that the other files are ignored.
    is_complete: bool,
    /// Whether a space is put before a text that does not begin with one.
    pub add_prefix_space: bool,
    /// Whether the begin token is put before each prompt.
    adds_begin: bool,
    /// Whether the end token is put after each prompt.
    adds_end: bool,
}

/// Those of the published GPT-2, whose only special token is in its vocabulary.
impl Default for AddedTokens {
    fn default() -> Self {
        let end = || vec![AddedToken::from(END_OF_TEXT, true)];
        Self {
            by_id: BTreeMap::new(),
            roles: DEFAULT_ROLES.into_iter().map(|role| (role.to_owned(), end())).collect(),
            is_complete: false,
            add_prefix_space: false,
            adds_begin: false,
            adds_end: false,
        }
    }
}

/// A token as the files write it: its content alone, or an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Content(String),
    Object {
        content: String,
        #[serde(default)]
        single_word: bool,
        #[serde(default)]
        lstrip: bool,
        #[serde(default)]
        rstrip: bool,
        #[serde(default)]
        special: bool,
    },
}

impl Entry {
    fn token(self) -> AddedToken {
        match self {
            Self::Content(content) => AddedToken::from(content, false),
            Self::Object { content, single_word, lstrip, rstrip, special } => {
                AddedToken::from(content, special)
                    .single_word(single_word)
                    .lstrip(lstrip)
                    .rstrip(rstrip)
            }
        }
    }
}

/// One token, a list of tokens, or tokens by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Role {
    One(Entry),
    Several(Vec<Entry>),
    Named(BTreeMap<String, Entry>),
}

/// The keys of tokenizer_config.json that matter.
#[derive(Deserialize)]
struct TokenizerConfig {
    added_tokens_decoder: Option<BTreeMap<u32, Entry>>,
    add_prefix_space: Option<bool>,
    add_bos_token: Option<bool>,
    add_eos_token: Option<bool>,
}

impl AddedTokens {
    /// Reads the file named `file`, one of `FILES`. They must be read in the order given there.
    ///
    /// # Errors
    /// Returns an error if `json` does not have the file's format.
    pub fn read(&mut self, file: &str, json: &[u8]) -> serde_json::Result<()> {
        if self.is_complete {
            return Ok(());
        }
        if file == ADDED {
            let ids: BTreeMap<String, u32> = serde_json::from_slice(json)?;
            let tokens =
                ids.into_iter().map(|(content, id)| (id, AddedToken::from(content, false)));
            self.by_id.extend(tokens);
            return Ok(());
        }
        if file == CONFIG {
            let config: TokenizerConfig = serde_json::from_slice(json)?;
            self.add_prefix_space = config.add_prefix_space.unwrap_or(false);
            self.adds_begin = config.add_bos_token.unwrap_or(false);
            self.adds_end = config.add_eos_token.unwrap_or(false);
            self.is_complete = config.added_tokens_decoder.is_some();
            let tokens = config.added_tokens_decoder.into_iter().flatten();
            self.by_id.extend(tokens.map(|(id, entry)| (id, entry.token())));
        }
        let keys: BTreeMap<String, Value> = serde_json::from_slice(json)?;
        for (key, value) in keys {
            let is_role = key.ends_with("_token") || key.ends_with("_special_tokens");
            // `add_bos_token` and the like are switches; a role that is null keeps its default.
            if !is_role || value.is_boolean() || value.is_null() {
                continue;
            }
            let entries = match serde_json::from_value(value)? {
                Role::One(entry) => vec![entry],
                Role::Several(entries) => entries,
                Role::Named(entries) => entries.into_values().collect(),
            };
            let special = entries.into_iter().map(|entry| entry.token().special(true));
            self.roles.insert(key, special.collect());
        }
        Ok(())
    }

    /// Returns the ids and contents of the added tokens.
    pub fn ids(&self) -> impl Iterator<Item = (u32, &str)> {
        self.by_id.iter().map(|(id, token)| (*id, token.content.as_str()))
    }

    /// Returns the token to put before each prompt, if any.
    pub(crate) fn added_before(&self) -> Option<&str> {
        self.in_role("bos_token").filter(|_| self.adds_begin)
    }

    /// Returns the token to put after each prompt, if any.
    pub(crate) fn added_after(&self) -> Option<&str> {
        self.in_role("eos_token").filter(|_| self.adds_end)
    }

    fn in_role(&self, role: &str) -> Option<&str> {
        Some(self.roles.get(role)?.first()?.content.as_str())
    }

    /// Returns each token once. One with a role is special.
    pub fn tokens(&self) -> impl Iterator<Item = AddedToken> {
        let mut tokens: BTreeMap<&str, AddedToken> = BTreeMap::new();
        for token in self.by_id.values().chain(self.roles.values().flatten()) {
            let known = tokens.entry(&token.content).or_insert_with(|| token.clone());
            known.special |= token.special;
        }
        tokens.into_values()
    }
}
