//! Sentence segmentation, tuned for English: it handles the abbreviations, initials and decimals common
//! in business prose. It also recognises the sentence-ending marks of Chinese and Japanese, which are
//! not followed by a space.

/// Abbreviations whose full stop never ends a sentence.
const NEVER_LAST: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "gen", "gov", "sen", "rep", "rev", "hon", "capt", "col", "lt",
    "sgt", "maj", "mt", "messrs", "vs", "cf", "e.g", "i.e", "viz", "approx",
];

/// Abbreviations whose full stop does not end a sentence before a number: "No. 5", "Fig. 2", "Oct. 3".
const BEFORE_NUMBERS: &[&str] = &[
    "no", "nos", "vol", "fig", "figs", "ch", "sec", "p", "pp", "art", "ed", "eds", "jan", "feb",
    "mar", "apr", "aug", "sep", "sept", "oct", "nov", "dec",
];

/// Abbreviations that end a sentence only if the next word is in [`OPENERS`].
const SOMETIMES_LAST: &[&str] = &[
    "inc", "ltd", "co", "corp", "llc", "bros", "etc", "al", "jr", "sr", "st", "ave", "dept", "est",
    "ph.d", "fig", "jan", "feb", "aug", "sept", "oct", "nov", "dec",
];

/// Words that commonly begin a sentence, in lower case.
const OPENERS: &[&str] = &[
    "a", "after", "all", "also", "an", "and", "any", "as", "at", "because", "before", "both",
    "but", "by", "each", "even", "every", "for", "from", "he", "her", "here", "his", "how",
    "however", "i", "if", "in", "instead", "is", "it", "its", "it’s", "many", "more", "most", "my",
    "no", "not", "now", "of", "on", "once", "one", "or", "other", "our", "perhaps", "she", "since",
    "so", "some", "still", "such", "that", "that’s", "the", "their", "then", "there", "these",
    "they", "this", "those", "though", "through", "to", "today", "under", "until", "we", "what",
    "when", "where", "while", "who", "why", "with", "yet", "you", "your",
];

const OPENING_MARKS: &[char] = &['“', '‘', '(', '[', '«', '¿', '¡', '"', '\''];
const CLOSING_MARKS: &[char] = &['”', '’', ')', ']', '»', '"', '\''];
/// Sentence-ending marks that need not be followed by a space.
const UNSPACED_STOPS: &[char] = &['。', '！', '？'];

fn is_stop(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…') || UNSPACED_STOPS.contains(&c)
}

/// Splits a paragraph into sentences and trims each. Only the last sentence can lack a full stop or
/// another sentence-ending mark. Only the first sentence can begin in lower case.
pub fn split(paragraph: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut rest = paragraph.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if !is_stop(c) {
            continue;
        }
        let mut end = at + c.len_utf8();
        let mut stops = 1;
        let mut unspaced = UNSPACED_STOPS.contains(&c);
        while let Some((i, c)) = rest.next_if(|&(_, c)| is_stop(c)) {
            end = i + c.len_utf8();
            stops += 1;
            unspaced |= UNSPACED_STOPS.contains(&c);
        }
        while let Some((i, c)) = rest.next_if(|&(_, c)| CLOSING_MARKS.contains(&c)) {
            end = i + c.len_utf8();
        }
        let after = &paragraph[end..];
        let spaced = after.starts_with(char::is_whitespace) || unspaced;
        if !spaced || begins_in_lower_case(after) {
            continue;
        }
        let closed_at_once = end == at + 1;
        if c == '.' && stops == 1 && closed_at_once && is_abbreviation(&paragraph[start..at], after)
        {
            continue;
        }
        sentences.push(paragraph[start..end].trim());
        start = end;
    }
    sentences.push(paragraph[start..].trim());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Whether the full stop after `before` belongs to an abbreviation, an initial or a list number.
fn is_abbreviation(before: &str, after: &str) -> bool {
    let word_at = before
        .rfind(|c: char| c.is_whitespace() || OPENING_MARKS.contains(&c) || c == '—')
        .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
    let word = &before[word_at..];
    let lower = word.to_lowercase();
    if NEVER_LAST.contains(&lower.as_str()) {
        return true;
    }
    let next = after.trim_start().trim_start_matches(OPENING_MARKS);
    if BEFORE_NUMBERS.contains(&lower.as_str()) && next.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    if word_at == 0 && !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()) {
        return true;
    }
    let mut letters = word.split('.');
    let initials = letters.all(|part| {
        let mut chars = part.chars();
        chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
    });
    if initials || SOMETIMES_LAST.contains(&lower.as_str()) {
        let next: String = next.chars().take_while(|c| c.is_alphabetic() || *c == '’').collect();
        return !OPENERS.contains(&next.to_lowercase().as_str());
    }
    false
}

/// Whether the text begins in lower case, ignoring opening quotes and brackets.
pub fn begins_in_lower_case(text: &str) -> bool {
    text.trim_start().trim_start_matches(OPENING_MARKS).starts_with(char::is_lowercase)
}

/// Whether the text ends with a full stop, an ellipsis, a question mark or an exclamation mark,
/// ignoring closing quotes and brackets.
pub fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(CLOSING_MARKS).ends_with(is_stop)
}

/// Whether the text ends with an ellipsis, ignoring closing quotes and brackets.
pub fn trails_off(text: &str) -> bool {
    text.trim_end_matches(CLOSING_MARKS).ends_with('…')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_stops_followed_by_a_capital() {
        assert_eq!(
            split("It works. Does it? Yes! We checked."),
            ["It works.", "Does it?", "Yes!", "We checked."]
        );
        assert_eq!(split("Wait… what? No."), ["Wait… what?", "No."]);
        assert_eq!(split("An end without a stop"), ["An end without a stop"]);
        assert_eq!(split("  "), Vec::<&str>::new());
    }

    #[test]
    fn abbreviations_initials_and_decimals_do_not_end_a_sentence() {
        for whole in [
            "Mr. Smith met Dr. Jones vs. Mrs. Brown.",
            "Use tools, e.g. Git, i.e. the usual.",
            "The U.S. Treasury bought Acme Inc. Shares rose 3.5 percent.",
            "J. R. R. Tolkien wrote No. 5 in Fig. 2.",
            "It costs $4.50 at 9 a.m. Pacific time.",
            "1. First do this.",
        ] {
            assert_eq!(split(whole), [whole]);
        }
    }

    #[test]
    fn some_abbreviations_end_a_sentence_before_an_opener() {
        assert_eq!(
            split("We moved to the U.S. The rent was high."),
            ["We moved to the U.S.", "The rent was high."]
        );
        assert_eq!(split("So did I. Then we left."), ["So did I.", "Then we left."]);
        assert_eq!(split("He said no. Nobody minded."), ["He said no.", "Nobody minded."]);
    }

    #[test]
    fn closing_marks_belong_to_their_sentence() {
        assert_eq!(
            split("“Ship it.” She did. (It broke.) “Why?” he asked. ‘So.’ Fine."),
            ["“Ship it.”", "She did.", "(It broke.)", "“Why?” he asked.", "‘So.’", "Fine."]
        );
    }

    #[test]
    fn scripts_without_spaces_use_their_own_full_stops() {
        assert_eq!(split("これは文です。次の文です！"), ["これは文です。", "次の文です！"]);
    }

    #[test]
    fn closing_marks_do_not_hide_the_end_of_a_sentence() {
        assert!(ends_sentence("He said “go.”"));
        assert!(ends_sentence("(Really?)"));
        assert!(!ends_sentence("For example:"));
        assert!(trails_off("And then…”"));
        assert!(!trails_off("And then."));
    }
}
