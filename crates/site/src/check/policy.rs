//! What a page holds inline, against the page's own Content-Security-Policy: a browser leaves out
//! what the policy does not allow, and says so only in its console.
//!
//! As in browsers, a policy in a `<meta>` element binds what comes after it.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::finding::{Notes, Rule};
use super::html::Tag;

/// The policies of a page so far, and the inline script or style that is open.
#[derive(Debug, Default)]
pub struct Policies {
    policies: Vec<Policy>,
    inline: Option<Inline>,
}

/// One policy: its directives in order, the first of a name counts.
#[derive(Debug)]
struct Policy(Vec<(String, Vec<String>)>);

/// An element whose text a policy may stop.
#[derive(Debug)]
struct Inline {
    kind: Kind,
    nonce: Option<String>,
    text: String,
    at: Range<usize>,
}

/// What may be inline, each with the directives that decide over it, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Script,
    Handler,
    Style,
    StyleAttribute,
}

impl Kind {
    fn directives(self) -> [&'static str; 3] {
        match self {
            Self::Script => ["script-src-elem", "script-src", "default-src"],
            Self::Handler => ["script-src-attr", "script-src", "default-src"],
            Self::Style => ["style-src-elem", "style-src", "default-src"],
            Self::StyleAttribute => ["style-src-attr", "style-src", "default-src"],
        }
    }
}

impl Policies {
    /// Takes in a start tag.
    pub fn open(&mut self, tag: &Tag, notes: &mut Notes) {
        self.attributes(tag, notes);
        let kind = match tag.name.as_str() {
            "meta" => return self.meta(tag),
            "script" if tag.attribute("src").is_none() && runs(tag) => Kind::Script,
            "style" => Kind::Style,
            _ => return,
        };
        let nonce = tag.value("nonce").map(str::to_owned);
        self.inline = Some(Inline { kind, nonce, text: String::new(), at: tag.at.clone() });
    }

    /// Takes in text.
    pub fn text(&mut self, text: &str) {
        if let Some(inline) = &mut self.inline {
            inline.text.push_str(text);
        }
    }

    /// Takes in an end tag.
    pub fn close(&mut self, name: &str, notes: &mut Notes) {
        let Some(inline) = self.inline.take_if(|_| matches!(name, "script" | "style")) else {
            return;
        };
        if self.allow(inline.kind, &inline.text, inline.nonce.as_deref()) {
            return;
        }
        let what = if inline.kind == Kind::Script { "script" } else { "style sheet" };
        let hash = STANDARD.encode(Sha256::digest(&inline.text));
        notes
            .add(Rule::Policy, inline.at, format!("the page's policy stops this inline {what}"))
            .hint(format!("put it into a file, or 'sha256-{hash}' into the policy"));
    }

    fn meta(&mut self, tag: &Tag) {
        let equivalent = tag.value("http-equiv").unwrap_or_default();
        if equivalent.eq_ignore_ascii_case("content-security-policy") {
            self.policies.push(Policy::parse(tag.value("content").unwrap_or_default()));
        }
    }

    fn attributes(&self, tag: &Tag, notes: &mut Notes) {
        for attribute in &tag.attributes {
            let at = attribute.at.clone();
            let name = attribute.name.as_str();
            if name == "style" {
                if !self.allow(Kind::StyleAttribute, &attribute.value, None) {
                    notes
                        .add(Rule::Policy, at, "the page's policy stops `style` attributes")
                        .hint("give it a class, and the style sheet a rule");
                }
            } else if is_handler(name) {
                if !self.allow(Kind::Handler, &attribute.value, None) {
                    notes
                        .add(
                            Rule::Policy,
                            at,
                            format!("the page's policy stops `{name}` attributes"),
                        )
                        .hint("add the event listener in a script file");
                }
            } else if is_script_address(name, &attribute.value)
                && !self.allow(Kind::Script, &attribute.value, None)
            {
                notes
                    .add(Rule::Policy, at, "the page's policy stops `javascript:` addresses")
                    .hint("use a button, and an event listener in a script file");
            }
        }
    }

    /// Whether every policy lets this text through.
    fn allow(&self, kind: Kind, text: &str, nonce: Option<&str>) -> bool {
        self.policies.iter().all(|policy| policy.allows(kind, text, nonce))
    }
}

impl Policy {
    fn parse(text: &str) -> Self {
        let directive = |text: &str| {
            let mut words = text.split_ascii_whitespace().map(str::to_owned);
            Some((words.next()?.to_ascii_lowercase(), words.collect()))
        };
        Self(text.split(';').filter_map(directive).collect())
    }

    fn allows(&self, kind: Kind, text: &str, nonce: Option<&str>) -> bool {
        let named = |name: &str| self.0.iter().find(|(known, _)| known == name);
        let Some((_, sources)) = kind.directives().into_iter().find_map(named) else {
            return true;
        };
        let says = |keyword: &str| sources.iter().any(|s| s.eq_ignore_ascii_case(keyword));
        let trusts_some = sources.iter().any(|s| {
            hash_of(s, text).is_some() || s.starts_with("'nonce-") || says("'strict-dynamic'")
        });
        if says("'unsafe-inline'") && !trusts_some {
            return true;
        }
        let by_hash = sources.iter().any(|source| hash_of(source, text) == Some(true));
        match kind {
            Kind::Handler | Kind::StyleAttribute => by_hash && says("'unsafe-hashes'"),
            Kind::Script | Kind::Style => {
                by_hash || nonce.is_some_and(|n| sources.contains(&format!("'nonce-{n}'")))
            }
        }
    }
}

/// Whether a source is the hash of this text; none if it is no hash at all.
fn hash_of(source: &str, text: &str) -> Option<bool> {
    let (algorithm, value) = source.strip_prefix('\'')?.strip_suffix('\'')?.split_once('-')?;
    let hash = match algorithm.to_ascii_lowercase().as_str() {
        "sha256" => Sha256::digest(text).to_vec(),
        "sha384" => Sha384::digest(text).to_vec(),
        "sha512" => Sha512::digest(text).to_vec(),
        _ => return None,
    };
    Some(value == STANDARD.encode(&hash) || value == URL_SAFE.encode(&hash))
}

/// Whether a script element is run, and no block of data.
fn runs(tag: &Tag) -> bool {
    let kind = tag.value("type").unwrap_or_default().trim().to_ascii_lowercase();
    kind.is_empty()
        || kind.ends_with("/javascript")
        || kind.ends_with("/ecmascript")
        || matches!(kind.as_str(), "module" | "importmap" | "speculationrules")
}

/// Whether an attribute is run on an event.
fn is_handler(name: &str) -> bool {
    name.len() > 2 && name.starts_with("on") && name.bytes().all(|b| b.is_ascii_alphabetic())
}

fn is_script_address(name: &str, value: &str) -> bool {
    matches!(name, "href" | "src" | "action" | "formaction" | "xlink:href")
        && super::address::Address::resolve(value, "", None) == super::address::Address::Script
}
