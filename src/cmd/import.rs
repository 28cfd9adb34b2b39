//! `venti import`: turns a list of quotes into seeds. The whole file is read and every seed is checked
//! before the first is written.

pub mod list;

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::Date;
use miette::{Context, miette};

use super::workspace::Workspace;
use crate::cli::{Import, ImportFormat};
use crate::terminal::Terminal;
use content::new_seed::NewSeed;
use content::problem::check_merged;
use content::seed::plain_quote;
use list::{List, Note};

/// Imports `args.file` into the site's seeds.
pub fn run(
    site: &Workspace,
    args: &Import,
    terminal: &Terminal,
    today: Date,
) -> miette::Result<()> {
    let List { items, mut notes } = parse(&args.file, args.format)?;
    let is_empty = items.is_empty();
    let seeds = site.load_seeds()?;
    let mut known: BTreeSet<String> = seeds.iter().map(|seed| comparable(&seed.quote)).collect();
    let mut new = Vec::new();
    for item in items {
        let quote = plain_quote(&item.quote);
        if !known.insert(comparable(&quote)) {
            let message = "not imported: this quote exists already".to_owned();
            notes.push(Note { line: item.line, message });
            continue;
        }
        let mut tags = item.tags;
        tags.extend(args.tags.iter().cloned());
        new.push(NewSeed {
            title: item.title,
            author: item.author,
            source: item.source,
            tags,
            draft: item.draft,
            origin: Some(format!("{}:{}", args.file.display(), item.line)),
            date: item.date.unwrap_or_else(|| today.to_string()),
            ..NewSeed::new(quote, today)
        });
    }
    let added = site.add_seeds(&seeds, new, args.dry_run);
    for path in added.iter().flatten() {
        terminal.did(if args.dry_run { "would add" } else { "wrote" }, path.display());
    }
    notes.sort_by_key(|note| note.line);
    for Note { line, message } in &notes {
        terminal.did("note", format_args!("{}:{line}: {message}", args.file.display()));
    }
    added?;
    match is_empty {
        true => Err(no_quotes(&args.file)),
        false => Ok(()),
    }
}

/// Reads a list of quotes, which must contain at least one; see [`parse`].
pub fn read(file: &Path, format: Option<ImportFormat>) -> miette::Result<List> {
    let list = parse(file, format)?;
    if list.items.is_empty() { Err(no_quotes(file)) } else { Ok(list) }
}

fn no_quotes(file: &Path) -> miette::Report {
    miette!("{} contains no quotes", file.display())
}

/// Reads a list of quotes. If `format` is `None`, the file extension
/// determines the format.
///
/// # Errors
/// Returns an error if the file cannot be read or does not match the format.
fn parse(file: &Path, format: Option<ImportFormat>) -> miette::Result<List> {
    let text = String::from_utf8(content::fs::read(file)?).map_err(|e| {
        miette!(
            help = "save the file as UTF-8, then try again",
            "{}: invalid UTF-8 at byte offset {}",
            file.display(),
            e.utf8_error().valid_up_to()
        )
    })?;
    check_merged(file, &text)?;
    let format = format.map_or_else(|| format_of(file), Ok)?;
    List::parse(&text, format)
        .wrap_err_with(|| format!("cannot import quotes from {}", file.display()))
}

/// Determines the format from the file extension.
fn format_of(path: &Path) -> miette::Result<ImportFormat> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "txt" | "md" | "markdown" | "text" => Ok(ImportFormat::Txt),
        "json" => Ok(ImportFormat::Json),
        "csv" => Ok(ImportFormat::Csv),
        _ => Err(miette!(
            help = "rename it to end in .txt, .json or .csv, or use --format",
            "unknown file extension: {}",
            path.display()
        )),
    }
}

/// Normalises whitespace and case, to detect duplicate quotes.
fn comparable(quote: &str) -> String {
    quote.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
