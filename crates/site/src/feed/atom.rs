//! The Atom feeds (RFC 4287), with the full text of every entry.

use jiff::Timestamp;

use super::entry::FeedEntry;
use super::{Channel, FeedSite, updated};
use crate::route;
use crate::xml::Xml;

/// Name of the element that contains the entries.
const FEED: &str = "feed";

/// A rendered entry, shared by all feeds that contain it.
pub struct AtomEntry {
    xml: String,
    updated: Timestamp,
}

/// Renders an Atom entry.
pub fn entry(entry: &FeedEntry<'_>) -> AtomEntry {
    let mut xml = Xml::part(&[FEED]);
    xml.open("entry", &[]);
    xml.text("title", entry.title);
    xml.text("id", &entry.permalink);
    xml.empty("link", &[("rel", "alternate"), ("href", &entry.permalink)]);
    xml.text("published", &entry.published.to_string());
    xml.text("updated", &entry.updated.to_string());
    for tag in &entry.tags {
        xml.empty("category", &[("term", tag)]);
    }
    xml.text("summary", entry.summary);
    xml.text_with("content", &[("type", "html")], &entry.html);
    xml.close();
    AtomEntry { xml: xml.into_part(), updated: entry.updated }
}

/// Renders an Atom feed with these entries. `channel` describes the list that they belong to.
pub fn feed(site: FeedSite<'_>, channel: &Channel, entries: &[&AtomEntry]) -> Vec<u8> {
    let page = route::absolute(site.base_url, &channel.page);
    let own = route::absolute(site.base_url, &route::feed_of(&channel.page));
    let mut xml = Xml::new();
    xml.open(
        FEED,
        &[("xmlns", "http://www.w3.org/2005/Atom"), ("xml:lang", &site.config.language)],
    );
    xml.text("title", &channel.title);
    if let Some(subtitle) = &channel.subtitle {
        xml.text("subtitle", subtitle);
    }
    xml.text("id", &page);
    xml.empty("link", &[("rel", "alternate"), ("type", "text/html"), ("href", &page)]);
    xml.empty("link", &[("rel", "self"), ("type", "application/atom+xml"), ("href", &own)]);
    xml.text("updated", &updated(entries.iter().map(|entry| entry.updated)).to_string());
    xml.open("author", &[]).text("name", &site.config.author.name).close();
    xml.text("generator", site.generator);
    for entry in entries {
        xml.push(&entry.xml);
    }
    xml.finish()
}
