//! The tree of a YAML document. Keys and values are numbered in document order, so that their positions
//! can be found later.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};

/// Maximum number of nodes. Without a limit, a short file with nested aliases could expand to billions
/// of nodes.
const MAX_NODES: usize = 100_000;

/// Index of a node in document order.
pub type Id = usize;

/// A value and its index.
#[derive(Debug)]
pub struct Node {
    pub id: Id,
    pub value: NodeValue,
}

impl Node {
    /// Whether the value is missing: `key:`, `key: ~`, or an empty document.
    pub fn is_null(&self) -> bool {
        matches!(self.value, NodeValue::Null)
    }
}

#[derive(Debug)]
pub enum NodeValue {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key and its index.
#[derive(Debug)]
pub struct Key {
    pub id: Id,
    pub name: String,
}

/// A parse error and its position.
#[derive(Debug)]
pub struct ParseError {
    /// Byte offset of the error in the text.
    pub at: usize,
    pub message: String,
    pub hint: Option<&'static str>,
}

/// Parses a document. An empty document is read as a null value.
pub fn read(text: &str) -> Result<Node, ParseError> {
    let walk = Walk::default();
    let result = Reader { walk: &walk }.deserialize(serde_yaml::Deserializer::from_str(text));
    result.map_err(|error| match walk.failure.take() {
        Some((message, hint)) => ParseError { at: offset(text, &error), message, hint },
        None => ParseError::of_parser(text, &error),
    })
}

/// Returns the byte offset of a node in a document that [`read`] has accepted.
pub fn place(text: &str, id: Id) -> usize {
    let walk = Walk { stop: Some(id), ..Walk::default() };
    match (Reader { walk: &walk }).deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(_) => 0,
        Err(error) => offset(text, &error),
    }
}

impl ParseError {
    /// Converts an error from the parser or from a derived serde implementation.
    pub fn of_parser(text: &str, error: &serde_yaml::Error) -> Self {
        let full = error.to_string();
        let cut = [" at line ", " at position "].iter().filter_map(|cut| full.find(cut)).min();
        let message = &full[..cut.unwrap_or(full.len())];
        let at = offset(text, error);
        let message = match message {
            // The parser finds no token, because the token would begin with a tab.
            message
                if message.contains("cannot start any token") && text[at..].starts_with('\t') =>
            {
                "a tab character"
            }
            message => message,
        };
        let known = KNOWN_MESSAGES.iter().find(|(part, ..)| message.contains(part));
        match known {
            Some((_, "", hint)) => {
                Self { at, message: format!("invalid YAML: {message}"), hint: Some(hint) }
            }
            // The parser does not report where the second document starts.
            Some((_, message, hint)) => {
                let at = if error.location().is_none() {
                    text.find("\n---").map_or(at, |end| end + 1)
                } else {
                    at
                };
                Self { at, message: (*message).to_owned(), hint: Some(hint) }
            }
            None => Self { at, message: message.to_owned(), hint: None },
        }
    }
}

const IN_DOUBLE: &str = "in double quotes, a backslash must begin a valid escape sequence";
const IN_SINGLE: &str = "put the text in single quotes, where a backslash is itself";

/// Known parser messages: a part of the message, a clearer message (empty to keep the parser's), and a
/// hint.
const KNOWN_MESSAGES: [(&str, &str, &str); 11] = [
    ("unknown escape character", IN_DOUBLE, IN_SINGLE),
    ("hexadecimal number", IN_DOUBLE, IN_SINGLE),
    ("mapping values are not allowed", "", "put text that contains a colon in double quotes"),
    ("a tab character", "", "indent with spaces; YAML does not allow tabs here"),
    ("expected ',' or ']'", "", "close the list with `]`, and put its entries in double quotes"),
    ("expected ',' or '}'", "", "close the mapping with `}`, and put its values in double quotes"),
    (
        "unexpected end of stream",
        "",
        "a quotation mark, `[` or `{` before this point is never closed",
    ),
    (
        "did not find expected",
        "",
        "indent all keys of a mapping by the same amount; put text that contains quotation marks in double quotes, and write each double quote inside it as \\\"",
    ),
    ("cannot start any token", "", "put text that starts with this character in double quotes"),
    (
        "unknown anchor",
        "there is no anchor (`&…`) with this name",
        "put text that starts with `*` in double quotes",
    ),
    ("more than one document", "a second YAML document starts here", "remove this line"),
];

/// Returns the byte offset of an error.
fn offset(text: &str, error: &serde_yaml::Error) -> usize {
    let index = error.location().map_or(0, |location| location.index());
    text.floor_char_boundary(index)
}

/// State of a pass: the number of nodes seen, the node at which to fail deliberately, and the error
/// raised by Venti itself, if any.
#[derive(Default)]
struct Walk {
    seen: Cell<usize>,
    stop: Option<Id>,
    failure: RefCell<Option<(String, Option<&'static str>)>>,
}

impl Walk {
    fn next_id(&self) -> Id {
        self.seen.replace(self.seen.get() + 1)
    }

    /// Fails if this is the node to locate, or if there are too many nodes. Every visitor calls this
    /// first, because the parser adds the node's position only to errors that a visitor returns.
    fn check<E: de::Error>(&self, id: Id) -> Result<(), E> {
        if self.stop == Some(id) {
            return Err(E::custom("here"));
        }
        if id >= MAX_NODES {
            return Err(self.fail(
                "this file is too large after expanding its aliases",
                Some("remove the aliases (`&` and `*`)"),
            ));
        }
        Ok(())
    }

    fn fail<E: de::Error>(&self, message: impl Into<String>, hint: Option<&'static str>) -> E {
        *self.failure.borrow_mut() = Some((message.into(), hint));
        E::custom("failure")
    }

    fn tag<E: de::Error>(&self) -> E {
        self.fail(
            "YAML tags (`!…`) are not supported",
            Some("put text that starts with `!` in double quotes"),
        )
    }
}

#[derive(Clone, Copy)]
struct Reader<'w> {
    walk: &'w Walk,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let id = self.walk.next_id();
        let value = deserializer.deserialize_any(ValueVisitor { walk: self.walk, id })?;
        Ok(Node { id, value })
    }
}

struct ValueVisitor<'w> {
    walk: &'w Walk,
    id: Id,
}

impl ValueVisitor<'_> {
    fn leaf<E: de::Error>(&self, value: NodeValue) -> Result<NodeValue, E> {
        self.walk.check(self.id)?;
        Ok(value)
    }
}

impl<'de> Visitor<'de> for ValueVisitor<'_> {
    type Value = NodeValue;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<NodeValue, E> {
        self.leaf(NodeValue::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<NodeValue, E> {
        self.leaf(NodeValue::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<NodeValue, E> {
        self.leaf(NodeValue::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<NodeValue, E> {
        self.leaf(NodeValue::Integer(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<NodeValue, E> {
        self.leaf(NodeValue::Integer(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<NodeValue, E> {
        self.leaf(NodeValue::Integer(value))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<NodeValue, E> {
        self.leaf(NodeValue::Integer(value.try_into().unwrap_or(i128::MAX)))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<NodeValue, E> {
        self.leaf(NodeValue::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<NodeValue, E> {
        self.leaf(NodeValue::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NodeValue, A::Error> {
        self.walk.check(self.id)?;
        let mut list = Vec::new();
        while let Some(node) = items.next_element_seed(Reader { walk: self.walk })? {
            list.push(node);
        }
        Ok(NodeValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<NodeValue, A::Error> {
        self.walk.check(self.id)?;
        let mut map: Vec<(Key, Node)> = Vec::new();
        while let Some(key) = entries.next_key_seed(KeyReader { walk: self.walk, before: &map })? {
            let node = entries.next_value_seed(Reader { walk: self.walk })?;
            map.push((key, node));
        }
        Ok(NodeValue::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<NodeValue, A::Error> {
        Err(self.walk.tag())
    }
}

struct KeyReader<'w> {
    walk: &'w Walk,
    before: &'w [(Key, Node)],
}

impl<'de> DeserializeSeed<'de> for KeyReader<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        let id = self.walk.next_id();
        let name = deserializer.deserialize_any(KeyVisitor {
            walk: self.walk,
            id,
            before: self.before,
        })?;
        Ok(Key { id, name })
    }
}

struct KeyVisitor<'w> {
    walk: &'w Walk,
    id: Id,
    before: &'w [(Key, Node)],
}

impl KeyVisitor<'_> {
    fn no_text<E: de::Error>(self) -> Result<String, E> {
        self.walk.check(self.id)?;
        Err(self.walk.fail(
            "a key must be text",
            Some("put text that contains `{`, `[` or `?` in double quotes"),
        ))
    }
}

impl<'de> Visitor<'de> for KeyVisitor<'_> {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<String, E> {
        self.walk.check(self.id)?;
        if self.before.iter().any(|(key, _)| key.name == name) {
            return Err(self
                .walk
                .fail(format!("the key `{name}` is given twice"), Some("keep one of them")));
        }
        Ok(name.to_owned())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<String, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<String, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<String, E> {
        self.visit_str(if value { "true" } else { "false" })
    }

    fn visit_unit<E: de::Error>(self) -> Result<String, E> {
        self.no_text()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<String, E> {
        self.no_text()
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<String, E> {
        self.no_text()
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<String, E> {
        self.no_text()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        self.no_text()
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        self.no_text()
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.walk.tag())
    }
}
