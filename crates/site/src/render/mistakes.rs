//! Maps errors from Tera to positions in the template as its author wrote it.

use std::collections::BTreeMap;

use miette::{Report, miette};
use tera::ErrorKind;

use crate::strict::Strict;
use crate::theme::Template;
use content::problem::{Problem, Problems};

/// Templates by name, both as written and as Tera reads them.
pub type Sources = BTreeMap<String, (Template, Strict)>;

/// Error message of the filter [`GIVEN`](crate::strict::GIVEN).
pub const UNDEFINED: &str = "this is not defined";

/// Converts an error to a report for the author of the templates.
pub fn shown(error: &tera::Error, sources: &Sources) -> Report {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let Some((Template { origin, source, .. }, strict)) = sources.get(report.filename())
            else {
                return miette!("{error}");
            };
            let span = &report.span().range;
            if report.message().contains(UNDEFINED)
                && let Some(name) = strict.refused(span)
            {
                let message = format!("`{}` is not defined", &source[name.clone()]);
                return Problem::at(origin, source, name.start, name.len(), message)
                    .hint(
                        "themes/README.md lists the variables of each template; \
                         test optional ones with `is defined`",
                    )
                    .into();
            }
            let range = strict.written(span.clone());
            Problem::at(origin, source, range.start, range.len(), report.message()).into()
        }
        ErrorKind::Msg(text) => {
            let unknown = unknown(text, sources);
            match Problems::none_or((), unknown) {
                Ok(()) => miette!("the theme's templates are invalid: {error}"),
                Err(problems) => problems.into(),
            }
        }
        _ => miette!("the theme's templates are invalid: {error}"),
    }
}

/// Parses Tera's report of unknown filters, functions, tests, components and templates. Tera
/// reports all of these errors in one message, with two lines for each: `error: …` and
/// `--> template:line:column`.
fn unknown(text: &str, sources: &Sources) -> Vec<Problem> {
    let lines: Vec<&str> = text.lines().collect();
    let problem = |pair: &[&str]| {
        let message = pair[0].strip_prefix("error: ")?;
        let mut place = pair[1].trim_start().strip_prefix("--> ")?.rsplitn(3, ':');
        let (column, line): (usize, usize) =
            (place.next()?.parse().ok()?, place.next()?.parse().ok()?);
        let (Template { origin, source, .. }, strict) = sources.get(place.next()?)?;
        let before = strict.source.split_inclusive('\n').take(line - 1);
        let start = before.map(str::len).sum::<usize>();
        let at = strict.source[start..].char_indices().nth(column - 1)?.0;
        let at = strict.written(start + at..start + at).start;
        let name = message.split('`').nth(1).unwrap_or_default();
        // Underline only the name if the line contains it.
        let line_end = source[at..].find('\n').map_or(source.len(), |end| at + end);
        let at = source[at..line_end].find(name).map_or(at, |offset| at + offset);
        let message = format!("{}{}", message[..1].to_lowercase(), &message[1..]);
        Some(Problem::at(origin, source, at, name.len(), message))
    };
    lines.windows(2).filter_map(problem).collect()
}
