//! `venti import`: turns a list of quotes into seeds. The whole file is read and every seed is checked
//! before the first is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::Date;
use miette::{Context, IntoDiagnostic, miette};
use serde::Deserialize;

use super::workspace::Workspace;
use crate::cli::{Import, ImportFormat};
use crate::terminal::Terminal;
use content::new_seed::NewSeed;
use text::whitespace::collapse;

/// A quote in the list, with its metadata.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Item {
    #[serde(alias = "text")]
    pub quote: String,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    date: Option<Date>,
}

/// Tags as a list (JSON) or as one field (CSV) separated by `,` or `;`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Tags {
    List(Vec<String>),
    Field(String),
    Absent(Option<()>),
}

impl Default for Tags {
    fn default() -> Self {
        Self::Absent(None)
    }
}

impl Tags {
    fn names(&self) -> Vec<String> {
        let split = |field: &str| -> Vec<String> {
            field.split([',', ';']).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect()
        };
        match self {
            Self::List(tags) => tags.iter().flat_map(|tag| split(tag)).collect(),
            Self::Field(field) => split(field),
            Self::Absent(_) => Vec::new(),
        }
    }
}

/// An entry of a JSON list, or a value of a JSON object such as `{"phrase_0": "…"}`, the format of
/// older notebooks.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum JsonItem {
    Text(String),
    Item(Item),
}

/// Imports `args.file` into the site's seeds.
pub fn run(
    site: &Workspace,
    args: &Import,
    terminal: &Terminal,
    today: Date,
) -> miette::Result<()> {
    let items = read(&args.file, args.format)?;
    let seeds = site.load_seeds()?;
    let mut known: BTreeSet<String> = seeds.iter().map(|seed| comparable(&seed.quote)).collect();
    let mut new = Vec::new();
    let mut skipped = 0;
    for item in items {
        if known.insert(comparable(&item.quote)) {
            new.push(item);
        } else {
            skipped += 1;
        }
    }

    let new: Vec<NewSeed> = new
        .into_iter()
        .map(|item| {
            let mut tags = item.tags.names();
            tags.extend(args.tags.iter().cloned());
            NewSeed {
                title: present(item.title),
                author: present(item.author),
                source: present(item.source),
                tags,
                ..NewSeed::new(collapse(&item.quote), item.date.unwrap_or(today))
            }
        })
        .collect();
    let paths = site.add_seeds(&seeds, new, args.dry_run)?;
    for path in &paths {
        terminal.did(if args.dry_run { "would add" } else { "wrote" }, path.display());
    }
    if skipped > 0 {
        let exist =
            if skipped == 1 { "quote that already exists" } else { "quotes that already exist" };
        terminal.did("skipped", format_args!("{skipped} {exist}"));
    }
    Ok(())
}

/// Reads a list of quotes, which must contain at least one. If `format` is `None`, the file extension
/// determines the format.
///
/// # Errors
/// Returns an error if the file cannot be read, does not match the format, or contains no quote.
pub fn read(file: &Path, format: Option<ImportFormat>) -> miette::Result<Vec<Item>> {
    let text = String::from_utf8(content::fs::read(file)?).map_err(|e| {
        miette!(
            help = "save the file as UTF-8, then try again",
            "{}: invalid UTF-8 at byte offset {}",
            file.display(),
            e.utf8_error().valid_up_to()
        )
    })?;
    let format = format.map_or_else(|| format_of(file), Ok)?;
    let items = parse(text.trim_start_matches('\u{feff}'), format)
        .wrap_err_with(|| format!("cannot import quotes from {}", file.display()))?;
    if items.is_empty() {
        return Err(miette!("{} contains no quotes", file.display()));
    }
    Ok(items)
}

/// Determines the format from the file extension.
fn format_of(path: &Path) -> miette::Result<ImportFormat> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "txt" | "md" | "text" => Ok(ImportFormat::Txt),
        "json" => Ok(ImportFormat::Json),
        "csv" => Ok(ImportFormat::Csv),
        _ => Err(miette!(
            help = "rename it to end in .txt, .json or .csv, or use --format",
            "unknown file extension: {}",
            path.display()
        )),
    }
}

fn parse(text: &str, format: ImportFormat) -> miette::Result<Vec<Item>> {
    let mut items = match format {
        ImportFormat::Txt => parse_txt(text),
        ImportFormat::Json => parse_json(text)?,
        ImportFormat::Csv => parse_csv(text)?,
    };
    items.retain(|item| !item.quote.trim().is_empty());
    Ok(items)
}

/// Parses quotes separated by blank lines or, if there are none, one quote per line. A last line that
/// starts with a dash names the author.
fn parse_txt(text: &str) -> Vec<Item> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    let blocks: Vec<&str> =
        if text.contains("\n\n") { text.split("\n\n").collect() } else { text.lines().collect() };
    let mut items: Vec<Item> = Vec::new();
    for block in blocks {
        let mut lines: Vec<&str> =
            block.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let author = lines.last().and_then(|line| attribution(line));
        if author.is_some() {
            lines.pop();
        }
        match (lines.is_empty(), items.last_mut()) {
            (true, Some(before)) if author.is_some() => before.author = author,
            (true, _) => {}
            (false, _) => items.push(Item { quote: lines.join(" "), author, ..Item::default() }),
        }
    }
    items
}

/// Returns the author named in `— Ada Runway`, `-- Ada Runway` or `– Ada Runway`.
fn attribution(line: &str) -> Option<String> {
    let name = ["—", "–", "--", "― "].iter().find_map(|dash| line.strip_prefix(dash))?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn parse_json(text: &str) -> miette::Result<Vec<Item>> {
    let items: Vec<JsonItem> = if text.trim_start().starts_with('{') {
        let named: BTreeMap<Natural, JsonItem> = serde_json::from_str(text)
            .into_diagnostic()
            .wrap_err("expected a JSON object of strings, or of objects with a \"quote\"")?;
        named.into_values().collect()
    } else {
        serde_json::from_str(text)
            .into_diagnostic()
            .wrap_err("expected a JSON list of strings, or of objects with a \"quote\"")?
    };
    Ok(items
        .into_iter()
        .map(|item| match item {
            JsonItem::Text(quote) => Item { quote, ..Item::default() },
            JsonItem::Item(item) => item,
        })
        .collect())
}

/// A name that sorts in natural order: `phrase_2` before `phrase_10`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
struct Natural(String, u64);

impl From<String> for Natural {
    fn from(name: String) -> Self {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = name[stem.len()..].parse().unwrap_or(0);
        Self(stem.to_owned(), number)
    }
}

fn parse_csv(text: &str) -> miette::Result<Vec<Item>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .flexible(false)
        .from_reader(text.as_bytes());
    let headers = reader.headers().into_diagnostic()?.clone();
    if !headers.iter().any(|name| name == "quote" || name == "text") {
        return Err(miette!(
            help = "name the columns in the first line: quote, and optionally title, author, source, \
                    tags, date",
            "line 1: no column named `quote`"
        ));
    }
    reader.deserialize().map(|row| row.into_diagnostic()).collect()
}

/// Treats a blank field as absent.
fn present(field: Option<String>) -> Option<String> {
    field.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Normalises whitespace and case, to detect duplicate quotes.
fn comparable(quote: &str) -> String {
    quote.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotes(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| item.quote.as_str()).collect()
    }

    #[test]
    fn text_is_one_quote_per_line() {
        let items = parse("One.\nTwo.\r\nThree.\n", ImportFormat::Txt).unwrap();
        assert_eq!(quotes(&items), ["One.", "Two.", "Three."]);
    }

    #[test]
    fn text_with_blank_lines_is_one_quote_per_paragraph() {
        let text = "One,\nstill one.\n— Ada Runway\n\nTwo.\n\n-- Chip Pivotson\n\nThree.";
        let items = parse(text, ImportFormat::Txt).unwrap();
        assert_eq!(quotes(&items), ["One, still one.", "Two.", "Three."]);
        let authors: Vec<_> = items.iter().map(|item| item.author.as_deref()).collect();
        assert_eq!(authors, [Some("Ada Runway"), Some("Chip Pivotson"), None]);
    }

    #[test]
    fn an_object_of_strings_is_in_natural_order() {
        let text = r#"{"phrase_10": "c", "phrase_2": "b", "phrase_0": "a"}"#;
        assert_eq!(quotes(&parse(text, ImportFormat::Json).unwrap()), ["a", "b", "c"]);
    }

    #[test]
    fn a_json_list_holds_strings_and_objects() {
        let text =
            r#"["a", {"quote": "b", "tags": ["x", "y"], "date": "2026-01-02"}, {"text": "c"}]"#;
        let items = parse(text, ImportFormat::Json).unwrap();
        assert_eq!(quotes(&items), ["a", "b", "c"]);
        assert_eq!(items[1].tags.names(), ["x", "y"]);
        assert_eq!(items[1].date, Some(jiff::civil::date(2026, 1, 2)));
    }

    #[test]
    fn csv_columns_are_found_by_name() {
        let text = "author,quote,tags\nAda,\"One, two.\",\"a; b\"\n,Three.,\n";
        let items = parse(text, ImportFormat::Csv).unwrap();
        assert_eq!(quotes(&items), ["One, two.", "Three."]);
        assert_eq!(items[0].tags.names(), ["a", "b"]);
        assert_eq!(present(items[1].author.clone()), None);
    }

    #[test]
    fn csv_needs_a_quote_column() {
        let error = parse("a,b\n1,2\n", ImportFormat::Csv).unwrap_err();
        assert_eq!(error.to_string(), "line 1: no column named `quote`");
    }

    #[test]
    fn a_json_error_has_its_line() {
        let error = parse("[\"a\",\n 3x]", ImportFormat::Json).unwrap_err();
        let text: Vec<String> = error.chain().map(ToString::to_string).collect();
        assert!(text.iter().any(|line| line.contains("line 2")), "{text:?}");
    }
}
