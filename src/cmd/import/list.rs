//! Reads lists of quotes: text, JSON and CSV. Every quote arrives, or a note says why not.

mod json;

use jiff::civil::Date;
use miette::{IntoDiagnostic, miette};

use crate::cli::ImportFormat;
use text::whitespace::collapse;

/// A quote in a list, with its metadata.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item {
    /// Line in the list, counted from 1.
    pub line: usize,
    pub quote: String,
    pub title: Option<String>,
    pub author: Option<String>,
    pub source: Option<String>,
    pub tags: Vec<String>,
    pub date: Option<Date>,
}

/// The contents of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct List {
    pub items: Vec<Item>,
    pub notes: Vec<Note>,
}

/// Something in a list that was not imported.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    pub line: usize,
    pub message: String,
}

impl List {
    /// Parses a list.
    ///
    /// # Errors
    /// Returns an error if the text does not match the format.
    pub fn parse(text: &str, format: ImportFormat) -> miette::Result<Self> {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        match format {
            ImportFormat::Txt => Ok(Self::of_text(&text)),
            ImportFormat::Json => json::parse(&text),
            ImportFormat::Csv => Self::of_csv(&text),
        }
    }

    fn note(&mut self, line: usize, message: impl Into<String>) {
        self.notes.push(Note { line, message: message.into() });
    }

    /// Adds an item with the given fields.
    fn add(&mut self, line: usize, fields: impl Iterator<Item = (String, Vec<String>)>) {
        let mut item = Item { line, ..Item::default() };
        for (name, values) in fields {
            let value = || Some(collapse(&values.join(" "))).filter(|value| !value.is_empty());
            match name.trim().to_lowercase().as_str() {
                "quote" | "text" => item.quote = values.join("\n"),
                "title" => item.title = value(),
                "author" => item.author = value(),
                "source" => item.source = value(),
                "tags" => {
                    let tags = values.iter().flat_map(|value| value.split([',', ';']));
                    let tags = tags.map(|tag| tag.trim().to_owned());
                    item.tags = tags.filter(|tag| !tag.is_empty()).collect();
                }
                "date" => match value().map(|value| (value.parse(), value)) {
                    Some((Ok(date), _)) => item.date = Some(date),
                    Some((Err(_), value)) => self.note(
                        line,
                        format!(
                            "imported without its date: {value:?} is not a date like 2026-01-31"
                        ),
                    ),
                    None => {}
                },
                _ if value().is_none() => {}
                _ => {
                    self.note(line, format!("imported without {:?}, an unknown field", name.trim()))
                }
            }
        }
        if item.quote.trim().is_empty() {
            self.note(line, "not imported: there is no quote");
        } else {
            self.items.push(item);
        }
    }

    /// Parses quotes separated by blank lines or, if there are none, one quote per line. A line such as
    /// `— Ada Runway` names the author of the quote before it. A line that begins with `# ` is a comment.
    fn of_text(text: &str) -> Self {
        let mut list = Self::default();
        let mut lines: Vec<(usize, &str)> = Vec::new();
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if line.starts_with("# ") {
                list.note(number + 1, "not imported: a comment");
            } else {
                lines.push((number + 1, line));
            }
        }
        let is_blank = |line: &(usize, &str)| line.1.is_empty();
        let first = lines.iter().position(|line| !is_blank(line)).unwrap_or(lines.len());
        let end = lines.iter().rposition(|line| !is_blank(line)).map_or(first, |last| last + 1);
        let lines = &lines[first..end];
        let blocks: Vec<&[(usize, &str)]> = if lines.iter().any(is_blank) {
            lines.split(is_blank).filter(|block| !block.is_empty()).collect()
        } else {
            lines.chunks(1).collect()
        };
        for block in blocks {
            let author = block.last().and_then(|(_, line)| attribution(line));
            let quoted = &block[..block.len() - usize::from(author.is_some())];
            match (quoted.first(), list.items.last_mut()) {
                (None, Some(before)) => before.author = author,
                // A list cannot begin with the author of a quote.
                (None, None) => {
                    let (line, quote) = block[0];
                    list.items.push(Item { line, quote: quote.to_owned(), ..Item::default() });
                }
                (Some((line, _)), _) => {
                    let quote: Vec<&str> = quoted.iter().map(|(_, line)| *line).collect();
                    let quote = quote.join(" ");
                    list.items.push(Item { line: *line, quote, author, ..Item::default() });
                }
            }
        }
        list
    }

    fn of_csv(text: &str) -> miette::Result<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::Headers)
            .flexible(true)
            .from_reader(text.as_bytes());
        let headers = reader.headers().into_diagnostic()?.clone();
        let names_quote = |name: &str| ["quote", "text"].contains(&name.to_lowercase().as_str());
        if !headers.iter().any(names_quote) {
            return Err(miette!(
                help = "name the columns in the first line: quote, and optionally title, author, source, \
                        tags, date",
                "line 1: no column named `quote`"
            ));
        }
        let mut list = Self::default();
        for row in reader.records() {
            let row = row.into_diagnostic()?;
            let line = row.position().map_or(1, |at| at.line() as usize);
            let named = headers.iter().map(str::to_owned);
            let extra = (headers.len() + 1..).map(|column| format!("column {column}"));
            let values = row.iter().map(|value| vec![value.to_owned()]);
            list.add(line, named.chain(extra).zip(values));
        }
        Ok(list)
    }
}

/// Returns the author named in a line such as `— Ada Runway`. Spoken words, which may also follow a dash,
/// are longer or end like a sentence.
fn attribution(line: &str) -> Option<String> {
    let name = ["—", "–", "--", "―"].iter().find_map(|dash| line.strip_prefix(dash))?;
    let words = name.split_whitespace().count();
    let last = name.split_whitespace().last()?;
    let is_abbreviated = last.ends_with('.') && last.chars().count() <= 4;
    let is_sentence =
        name.contains(['?', '!']) || last.ends_with(['.', '…', ':']) && !is_abbreviated;
    // `--force` is a word. Other dashes need no space.
    let is_apart = !line.starts_with("--") || name.starts_with(char::is_whitespace);
    (is_apart && words <= 8 && !is_sentence).then(|| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ImportFormat::{Csv, Json, Txt};

    fn read(text: &str, format: ImportFormat) -> List {
        List::parse(text, format).unwrap()
    }

    fn quotes(text: &str, format: ImportFormat) -> Vec<String> {
        read(text, format).items.into_iter().map(|item| item.quote).collect()
    }

    fn notes(text: &str, format: ImportFormat) -> Vec<String> {
        let notes = read(text, format).notes;
        notes.iter().map(|note| format!("{}: {}", note.line, note.message)).collect()
    }

    #[test]
    fn text_is_one_quote_per_line() {
        for text in
            ["One.\nTwo.\r\nThree.\n", "One.\rTwo.\rThree.", "\u{feff}\nOne.\nTwo.\nThree.\n\n"]
        {
            assert_eq!(quotes(text, Txt), ["One.", "Two.", "Three."], "{text:?}");
        }
    }

    #[test]
    fn text_with_blank_lines_is_one_quote_per_paragraph() {
        let text = "One,\nstill one.\n— Ada Runway\n \t\nTwo.\n\n-- Chip Pivotson, Jr.\n\nThree.";
        assert_eq!(quotes(text, Txt), ["One, still one.", "Two.", "Three."]);
        let authors: Vec<_> = read(text, Txt).items.into_iter().map(|item| item.author).collect();
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(authors, [named("Ada Runway"), named("Chip Pivotson, Jr."), None]);
    }

    #[test]
    fn a_dash_may_begin_a_quote() {
        let text = "— Are we done? he asked.\nMonday is a feeling.\n--force is a personality.\n— Who knows.";
        let all: Vec<&str> = text.lines().collect();
        assert_eq!(quotes(text, Txt), all);
        assert_eq!(quotes("— Ada Runway\nOne.", Txt), ["— Ada Runway", "One."]);
    }

    #[test]
    fn comments_in_text_are_named() {
        let text = "# my quotes\nOne.\n#NoEstimates\n";
        assert_eq!(quotes(text, Txt), ["One.", "#NoEstimates"]);
        assert_eq!(notes(text, Txt), ["1: not imported: a comment"]);
    }

    #[test]
    fn names_of_quotes_are_in_natural_order_and_none_is_lost() {
        let text = r#"{"phrase_10": "c", "phrase_2": "b", "phrase_0": "a"}"#;
        assert_eq!(quotes(text, Json), ["a", "b", "c"]);
        let text = r#"{"day1": "b", "day01": "c", "day": "a", "day1": "d", "x9876543210987654321098765": "f",
            "x8876543210987654321098765": "e"}"#;
        assert_eq!(quotes(text, Json), ["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn a_json_list_holds_strings_and_objects() {
        let text = r#"["a", {"quote": "b", "Tags": ["x", "y"], "date": "2026-01-02"}, {"TEXT": "c", "tags": "p; q"}]"#;
        assert_eq!(quotes(text, Json), ["a", "b", "c"]);
        let items = read(text, Json).items;
        assert_eq!(
            (items[1].tags.join(" "), items[2].tags.join(" ")),
            ("x y".into(), "p q".into())
        );
        assert_eq!(items[1].date, Some(jiff::civil::date(2026, 1, 2)));
    }

    #[test]
    fn a_single_json_object_with_a_quote_is_one_item() {
        let list = read(r#"{"Quote": "One.", "Author": "Ada", "title": null}"#, Json);
        assert_eq!(list.items.len(), 1);
        assert_eq!(
            (list.items[0].quote.as_str(), list.items[0].author.as_deref()),
            ("One.", Some("Ada"))
        );
        assert!(list.notes.is_empty());
    }

    #[test]
    fn what_is_not_imported_is_named_with_its_line() {
        let text = "[\"a\",\n 3,\n {\"quote\": \"b\", \"date\": \"2024-1-5\", \"mood\": \"dry\"},\n {\"author\": \"x\"},\n [\"c\"], \" \"]";
        assert_eq!(quotes(text, Json), ["a", "b"]);
        assert_eq!(
            notes(text, Json),
            [
                "2: not imported: 3 is not a quote",
                "3: imported without its date: \"2024-1-5\" is not a date like 2026-01-31",
                "3: imported without \"mood\", an unknown field",
                "4: not imported: there is no quote",
                "5: not imported: [\"c\"] is not a quote",
                "5: not imported: there is no quote",
            ]
        );
        let text = "Quote,AUTHOR\n\"One,\ntwo.\",Ada\n,Bea\nThree.,Chip,more\nFour.\n";
        assert_eq!(quotes(text, Csv), ["One,\ntwo.", "Three.", "Four."]);
        assert_eq!(
            notes(text, Csv),
            [
                "4: not imported: there is no quote",
                "5: imported without \"column 3\", an unknown field"
            ]
        );
    }

    #[test]
    fn csv_columns_are_found_by_name() {
        let text = "author,quote,tags\nAda,\"One, two.\",\"a; b\"\n,Three.,\n";
        let items = read(text, Csv).items;
        assert_eq!(quotes(text, Csv), ["One, two.", "Three."]);
        assert_eq!((items[0].tags.join(" "), items[1].author.clone()), ("a b".into(), None));
    }

    #[test]
    fn csv_needs_a_quote_column() {
        let error = List::parse("a,b\n1,2\n", Csv).unwrap_err();
        assert_eq!(error.to_string(), "line 1: no column named `quote`");
    }

    #[test]
    fn a_json_error_has_its_line() {
        let error = List::parse("[\"a\",\n 3x]", Json).unwrap_err();
        let text: Vec<String> = error.chain().map(ToString::to_string).collect();
        assert!(text.iter().any(|line| line.contains("line 2")), "{text:?}");
    }
}
