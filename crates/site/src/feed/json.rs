//! The feed in JSON Feed 1.1 format, with the full text of every entry.

use serde::Serialize;

use super::FeedSite;
use super::entry::FeedEntry;
use crate::json;
use crate::route;

/// Renders the JSON feed of the whole site.
pub fn feed(site: FeedSite<'_>, entries: &[FeedEntry<'_>]) -> serde_json::Result<Vec<u8>> {
    let config = site.config;
    let items = entries.iter().map(|entry| JsonFeedItem {
        id: &entry.permalink,
        url: &entry.permalink,
        title: entry.title,
        summary: entry.summary,
        content_html: &entry.html,
        date_published: entry.published.to_string(),
        date_modified: entry.updated.to_string(),
        tags: &entry.tags,
    });
    let feed = JsonFeed {
        version: "https://jsonfeed.org/version/1.1",
        title: &config.title,
        description: Some(config.tagline.as_str()).filter(|tagline| !tagline.is_empty()),
        home_page_url: route::absolute(site.base_url, route::HOME),
        feed_url: route::absolute(site.base_url, route::JSON_FEED),
        language: &config.language,
        authors: [JsonFeedAuthor { name: &config.author.name }],
        items: items.collect(),
    };
    json::pretty(&feed, entries.iter().map(|entry| entry.html.len()).sum())
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
    authors: [JsonFeedAuthor<'a>; 1],
    items: Vec<JsonFeedItem<'a>>,
}

#[derive(Serialize)]
struct JsonFeedAuthor<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct JsonFeedItem<'a> {
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
