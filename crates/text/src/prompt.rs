//! Turns a seed into a prompt for the model.
//!
//! A prompt is the beginning of a document: the end-of-text token that separates documents, the title,
//! a blank line, and the quote as the opening words. venti-mini was trained on documents of this form,
//! and GPT-2's training documents were separated by the same token.

use unicode_segmentation::UnicodeSegmentation;

use generator::END_OF_TEXT;

use super::clean::{capitalised, ends_sentence, sentences};
use super::whitespace::collapse;

/// Maximum number of characters in a title made from a quote.
const TITLE_LENGTH: usize = 60;

/// A prompt for one essay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The seed's title, or one made from the quote.
    pub title: String,
    /// The exact text that the model continues.
    pub text: String,
    /// The quote's last sentence, if it is unfinished ("The future of work is"). The essay begins with
    /// these words, because the completion makes no sense without them.
    pub lead: Option<String>,
}

impl Prompt {
    /// Creates the prompt for a quote. If `title` is `None`, a title is made from the quote.
    ///
    /// A quote without a final full stop gets one, so that the essay starts with a new sentence. A
    /// quote that ends with a comma, a colon, a dash or a word that cannot end a sentence is left
    /// unfinished. Curly quotation marks become straight, because venti-mini and GPT-2 handle straight
    /// ones better.
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
    /// Returns the beginning of the document: the title and the quote.
    pub fn document(&self) -> &str {
        self.text.strip_prefix(END_OF_TEXT).unwrap_or(&self.text)
    }

    /// Returns the quote as the model reads it: everything after the title.
    pub fn quote(&self) -> &str {
        self.text.split_once("\n\n").map_or(&self.text, |(_, quote)| quote)
    }
}

/// Returns the text with straight quotation marks, one space between words, one blank line between
/// paragraphs, and no end-of-text token.
fn plain(text: &str) -> String {
    let straight = text.replace(END_OF_TEXT, " ").replace(['“', '”', '„', '«', '»'], "\"");
    collapse(&straight.replace(['‘', '’'], "'"))
}

/// Whether a quote has nothing for a model to continue.
pub fn is_empty(quote: &str) -> bool {
    plain(quote).is_empty()
}

/// Words that cannot end a sentence.
const CANNOT_END_SENTENCE: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "because", "but", "by", "for", "from", "if", "in", "into",
    "is", "my", "of", "on", "or", "our", "so", "than", "that", "the", "their", "to", "was", "were",
    "when", "where", "which", "while", "who", "with", "your",
];

/// Whether the last sentence of a quote is unfinished.
fn is_open(quote: &str) -> bool {
    let last = quote.split_whitespace().last().unwrap_or_default().to_lowercase();
    quote.ends_with([',', ';', ':', '—', '–', '-']) || CANNOT_END_SENTENCE.contains(&last.as_str())
}

/// Words that stay in lower case inside an English title.
const SMALL: &[&str] = &[
    "a", "an", "and", "as", "at", "but", "by", "for", "from", "in", "into", "nor", "of", "on",
    "or", "per", "than", "the", "to", "via", "vs", "with",
];

/// Words that begin a clause. A title may be cut before one.
const CLAUSE: &[&str] = &[
    "and", "because", "but", "if", "so", "than", "that", "though", "unless", "until", "when",
    "where", "which", "while", "who", "whose",
];

/// Words that must not end a shortened title.
const CANNOT_END_TITLE: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "because", "but", "by", "can", "could", "did", "do",
    "does", "every", "for", "from", "had", "has", "have", "her", "his", "if", "in", "into", "is",
    "its", "my", "never", "no", "not", "of", "on", "or", "our", "per", "so", "than", "that", "the",
    "their", "these", "this", "those", "to", "was", "we", "were", "when", "where", "which",
    "while", "who", "whose", "will", "with", "would", "you", "your",
];

/// Makes a title from the first sentence of a quote. A sentence of more than 60 characters is cut at
/// the end of a clause or, if there is none, after a word. English is set in title case; other
/// languages keep their capitalisation. The result has no quotation marks and no final punctuation.
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
    if let (true, Some(word)) = (shortened.is_empty(), words.first()) {
        return cut(word);
    }
    let title = if is_english(&words) { title_case(shortened) } else { shortened.join(" ") };
    // Limit the length again, because capitalising some letters (ß, ﬁ, ﬓ) adds letters.
    let title: String = capitalised(bare(&title)).graphemes(true).take(TITLE_LENGTH).collect();
    let title = bare(&title);
    if title.contains(char::is_alphanumeric) { title.to_owned() } else { "Untitled".to_owned() }
}

/// Cuts a word that is longer than a title, such as an address or a sentence in a script without spaces,
/// at a punctuation mark if possible.
fn cut(word: &str) -> String {
    const KEPT: usize = TITLE_LENGTH * 2 / 3;
    let head: String = word.graphemes(true).take(KEPT).collect();
    let mark = head.rfind(|c: char| "，、；：。,;:/-_".contains(c));
    let end = mark.filter(|mark| *mark > head.len() / 3).unwrap_or(head.len());
    let head = bare(&head[..end]);
    if head.contains(char::is_alphanumeric) { format!("{head}…") } else { "Untitled".to_owned() }
}

/// Strips punctuation from both ends.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphanumeric() && !"%)+$€£(".contains(c))
        .trim_end_matches("’")
}

/// Shortens a title to [`TITLE_LENGTH`] characters, at the end of a clause if possible, otherwise after
/// a word.
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
    let finished = |n: &usize| !CANNOT_END_TITLE.contains(&lower(n - 1).as_str());
    // A title of fewer than three words would be a fragment.
    let n = (3..=fitting)
        .rev()
        .find(|n| ends_clause(n) && finished(n))
        .or_else(|| (4..=fitting).rev().find(|n| precedes_clause(n) && finished(n)))
        .or_else(|| (1..=fitting).rev().find(finished))
        .unwrap_or(fitting);
    &words[..n]
}

/// Whether the words are probably English: at least one in six is a common function word, or there are
/// at most three words, all ASCII.
fn is_english(words: &[&str]) -> bool {
    const FUNCTION_WORDS: &[&str] = &[
        "the", "of", "and", "to", "is", "that", "it", "we", "you", "was", "are", "not", "with",
        "for", "my", "our", "your", "his", "her", "their", "who", "what", "when", "never", "every",
        "how", "why", "were", "a", "an", "in", "on", "no", "i", "did", "do", "does", "but", "so",
        "be", "can",
    ];
    let is_function_word = |word: &&&str| FUNCTION_WORDS.contains(&&*bare(word).to_lowercase());
    words.iter().filter(is_function_word).count() * 6 >= words.len()
        || words.len() <= 3 && words.iter().all(|word| word.is_ascii())
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
    fn a_title_is_made_from_text_without_spaces() {
        for (quote, title) in [
            (
                "https://example.com/a-very-long-address-that-somebody-pasted-into-the-quote says.",
                "https://example.com/a-very-long-address…",
            ),
            (
                "当一个团队把所有时间都花在讨论如何节省时间的时候，他们就已经没有时间去做任何真正需要时间的事情了而日历却永远显示下周还有空闲只要大家都愿意再开一次会议",
                "当一个团队把所有时间都花在讨论如何节省时间的时候…",
            ),
            (
                "เมื่อทีมใช้เวลาทั้งหมดไปกับการประชุมเพื่อหาวิธีประหยัดเวลาพวกเขาก็ไม่มีเวลาเหลือให้ทำงานจริงอีกต่อไปแล้ว",
                "เมื่อทีมใช้เวลาทั้งหมดไปกับการประชุมเพื่อหาวิธีประหยั…",
            ),
        ] {
            assert_eq!(title_of(quote), title);
        }
    }

    #[test]
    fn a_prompt_keeps_paragraphs_and_straightens_quotation_marks() {
        let prompt =
            Prompt::new(Some("“Two”"), " It’s  one.\nStill one.\n\n\n“Two.”<|endoftext|> ");
        assert_eq!(prompt.text, "<|endoftext|>\"Two\"\n\nIt's one. Still one.\n\n\"Two.\"");
    }

    #[test]
    fn a_quote_without_a_full_stop_gets_one() {
        assert!(Prompt::new(None, "Move fast").text.ends_with("\n\nMove fast."));
        assert!(Prompt::new(None, "Move fast!").text.ends_with("\n\nMove fast!"));
        assert!(Prompt::new(None, "“Move fast.”").text.ends_with("\n\n\"Move fast.\""));
    }

    #[test]
    fn the_essay_continues_an_unfinished_quote() {
        let prompt = Prompt::new(None, "We tried. the future of work is");
        assert!(prompt.text.ends_with("We tried. the future of work is"));
        assert_eq!(prompt.lead.as_deref(), Some("We tried. the future of work is"));
        let prompt = Prompt::new(None, "We tried. Three things mattered:");
        assert_eq!(prompt.lead.as_deref(), Some("Three things mattered:"));
    }

    #[test]
    fn a_title_is_a_sentence_a_clause_or_the_words_that_fit() {
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
