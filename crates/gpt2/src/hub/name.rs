//! Names of checkpoints on the hub: aliases and `owner/name[@revision]`.

use std::fmt;
use std::str::FromStr;

use hf_hub::{Repo, RepoType};

use super::Error;

/// Aliases and their repositories.
pub const ALIASES: [(&str, &str); 5] = [
    ("gpt2", "openai-community/gpt2"),
    ("distilgpt2", "distilbert/distilgpt2"),
    ("gpt2-medium", "openai-community/gpt2-medium"),
    ("gpt2-large", "openai-community/gpt2-large"),
    ("gpt2-xl", "openai-community/gpt2-xl"),
];

/// A repository and a revision. Parsed from an alias (`gpt2`) or `owner/name`, either with an optional
/// `@revision` (a branch, tag or commit).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName {
    /// `owner/name`.
    pub repo: String,
    /// Branch, tag or commit; `main` by default.
    pub revision: String,
}

impl ModelName {
    /// Returns the same repository at another revision.
    #[must_use]
    pub fn at(&self, revision: &str) -> Self {
        Self { repo: self.repo.clone(), revision: revision.to_owned() }
    }

    /// Whether the revision is a full commit hash and therefore immutable.
    pub fn is_commit(&self) -> bool {
        is_commit(&self.revision)
    }

    pub(super) fn to_repo(&self) -> Repo {
        Repo::with_revision(self.repo.clone(), RepoType::Model, self.revision.clone())
    }
}

impl FromStr for ModelName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::BadName { name: text.to_owned() };
        let (repo, revision) = text.split_once('@').unwrap_or((text, "main"));
        let repo = match ALIASES.iter().find(|(alias, _)| *alias == repo) {
            Some((_, repo)) => repo,
            None => repo,
        };
        let owner_and_name = repo.split_once('/').ok_or_else(bad)?;
        if !is_word(owner_and_name.0) || !is_word(owner_and_name.1) || !is_path(revision) {
            return Err(bad());
        }
        Ok(Self { repo: repo.to_owned(), revision: revision.to_owned() })
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision.as_str() {
            "main" => f.write_str(&self.repo),
            revision => write!(f, "{}@{revision}", self.repo),
        }
    }
}

pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether `text` is a path component that is safe in a URL and as a file name.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Whether `text` is a relative path without `..`. Paths from the hub must pass this check before they
/// are used as file names.
pub(super) fn is_path(text: &str) -> bool {
    text.split('/').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (String, String) {
        let name: ModelName = text.parse().unwrap();
        (name.repo, name.revision)
    }

    #[test]
    fn an_alias_stands_for_its_repository() {
        assert_eq!(parse("gpt2"), ("openai-community/gpt2".into(), "main".into()));
        assert_eq!(parse("distilgpt2@v1"), ("distilbert/distilgpt2".into(), "v1".into()));
    }

    #[test]
    fn owner_and_name_may_have_a_revision() {
        assert_eq!(parse("ada/tiny-2.5"), ("ada/tiny-2.5".into(), "main".into()));
        assert_eq!(parse("ada/tiny@refs/pr/1"), ("ada/tiny".into(), "refs/pr/1".into()));
    }

    #[test]
    fn invalid_names_are_errors() {
        for bad in
            ["", "gpt3", "a/b/c", "a/b@", "/b", "a/", "../b", "a/b@../..", "a b/c", "a/b@c@d"]
        {
            let error = bad.parse::<ModelName>().unwrap_err();
            assert!(matches!(&error, Error::BadName { name } if name == bad), "{bad}: {error}");
        }
    }

    #[test]
    fn display_round_trips() {
        for text in ["ada/tiny", "ada/tiny@v1"] {
            assert_eq!(text.parse::<ModelName>().unwrap().to_string(), text);
        }
        assert_eq!("ada/tiny@main".parse::<ModelName>().unwrap().to_string(), "ada/tiny");
    }
}
