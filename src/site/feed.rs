//! Atom, RSS and JSON Feed: the newest thinkpieces for those who read elsewhere.
//! Dates come from the content alone, so that two builds give the same feed.

use jiff::civil::Date;
use serde::Serialize;

use super::article::{self, Article};
use super::catalog::Piece;
use super::json_ld::inside_script;
use super::route;
use super::strings::{Missing, Strings};
use super::xml::Xml;
use crate::config::Config;

/// An entry of a feed, whichever the format.
#[derive(Debug)]
pub struct Entry<'a> {
    title: &'a str,
    /// The page's address; also the entry's lasting id.
    permalink: String,
    summary: &'a str,
    /// Quote, essay and label as HTML with absolute addresses.
    html: String,
    tags: Vec<&'a str>,
    published: Date,
    updated: Date,
}

/// A site's newest entries and what heads each feed.
#[derive(Debug)]
pub struct Feed<'a> {
    config: &'a Config,
    base_url: &'a str,
    generator: &'a str,
    entries: Vec<Entry<'a>>,
}

impl<'a> Entry<'a> {
    /// # Errors
    /// If the theme lacks the string that labels the text as written by a machine.
    pub fn new(
        piece: &Piece<'a>,
        article: &'a Article,
        base_url: &str,
        strings: &Strings,
    ) -> Result<Self, Missing> {
        let front = &piece.essay.front;
        let label = strings.text(
            if piece.edited { "machine_written_edited" } else { "machine_written_by" },
            |placeholder| match placeholder {
                "model" => Some(front.model.clone()),
                _ => None,
            },
        )?;
        let mut html = String::from("<blockquote>");
        for paragraph in front.quote.split("\n\n") {
            html.push_str(&format!("<p>{}</p>", escaped(paragraph)));
        }
        if let Some(author) = &piece.seed.author {
            html.push_str(&format!("<p>— {}</p>", escaped(author)));
        }
        html.push_str("</blockquote>\n");
        html.push_str(&article::standalone(&piece.essay.body, base_url, &piece.path));
        html.push_str(&format!("<p><small>{}</small></p>\n", escaped(&label)));
        Ok(Self {
            title: &front.title,
            permalink: route::absolute(base_url, &piece.path),
            summary: &article.summary,
            html,
            tags: piece.seed.tags.iter().map(|tag| tag.name.as_str()).collect(),
            published: piece.date,
            updated: front.written.max(piece.date),
        })
    }
}

impl<'a> Feed<'a> {
    /// A feed of `entries`, newest first.
    pub fn new(
        config: &'a Config,
        base_url: &'a str,
        generator: &'a str,
        entries: Vec<Entry<'a>>,
    ) -> Self {
        Self { config, base_url, generator, entries }
    }

    /// The day the newest entry changed; an empty feed has never changed.
    fn updated(&self) -> Date {
        self.entries
            .iter()
            .map(|entry| entry.updated)
            .max()
            .unwrap_or(jiff::civil::date(1970, 1, 1))
    }

    /// Atom (RFC 4287), with the whole text of every entry.
    pub fn atom(&self) -> Vec<u8> {
        let home = route::absolute(self.base_url, route::HOME);
        let mut xml = Xml::new();
        xml.open(
            "feed",
            &[("xmlns", "http://www.w3.org/2005/Atom"), ("xml:lang", &self.config.language)],
        );
        xml.text("title", &self.config.title);
        if !self.config.tagline.is_empty() {
            xml.text("subtitle", &self.config.tagline);
        }
        xml.text("id", &home);
        xml.empty("link", &[("rel", "alternate"), ("type", "text/html"), ("href", &home)]);
        let own = route::absolute(self.base_url, route::ATOM);
        xml.empty("link", &[("rel", "self"), ("type", "application/atom+xml"), ("href", &own)]);
        xml.text("updated", &timestamp(self.updated()));
        xml.open("author", &[]).text("name", &self.config.author.name).close();
        xml.text("generator", self.generator);
        for entry in &self.entries {
            xml.open("entry", &[]);
            xml.text("title", entry.title);
            xml.text("id", &entry.permalink);
            xml.empty("link", &[("rel", "alternate"), ("href", &entry.permalink)]);
            xml.text("published", &timestamp(entry.published));
            xml.text("updated", &timestamp(entry.updated));
            for tag in &entry.tags {
                xml.empty("category", &[("term", tag)]);
            }
            xml.text("summary", entry.summary);
            xml.text_with("content", &[("type", "html")], &entry.html);
            xml.close();
        }
        xml.finish()
    }

    /// RSS 2.0, with summaries.
    pub fn rss(&self) -> Vec<u8> {
        let own = route::absolute(self.base_url, route::RSS);
        let about = match self.config.tagline.as_str() {
            "" => &self.config.title,
            tagline => tagline,
        };
        let mut xml = Xml::new();
        xml.open(
            "rss",
            &[
                ("version", "2.0"),
                ("xmlns:atom", "http://www.w3.org/2005/Atom"),
                ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
            ],
        );
        xml.open("channel", &[]);
        xml.text("title", &self.config.title);
        xml.text("link", &route::absolute(self.base_url, route::HOME));
        xml.text("description", about);
        xml.text("language", &self.config.language);
        xml.text("lastBuildDate", &rfc_822(self.updated()));
        xml.text("generator", self.generator);
        xml.empty("atom:link", &[("rel", "self"), ("type", "application/rss+xml"), ("href", &own)]);
        for entry in &self.entries {
            xml.open("item", &[]);
            xml.text("title", entry.title);
            xml.text("link", &entry.permalink);
            xml.text_with("guid", &[("isPermaLink", "true")], &entry.permalink);
            xml.text("pubDate", &rfc_822(entry.published));
            xml.text("dc:creator", &self.config.author.name);
            for tag in &entry.tags {
                xml.text("category", tag);
            }
            // Readers take a description for HTML.
            xml.text("description", &escaped(entry.summary));
            xml.close();
        }
        xml.finish()
    }

    /// JSON Feed 1.1, with the whole text of every entry.
    pub fn json(&self) -> serde_json::Result<Vec<u8>> {
        let author = JsonAuthor { name: &self.config.author.name };
        let items = self.entries.iter().map(|entry| JsonItem {
            id: &entry.permalink,
            url: &entry.permalink,
            title: entry.title,
            summary: entry.summary,
            content_html: &entry.html,
            date_published: timestamp(entry.published),
            date_modified: timestamp(entry.updated),
            tags: &entry.tags,
        });
        let json = serde_json::to_string_pretty(&JsonFeed {
            version: "https://jsonfeed.org/version/1.1",
            title: &self.config.title,
            description: Some(self.config.tagline.as_str()).filter(|tagline| !tagline.is_empty()),
            home_page_url: route::absolute(self.base_url, route::HOME),
            feed_url: route::absolute(self.base_url, route::JSON_FEED),
            language: &self.config.language,
            authors: [author],
            items: items.collect(),
        })?;
        Ok(inside_script(&json).into_bytes())
    }
}

#[derive(Serialize)]
struct JsonFeed<'a> {
    version: &'static str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    home_page_url: String,
    feed_url: String,
    language: &'a str,
    authors: [JsonAuthor<'a>; 1],
    items: Vec<JsonItem<'a>>,
}

#[derive(Serialize)]
struct JsonAuthor<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct JsonItem<'a> {
    id: &'a str,
    url: &'a str,
    title: &'a str,
    summary: &'a str,
    content_html: &'a str,
    date_published: String,
    date_modified: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [&'a str],
}

/// A day as RFC 3339 wants a moment: its first.
fn timestamp(date: Date) -> String {
    format!("{date}T00:00:00Z")
}

/// The same moment as RFC 822 wants it.
fn rfc_822(date: Date) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = |number: i8| usize::from(number.unsigned_abs());
    let day = DAYS[at(date.weekday().to_monday_zero_offset())];
    let month = MONTHS[at(date.month()) - 1];
    format!("{day}, {:02} {month} {:04} 00:00:00 +0000", date.day(), date.year())
}

/// Plain text as HTML.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_moments_in_both_notations() {
        assert_eq!(timestamp(date(2026, 11, 2)), "2026-11-02T00:00:00Z");
        assert_eq!(rfc_822(date(2026, 11, 2)), "Mon, 02 Nov 2026 00:00:00 +0000");
        assert_eq!(rfc_822(date(2000, 1, 1)), "Sat, 01 Jan 2000 00:00:00 +0000");
    }
}
