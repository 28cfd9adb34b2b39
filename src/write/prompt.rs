//! Seed -> the text handed to the model.
//!
//! A prompt is the beginning of a document: the end-of-text mark that stands between documents,
//! the title, an empty line, and the quote as the first words. venti-mini was trained on documents
//! of that form, and GPT-2's own documents began after the same mark.

use unicode_segmentation::UnicodeSegmentation;

use super::clean::{capitalised, ends_sentence, sentences};

/// What separates documents in the text that GPT-2 models learn from.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// Characters of a title made from a quote.
const TITLE_LENGTH: usize = 60;

/// What the model is asked to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The seed's title, or one made from the quote.
    pub title: String,
    /// The exact text the model continues.
    pub text: String,
    /// The quote's last sentence where the quote leaves it open ("The future of work is"): the
    /// essay begins with these words, since what the model writes makes no sense without them.
    pub lead: Option<String>,
}

impl Prompt {
    /// The prompt of a quote under a title, or under one made from the quote.
    ///
    /// A quote whose last sentence has no full stop is given one, so that the essay follows it as a
    /// text of its own; one that ends with a comma, a colon, a dash or a word that asks for more
    /// is left open. Curly quotation marks are made straight: both models know them best so.
    pub fn new(title: Option<&str>, quote: &str) -> Self {
        let title = title.map_or_else(|| title_of(quote), str::to_owned);
        let mut opening = plain(quote);
        let mut lead = None;
        if is_open(&opening) {
            let last = opening.rsplit("\n\n").next().unwrap_or_default();
            lead = sentences(last).last().map(|sentence| capitalised(sentence));
        } else if !ends_sentence(&opening) {
            opening.push('.');
        }
        let text = format!("{END_OF_TEXT}{}\n\n{opening}", plain(&title).replace("\n\n", " "));
        Self { title, text, lead }
    }
}

impl Prompt {
    /// The quote as the model reads it: what follows the title.
    pub fn quote(&self) -> &str {
        self.text.split_once("\n\n").map_or(&self.text, |(_, quote)| quote)
    }
}

/// The text with straight quotation marks, one space between words, one empty line between
/// paragraphs, and no mark that would begin another document.
fn plain(text: &str) -> String {
    let straight = text.replace(END_OF_TEXT, " ").replace(['“', '”', '„', '«', '»'], "\"");
    let straight = straight.replace(['‘', '’'], "'");
    let mut paragraphs: Vec<String> = vec![String::new()];
    for line in straight.lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() && !last.is_empty() => *last += &format!(" {line}"),
            Some(last) if last.is_empty() => *last = line,
            _ => paragraphs.push(line),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

/// Words that no sentence ends with.
const ASKING_FOR_MORE: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "because", "but", "by", "for", "from", "if", "in", "into",
    "is", "my", "of", "on", "or", "our", "so", "than", "that", "the", "their", "to", "was", "were",
    "when", "where", "which", "while", "who", "with", "your",
];

/// Whether a quote breaks off on purpose.
fn is_open(quote: &str) -> bool {
    let last = quote.split_whitespace().last().unwrap_or_default().to_lowercase();
    quote.ends_with([',', ';', ':', '—', '–', '-']) || ASKING_FOR_MORE.contains(&last.as_str())
}

/// Words that stay small inside an English title.
const SMALL: &[&str] = &[
    "a", "an", "and", "as", "at", "but", "by", "for", "from", "in", "into", "nor", "of", "on",
    "or", "per", "than", "the", "to", "via", "vs", "with",
];

/// Words that begin a clause: a title may end before one.
const CLAUSE: &[&str] = &[
    "and", "because", "but", "if", "so", "than", "that", "though", "unless", "until", "when",
    "where", "which", "while", "who", "whose",
];

/// Words that a shortened title does not end with.
const DANGLING: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "because", "but", "by", "can", "could", "did", "do",
    "does", "every", "for", "from", "had", "has", "have", "her", "his", "if", "in", "into", "is",
    "its", "my", "never", "no", "not", "of", "on", "or", "our", "per", "so", "than", "that", "the",
    "their", "these", "this", "those", "to", "was", "we", "were", "when", "where", "which",
    "while", "who", "whose", "will", "with", "would", "you", "your",
];

/// A title made from a quote: its first sentence, or the clause or the words of it that fit in 60
/// characters. English is set in title case, every other language left as it is written. The
/// result holds no quotation mark and ends without punctuation.
pub fn title_of(quote: &str) -> String {
    let text: String = quote
        .chars()
        .map(|c| if c == '\'' { '’' } else { c })
        .filter(|c| !"“”„\"«»‘`*_#<>[]".contains(*c) && (c.is_whitespace() || !c.is_control()))
        .collect();
    let paragraph = text.split("\n\n").map(str::trim).find(|p| !p.is_empty()).unwrap_or_default();
    let sentence = sentences(paragraph).first().copied().unwrap_or_default();
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let shortened = shorten(&words);
    let title = if is_english(&words) { title_case(shortened) } else { shortened.join(" ") };
    // A capital can take more letters than the small letter it is made of: ß, ﬁ, ﬓ.
    let title: String = capitalised(bare(&title)).graphemes(true).take(TITLE_LENGTH).collect();
    let title = bare(&title);
    if title.contains(char::is_alphanumeric) { title.to_owned() } else { "Untitled".to_owned() }
}

/// Without the punctuation at either end.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphanumeric() && !"%)+$€£(".contains(c))
        .trim_end_matches("’")
}

/// As many of the words as make a title: all, or up to the end of a clause, or what fits.
fn shorten<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    let length = |n: usize| bare(&words[..n].join(" ")).graphemes(true).count();
    let fitting = (0..=words.len()).rev().find(|&n| length(n) <= TITLE_LENGTH).unwrap_or(0);
    if fitting == words.len() {
        return words;
    }
    let ends_clause = |n: &usize| {
        words[n - 1].ends_with([',', ';', ':', '—', '–', '.', '!', '?', '…'])
            || words[*n].chars().all(|c| !c.is_alphanumeric())
    };
    let precedes_clause = |n: &usize| CLAUSE.contains(&words[*n].to_lowercase().as_str());
    let lower = |n: usize| bare(words[n]).to_lowercase();
    let finished = |n: &usize| !DANGLING.contains(&lower(n - 1).as_str());
    // Three words and more make a title; fewer are a fragment.
    let n = (3..=fitting)
        .rev()
        .find(|n| ends_clause(n) && finished(n))
        .or_else(|| (4..=fitting).rev().find(|n| precedes_clause(n) && finished(n)))
        .or_else(|| (1..=fitting).rev().find(finished))
        .unwrap_or(fitting);
    &words[..n]
}

/// Whether enough of the words are the small change of English.
fn is_english(words: &[&str]) -> bool {
    const TELLING: &[&str] = &[
        "the", "of", "and", "to", "is", "that", "it", "we", "you", "was", "are", "not", "with",
        "for", "my", "our", "your", "his", "her", "their", "who", "what", "when", "never", "every",
        "how", "why", "were", "a", "an", "in", "on", "no", "i", "did", "do", "does", "but", "so",
        "be", "can",
    ];
    let telling =
        words.iter().filter(|w| TELLING.contains(&bare(w).to_lowercase().as_str())).count();
    telling * 6 >= words.len() || words.len() <= 3 && words.iter().all(|word| word.is_ascii())
}

fn title_case(words: &[&str]) -> String {
    let cased = words.iter().enumerate().map(|(i, word)| {
        let inside = i > 0 && i + 1 < words.len();
        let after_pause = i > 0 && words[i - 1].ends_with([':', '—', '–', '.', '?', '!']);
        let written = word.chars().skip(1).any(char::is_uppercase);
        if written || inside && !after_pause && SMALL.contains(&word.to_lowercase().as_str()) {
            (*word).to_owned()
        } else {
            word.split('-').map(capitalised).collect::<Vec<_>>().join("-")
        }
    });
    cased.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prompt_is_the_beginning_of_a_document() {
        let prompt = Prompt::new(Some("Return to Sender"), "A roadmap is a letter.");
        assert_eq!(prompt.text, "<|endoftext|>Return to Sender\n\nA roadmap is a letter.");
        assert_eq!(prompt.quote(), "A roadmap is a letter.");
        assert_eq!((prompt.title.as_str(), prompt.lead), ("Return to Sender", None));
    }

    #[test]
    fn paragraphs_of_the_quote_are_kept_and_its_marks_made_plain() {
        let prompt =
            Prompt::new(Some("“Two”"), " It’s  one.\nStill one.\n\n\n“Two.”<|endoftext|> ");
        assert_eq!(prompt.text, "<|endoftext|>\"Two\"\n\nIt's one. Still one.\n\n\"Two.\"");
    }

    #[test]
    fn a_quote_without_a_full_stop_is_given_one() {
        assert!(Prompt::new(None, "Move fast").text.ends_with("\n\nMove fast."));
        assert!(Prompt::new(None, "Move fast!").text.ends_with("\n\nMove fast!"));
        assert!(Prompt::new(None, "“Move fast.”").text.ends_with("\n\n\"Move fast.\""));
    }

    #[test]
    fn an_open_quote_is_continued_by_the_essay() {
        let prompt = Prompt::new(None, "We tried. the future of work is");
        assert!(prompt.text.ends_with("We tried. the future of work is"));
        assert_eq!(prompt.lead.as_deref(), Some("We tried. the future of work is"));
        let prompt = Prompt::new(None, "We tried. Three things mattered:");
        assert_eq!(prompt.lead.as_deref(), Some("Three things mattered:"));
    }

    #[test]
    fn a_title_is_the_sentence_a_clause_or_what_fits() {
        for (quote, title) in [
            ("The calendar always ships on time.", "The Calendar Always Ships on Time"),
            (
                "A roadmap is a letter to a company that will have moved by the time it arrives.",
                "A Roadmap Is a Letter to a Company",
            ),
            (
                "Raise enough money to find out, but never so much that finding out can be put off.",
                "Raise Enough Money to Find Out",
            ),
            ("“Who approved the chairs?” asked nobody.", "Who Approved the Chairs? Asked Nobody"),
            ("We shipped. Then we left.", "We Shipped"),
            ("my iPhone isn't the problem", "My iPhone Isn’t the Problem"),
            ("Our on-call rotation is a mirror!", "Our On-Call Rotation Is a Mirror"),
            ("Der Plan steht seit gestern fest.", "Der Plan steht seit gestern fest"),
            ("計画は手紙である。", "計画は手紙である"),
            ("…", "Untitled"),
            (&format!("ﬁ{}", "x".repeat(59)), &format!("FI{}", "x".repeat(58))),
            ("", "Untitled"),
        ] {
            assert_eq!(title_of(quote), title, "{quote}");
        }
    }

    proptest! {
        #[test]
        fn a_title_is_short_plain_and_without_a_full_stop(quote in "\\PC{0,200}") {
            let title = title_of(&quote);
            prop_assert!(!title.is_empty() && !title.contains(['"', '“', '”', '\n']));
            prop_assert!(title.graphemes(true).count() <= TITLE_LENGTH, "{}", title);
            prop_assert!(!title.ends_with(['.', ',', ';', ':', '!', '?', '—']), "{}", title);
        }
    }
}
