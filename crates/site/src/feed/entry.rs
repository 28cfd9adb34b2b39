//! A feed entry, independent of the format.

use jiff::civil::Date;

use super::{Site, escaped};
use crate::article::Article;
use crate::catalog::Piece;
use crate::route;
use crate::strings::Missing;

/// A thinkpiece in a feed.
#[derive(Debug)]
pub struct Entry<'a> {
    pub title: &'a str,
    /// URL of the page, also the entry's permanent id.
    pub permalink: String,
    pub summary: &'a str,
    /// Quote, essay and label as HTML with absolute URLs.
    pub html: String,
    pub tags: Vec<&'a str>,
    pub published: Date,
    pub updated: Date,
}

impl<'a> Entry<'a> {
    /// # Errors
    /// If the theme lacks the string that labels the text as machine-written.
    pub fn new(piece: &Piece<'a>, article: &'a Article, site: Site<'_>) -> Result<Self, Missing> {
        let front = &piece.essay.front;
        let label = if piece.edited_since() {
            "machine_written_edited"
        } else if piece.essay.is_steered() {
            "machine_written_steered"
        } else {
            "machine_written_by"
        };
        let label = site.strings.text(label, |placeholder| match placeholder {
            "model" => Some(front.model.clone()),
            _ => None,
        })?;
        let mut html = String::from("<blockquote>");
        for paragraph in front.quote.split("\n\n") {
            html.push_str(&format!("<p>{}</p>", escaped(paragraph)));
        }
        if let Some(author) = &piece.seed.author {
            html.push_str(&format!("<p>— {}</p>", escaped(author)));
        }
        html.push_str("</blockquote>\n");
        html.push_str(&article.standalone(&piece.essay.body, site.base_url, &piece.path));
        html.push_str(&format!("<p><small>{}</small></p>\n", escaped(&label)));
        Ok(Self {
            title: &front.title,
            permalink: route::absolute(site.base_url, &piece.path),
            summary: &article.summary,
            html,
            tags: piece.seed.tags.iter().map(|tag| tag.name.as_str()).collect(),
            published: piece.date,
            updated: piece.changed(),
        })
    }
}
