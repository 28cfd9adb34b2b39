//! Prepares an essay's text for its page: renders it to HTML, measures it, and splits it in the
//! middle for the pull quote.

use std::cell::Cell;

use super::markdown::{self, Dialect, Image, LinkResolver, MarkdownBlock};
use super::route::{self, Target};
use text::words::words;

/// Maximum number of characters in a summary. Search engines and feed readers show about this many.
const SUMMARY_CHARS: usize = 160;

/// Minimum number of paragraphs for a pull quote.
const PARAGRAPHS_FOR_PULL_QUOTE: usize = 4;

/// Maximum length of a first paragraph that is too short for a drop cap, in characters including
/// HTML tags.
const ROOM_FOR_DROP_CAP: usize = 190;

/// First characters that rule out a drop cap.
const NO_DROP_CAP: [char; 15] =
    ['“', '„', '«', '‘', '\'', '&', '"', '(', '[', '…', '.', '-', '–', '—', '<'];

/// A rendered essay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// The essay's HTML up to the pull quote, or the whole essay if it shows no pull quote.
    pub before: String,
    /// The essay's HTML after the pull quote.
    pub after: String,
    /// Whether the first paragraph can have a drop cap.
    pub drop_cap: bool,
    /// Plain text, with an empty line between paragraphs.
    pub text: String,
    pub words: usize,
    /// Reading time in whole minutes, at least 1.
    pub minutes: usize,
    /// The beginning of the text, cut at a word boundary.
    pub summary: String,
    /// Whether the HTML has links, whose URLs depend on the page that shows the essay.
    has_links: bool,
}

impl Article {
    /// Renders the Markdown text `body` for the essay's own page. `root` is the relative path from
    /// that page to the site's root.
    pub fn new(body: &str, pull_quote: Option<&str>, root: &str, words_per_minute: usize) -> Self {
        let links = EssayLinks::new(root, "");
        let blocks = markdown::render(body, Dialect::Essay, &links);
        let split = pull_quote.and_then(|quote| place_for(quote, &blocks)).unwrap_or(blocks.len());
        let text = markdown::text_of(&blocks);
        let words = words(&text).count();
        let before = markdown::html_of(&blocks[..split]);
        Self {
            drop_cap: has_room_for_drop_cap(&before),
            before,
            after: markdown::html_of(&blocks[split..]),
            summary: summary(&text),
            text,
            words,
            minutes: words.div_ceil(words_per_minute.max(1)).max(1),
            has_links: links.followed.get(),
        }
    }

    /// Returns the whole essay as HTML for another page. `root` and `here` are the relative paths
    /// from that page to the site's root and to the essay's page.
    pub fn elsewhere(&self, body: &str, root: &str, here: &str) -> String {
        if !self.has_links {
            return [self.before.as_str(), &self.after].concat();
        }
        let links = EssayLinks::new(root, here);
        markdown::html_of(&markdown::render(body, Dialect::Essay, &links))
    }

    /// Like [`Self::elsewhere`], but with absolute URLs for use outside the site.
    pub fn standalone(&self, body: &str, base_url: &str, path: &str) -> String {
        let root = format!("{}/", base_url.trim_end_matches('/'));
        self.elsewhere(body, &root, &route::absolute(base_url, path))
    }
}

/// Resolves the links in an essay. Essays have no images.
struct EssayLinks<'a> {
    /// Relative path or absolute URL of the site's root.
    root: &'a str,
    /// Relative path or absolute URL of the essay's page. Empty on that page itself.
    here: &'a str,
    /// Whether any link has been resolved yet.
    followed: Cell<bool>,
}

impl<'a> EssayLinks<'a> {
    fn new(root: &'a str, here: &'a str) -> Self {
        Self { root, here, followed: Cell::new(false) }
    }
}

impl LinkResolver for EssayLinks<'_> {
    fn link(&self, target: Target<'_>) -> Option<String> {
        self.followed.set(true);
        match target {
            Target::External(url) => Some(url.to_owned()),
            // The model may have made up the address.
            Target::Contact(_) => None,
            Target::Fragment(address) | Target::Relative(address) => {
                Some(format!("{}{address}", self.here))
            }
            Target::Site(address) => {
                let path = route::from_site(address)?;
                Some(format!("{}{}", self.root, route::href(&path)))
            }
        }
    }

    fn image(&self, _: Target<'_>) -> Option<Image> {
        None
    }
}

/// Returns the index of the block that comes after the pull quote. The quote goes into the gap
/// between two paragraphs that is nearest to the middle. Gaps next to a paragraph that contains the
/// quoted sentence are skipped, since a pull quote beside its source looks like a mistake. There is no
/// place for a sentence that a person has removed from the essay.
fn place_for(quote: &str, blocks: &[MarkdownBlock]) -> Option<usize> {
    let paragraphs = blocks.iter().filter(|block| block.is_paragraph).count();
    if paragraphs < PARAGRAPHS_FOR_PULL_QUOTE {
        return None;
    }
    let quoted = |block: &MarkdownBlock| block.text.replace('\n', " ").contains(quote);
    if !blocks.iter().any(quoted) {
        return None;
    }
    let free = |block: &MarkdownBlock| block.is_paragraph && !quoted(block);
    (1..blocks.len())
        .filter(|&gap| free(&blocks[gap - 1]) && free(&blocks[gap]))
        .min_by_key(|&gap| (gap * 2).abs_diff(blocks.len()))
}

/// Whether the HTML starts with a paragraph that can have a drop cap.
fn has_room_for_drop_cap(html: &str) -> bool {
    let first = html.split("</p>").next().unwrap_or(html);
    let letter = |text: &str| !text.starts_with(NO_DROP_CAP);
    first.strip_prefix("<p>").is_some_and(letter) && first.chars().count() > ROOM_FOR_DROP_CAP
}

/// Returns at most the first [`SUMMARY_CHARS`] characters of `text`, cut at a word boundary.
pub fn summary(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        // The line already has more than `SUMMARY_CHARS` characters, even if each takes four bytes.
        // The rest would be cut anyway.
        if line.len() > SUMMARY_CHARS * char::MAX.len_utf8() {
            break;
        }
    }
    let Some((cut, _)) = line.char_indices().nth(SUMMARY_CHARS) else { return line };
    let end = line[..cut].rfind(' ').unwrap_or(cut);
    let kept = line[..end].trim_end_matches(|c: char| !c.is_alphanumeric());
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn article(body: &str, pull_quote: Option<&str>) -> Article {
        Article::new(body, pull_quote, "../", 200)
    }

    #[test]
    fn reading_time_is_rounded_up_and_at_least_a_minute() {
        assert_eq!(article("", None).minutes, 1);
        assert_eq!(article(&"word ".repeat(200), None).minutes, 1);
        assert_eq!(article(&"word ".repeat(201), None).minutes, 2);
        assert_eq!(article("One *two* — three.\n\nFour", None).words, 4);
        assert_eq!(article(&"毎朝コーヒーを飲む。".repeat(100), None).minutes, 3);
    }

    #[test]
    fn pull_quote_is_near_the_middle_and_not_next_to_its_source() {
        let body = "One.\n\nTwo.\n\nThree is it.\n\nFour.\n\nFive.\n\nSix.";
        let opened = article(body, Some("Three is it."));
        assert!(opened.before.ends_with("<p>Four.</p>\n"), "{}", opened.before);
        let opened = article(body, Some("Six."));
        assert!(opened.before.ends_with("<p>Three is it.</p>\n"), "{}", opened.before);
    }

    #[test]
    fn short_texts_are_not_split() {
        let opened = article("One.\n\nTwo.\n\nThree.", Some("Two."));
        assert_eq!(opened.after, "");
        assert_eq!(article("One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive.", None).after, "");
    }

    #[test]
    fn a_sentence_that_is_no_longer_in_the_text_is_not_quoted() {
        let body = "One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive.";
        assert_ne!(article(body, Some("Five.")).after, "");
        assert_eq!(article(body, Some("Removed.")).after, "");
    }

    #[test]
    fn drop_cap_needs_a_letter_and_a_long_paragraph() {
        let long = ["word"; 40].join(" ");
        assert!(article(&long, None).drop_cap);
        for body in ["Short.", &format!("“{long}”"), &format!("*{long}*"), &format!("# {long}")]
        {
            assert!(!article(body, None).drop_cap, "{body}");
        }
    }

    #[test]
    fn summaries_end_at_word_boundaries() {
        assert_eq!(article("Short.\n\nAnd sweet.", None).summary, "Short. And sweet.");
        let long = article(&"a roadmap, ".repeat(40), None).summary;
        assert!(long.ends_with("roadmap, a…") && long.chars().count() <= 161, "{long}");
        let unbroken = article(&"é".repeat(300), None).summary;
        assert_eq!(unbroken.chars().count(), SUMMARY_CHARS + 1);
    }

    #[test]
    fn only_links_differ_on_other_pages() {
        let opened = article("One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive is it.", Some("Five is it."));
        assert_ne!(opened.after, "");
        assert_eq!(opened.elsewhere("", "../../", ""), opened.before.clone() + &opened.after);
        let body = "[a](/tags/) and [b](#there)";
        assert_eq!(
            article(body, None).elsewhere(body, "../../", "../../x/index.html"),
            "<p><a href=\"../../tags/index.html\">a</a> and \
             <a href=\"../../x/index.html#there\">b</a></p>\n"
        );
    }

    #[test]
    fn links_are_relative_on_the_page_and_absolute_outside_the_site() {
        let body = "[a](/tags/) [b](#there) [c](take-2/index.html) ![d](/d.png)";
        assert_eq!(
            article(body, None).before,
            "<p><a href=\"../tags/index.html\">a</a> <a href=\"#there\">b</a> \
             <a href=\"take-2/index.html\">c</a> d</p>\n"
        );
        assert_eq!(
            article(body, None).standalone(body, "https://a.example/blog", "x/index.html"),
            "<p><a href=\"https://a.example/blog/tags/index.html\">a</a> \
             <a href=\"https://a.example/blog/x/#there\">b</a> \
             <a href=\"https://a.example/blog/x/take-2/index.html\">c</a> d</p>\n"
        );
    }
}
