//! Makes HTML smaller without parsing it:
//!
//! 1. Comments are removed.
//! 2. A run of white space in text becomes one character: a line feed if the run contains one, else
//!    a space. White space is never removed entirely, since a style sheet may lay out any two
//!    elements side by side.
//! 3. Tags, and the content of `pre`, `textarea`, `script` and `style`, are copied unchanged.

/// Elements whose content is copied unchanged.
const VERBATIM: [&str; 4] = ["pre", "textarea", "script", "style"];

/// Returns the page `html` without comments and unnecessary white space.
pub fn minify(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while !rest.is_empty() {
        let (text, markup) = rest.split_at(find_markup(rest));
        push_text(text, &mut out);
        if markup.is_empty() {
            break;
        }
        if markup.starts_with("<!--") {
            rest = markup.split_once("-->").map_or("", |(_, after)| after);
        } else {
            let (copied, after) = markup.split_at(markup_length(markup));
            out.push_str(copied);
            rest = after;
        }
    }
    out
}

/// Appends `text` to `out`, reducing each run of white space to one character.
fn push_text(text: &str, out: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        out.push_str(&rest[..word]);
        let after = rest[word..].trim_ascii_start();
        let gap = &rest[word..rest.len() - after.len()];
        // Two runs of white space may meet where a comment was removed.
        if !gap.is_empty() && !out.ends_with(|c: char| c.is_ascii_whitespace()) {
            out.push(if gap.contains('\n') { '\n' } else { ' ' });
        }
        rest = after;
    }
}

/// Returns the position of the first tag or comment. A lone `<` is text.
fn find_markup(html: &str) -> usize {
    let opens = |(at, _): &(usize, &str)| match &html.as_bytes()[at + 1..] {
        [b'/' | b'!', letter, ..] if letter.is_ascii_alphabetic() => true,
        [letter, ..] if letter.is_ascii_alphabetic() => true,
        after => after.starts_with(b"!--"),
    };
    html.match_indices('<').find(opens).map_or(html.len(), |(at, _)| at)
}

/// Returns the length of the tag at the start of `html`, including the content if it is one of the
/// [`VERBATIM`] elements.
fn markup_length(html: &str) -> usize {
    let mut quote = None;
    let closes = |byte: u8| {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if byte == open => quote = None,
            _ => {}
        }
        quote.is_none() && byte == b'>'
    };
    let tag = html.bytes().position(closes).map_or(html.len(), |end| end + 1);
    let name = tag_name(&html[1..]);
    if !VERBATIM.iter().any(|verbatim| name.eq_ignore_ascii_case(verbatim)) {
        return tag;
    }
    let ends = |(at, _): &(usize, &str)| {
        tag_name(&html[tag + at + "</".len()..]).eq_ignore_ascii_case(name)
    };
    html[tag..].match_indices("</").find(ends).map_or(html.len(), |(at, _)| tag + at)
}

/// Returns the tag name at the start of `html`: its leading letters and digits.
fn tag_name(html: &str) -> &str {
    &html[..html.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(html.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_becomes_one_character_and_words_stay_apart() {
        assert_eq!(minify("<p>a  b\n   c</p>\n\n<p>d</p>"), "<p>a b\nc</p>\n<p>d</p>");
        assert_eq!(minify("<i>a</i> <b>b</b>"), "<i>a</i> <b>b</b>");
        assert_eq!(minify("a <  b <3 c"), "a < b <3 c");
    }

    #[test]
    fn comments_are_removed() {
        assert_eq!(minify("a <!-- x > y --> b"), "a b");
        assert_eq!(minify("a<!-- x -->b"), "ab");
        assert_eq!(minify("a<!-- never closed"), "a");
    }

    #[test]
    fn tags_and_verbatim_elements_are_copied() {
        for html in [
            "<a href=\"x  y > z\" class='p  q'  >t</a >",
            "<pre>  a\n\n  <b>b</b>  <!-- c -->\n</pre>",
            "<script type=\"application/ld+json\">{ \"a\":  \"<!-- \" }</script>",
        ] {
            assert_eq!(minify(html), html);
        }
    }

    proptest! {
        // The input has no comments, because removing a comment may turn the text around it into a
        // tag.
        #[test]
        fn minified_html_does_not_change_when_minified_again(
            html in "(<p>|</p>|<pre>|</pre>|<a x=\"|\">|-->|[ab<> \n\t'/]){0,40}"
        ) {
            let once = minify(&html);
            prop_assert_eq!(minify(&once), once);
        }

        #[test]
        fn text_keeps_its_words(words in proptest::collection::vec("[a-zäé&]{1,5}", 0..20), gap in "[ \n\t]{1,3}") {
            let small = minify(&words.join(&gap));
            let kept: Vec<&str> = small.split_ascii_whitespace().collect();
            prop_assert_eq!(kept, words);
        }
    }
}
