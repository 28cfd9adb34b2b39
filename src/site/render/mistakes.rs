//! What Tera says of a template, at its place in what the author wrote.

use std::collections::BTreeMap;

use miette::{Report, miette};
use tera::ErrorKind;

use crate::problem::{Problem, Problems};
use crate::site::strict::Strict;
use crate::site::theme::Template;

/// Templates by their names, and as Tera reads them.
pub type Sources = BTreeMap<String, (Template, Strict)>;

/// What the filter of [`crate::site::strict`] says of an undefined value.
pub const UNDEFINED: &str = "this is not defined";

/// The error, for the author of the templates.
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
                        "themes/README.md lists what each template is given; `is defined` asks first",
                    )
                    .into();
            }
            let range = strict.written(span.clone());
            Problem::at(origin, source, range.start, range.len(), report.message()).into()
        }
        ErrorKind::Msg(text) => {
            let unknown = unknown(text, sources);
            match Problems::none_or((), unknown) {
                Ok(()) => miette!("the theme's templates do not fit together: {error}"),
                Err(problems) => problems.into(),
            }
        }
        _ => miette!("the theme's templates do not fit together: {error}"),
    }
}

/// Of filters, functions, tests, components and templates that are not there, Tera makes one text
/// for all: `error: What` and below it `--> template:line:column`, each for one.
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
        // A tag is underlined where what it names stands.
        let line_end = source[at..].find('\n').map_or(source.len(), |end| at + end);
        let at = source[at..line_end].find(name).map_or(at, |offset| at + offset);
        let message = format!("{}{}", message[..1].to_lowercase(), &message[1..]);
        Some(Problem::at(origin, source, at, name.len(), message))
    };
    lines.windows(2).filter_map(problem).collect()
}
