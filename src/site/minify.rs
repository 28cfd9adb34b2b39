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
        } else if is_tag(rest.as_bytes()) {
            let (tag, after) = rest.split_at(push_tag(rest, &mut out));
            rest = after;
            spaced = false;
            let name = tag_name(tag);
            if name.eq_ignore_ascii_case("head") {
                in_head = !tag.starts_with("</");
            }
            if !tag.starts_with("</")
                && let Some(element) =
                    VERBATIM.iter().find(|known| name.eq_ignore_ascii_case(known))
            {
                let (content, closing) = rest.split_at(closing_tag(rest, element));
                out.push_str(content);
                rest = closing;
            }
        } else {
            let (text, after) = rest.split_at(text_end(rest));
            rest = after;
            if !(in_head && is_blank(text)) {
                push_text(text, &mut spaced, &mut out);
            }
        }
    }
    out
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// Whether `html` starts with a tag or the doctype.
fn is_tag(html: &[u8]) -> bool {
    match html {
        [b'<', b'/' | b'!', letter, ..] | [b'<', letter, ..] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Where text ends: at the next `<` that opens something; a lone `<` is text.
fn text_end(html: &str) -> usize {
    let opens = |&(at, _): &(usize, &str)| {
        let here = &html.as_bytes()[at..];
        is_tag(here) || here.starts_with(b"<!--")
    };
    html.match_indices('<').find(opens).map_or(html.len(), |(at, _)| at)
}

fn tag_name(tag: &str) -> &str {
    let name = tag.trim_start_matches(['<', '/']);
    let ends = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    &name[..name.bytes().position(ends).unwrap_or(name.len())]
}

/// Where `</element` begins, or the end.
fn closing_tag(html: &str, element: &str) -> usize {
    html.match_indices("</")
        .map(|(at, _)| at)
        .find(|&at| tag_name(&html[at..]).eq_ignore_ascii_case(element))
        .unwrap_or(html.len())
}

/// Writes the tag at the start of `html`, and says where it ends, its `>` included; quoted values
/// may hold `>`.
fn push_tag(html: &str, out: &mut String) -> usize {
    let bytes = html.as_bytes();
    let mut pending = false;
    // What is kept is written in runs; this is where the current one began.
    let mut run = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => {
                let inside = &bytes[at + 1..];
                let length = inside.iter().position(|&byte| byte == quote);
                begin(&mut pending, &mut run, at, out);
                at += length.map_or(bytes.len() - at, |length| length + 2);
            }
            b'>' => {
                if pending {
                    run = at;
                }
                out.push_str(&html[run..=at]);
                return at + 1;
            }
            byte if byte.is_ascii_whitespace() => {
                if !pending {
                    out.push_str(&html[run..at]);
                    pending = true;
                }
                at += 1;
            }
            _ => {
                begin(&mut pending, &mut run, at, out);
                at += 1;
            }
        }
    }
    if !pending {
        out.push_str(&html[run..]);
    }
    html.len()
}

/// Starts a run of what is kept, after whitespace.
fn begin(pending: &mut bool, run: &mut usize, at: usize, out: &mut String) {
    if *pending {
        out.push(' ');
        *run = at;
        *pending = false;
    }
}

fn push_text(text: &str, spaced: &mut bool, out: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let first = rest.bytes().position(|byte| !byte.is_ascii_whitespace());
        let (space, after) = rest.split_at(first.unwrap_or(rest.len()));
        if !space.is_empty() {
            if !*spaced {
                out.push(if space.contains('\n') { '\n' } else { ' ' });
            }
            *spaced = true;
        }
        // Single spaces between words are as they should be, and are taken with them.
        let end = words_end(after.as_bytes());
        if end > 0 {
            out.push_str(&after[..end]);
            *spaced = false;
        }
        rest = &after[end..];
    }
}

/// How far words with one space or line feed between each two go.
fn words_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(space) = text[at..].iter().position(u8::is_ascii_whitespace) {
        let space = at + space;
        let single = matches!(text[space], b' ' | b'\n')
            && text.get(space + 1).is_some_and(|next| !next.is_ascii_whitespace());
        if !single {
            return space;
        }
        at = space + 1;
    }
    text.len()
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
        text.match_indices('<').any(|(at, _)| is_tag(&text.as_bytes()[at..]))
    }
}
