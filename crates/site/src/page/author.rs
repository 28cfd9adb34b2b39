//! The pages of quoted people, each listing the thinkpieces that continue one person's words.

use serde::Serialize;
use tera::Context;

use super::list::{ListPage, Pager, Person};
use super::{Page, PageInput, SiteData};
use crate::catalog::QuotedPerson;
use crate::render::context;
use crate::route;
use crate::view::Head;

pub const TEMPLATE: &str = "author.html";

/// Variables of `author.html`, in addition to `cards` and `topics`.
#[derive(Debug, Serialize)]
struct AuthorList<'a> {
    author: Person<'a>,
    pager: Pager,
}

struct AuthorPage<'a> {
    site: &'a SiteData<'a>,
    person: &'a QuotedPerson<'a>,
    list: ListPage,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    site.catalog.people.iter().flat_map(move |person| {
        let prefix = route::author(&person.slug);
        let lists = ListPage::split(&prefix, &person.thinkpieces, site.config.paginate);
        lists.into_iter().map(move |list| AuthorPage { site, person, list })
    })
}

impl Page for AuthorPage<'_> {
    fn path(&self) -> String {
        self.list.path()
    }

    fn input(&self) -> PageInput {
        let facts = (self.person.name, self.person.thinkpieces.len(), &self.site.topics);
        PageInput::of(&facts, self.list.shown.clone())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let author = Person::new(self.person);
        let list = context(&AuthorList { author, pager: self.list.pager() })?;
        Ok((TEMPLATE, self.site.with_list(list, &self.list)))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.list.headline(self.person.name, self.site.strings)?)
    }

    fn describe(&self, head: &mut Head) -> miette::Result<()> {
        head.feed = self.site.feed(&self.list.first_path(), self.person.name);
        Ok(())
    }

    fn in_sitemap(&self) -> bool {
        self.list.is_first()
    }
}
