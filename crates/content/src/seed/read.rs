//! Reads a seed's file key by key.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

use super::{MAX_RNG_SEED, MAX_TAKES, Seed, Tag, Take, default_rng_seed, plain_quote};
use crate::config::{generation, model_name};
use crate::problem::{Problem, check_merged};
use crate::yaml::{Document, Field, Fields};
use crate::{front_matter, slug};
use generator::GenerationOverrides;
use text::prompt::{self, title_of};

const KEYS: [&str; 13] = [
    "quote",
    "title",
    "author",
    "source",
    "tags",
    "date",
    "slug",
    "draft",
    "takes",
    "rng_seed",
    "model",
    "generation",
    "aliases",
];

/// Maximum length of a quote, in characters. A small model's context window may hold far less.
const MAX_QUOTE: usize = 20_000;
const MAX_TAGS: usize = 30;

impl Seed {
    /// Parses the text of a seed's file. `path` is relative to the project's root; it appears in error
    /// messages and provides the default slug.
    ///
    /// # Errors
    /// Returns the first error in the text.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Problem> {
        check_merged(path, text)?;
        let parts = front_matter::of_content(path, text)?;
        let start = parts.body.start;
        let document = Document::parse(path, text, parts.yaml.unwrap_or(start..start))?;
        let fields = document.root().fields(&KEYS)?;
        let get = |key: &str| fields.get(key);

        let quote = quote(path, text, &fields, &text[parts.body.clone()], start)?;
        let slug = slug_of(path, &fields)?;
        let seed_wide = Take {
            number: 1,
            rng_seed: default_rng_seed(&slug),
            model: get("model").map(|f| model_name(&f)).transpose()?,
            generation: match get("generation") {
                Some(field) => generation::read(&field, &GenerationOverrides::default())?,
                None => GenerationOverrides::default(),
            },
        };
        let title = get("title").map(|f| f.some_text()).transpose()?;
        let date = get("date").map(date).transpose()?;
        Ok(Self {
            path: path.to_owned(),
            shown_title: title.clone().unwrap_or_else(|| title_of(&quote)),
            quote,
            title,
            author: get("author").map(author).transpose()?,
            source: get("source").map(|f| f.http_address()).transpose()?,
            tags: get("tags").map(tags).transpose()?.unwrap_or_default(),
            date: date.map(|(date, _)| date),
            time: date.and_then(|(_, time)| time),
            draft: get("draft").map(|f| f.flag()).transpose()?.unwrap_or(false),
            takes: {
                let mut takes = match get("takes") {
                    Some(field) => takes(&field, &seed_wide)?,
                    None => vec![seed_wide],
                };
                if let Some(field) = get("rng_seed") {
                    rng_seeds(&field, &mut takes)?;
                }
                takes
            },
            aliases: get("aliases").map(aliases).transpose()?.unwrap_or_default(),
            slug,
            file_hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        })
    }
}

fn quote(
    path: &Path,
    text: &str,
    fields: &Fields,
    body: &str,
    start: usize,
) -> Result<String, Problem> {
    if let Some((at, c)) = body.char_indices().find(|&(_, c)| c.is_control() && !c.is_whitespace())
    {
        let message = format!("the control character U+{:04X} is not allowed here", c as u32);
        return Err(Problem::at(path, text, start + at, c.len_utf8(), message)
            .hint("delete it; it is invisible in most editors"));
    }
    if let Some(at) = body.find("<!--") {
        let message = "an HTML comment would become part of the quote";
        return Err(Problem::at(path, text, start + at, "<!--".len(), message)
            .hint("delete it, or write it as a comment (`# …`) in the front matter"));
    }
    // Problems with the body are shown on its first line, from the first word.
    let first = start + (body.len() - body.trim_start().len());
    let first_len = text[first..].lines().next().unwrap_or_default().len();
    let (quote, problem): (_, &dyn Fn(String) -> Problem) = match fields.get("quote") {
        Some(_) if !body.trim().is_empty() => {
            return Err(Problem::at(
                path,
                text,
                first,
                first_len,
                "the quote is given twice: as `quote` and in the body",
            )
            .hint("keep one of them"));
        }
        Some(field) => (plain_quote(&field.whole_text()?), &move |message| field.problem(message)),
        None if body.trim().is_empty() => {
            let hint = "write it below the front matter, or as `quote: \"…\"`";
            return Err(fields.problem("quote", "the quote is missing").hint(hint));
        }
        None => {
            (plain_quote(body), &move |message| Problem::at(path, text, first, first_len, message))
        }
    };
    if prompt::is_empty(&quote) {
        return Err(
            problem("the quote is empty".into()).hint("write the quote that the essay continues")
        );
    }
    let len = quote.chars().count();
    if len > MAX_QUOTE {
        let message =
            format!("the quote has {len} characters, but at most {MAX_QUOTE} are allowed");
        return Err(problem(message).hint("shorten it to leave the model room for an essay"));
    }
    Ok(quote)
}

fn slug_of(path: &Path, fields: &Fields) -> Result<String, Problem> {
    if let Some(field) = fields.get("slug") {
        let slug = field.some_text()?;
        if slug::is_valid(&slug) {
            return Ok(slug);
        }
        let better = slug::of(&slug);
        return Err(field
            .must("be words of a-z and 0-9 joined by single hyphens, at most 100 characters")
            .hint(if better.is_empty() {
                "such as `return-to-sender`".to_owned()
            } else {
                format!("such as `{better}`")
            }));
    }
    let slug = slug::of(&path.file_stem().unwrap_or_default().to_string_lossy());
    if slug.is_empty() {
        return Err(Problem::in_file(path, "no slug can be made from this file name")
            .hint("rename it to contain letters or digits, or set a `slug:`"));
    }
    Ok(slug)
}

fn author(field: Field) -> Result<String, Problem> {
    let name = field.some_text()?;
    let slug = slug::of(&name);
    if slug.is_empty() {
        return Err(field.must("contain a letter or digit to form its URL"));
    }
    if slug::is_device(&slug) {
        return Err(field.must("not be the name of a device on Windows"));
    }
    Ok(name)
}

fn tags(field: Field) -> Result<Vec<Tag>, Problem> {
    let mut tags: Vec<Tag> = Vec::new();
    let entries = field.list()?;
    if entries.len() > MAX_TAGS {
        return Err(field.must(&format!("have at most {MAX_TAGS} entries, not {}", entries.len())));
    }
    for entry in entries {
        let name = entry.some_text()?;
        let slug = slug::of(&name);
        if slug.is_empty() {
            return Err(entry.must("contain a letter or digit to form its URL"));
        }
        if slug::is_device(&slug) {
            return Err(entry.must("not be the name of a device on Windows"));
        }
        match tags.iter().find(|tag| tag.slug == slug) {
            Some(same) if same.name == name => {}
            Some(other) => return Err(entry.problem(same_tag(&name, other))),
            None => tags.push(Tag { name, slug }),
        }
    }
    Ok(tags)
}

/// Returns the error message for two tags that would share a URL.
pub fn same_tag(name: &str, other: &Tag) -> String {
    format!("the tags {name:?} and {:?} would share the URL tags/{}", other.name, other.slug)
}

/// Reads a date, or a date with a time and an offset (RFC 3339). The date is the one at that offset.
fn date(field: Field) -> Result<(Date, Option<Timestamp>), Problem> {
    const HINT: &str =
        "year, month and day, such as 2026-11-22; with a time, such as 2026-11-22T18:30:00+01:00";
    let text = field.text().map_err(|_| field.must("be a date").hint(HINT))?;
    let wrong = |what: &str| field.must(what).hint(HINT);
    // Check the format first, because jiff also accepts weeks and signs.
    let is_like = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(byte, like)| match like {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                b'+' => matches!(byte, b'+' | b'-'),
                like => byte == like,
            })
    };
    if is_like(&text, "0000-00-00") {
        return Ok((text.parse().map_err(|_| wrong("be a valid date"))?, None));
    }
    let moment = text.replace(['Z', 'z'], "+00:00");
    let forms = ["0000-00-00T00:00+00:00", "0000-00-00T00:00:00+00:00"];
    if !forms.iter().any(|form| is_like(&moment, form)) {
        return Err(wrong("be a date"));
    }
    // jiff accepts leap seconds, and offsets that no place has.
    let (clock, offset) = moment[11..].split_at(moment.len() - 11 - "+00:00".len());
    if clock.ends_with(":60") && clock.len() == 8 || &offset[1..] > "14:00" {
        return Err(wrong("be a valid date and time"));
    }
    let time: Timestamp = moment.parse().map_err(|_| wrong("be a valid date and time"))?;
    let date = moment[..10].parse().map_err(|_| wrong("be a valid date"))?;
    Ok((date, Some(time)))
}

fn takes(field: &Field, seed_wide: &Take) -> Result<Vec<Take>, Problem> {
    if !field.is_list() {
        let number = field
            .count(1..=MAX_TAKES)
            .map_err(|problem| problem.hint("or a list with one mapping of overrides per take"))?;
        return Ok((1..=number as u32)
            .map(|number| Take { number, ..seed_wide.clone() })
            .collect());
    }
    let entries = field.list()?;
    if entries.is_empty() || entries.len() > MAX_TAKES {
        return Err(field.must(&format!("have 1 to {MAX_TAKES} entries, not {}", entries.len())));
    }
    (1..).zip(&entries).map(|(number, entry)| take(number, entry, seed_wide)).collect()
}

fn take(number: u32, entry: &Field, seed_wide: &Take) -> Result<Take, Problem> {
    let fields = entry.fields(&["model", "generation"])?;
    let model = fields.get("model").map(|f| model_name(&f)).transpose()?;
    let generation = match fields.get("generation") {
        Some(field) => generation::read(&field, &seed_wide.generation)?,
        None => seed_wide.generation.clone(),
    };
    let model = model.or_else(|| seed_wide.model.clone());
    Ok(Take { number, model, generation, rng_seed: seed_wide.rng_seed })
}

/// Reads the random seeds: a number for all takes, or a list with one number per take.
fn rng_seeds(field: &Field, takes: &mut [Take]) -> Result<(), Problem> {
    if !field.is_list() {
        let rng_seed = field.whole(0..=MAX_RNG_SEED)?;
        takes.iter_mut().for_each(|take| take.rng_seed = rng_seed);
        return Ok(());
    }
    let entries = field.list()?;
    if entries.len() != takes.len() {
        let (given, takes) = (entries.len(), takes.len());
        return Err(field.must(&format!("have one entry for each of {takes} takes, not {given}")));
    }
    for (take, entry) in takes.iter_mut().zip(&entries) {
        take.rng_seed = entry.whole(0..=MAX_RNG_SEED)?;
    }
    Ok(())
}

fn aliases(field: Field) -> Result<Vec<String>, Problem> {
    let mut aliases: Vec<String> = Vec::new();
    for entry in field.list()? {
        let alias = entry.raw_text()?;
        let why = alias_fault(&alias);
        if let Some(why) = why {
            return Err(entry.must(why).hint("use a path on this site, such as /old/address/"));
        }
        if aliases.iter().any(|other| alias_page(other) == alias_page(&alias)) {
            return Err(entry
                .problem(format!("the alias {alias} is given twice"))
                .hint("keep one of them"));
        }
        aliases.push(alias);
    }
    Ok(aliases)
}

fn alias_fault(alias: &str) -> Option<&'static str> {
    let Some(path) = alias.strip_prefix('/') else { return Some("start with a slash") };
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some("name a page, not the home page `/`");
    }
    if alias.len() > 200 {
        return Some("be at most 200 bytes long");
    }
    if alias.contains(|c: char| c.is_control() || c.is_whitespace() || "\\?#%:*\"<>|".contains(c)) {
        return Some("not contain white space, control characters or any of \\ ? # % : * \" < > |");
    }
    if slug::has_device(path) {
        return Some("not contain the name of a device on Windows");
    }
    if path.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with('.')) {
        return Some("not contain empty parts or parts that start or end with a dot");
    }
    None
}

/// Returns the path of the page that an alias refers to, in lower case and composed, because some file
/// systems ignore these differences.
pub fn alias_page(alias: &str) -> String {
    let path = alias.trim_matches('/').to_lowercase().nfc().collect::<String>();
    let path =
        path.strip_suffix("/index.html").or_else(|| path.strip_suffix(".html")).unwrap_or(&path);
    path.to_owned()
}

/// The key or list entry at which a conflict is reported.
#[derive(Debug, Clone, Copy)]
pub enum KeyLocation<'a> {
    Slug,
    Author,
    /// The entry of `tags` that names this tag.
    Tag(&'a Tag),
    /// The entry of `aliases` at this index.
    Alias(usize),
}

/// Creates a [`Problem`] at a location in a file that [`Seed::parse`] has accepted.
pub fn problem_at(path: &Path, text: &str, location: KeyLocation, message: String) -> Problem {
    let in_file = |message: String| Problem::at(PathBuf::from(path), text, 0, 0, message);
    let Ok(parts) = front_matter::split(path, text) else { return in_file(message) };
    let start = parts.body.start;
    let Ok(document) = Document::parse(path, text, parts.yaml.unwrap_or(start..start)) else {
        return in_file(message);
    };
    let Ok(fields) = document.root().any_fields() else { return in_file(message) };
    let entry = match location {
        KeyLocation::Slug => fields.get("slug"),
        KeyLocation::Author => fields.get("author"),
        KeyLocation::Tag(tag) => entries(&fields, "tags")
            .into_iter()
            .find(|entry| entry.text().is_ok_and(|name| name == tag.name)),
        KeyLocation::Alias(index) => entries(&fields, "aliases").into_iter().nth(index),
    };
    entry.map_or_else(|| in_file(message.clone()), |entry| entry.problem(message.clone()))
}

fn entries<'d>(fields: &Fields<'d>, key: &str) -> Vec<Field<'d>> {
    fields.get(key).and_then(|field| field.list().ok()).unwrap_or_default()
}
