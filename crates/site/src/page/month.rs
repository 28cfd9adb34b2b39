//! The pages that list the thinkpieces of one month.

use serde::Serialize;
use tera::Context;

use super::list::{ListPage, Pager};
use super::{Page, PageInput, SiteData};
use crate::archive::{Month, PER_PAGE};
use crate::render::context;
use crate::view::Link;

pub const TEMPLATE: &str = "month.html";

/// Variables of `month.html`, in addition to `cards`.
#[derive(Debug, Serialize)]
struct MonthList<'a> {
    /// Name of the month as formatted by the theme, such as `November 2026`.
    name: &'a str,
    /// Number of thinkpieces in this month.
    count: usize,
    /// The next month with thinkpieces.
    newer: Option<Link<'a>>,
    /// The previous month with thinkpieces.
    older: Option<Link<'a>>,
    pager: Pager,
}

struct MonthPage<'a> {
    site: &'a SiteData<'a>,
    month: &'a Month,
    /// The next month with thinkpieces.
    newer: Option<&'a Month>,
    /// The previous month with thinkpieces.
    older: Option<&'a Month>,
    list: ListPage,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    site.months.iter().enumerate().flat_map(move |(at, month)| {
        let newer = at.checked_sub(1).map(|newer| &site.months[newer]);
        let older = site.months.get(at + 1);
        let thinkpieces: Vec<usize> = month.thinkpieces.clone().collect();
        let lists = ListPage::split(&month.prefix(), &thinkpieces, PER_PAGE).into_iter();
        lists.map(move |list| MonthPage { site, month, newer, older, list })
    })
}

impl Page for MonthPage<'_> {
    fn path(&self) -> String {
        self.list.path()
    }

    fn input(&self) -> PageInput {
        let [newer, older] = [self.newer, self.older].map(|month| month.map(Month::prefix));
        let facts = (self.month.thinkpieces.len(), newer, older);
        PageInput::of(&facts, self.list.shown.clone())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let mut context = context(&MonthList {
            name: &self.month.name,
            count: self.month.thinkpieces.len(),
            newer: self.newer.map(Month::link),
            older: self.older.map(Month::link),
            pager: self.list.pager(),
        })?;
        context.insert_value("cards", self.site.cards(self.list.shown.iter().copied()));
        Ok((TEMPLATE, context))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.list.headline(&self.month.name, self.site.strings)?)
    }

    fn in_sitemap(&self) -> bool {
        self.list.is_first()
    }
}
