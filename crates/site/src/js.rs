//! A theme's scripts as they are published: one after the other in one file.
//!
//! Nothing is renamed and no expression is rewritten: a script minifier that is always right
//! is a parser of the whole language. What may go are lines that are nothing but a comment,
//! empty lines, and the indentation of the others. A script with a template literal, or with a
//! line that a backslash continues, is left as it is, since in those a line may be text.

/// The scripts of a bundle, in order. Each ends before the next begins, whatever it ends with.
pub fn bundle<'a>(scripts: impl IntoIterator<Item = &'a str>, minify: bool) -> String {
    let mut out = String::new();
    for script in scripts {
        if !out.is_empty() {
            out.push_str(";\n");
        }
        out.push_str(&published(script, minify));
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// One script, with the line ends that every reader of HTML makes of any others.
pub fn published(script: &str, minify: bool) -> String {
    let script = script.replace("\r\n", "\n").replace('\r', "\n");
    if minify && !script.contains('`') && !script.contains("\\\n") {
        without_comment_lines(&script)
    } else {
        script
    }
}

fn without_comment_lines(script: &str) -> String {
    let mut out = String::with_capacity(script.len());
    // Inside a comment that a kept line has opened, or seems to have: a string may hold `/*`.
    let mut inside = false;
    let mut rest = script;
    while !rest.is_empty() {
        let indented = rest;
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = after;
        let text = line.trim_start();
        if !inside {
            if text.is_empty() || (text.starts_with("//") && !text.contains("*/")) {
                continue;
            }
            if text.starts_with("/*")
                && let Some((_, after)) = indented.split_once("*/")
                && let Some(after) = rest_of_blank_line(after)
            {
                rest = after;
                continue;
            }
        }
        out.push_str(if inside { line } else { text });
        out.push('\n');
        inside = leaves_open(line, inside);
    }
    out
}

/// What follows the line, if there is nothing more on it.
fn rest_of_blank_line(text: &str) -> Option<&str> {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    line.trim().is_empty().then_some(after)
}

/// Whether a comment is open at the end of a line, as far as the marks of comments tell.
fn leaves_open(line: &str, mut inside: bool) -> bool {
    let mut rest = line;
    while let Some((_, after)) = rest.split_once(if inside { "*/" } else { "/*" }) {
        inside = !inside;
        rest = after;
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_only_comment_go() {
        let script = "/* What\n   this is. */\n\"use strict\";\n\n  // why\n  a(); // kept\n  /* one */\n  /* b */ c();\n/**/\n";
        assert_eq!(published(script, true), "\"use strict\";\na(); // kept\n/* b */ c();\n");
        assert_eq!(published(script, false), script);
    }

    #[test]
    fn a_comment_that_begins_behind_code_is_kept_whole() {
        let script = "a(); /* one\n  // two */ b();\n  c();\nd(\"/*\");\n  // e\n";
        assert_eq!(
            published(script, true),
            "a(); /* one\n  // two */ b();\nc();\nd(\"/*\");\n  // e\n"
        );
        assert_eq!(published("/* a\n*/ b();\n", true), "/* a\n*/ b();\n");
        assert_eq!(published("/* never closed\n a", true), "/* never closed\n a\n");
    }

    #[test]
    fn where_a_line_may_be_text_nothing_goes() {
        for script in ["a(`\n// text\n  b`);\n", "a('b\\\n// text');\n"] {
            assert_eq!(published(script, true), script);
        }
    }

    #[test]
    fn each_script_ends_before_the_next_begins() {
        assert_eq!(
            bundle(["(() => 1)()", "(() => 2)() // x", "a();\r\n"], true),
            "(() => 1)()\n;\n(() => 2)() // x\n;\na();\n"
        );
    }
}
