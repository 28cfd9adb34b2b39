//! Formats a report as text: its problems with their source lines, if any, and the error with its
//! causes and its hint.

use anstyle::{AnsiColor, Style};
use miette::Report;

use super::{Problem, Problems};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Line width for [`plain_text`], in columns.
const WIDTH: usize = 100;

/// Formats a report for a terminal `width` columns wide.
pub fn text(report: &Report, color: bool, width: usize) -> String {
    if let Some(problem) = report.downcast_ref::<Problem>() {
        let shown = Problems::from(problem.clone()).render(color, width);
        return shown.trim_end().to_owned();
    }
    let problems = report.downcast_ref::<Problems>();
    let mut text = problems.map(|all| all.render(color, width)).unwrap_or_default();
    text += &format!("{ERROR}error{ERROR:#}: {report}");
    for cause in report.chain().skip(1) {
        text += &format!("\n  because: {cause}");
    }
    if let Some(help) = report.help() {
        text += &format!("\n   {HINT}hint{HINT:#}: {help}");
    }
    text
}

/// Formats a report as for a terminal, but without colour.
pub fn plain_text(report: &Report) -> String {
    anstream::adapter::strip_str(&text(report, false, WIDTH)).to_string()
}

#[cfg(test)]
mod tests {
    use miette::miette;

    use super::*;

    #[test]
    fn plain_text_is_terminal_text_without_colours() {
        let report = miette!(help = "do that", "this happened").context("while working");
        let plain = plain_text(&report);
        assert_eq!(plain, "error: while working\n  because: this happened\n   hint: do that");
        assert!(text(&report, true, 80).contains("\u{1b}["));
        let problem = Problem::at("a.md", "quote", 0, 5, "no").hint("another");
        let alone = plain_text(&Report::new(problem.clone()));
        assert!(alone.contains("[a.md:1:1]") && !alone.contains("error"), "{alone}");
        let several = plain_text(&Report::new(Problems(vec![problem.clone(), problem])));
        assert!(several.ends_with("error: 2 problems in the content"), "{several}");
    }
}
