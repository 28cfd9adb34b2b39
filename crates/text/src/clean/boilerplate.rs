//! Removes web boilerplate that the model learned, and anything else that is not prose.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::{Paragraph, sentences, words};

/// Maximum number of words in a sentence; longer sentences are removed as run-ons.
const RUN_ON: usize = 70;

/// Sentences that match any of these patterns are removed.
static TELLS: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        // URLs, e-mail addresses, handles and hashtags.
        r"(?i)https?:|www\.|://|\b[a-z0-9-]+\.(?:com|org|net|io|gov|edu|co\.uk|dev|html?|php)\b",
        r"\S@\S|(?:^|\s)@\w|(?:^|\s)#\pL",
        // Code, markup and tables.
        r"[`{}<>|\\^~=_*\u{FFFD}]|\(\)|#\s|##|\$\(|&[a-z]+;",
        // Mojibake.
        r"â€|Ã[\u{80}-\u{bf}©¨ª]|Â[\u{a0}-\u{bf}]",
        // Ellipses that mark omissions in quotations.
        r"\[…\]|\(…\)",
        // Calls to action and page furniture.
        r"(?i)\bclick (?:here|on the|the (?:link|button|image))\b|\b(?:read|see|learn|find out) more (?:at|on|about (?:this|us|our)|here|below)\b",
        r"(?i)\bsubscribe (?:to|for|here|now)\b|\bsign up (?:for|to|here|now)\b|\bfollow (?:us|me|him|her|them) (?:on|at)\b|\bnewsletter\b",
        r"(?i)\b(?:share|tweet|print|bookmark) this\b|\bleave a comment\b|\bcomments? (?:section|below|are closed)\b|\blet (?:us|me) know in\b",
        r"(?i)\ball rights reserved\b|\bcopyright ©|©|\bcreative commons\b|\bcookie policy\b|\bterms of service\b|\bprivacy policy\b",
        r"(?i)\b(?:this|our|the|my|a|next|previous|last|earlier|following) (?:blog|post|guest) ?post(?:s|ing)?\b|\b(?:this|our|my) (?:post|article|series|tutorial|guide)\b|\b(?:in|of|from|to) (?:the|this|that|a|my) (?:post|blog)\b|\bfeel free to\b",
        r"(?i)\b(?:originally|first|previously) (?:published|appeared|posted)\b|\bguest (?:post|author|blog)\b|\bcross-?posted\b",
        r"(?i)\b(?:photo|image|picture|illustration|photograph) (?:by|credit|courtesy|via)\b|\bcourtesy of\b|\bgetty images\b",
        r"(?i)\bdownload (?:the|our|a|this) (?:pdf|app|report|slides|full)\b|\b(?:table|figure|exhibit|chapter|appendix) [0-9]+\b|\bin this (?:chapter|module|section)\b",
        r"(?i)\bthe (?:following|next) (?:table|figure|list|code|example|exhibit|section|chapter)\b|\bas (?:shown|seen|described|listed|outlined) (?:below|above|in)\b",
        r"(?i)\b(?:e-?mail|contact|call|reach out to|write to) (?:us|me) (?:at|on|if|for|with)\b|\bget in touch\b|\bjavascript:",
    ])
    .expect("the patterns are constants")
});

/// Sentences that begin with any of these phrases are removed.
static OPENINGS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^[“‘(\[]?(?:
            advertisements? | sponsored | promoted | related (?:posts?|articles?|stories)? \s*: | see \s also
          | continue \s reading | read \s more | click \s here | more \s information
          | (?:posted|written|published|edited|reviewed|submitted|filed|reported) \s (?:by|in|on|under|at) \s
          | by \s \p{Lu}\S+ \s \p{Lu}\S+ [.,]? $
          | (?:q|a|figure|fig\.|table) \s? [0-9]* \s? :
          | (?: \pL+ | tl;dr ) \s? : # a label or a speaker's name
          | (?:thank \s you|thanks) \s for \s (?:reading|visiting|watching|your \s (?:interest|comment))
          | (?:this|the) \s (?:post|article|essay|piece) \s (?:was|is) \s (?:written|published|part|originally|authored)
          | (?:image|media) \s caption | media \s playback | (?:this \s)? story \s continues | file \s photo
          | table \s of \s contents | back \s to \s top | skip \s to | loading | page \s [0-9]
        )",
    )
    .expect("the pattern is a constant")
});

/// Marker at the start of a heading, a quoted line or a list item.
static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:\s|#{1,6}\s|[>*•◦▪‣·●○■□►–—-]+\s?|\(?(?:[0-9]{1,2}|[a-zA-Z])[.)]\s+(?:\S)|[,;:.!?…)\]”’]+(?:\s|$))",
    )
    .expect("the pattern is a constant")
});

/// Strips marks that make a line a heading, a quotation, a list item or the tail of a truncated
/// sentence.
pub fn without_marker(mut line: &str) -> &str {
    while let Some(marker) = MARKER.find(line) {
        // The pattern for numbered items also matches the first character after the marker.
        let numbered = line.starts_with(|c: char| c == '(' || c.is_alphanumeric());
        let end = if numbered {
            marker.as_str().trim_end_matches(|c: char| !c.is_whitespace()).len()
        } else {
            marker.end()
        };
        line = line[end..].trim_start();
    }
    line
}

/// Removes everything that is not a whole sentence of prose.
pub fn remove(text: &mut Vec<Paragraph>) {
    for paragraph in text.iter_mut() {
        paragraph.retain(|sentence| is_prose(sentence));
    }
    text.retain(|paragraph| !paragraph.is_empty());
}

fn is_prose(sentence: &str) -> bool {
    sentences::ends_sentence(sentence)
        && words(sentence).take(RUN_ON + 1).count() <= RUN_ON
        && !TELLS.is_match(sentence)
        && !OPENINGS.is_match(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boilerplate_is_not_prose() {
        for boilerplate in [
            "Advertisement.",
            "Click here to learn how.",
            "Read more at our site.",
            "See https://example.com/x for this.",
            "It is on example.org today.",
            "Write to ada@example.com now.",
            "By Ada Runway.",
            "Posted by Ada on May 5.",
            "He said […] that it works.",
            "Share this with a friend.",
            "Photo: the office.",
            "Interviewer: “Why did you leave?”",
            "Thanks for reading.",
            "Use `git push` now.",
            "The value of x = 5.",
            "A <b>bold</b> claim.",
            "A bro\u{fffd}ken word.",
            "No end",
            "For example:",
        ] {
            assert!(!is_prose(boilerplate), "{boilerplate}");
        }
    }

    #[test]
    fn prose_is_kept() {
        for prose in [
            "By the end of the year, everyone had left.",
            "We sell $5 coffee & 10% of the sugar.",
            "He was ranked #1 in the note he wrote.",
            "The source of the problem was us.",
            "People read more than they admit.",
            "Advertising works.",
        ] {
            assert!(is_prose(prose), "{prose}");
        }
    }

    #[test]
    fn a_run_on_sentence_is_not_prose() {
        assert!(!is_prose(&format!("{}end.", "and so on ".repeat(24))));
    }

    #[test]
    fn list_and_heading_markers_are_stripped() {
        assert_eq!(without_marker("- An item."), "An item.");
        assert_eq!(without_marker("1. An item."), "An item.");
        assert_eq!(without_marker("(b) An item."), "An item.");
        assert_eq!(without_marker("## > • A heading"), "A heading");
        assert_eq!(without_marker(", and so on."), "and so on.");
        assert_eq!(without_marker("A plain line."), "A plain line.");
        assert_eq!(without_marker("I. did."), "did.");
        assert_eq!(without_marker("10 years ago."), "10 years ago.");
    }
}
