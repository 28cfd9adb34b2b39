//! Prepares the scripts of a theme for publication.

/// Joins the scripts of a bundle. A `;` between two scripts keeps a statement from continuing into
/// the next script.
pub fn bundle<'a>(scripts: impl IntoIterator<Item = &'a str>, minify: bool) -> String {
    let scripts = scripts.into_iter().map(|script| {
        let script = published(script, minify);
        if script.ends_with('\n') { script } else { script + "\n" }
    });
    scripts.collect::<Vec<_>>().join(";\n")
}

/// Returns a script with LF line endings and, if `minify` is set, without comment lines, empty
/// lines or indentation. Code is not rewritten.
pub fn published(script: &str, minify: bool) -> String {
    let script = script.replace("\r\n", "\n").replace('\r', "\n");
    // With any of these, a line may be part of a multi-line string or comment.
    let has_long_tokens = ["`", "/*", "\\\n"].iter().any(|mark| script.contains(mark));
    if !minify || has_long_tokens {
        return script;
    }
    let lines = script.lines().map(str::trim_start);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    code.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comment_lines_empty_lines_and_indentation_are_removed() {
        let script = "// What\n\"use strict\";\n\n  // why\n  a(); // kept\n";
        assert_eq!(published(script, true), "\"use strict\";\na(); // kept\n");
        assert_eq!(published(script, false), script);
    }

    #[test]
    fn scripts_with_tokens_of_several_lines_are_kept() {
        for script in ["a(`\n// text\n  b`);\n", "a('b\\\n// text');\n", "/* a\n  b */\n  c();\n"] {
            assert_eq!(published(script, true), script);
        }
    }

    #[test]
    fn scripts_of_a_bundle_are_separated() {
        assert_eq!(
            bundle(["(() => 1)()", "(() => 2)() // x", "a();\r\n"], true),
            "(() => 1)()\n;\n(() => 2)() // x\n;\na();\n"
        );
    }
}
