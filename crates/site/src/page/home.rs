//! The home page and its continuation pages, which list all thinkpieces.

use tera::Context;

use super::list::{List, ListPage};
use super::{Page, PageInput, SiteData, title};
use crate::render::context;
use crate::view::Head;

pub const TEMPLATE: &str = "index.html";

struct HomePage<'a> {
    site: &'a SiteData<'a>,
    list: ListPage,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    let all: Vec<usize> = (0..site.catalog.thinkpieces.len()).collect();
    let lists = ListPage::split("", &all, site.config.paginate).into_iter();
    lists.map(move |list| HomePage { site, list })
}

impl Page for HomePage<'_> {
    fn path(&self) -> String {
        self.list.path()
    }

    fn input(&self) -> PageInput {
        let facts = (self.site.catalog.thinkpieces.len(), &self.site.topics);
        PageInput::of(&facts, self.list.shown.clone())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let list = context(&List { topic: None, pager: self.list.pager() })?;
        Ok((TEMPLATE, self.site.with_list(list, &self.list)))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.list.headline(&self.site.config.title, self.site.strings)?)
    }

    fn describe(&self, head: &mut Head) -> miette::Result<()> {
        let beside = if self.list.is_first() { &*self.site.config.tagline } else { "" };
        head.title = title(&head.headline, beside);
        Ok(())
    }

    fn in_sitemap(&self) -> bool {
        self.list.is_first()
    }
}
