//! The page that shows a random sample of thinkpieces. If scripts are enabled, links to it open a
//! single random thinkpiece instead.

use tera::Context;

use super::{Page, PageInput, SiteData, variable};
use crate::{random, route};

pub const TEMPLATE: &str = "random.html";

struct RandomPage<'a> {
    site: &'a SiteData<'a>,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    std::iter::once(RandomPage { site })
}

impl Page for RandomPage<'_> {
    fn path(&self) -> String {
        route::RANDOM.to_owned()
    }

    fn input(&self) -> PageInput {
        PageInput::of(&(), random::shown(self.site.catalog))
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let shown = random::shown(self.site.catalog).into_iter();
        Ok((TEMPLATE, variable("cards", self.site.cards(shown))))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.site.strings.text("random", |_| None)?)
    }
}
