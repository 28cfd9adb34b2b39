//! The page that lists all tags.

use tera::{Context, Value};

use super::list::Topic;
use super::{Page, PageInput, SiteData, variable};
use crate::route;

pub const TEMPLATE: &str = "tags.html";

struct TagsPage<'a> {
    site: &'a SiteData<'a>,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    std::iter::once(TagsPage { site })
}

impl Page for TagsPage<'_> {
    fn path(&self) -> String {
        route::TAGS.to_owned()
    }

    fn input(&self) -> PageInput {
        let tags = self.site.catalog.tags.iter();
        let facts: Vec<_> = tags.map(|index| (index.tag, index.thinkpieces.len())).collect();
        PageInput::of(&facts, Vec::new())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let mut topics: Vec<Topic<'_>> = self.site.catalog.tags.iter().map(Topic::new).collect();
        topics.sort_by_cached_key(|topic| topic.name().to_lowercase());
        Ok((TEMPLATE, variable("topics", Value::from_serializable(&topics))))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.site.strings.text("topics", |_| None)?)
    }

    fn in_sitemap(&self) -> bool {
        true
    }
}
