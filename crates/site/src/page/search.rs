//! The search page.

use tera::Context;

use super::{Page, PageInput, SiteData};
use crate::route;

pub const TEMPLATE: &str = "search.html";

struct SearchPage<'a> {
    site: &'a SiteData<'a>,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    std::iter::once(SearchPage { site })
}

impl Page for SearchPage<'_> {
    fn path(&self) -> String {
        route::SEARCH.to_owned()
    }

    fn input(&self) -> PageInput {
        PageInput::of(&(), Vec::new())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        Ok((TEMPLATE, Context::new()))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.site.strings.text("search", |_| None)?)
    }
}
