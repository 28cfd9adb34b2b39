//! Reads lists of quotes: text, JSON and CSV. Every quote arrives, or a note says why not.

mod json;

use std::collections::BTreeSet;
use std::path::Path;

use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use miette::{IntoDiagnostic, miette};

use crate::cli::ImportFormat;
use content::front_matter;
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
    /// The date, with its time and offset if it has both, as front matter has it.
    pub date: Option<String>,
    pub draft: bool,
}

/// A field of an entry: its name and its lines; `None` if the value is not text.
pub type Field = (String, Option<Vec<String>>);

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
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let text = text.replace(['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'], "\n");
        match format {
            ImportFormat::Txt if has_front_matter(&text) => Err(miette!(
                help = "save it in content/seeds/; a list has one quote per line or paragraph",
                "this text has front matter, so it is a seed and not a list of quotes"
            )),
            ImportFormat::Txt => Ok(Self::of_text(&text)),
            ImportFormat::Json => json::parse(&text),
            ImportFormat::Csv => Self::of_csv(&text),
        }
    }

    fn note(&mut self, line: usize, message: impl Into<String>) {
        self.notes.push(Note { line, message: message.into() });
    }

    /// Adds an item with the given fields. An entry without a quote, or with a `date` or `draft` that is
    /// not understood, is not added: it might be published too early.
    fn add(&mut self, line: usize, fields: impl Iterator<Item = Field>) {
        let fields: Vec<Field> = fields.collect();
        let is_given = |values: &Option<Vec<String>>| {
            values.as_ref().is_none_or(|values| values.iter().any(|text| !text.trim().is_empty()))
        };
        let lower = |name: &str| name.trim().to_lowercase();
        let has_quote =
            fields.iter().any(|(name, values)| lower(name) == "quote" && is_given(values));
        let mut item = Item { line, ..Item::default() };
        let mut seen = BTreeSet::new();
        for (name, values) in fields.into_iter().filter(|(_, values)| is_given(values)) {
            let mut key = lower(&name);
            let shown = name.trim();
            if key == "text" && !has_quote {
                key = "quote".to_owned();
            }
            if !seen.insert(key.clone()) {
                self.note(line, format!("imported without the second {shown:?}"));
                continue;
            }
            let Some(values) = values else {
                if key == "quote" {
                    return self.note(line, format!("not imported: its {shown:?} is not text"));
                }
                self.note(line, format!("imported without its {shown:?}, which is not text"));
                continue;
            };
            let value = collapse(&values.join(" "));
            match key.as_str() {
                "quote" => item.quote = values.join("\n"),
                "title" => item.title = Some(value),
                "author" => item.author = Some(value),
                "source" => item.source = Some(value),
                "tags" => {
                    let tags = values.iter().flat_map(|value| value.split([',', ';']));
                    let tags = tags.map(|tag| tag.trim().to_owned());
                    item.tags = tags.filter(|tag| !tag.is_empty()).collect();
                }
                "date" => match date(&value) {
                    Some((date, is_whole)) => {
                        item.date = Some(date);
                        if !is_whole {
                            let message = "imported with the day of its date, without the time: \
                                           an offset such as +01:00 is missing";
                            self.note(line, message);
                        }
                    }
                    None => {
                        let why = format!("{value:?} is not a date like 2026-01-31");
                        return self.note(line, format!("not imported: {why}"));
                    }
                },
                "draft" => match value.to_lowercase().as_str() {
                    "true" | "yes" | "1" => item.draft = true,
                    "false" | "no" | "0" => {}
                    _ => {
                        let why = format!("its \"draft\" must be true or false, not {value:?}");
                        return self.note(line, format!("not imported: {why}"));
                    }
                },
                "text" => self.note(line, "imported without \"text\": it has a \"quote\", too"),
                _ => self.note(line, format!("imported without {shown:?}, an unknown field")),
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
            if line == "#" || line.starts_with("# ") {
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
                (None, Some(before)) if before.author.is_none() => before.author = author,
                (None, Some(_)) => {
                    let (line, name) = block[0];
                    list.note(line, format!("not imported: {name:?} would be a second author"));
                }
                // A list cannot begin with the author of a quote.
                (None, None) => {
                    let (line, quote) = block[0];
                    list.items.push(Item { line, quote: quote.to_owned(), ..Item::default() });
                }
                (Some((line, _)), _) => {
                    let quote: Vec<&str> = quoted.iter().map(|(_, line)| *line).collect();
                    let quote = quote.join("\n");
                    list.items.push(Item { line: *line, quote, author, ..Item::default() });
                }
            }
        }
        list
    }

    fn of_csv(text: &str) -> miette::Result<Self> {
        let names_quote = |name: &str| ["quote", "text"].contains(&name.to_lowercase().as_str());
        let mut found = None;
        // Spreadsheets separate columns with semicolons where the comma is the decimal point.
        for delimiter in [b',', b';', b'\t'] {
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(delimiter)
                .trim(csv::Trim::Headers)
                .flexible(true)
                .from_reader(text.as_bytes());
            let headers = reader.headers().into_diagnostic()?.clone();
            if headers.iter().any(names_quote) {
                found = Some((reader, headers, delimiter));
                break;
            }
        }
        let Some((mut reader, headers, delimiter)) = found else {
            return Err(miette!(
                help = "name the columns in the first line: quote, and optionally title, author, source, \
                        tags, date, draft",
                "line 1: no column named `quote`"
            ));
        };
        if let Some((line, fault)) = quoting_fault(text, delimiter as char) {
            return Err(miette!(
                help = "a field in quotation marks ends with one; double each \" that belongs to its text",
                "line {line}: {fault}"
            ));
        }
        let mut list = Self::default();
        for row in reader.records() {
            let row = row.into_diagnostic()?;
            let line = row.position().map_or(1, |at| at.line() as usize);
            let named = headers.iter().map(str::to_owned);
            let extra = (headers.len() + 1..).map(|column| format!("column {column}"));
            let values = row.iter().map(|value| Some(vec![value.to_owned()]));
            list.add(line, named.chain(extra).zip(values));
        }
        Ok(list)
    }
}

/// Whether a text begins with front matter, or with what was probably meant as such. Otherwise it would be
/// published, `draft: true` and all.
pub fn has_front_matter(text: &str) -> bool {
    let parts = front_matter::of_content(Path::new(""), text);
    parts.map_or(true, |parts| parts.yaml.is_some())
}

/// Returns a date in the form that front matter has, and whether it is whole: a time without an offset is
/// left out.
fn date(text: &str) -> Option<(String, bool)> {
    let pieces = Pieces::parse(text).ok()?;
    let date = pieces.date();
    let Some(time) = pieces.time() else { return Some((date.to_string(), true)) };
    let Some(offset) = pieces.to_numeric_offset() else { return Some((date.to_string(), false)) };
    let moment = date.to_datetime(time).to_zoned(TimeZone::fixed(offset)).ok()?;
    Some((moment.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(), true))
}

/// Finds quotation marks that the CSV reader would drop, or that would make it take the rest of the file for
/// one field. Returns the line, counted from 1, and what is wrong.
fn quoting_fault(text: &str, delimiter: char) -> Option<(usize, &'static str)> {
    let (mut opened, mut closed) = (None, false);
    let (mut line, mut before) = (1, '\n');
    for c in text.chars() {
        let is_end = c == delimiter || c == '\n';
        match (opened, c) {
            (Some(_), '"') => (opened, closed) = (None, true),
            // The second half of a doubled mark.
            (None, '"') if closed && before == '"' => opened = Some(line),
            (None, '"') if before == delimiter || before == '\n' => opened = Some(line),
            (None, _) if is_end => closed = false,
            (None, _) if closed && !c.is_whitespace() => {
                return Some((line, "text follows the closing quotation mark of a field"));
            }
            _ => {}
        }
        line += usize::from(c == '\n');
        before = c;
    }
    Some((opened?, "a field begins with a quotation mark that is never closed"))
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
        assert_eq!(quotes(text, Txt), ["One,\nstill one.", "Two.", "Three."]);
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
        assert_eq!(items[1].date.as_deref(), Some("2026-01-02"));
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
        let text = "[\"a\",\n 3,\n {\"quote\": \"x\", \"date\": \"2024-1-5\"}, {\"quote\": \"b\", \"mood\": \"dry\"},\n {\"author\": \"x\"},\n [\"c\"], \" \"]";
        assert_eq!(quotes(text, Json), ["a", "b"]);
        assert_eq!(
            notes(text, Json),
            [
                "2: not imported: 3 is not a quote",
                "3: not imported: \"2024-1-5\" is not a date like 2026-01-31",
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
    fn the_first_of_several_fields_counts_and_quote_before_text() {
        let text = "text,quote,author,author\nnote,One.,Ada,Bea\nTwo.,,Chip,\n";
        assert_eq!(quotes(text, Csv), ["One.", "Two."]);
        assert_eq!(read(text, Csv).items[0].author.as_deref(), Some("Ada"));
        assert_eq!(
            notes(text, Csv),
            [
                "2: imported without \"text\": it has a \"quote\", too",
                "2: imported without the second \"author\""
            ]
        );
        let text = "One.\n\n— Ada\n\n— Bea\n";
        assert_eq!(read(text, Txt).items[0].author.as_deref(), Some("Ada"));
        assert_eq!(notes(text, Txt), ["5: not imported: \"— Bea\" would be a second author"]);
    }

    #[test]
    fn drafts_stay_drafts() {
        let text = "quote,draft\nOne.,TRUE\nTwo.,no\nThree.,\nFour.,perhaps\n";
        let drafts: Vec<bool> = read(text, Csv).items.iter().map(|item| item.draft).collect();
        assert_eq!(drafts, [true, false, false]);
        assert_eq!(
            notes(text, Csv),
            ["5: not imported: its \"draft\" must be true or false, not \"perhaps\""]
        );
        assert!(read(r#"[{"quote": "One.", "draft": true}]"#, Json).items[0].draft);
    }

    #[test]
    fn json_may_have_one_quote_per_line() {
        let text = "{\"quote\": \"One.\"}\n{\"quote\": \"Two.\", \"date\": \"2026-01-02T10:00:00\"}\n\"Three.\"\n";
        assert_eq!(quotes(text, Json), ["One.", "Two.", "Three."]);
        assert_eq!(
            notes(text, Json),
            [
                "2: imported with the day of its date, without the time: an offset such as +01:00 is missing"
            ]
        );
        assert_eq!(quotes("One.\u{2028}Two.\u{85}Three.", Txt), ["One.", "Two.", "Three."]);
    }

    #[test]
    fn a_date_keeps_its_time_if_it_has_an_offset() {
        for (text, kept) in [
            ("2026-01-02T10:00:00+01:00", "2026-01-02T10:00:00+01:00"),
            ("2026-01-02 10:00Z", "2026-01-02T10:00:00+00:00"),
            ("2026-01-02T23:30:00.123Z", "2026-01-02T23:30:00+00:00"),
            ("2026-01-02T10:00:00-0330", "2026-01-02T10:00:00-03:30"),
        ] {
            assert_eq!(date(text), Some((kept.to_owned(), true)));
            let csv = format!("quote,date\nOne.,{text}\n");
            assert_eq!(notes(&csv, Csv), [""; 0]);
            assert_eq!(read(&csv, Csv).items[0].date.as_deref(), Some(kept));
        }
        assert_eq!(date("2026-01-02"), Some(("2026-01-02".to_owned(), true)));
        assert_eq!(date("2026-01-02T10:00"), Some(("2026-01-02".to_owned(), false)));
        assert_eq!(date("2026-1-2"), None);
    }

    #[test]
    fn metadata_is_no_quote() {
        let text = r#"{"title": "Mine", "quotes": ["One.", {"quote": "Two."}], "author": "Ada"}"#;
        assert_eq!(quotes(text, Json), ["One.", "Two."]);
        assert_eq!(
            notes(text, Json),
            [
                "1: not imported: \"title\" is not a quote",
                "1: not imported: \"author\" is not a quote"
            ]
        );
        let text = r#"{"quote": ["One,", "two."], "author": "Ada"}"#;
        assert_eq!(quotes(text, Json), ["One,\ntwo."]);
        assert_eq!(quotes(r#"{"title": "Mine", "author": "Ada"}"#, Json), [""; 0]);
        let text = r#"[{"quote": "One.", "tags": [3.10, 12345678901234567890123]}]"#;
        assert_eq!(read(text, Json).items[0].tags, ["3.10", "12345678901234567890123"]);
    }

    #[test]
    fn nested_values_are_not_text() {
        let text = r#"[{"quote": {"text": "a"}}, {"quote": "b", "author": {"name": "Ada"}}]"#;
        assert_eq!(quotes(text, Json), ["b"]);
        assert_eq!(
            notes(text, Json),
            [
                "1: not imported: its \"quote\" is not text",
                "1: imported without its \"author\", which is not text"
            ]
        );
    }

    #[test]
    fn csv_may_have_other_separators_but_no_open_field() {
        for text in ["quote;author\nOne, two.;Ada\n", "author\tquote\nAda\tOne, two.\n"] {
            assert_eq!(quotes(text, Csv), ["One, two."]);
        }
        let text = "quote,author\n\"A \"\"b\"\"\",x\n5\" pipes,\"\"\n\"open,y\nThree.,z\n";
        let error = List::parse(text, Csv).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 4: a field begins with a quotation mark that is never closed"
        );
        assert_eq!(quotes(&text.replace("\"open", "open"), Csv).len(), 4);
    }

    #[test]
    fn text_after_a_closing_quotation_mark_is_an_error() {
        for field in ["\"A\" b", "\"A\"b", "\"A\" \"b\"", "\"A \"\"b\"\"\" c"] {
            let error =
                List::parse(&format!("quote,author\nOne.,x\n{field},y\n"), Csv).unwrap_err();
            assert_eq!(
                error.to_string(),
                "line 3: text follows the closing quotation mark of a field"
            );
        }
        let text = "quote,author\n\"A \"\"b\"\"\" ,x\nA \"b\" c,\"\"\n\"\"\"A\"\" b\",\"y\"\n";
        assert_eq!(quotes(text, Csv), ["A \"b\" ", "A \"b\" c", "\"A\" b"]);
    }

    #[test]
    fn a_seed_is_not_a_list() {
        let error = List::parse("---\nauthor: Ada\n---\nOne.\n", Txt).unwrap_err();
        assert!(error.to_string().contains("front matter"), "{error}");
        assert!(List::parse("+++\ndraft = true\n+++\nOne.\n", Txt).is_err());
        assert_eq!(quotes("Draft\n#\nOne.\n", Txt), ["Draft", "One."]);
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
