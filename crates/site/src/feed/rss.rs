//! The feed in RSS 2.0 format, with a summary of every entry.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::entry::FeedEntry;
use super::{FeedSite, updated};
use crate::escape;
use crate::route;
use crate::xml::Xml;

/// Renders the RSS feed of the whole site.
pub fn feed(site: FeedSite<'_>, entries: &[FeedEntry<'_>]) -> Vec<u8> {
    let config = site.config;
    let own = route::absolute(site.base_url, route::RSS);
    let about = match config.tagline.as_str() {
        "" => &config.title,
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
    xml.text("title", &config.title);
    xml.text("link", &route::absolute(site.base_url, route::HOME));
    xml.text("description", about);
    xml.text("language", &config.language);
    xml.text("lastBuildDate", &rfc_822(updated(entries.iter().map(|entry| entry.updated))));
    xml.text("generator", site.generator);
    xml.empty("atom:link", &[("rel", "self"), ("type", "application/rss+xml"), ("href", &own)]);
    for entry in entries {
        xml.open("item", &[]);
        xml.text("title", entry.title);
        xml.text("link", &entry.permalink);
        xml.text_with("guid", &[("isPermaLink", "true")], &entry.permalink);
        xml.text("pubDate", &rfc_822(entry.published));
        xml.text("dc:creator", &config.author.name);
        for tag in &entry.tags {
            xml.text("category", tag);
        }
        // Feed readers interpret the description as HTML.
        xml.text("description", &escape::content(entry.summary));
        xml.close();
    }
    xml.finish()
}

/// Formats a moment as an RFC 822 date, in UTC.
fn rfc_822(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::catalog::start_of;

    #[test]
    fn moments_are_formatted_in_utc() {
        assert_eq!(rfc_822(start_of(date(2026, 11, 2))), "Mon, 02 Nov 2026 00:00:00 +0000");
        let moment: Timestamp = "2000-01-01T01:30:05+02:00".parse().unwrap();
        assert_eq!(rfc_822(moment), "Fri, 31 Dec 1999 23:30:05 +0000");
    }
}
