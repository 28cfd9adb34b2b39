//! A feed entry, independent of the feed format.

use jiff::Timestamp;

use super::FeedSite;
use crate::article::Article;
use crate::catalog::Thinkpiece;
use crate::escape;
use crate::route;
use crate::strings::Missing;

/// A thinkpiece in a feed.
#[derive(Debug)]
pub struct FeedEntry<'a> {
    pub title: &'a str,
    /// URL of the page, also the entry's permanent id.
    pub permalink: String,
    pub summary: &'a str,
    /// Quote, essay and label as HTML with absolute URLs.
    pub html: String,
    pub tags: Vec<&'a str>,
    pub published: Timestamp,
    pub updated: Timestamp,
}

impl<'a> FeedEntry<'a> {
    /// Creates the feed entry of a thinkpiece.
    ///
    /// # Errors
    /// Returns an error if the theme lacks the string that labels the text as machine-written.
    pub fn new(
        thinkpiece: &Thinkpiece<'a>,
        article: &'a Article,
        site: FeedSite<'_>,
    ) -> Result<Self, Missing> {
        let front = &thinkpiece.essay.front;
        let label = if thinkpiece.edited_since() {
            "machine_written_edited"
        } else if thinkpiece.essay.is_steered() {
            "machine_written_steered"
        } else {
            "machine_written_by"
        };
        let label = site.strings.text(label, |placeholder| match placeholder {
            "model" => Some(front.model.clone()),
            _ => None,
        })?;
        let mut html = String::from("<blockquote>");
        for paragraph in thinkpiece.quote.split("\n\n") {
            html.push_str(&format!("<p>{}</p>", escape::content(paragraph)));
        }
        if let Some(author) = &thinkpiece.seed.author {
            html.push_str(&format!("<p>— {}</p>", escape::content(author)));
        }
        html.push_str("</blockquote>\n");
        html.push_str(&article.standalone(&thinkpiece.essay.body, site.base_url, &thinkpiece.path));
        html.push_str(&format!("<p><small>{}</small></p>\n", escape::content(&label)));
        Ok(Self {
            title: thinkpiece.title,
            permalink: route::absolute(site.base_url, &thinkpiece.path),
            summary: &article.summary,
            html,
            tags: thinkpiece.seed.tags.iter().map(|tag| tag.name.as_str()).collect(),
            published: thinkpiece.published(),
            updated: thinkpiece.updated(),
        })
    }
}
