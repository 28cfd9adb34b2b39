//! The archive page, which lists all months with thinkpieces and, on a small site, all thinkpieces.

use tera::Context;

use super::{Page, PageInput, SiteData, variable};
use crate::archive::{self, PER_PAGE};
use crate::route;

pub const TEMPLATE: &str = "archive.html";

struct ArchivePage<'a> {
    site: &'a SiteData<'a>,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    std::iter::once(ArchivePage { site })
}

impl Page for ArchivePage<'_> {
    fn path(&self) -> String {
        route::ARCHIVE.to_owned()
    }

    fn input(&self) -> PageInput {
        let count = self.site.catalog.thinkpieces.len();
        let months = self.site.months.iter();
        let months: Vec<_> = months.map(|month| (&month.name, &month.thinkpieces)).collect();
        let shown = if count <= PER_PAGE { count } else { 0 };
        PageInput::of(&(count, months), (0..shown).collect())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let years = archive::years(&self.site.months, self.site.cards);
        let mut context = variable("years", years);
        context.insert("count", &self.site.catalog.thinkpieces.len());
        Ok((TEMPLATE, context))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.site.strings.text("archive", |_| None)?)
    }

    fn in_sitemap(&self) -> bool {
        true
    }
}
