//! The page for unknown URLs, which shows the newest thinkpieces.

use std::ops::Range;

use tera::Context;

use super::{Page, PageInput, SiteData, variable};
use crate::route;
use crate::view::Head;

pub const TEMPLATE: &str = "404.html";

/// Number of thinkpieces shown.
const NEWEST: usize = 5;

struct NotFoundPage<'a> {
    site: &'a SiteData<'a>,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    std::iter::once(NotFoundPage { site })
}

impl NotFoundPage<'_> {
    /// Returns the catalog indices of the thinkpieces shown.
    fn newest(&self) -> Range<usize> {
        0..NEWEST.min(self.site.catalog.thinkpieces.len())
    }
}

impl Page for NotFoundPage<'_> {
    fn path(&self) -> String {
        route::NOT_FOUND.to_owned()
    }

    fn input(&self) -> PageInput {
        PageInput::of(&self.site.catalog.thinkpieces.len(), self.newest().collect())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        Ok((TEMPLATE, variable("cards", self.site.cards(self.newest()))))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.site.strings.text("not_found", |_| None)?)
    }

    /// Returns an absolute path, since a host may serve this page at any URL.
    fn root(&self, _: &str) -> String {
        route::root_of_host(self.site.config.base_url.as_deref())
    }

    fn picture<'p>(&'p self, _: Option<&'p str>) -> Option<&'p str> {
        None
    }

    fn describe(&self, head: &mut Head) -> miette::Result<()> {
        head.canonical = None;
        head.noindex = true;
        Ok(())
    }
}
