//! The hand-written pages.

use serde::Serialize;
use tera::Context;

use super::{Page, PageInput, SiteData};
use crate::plain::PlainPage;
use crate::render::context;
use crate::view::Head;

pub const TEMPLATE: &str = "page.html";

/// Variables of `page.html`.
#[derive(Debug, Serialize)]
struct PlainPageView<'a> {
    title: &'a str,
    /// The page's content as HTML.
    body: &'a str,
}

struct HandWrittenPage<'a> {
    page: &'a PlainPage,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    site.plain.iter().map(|page| HandWrittenPage { page })
}

impl Page for HandWrittenPage<'_> {
    fn path(&self) -> String {
        self.page.path.clone()
    }

    fn input(&self) -> PageInput {
        PageInput::of(self.page, Vec::new())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let PlainPage { title, body, .. } = self.page;
        Ok((TEMPLATE, context(&PlainPageView { title, body })?))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.page.title.clone())
    }

    fn describe(&self, head: &mut Head) -> miette::Result<()> {
        head.noindex |= self.page.draft;
        if let Some(description) = &self.page.description {
            head.description.clone_from(description);
        }
        Ok(())
    }

    fn in_sitemap(&self) -> bool {
        true
    }
}
