//! One generation setting: its name, type, range and description.

/// The aspect of generation that a setting controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sampling of individual tokens. These settings apply to a single completion, so the API accepts
    /// them as well.
    Sampling,
    /// Length of the generated text.
    Length,
    /// Choice among several completions.
    Selection,
}

/// Type of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Number,
    Count,
    Texts,
}

/// An explicit value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    Count(usize),
    Texts(Vec<String>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Texts(texts) => write!(f, "{texts:?}"),
        }
    }
}

/// A generation setting: one row of the table of settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Name in `venti.yaml`; the command-line flag has dashes instead of underscores. Matches the name
    /// in Python's `transformers`, if the setting exists there.
    pub name: &'static str,
    pub kind: Kind,
    pub role: Role,
    /// Smallest and largest valid value.
    pub range: (f64, f64),
    /// Value that switches the setting off, if there is one.
    pub off: Option<f64>,
    /// Placeholder for the value in `--help`.
    pub placeholder: &'static str,
    /// Label of the setting in forms.
    pub label: &'static str,
    /// One-line description.
    pub help: &'static str,
}

impl Setting {
    /// Finds a setting by name.
    pub fn named(name: &str) -> Option<&'static Self> {
        crate::SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Whether this value switches the setting off.
    pub fn is_off(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) => self.off == Some(*number),
            Value::Count(count) => self.off == Some(*count as f64),
            Value::Texts(texts) => texts.is_empty(),
        }
    }

    pub(crate) fn check(&self, value: &Value) -> Result<(), InvalidSetting> {
        let (low, high) = self.range;
        let invalid = |rule| Err(InvalidSetting { key: self.name, rule });
        let (number, shown) = match value {
            Value::Number(number) => (*number, value.to_string()),
            Value::Count(count) => (*count as f64, value.to_string()),
            Value::Texts(texts) if texts.iter().any(String::is_empty) => {
                return invalid(
                    "not contain an empty string, which would end every essay at once".into(),
                );
            }
            Value::Texts(_) => return Ok(()),
        };
        if (low..=high).contains(&number) {
            return Ok(());
        }
        invalid(format!("be from {low} to {high}, not {shown}"))
    }
}

/// A setting with an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} must {rule}")]
pub struct InvalidSetting {
    /// The setting's name.
    pub key: &'static str,
    /// Rest of the sentence after "must", such as "be from 0 to 1, not 2".
    pub rule: String,
}

/// The type of a setting's resolved value. `Given` is the type of its explicit values.
pub trait Resolved: Sized + PartialEq {
    type Given: Clone;
    const KIND: Kind;

    fn resolve(given: Self::Given) -> Self;
    /// Returns the explicit value that resolves to this one; `None` if the value is automatic.
    fn given(&self) -> Option<Self::Given>;
    fn value(given: &Self::Given) -> Value;
    fn parse(value: Value) -> Option<Self::Given>;
}

/// Implements [`Resolved`] for a type that has no automatic value.
macro_rules! resolved {
    ($type:ty, $kind:ident) => {
        impl Resolved for $type {
            type Given = Self;
            const KIND: Kind = Kind::$kind;

            fn resolve(given: Self) -> Self {
                given
            }

            fn given(&self) -> Option<Self> {
                Some(self.clone())
            }

            fn value(given: &Self) -> Value {
                Value::$kind(given.clone())
            }

            fn parse(value: Value) -> Option<Self> {
                match value {
                    Value::$kind(given) => Some(given),
                    _ => None,
                }
            }
        }
    };
}

resolved!(f64, Number);
resolved!(usize, Count);
resolved!(Vec<String>, Texts);

impl Resolved for Option<usize> {
    type Given = usize;
    const KIND: Kind = Kind::Count;

    fn resolve(given: usize) -> Self {
        Some(given)
    }

    fn given(&self) -> Option<usize> {
        *self
    }

    fn value(given: &usize) -> Value {
        Value::Count(*given)
    }

    fn parse(value: Value) -> Option<usize> {
        usize::parse(value)
    }
}
