//! The feed in RSS 2.0 format, with a summary of every entry.

use jiff::civil::Date;

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

/// Formats the start of a day, in UTC, as an RFC 822 date.
fn rfc_822(date: Date) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = |number: i8| usize::from(number.unsigned_abs());
    let day = DAYS[at(date.weekday().to_monday_zero_offset())];
    let month = MONTHS[at(date.month()) - 1];
    format!("{day}, {:02} {month} {:04} 00:00:00 +0000", date.day(), date.year())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::timestamp;
    use super::*;

    #[test]
    fn dates_are_formatted_as_the_start_of_the_day() {
        assert_eq!(timestamp(date(2026, 11, 2)), "2026-11-02T00:00:00Z");
        assert_eq!(rfc_822(date(2026, 11, 2)), "Mon, 02 Nov 2026 00:00:00 +0000");
        assert_eq!(rfc_822(date(2000, 1, 1)), "Sat, 01 Jan 2000 00:00:00 +0000");
    }
}
