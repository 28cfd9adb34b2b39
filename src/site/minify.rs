//! Smaller HTML without a parser: whitespace and comments that no reader can see.
//!
//! The rules, all of them:
//! 1. Comments are removed.
//! 2. A run of ASCII whitespace in text becomes one character: a line feed if
//!    the run held one, else a space. A run is never removed altogether, since
//!    a style sheet may lay any two elements side by side; so words never join.
//! 3. Inside `<head>` text that is only whitespace is removed: nothing there is shown.
//! 4. Inside a tag, whitespace outside quoted values becomes one space, and
//!    none before `>`.
//! 5. `pre`, `textarea`, `script`, `style` and `title` are copied as they are.
//!
//! Minifying twice is minifying once.

/// Elements whose text is copied untouched.
const VERBATIM: [&str; 5] = ["pre", "textarea", "script", "style", "title"];

/// The same page in fewer bytes.
pub fn minify(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    let mut in_head = false;
    // Whether `out` ends in whitespace that came from text: comments must not let two runs meet.
    let mut spaced = true;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("<!--") {
            rest = after.find("-->").map_or("", |end| &after[end + 3..]);
        } else if is_tag(rest) {
            let end = tag_end(rest);
            let (tag, after) = rest.split_at(end);
            push_tag(tag, &mut out);
            rest = after;
            spaced = false;
            let name = tag_name(tag);
            if name.eq_ignore_ascii_case("head") {
                in_head = !tag.starts_with("</");
            }
            if let Some(element) = VERBATIM.iter().find(|known| name.eq_ignore_ascii_case(known))
                && !tag.starts_with("</")
            {
                let (content, closing) = rest.split_at(closing_tag(rest, element));
                out.push_str(content);
                rest = closing;
            }
        } else {
            // Text up to the next `<` that opens something; a lone `<` is text.
            let end = rest
                .match_indices('<')
                .map(|(at, _)| at)
                .find(|&at| is_tag(&rest[at..]) || rest[at..].starts_with("<!--"))
                .unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            rest = after;
            if !(in_head && is_blank(text)) {
                push_text(text, &mut spaced, &mut out);
            }
        }
    }
    out
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace()
}

fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}

/// Whether `html` starts with a tag or the doctype.
fn is_tag(html: &str) -> bool {
    let mut bytes = html.bytes();
    bytes.next() == Some(b'<')
        && match bytes.next() {
            Some(b'/') => bytes.next().is_some_and(|b| b.is_ascii_alphabetic()),
            Some(b'!') => bytes.next().is_some_and(|b| b.is_ascii_alphabetic()),
            Some(b) => b.is_ascii_alphabetic(),
            None => false,
        }
}

/// Where the tag at the start of `html` ends, its `>` included; quoted values may hold `>`.
fn tag_end(html: &str) -> usize {
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return at + 1,
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    html.len()
}

fn tag_name(tag: &str) -> &str {
    let name = tag.trim_start_matches(['<', '/']);
    name.split(|c: char| is_space(c) || matches!(c, '/' | '>')).next().unwrap_or_default()
}

/// Where `</element` begins, or the end.
fn closing_tag(html: &str, element: &str) -> usize {
    html.match_indices("</")
        .map(|(at, _)| at)
        .find(|&at| tag_name(&html[at..]).eq_ignore_ascii_case(element))
        .unwrap_or(html.len())
}

fn push_tag(tag: &str, out: &mut String) {
    let mut quote = None;
    let mut pending = false;
    for c in tag.chars() {
        match quote {
            Some(open) => {
                out.push(c);
                if c == open {
                    quote = None;
                }
            }
            None if is_space(c) => pending = true,
            None => {
                if pending && c != '>' {
                    out.push(' ');
                }
                pending = false;
                out.push(c);
                if matches!(c, '"' | '\'') {
                    quote = Some(c);
                }
            }
        }
    }
}

fn push_text(text: &str, spaced: &mut bool, out: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.len() - rest.trim_start_matches(is_space).len();
        if run > 0 {
            if !*spaced {
                out.push(if rest[..run].contains('\n') { '\n' } else { ' ' });
            }
            *spaced = true;
            rest = &rest[run..];
        } else {
            let word = rest.find(is_space).unwrap_or(rest.len());
            out.push_str(&rest[..word]);
            *spaced = false;
            rest = &rest[word..];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whitespace_runs_become_one_character_and_words_stay_apart() {
        assert_eq!(minify("<p>a  b\n   c</p>\n\n<p>d</p>"), "<p>a b\nc</p>\n<p>d</p>");
        assert_eq!(minify("<i>a</i> <b>b</b>"), "<i>a</i> <b>b</b>");
        assert_eq!(minify("<li>a</li>   <li>b</li>"), "<li>a</li> <li>b</li>");
    }

    #[test]
    fn comments_go_and_do_not_let_two_runs_meet() {
        assert_eq!(minify("a <!-- x > y --> b"), "a b");
        assert_eq!(minify("a<!-- x -->b"), "ab");
        assert_eq!(minify("a<!-- never closed"), "a");
    }

    #[test]
    fn the_head_keeps_no_blank_text() {
        assert_eq!(
            minify("<head>\n  <meta a>\n  <title> A  b </title>\n</head>\n<body>\n x"),
            "<head><meta a><title> A  b </title></head>\n<body>\nx"
        );
    }

    #[test]
    fn tags_lose_inner_runs_but_quoted_values_are_kept() {
        assert_eq!(
            minify("<a\n  href=\"x  y > z\"\n  class='p  q'  >t</a >"),
            "<a href=\"x  y > z\" class='p  q'>t</a>"
        );
    }

    #[test]
    fn verbatim_elements_are_copied() {
        let html = "<pre>  a\n\n  <b>b</b>  <!-- c -->\n</pre>";
        assert_eq!(minify(html), html);
        let script = "<script type=\"application/ld+json\">{ \"a\":  \"<!-- \" }</script>";
        assert_eq!(minify(script), script);
    }

    #[test]
    fn a_lone_angle_bracket_is_text() {
        assert_eq!(minify("a <  b <3 c"), "a < b <3 c");
    }

    proptest! {
        #[test]
        fn minifying_twice_is_minifying_once(
            html in "(<p>|</p>|<pre>|</pre>|<a x=\"|\">|<!--|-->|<head>|</head>|[ab<> \n\t'/]){0,40}"
        ) {
            let once = minify(&html);
            prop_assert_eq!(minify(&once), once);
        }

        #[test]
        fn text_keeps_its_words(words in proptest::collection::vec("[a-zäé<&]{1,5}", 0..20), gap in "[ \n\t]{1,3}") {
            let text = words.join(&gap);
            let small = minify(&text);
            prop_assume!(!is_tag_inside(&text));
            let kept: Vec<&str> = small.split_ascii_whitespace().collect();
            prop_assert_eq!(kept, words);
        }
    }

    fn is_tag_inside(text: &str) -> bool {
        text.match_indices('<').any(|(at, _)| is_tag(&text[at..]))
    }
}
