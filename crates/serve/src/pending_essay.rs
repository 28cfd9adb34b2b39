//! An essay that is being written: its text so far, and the page that shows it.

use std::collections::BTreeMap;

use site::escape;

/// An essay that is not finished yet.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PendingEssay {
    pub title: String,
    pub quote: String,
    /// The text so far: raw model output that has not been cleaned.
    pub(crate) text: String,
    /// The round of candidates that `text` belongs to.
    pub(crate) round: u32,
    pub(crate) stage: EssayStage,
}

/// Progress of an essay.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum EssayStage {
    #[default]
    Waiting,
    Writing,
    /// No candidate can be published.
    Refused,
    /// The model failed.
    Failed,
}

/// All unfinished essays, keyed by the path that their page will have.
pub type PendingEssays = BTreeMap<String, PendingEssay>;

impl PendingEssay {
    /// Creates an essay without any text.
    pub fn new(title: String, quote: String) -> Self {
        Self { title, quote, ..Self::default() }
    }

    /// Returns the page that shows the essay until it is finished.
    pub(crate) fn page(&self) -> String {
        format!(
            include_str!("pending_essay.html"),
            title = escape::content(&self.title),
            quote = escape::content(&self.quote),
            note = escape::content(self.note()),
            text = escape::content(self.text()),
        )
    }

    /// Returns the text so far, without leading whitespace.
    pub(crate) fn text(&self) -> &str {
        self.text.trim_start()
    }

    /// Returns a status line for readers.
    pub(crate) fn note(&self) -> &'static str {
        match self.stage {
            EssayStage::Waiting => "This essay is waiting to be written.",
            EssayStage::Writing => {
                "The model is writing. This is its raw output; the essay replaces it once the best \
                 candidate is chosen and cleaned."
            }
            EssayStage::Refused => {
                "No candidate can be published: each is empty or matches the blocklist. Change the \
                 seed or the blocklist to try again."
            }
            EssayStage::Failed => {
                "The model failed to write this essay. See the terminal for details."
            }
        }
    }
}

/// Carries over the progress in `before` to the missing essays whose title and quote are unchanged.
pub fn carried_on(missing: PendingEssays, before: &PendingEssays) -> PendingEssays {
    let known = |(path, new): (String, PendingEssay)| {
        let same = |old: &&PendingEssay| (&old.title, &old.quote) == (&new.title, &new.quote);
        let known = before.get(&path).filter(same).cloned();
        (path, known.unwrap_or(new))
    };
    missing.into_iter().map(known).collect()
}

/// Returns essays without text. Each title is also the essay's path.
#[cfg(test)]
pub fn missing(titles: &[&str]) -> PendingEssays {
    let new =
        |title: &&str| ((*title).to_owned(), PendingEssay::new((*title).to_owned(), "q".into()));
    titles.iter().map(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_keeps_the_text_so_far() {
        let mut before = missing(&["a", "b", "c"]);
        before.values_mut().for_each(|essay| essay.text = "So far".into());
        let mut now = missing(&["a", "b", "d"]);
        now.get_mut("b").unwrap().quote = "Another.".into();
        let texts: Vec<String> =
            carried_on(now, &before).into_values().map(|essay| essay.text).collect();
        assert_eq!(texts, ["So far", "", ""]);
    }

    #[test]
    fn titles_and_quotes_are_escaped() {
        let page = PendingEssay::new("</title><script>".into(), "<b>&amp;".into()).page();
        assert!(
            page.contains("&lt;/title&gt;&lt;script&gt;") && page.contains("&lt;b&gt;&amp;amp;")
        );
    }
}
