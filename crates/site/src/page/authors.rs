//! The page that lists all quoted people.

use tera::{Context, Value};

use super::list::Person;
use super::{Page, PageInput, SiteData, variable};
use crate::route;

pub const TEMPLATE: &str = "authors.html";

struct AuthorsPage<'a> {
    site: &'a SiteData<'a>,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    std::iter::once(AuthorsPage { site })
}

impl Page for AuthorsPage<'_> {
    fn path(&self) -> String {
        route::AUTHORS.to_owned()
    }

    fn input(&self) -> PageInput {
        let people = self.site.catalog.people.iter();
        let facts: Vec<_> = people.map(|person| (person.name, person.thinkpieces.len())).collect();
        PageInput::of(&facts, Vec::new())
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let people = self.site.catalog.people.iter();
        let mut people: Vec<Person<'_>> = people.map(Person::new).collect();
        people.sort_by_cached_key(|person| person.name().to_lowercase());
        Ok((TEMPLATE, variable("authors", Value::from_serializable(&people))))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.site.strings.text("authors", |_| None)?)
    }

    fn in_sitemap(&self) -> bool {
        true
    }
}
