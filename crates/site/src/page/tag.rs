//! The pages that list the thinkpieces with one tag.

use tera::Context;

use super::list::{List, ListPage, Topic};
use super::{Page, PageInput, SiteData};
use crate::catalog::TagIndex;
use crate::render::context;
use crate::route;
use crate::view::Head;

pub const TEMPLATE: &str = "tag.html";

struct TagPage<'a> {
    site: &'a SiteData<'a>,
    index: &'a TagIndex<'a>,
    list: ListPage,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    site.catalog.tags.iter().flat_map(move |index| {
        let prefix = route::tag(&index.tag.slug);
        let lists = ListPage::split(&prefix, &index.thinkpieces, site.config.paginate).into_iter();
        lists.map(move |list| TagPage { site, index, list })
    })
}

impl Page for TagPage<'_> {
    fn path(&self) -> String {
        self.list.path()
    }

    fn input(&self) -> PageInput {
        let facts = (&self.index.tag, self.index.thinkpieces.len(), &self.site.topics);
        PageInput::of(&facts, self.list.shown.clone())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let topic = Some(Topic::new(self.index));
        let list = context(&List { topic, pager: self.list.pager() })?;
        Ok((TEMPLATE, self.site.with_list(list, &self.list)))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.list.headline(&self.index.tag.name, self.site.strings)?)
    }

    fn describe(&self, head: &mut Head) -> miette::Result<()> {
        head.feed = self.site.feed(&self.list.first_path(), &self.index.tag.name);
        Ok(())
    }

    fn in_sitemap(&self) -> bool {
        self.list.is_first()
    }
}
