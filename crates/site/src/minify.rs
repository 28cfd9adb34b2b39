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
//! Minifying twice is minifying once. Every page passes through here, and most of each is kept:
//! one pass looks for what goes, and what lies between is copied in one piece.

/// Elements whose text is copied untouched.
const VERBATIM: [&str; 5] = ["pre", "textarea", "script", "style", "title"];

/// Bytes of a text that are looked at together.
const BLOCK: usize = 32;

/// The same page in fewer bytes.
pub fn minify(html: &str) -> String {
    let mut small = Small { html, out: String::with_capacity(html.len()), copied: 0 };
    let bytes = html.as_bytes();
    let mut at = 0;
    // Where the current text began: after a tag or a comment.
    let mut text = 0;
    let mut in_head = false;
    // Whether what is kept ends in whitespace of a text: comments must not let two runs meet.
    let mut spaced = true;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_whitespace() {
            let end = space_end(bytes, at);
            let blank = in_head && at == text && (end == bytes.len() || opens(&bytes[end..]));
            if blank || spaced {
                small.replace(at, end, "");
            } else {
                small.shrink(at, end);
            }
            spaced |= !blank;
            at = end;
        } else if byte != b'<' || !opens(&bytes[at..]) {
            at = words_end(bytes, at + 1);
            spaced = bytes[at - 1].is_ascii_whitespace();
        } else if bytes[at..].starts_with(b"<!--") {
            let end = html[at + 4..].find("-->").map_or(html.len(), |end| at + 4 + end + 3);
            small.replace(at, end, "");
            (at, text) = (end, end);
        } else {
            let start = at;
            spaced = false;
            at = small.tag(start);
            let name = tag_name(&html[start..at]);
            let opening = bytes[start + 1] != b'/';
            if name.eq_ignore_ascii_case("head") {
                in_head = opening;
            } else if opening && VERBATIM.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                at += closing_tag(&html[at..], name);
            }
            text = at;
        }
    }
    small.replace(at, at, "");
    small.out
}

/// A page on its way to fewer bytes.
struct Small<'h> {
    html: &'h str,
    out: String,
    /// How far the page is copied, or left out.
    copied: usize,
}

impl Small<'_> {
    /// Copies what comes before `from`, and writes something else up to `to`.
    fn replace(&mut self, from: usize, to: usize, instead: &str) {
        self.out.push_str(&self.html[self.copied..from]);
        self.out.push_str(instead);
        self.copied = to;
    }

    /// Makes a run of whitespace in text one character.
    fn shrink(&mut self, from: usize, to: usize) {
        match &self.html[from..to] {
            " " | "\n" => {}
            run => self.replace(from, to, if run.contains('\n') { "\n" } else { " " }),
        }
    }

    /// Passes over the tag that starts here, and says where it ends, its `>` included; quoted
    /// values may hold `>`.
    fn tag(&mut self, start: usize) -> usize {
        let bytes = self.html.as_bytes();
        let mut at = start;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'>' => return at + 1,
                quote @ (b'"' | b'\'') => {
                    let length = bytes[at + 1..].iter().position(|&byte| byte == quote);
                    at = length.map_or(bytes.len(), |length| at + length + 2);
                }
                byte if byte.is_ascii_whitespace() => {
                    let end = space_end(bytes, at);
                    let last = matches!(bytes.get(end), None | Some(b'>'));
                    if last || &bytes[at..end] != b" " {
                        self.replace(at, end, if last { "" } else { " " });
                    }
                    at = end;
                }
                _ => at += 1,
            }
        }
        at
    }
}

/// Whether `html` starts with a tag, the doctype or a comment; a lone `<` is text.
fn opens(html: &[u8]) -> bool {
    match html {
        [b'<', b'/' | b'!', letter, ..] if letter.is_ascii_alphabetic() => true,
        [b'<', letter, ..] if letter.is_ascii_alphabetic() => true,
        _ => html.starts_with(b"<!--"),
    }
}

/// Where the whitespace ends that starts here.
fn space_end(bytes: &[u8], start: usize) -> usize {
    let others = bytes[start..].iter().position(|byte| !byte.is_ascii_whitespace());
    others.map_or(bytes.len(), |length| start + length)
}

/// How far a text goes from here without anything to leave out. Most words have one space between
/// them, so blocks are looked at as a whole first.
fn words_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(block) = bytes.get(at..=at + BLOCK)
        && is_plain(block)
    {
        at += BLOCK;
    }
    let ends = |byte: &u8| *byte == b'<' || byte.is_ascii_whitespace();
    bytes[at..].iter().position(ends).map_or(bytes.len(), |length| at + length)
}

/// Whether a block has neither a `<` nor whitespace other than single spaces and line feeds.
fn is_plain(block: &[u8]) -> bool {
    let space = |byte: u8| byte <= b' ';
    let found = |found: bool, (&byte, &next): (&u8, &u8)| {
        let odd = byte == b'<' || (space(byte) && (byte != b' ' && byte != b'\n' || space(next)));
        found | odd
    };
    !block.iter().zip(&block[1..]).fold(false, found)
}

fn tag_name(tag: &str) -> &str {
    let name = tag.strip_prefix("</").unwrap_or(&tag[1..]);
    let ends = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    &name[..name.bytes().position(ends).unwrap_or(name.len())]
}

/// Where `</element` begins, or the end.
fn closing_tag(html: &str, element: &str) -> usize {
    let closes = |tag: &str| tag.starts_with("</") && tag_name(tag).eq_ignore_ascii_case(element);
    html.match_indices('<').map(|(at, _)| at).find(|&at| closes(&html[at..])).unwrap_or(html.len())
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
            prop_assume!(!opens_inside(&text));
            let kept: Vec<&str> = small.split_ascii_whitespace().collect();
            prop_assert_eq!(kept, words);
        }
    }

    fn opens_inside(text: &str) -> bool {
        text.match_indices('<').any(|(at, _)| opens(&text.as_bytes()[at..]))
    }
}
