//! The pages that redirect from a seed's aliases to the page of its first take.

use serde::Serialize;
use tera::Context;

use super::{Page, PageInput, SiteData};
use crate::catalog::{Catalog, Thinkpiece};
use crate::render::context;
use crate::route;
use crate::view::Head;

pub const TEMPLATE: &str = "redirect.html";

/// Variables of `redirect.html`.
#[derive(Debug, Serialize)]
struct RedirectView<'a> {
    title: &'a str,
    /// Path of the target, relative to this page.
    target: String,
}

struct RedirectPage<'a> {
    site: &'a SiteData<'a>,
    /// Path of the alias under `output/`.
    from: String,
    /// Catalog index of the target.
    to: usize,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    aliases(site.catalog).map(move |(to, alias)| RedirectPage {
        site,
        from: route::alias(alias),
        to,
    })
}

/// Returns the aliases of all seeds, each with the catalog index of the take that it redirects to.
fn aliases<'c>(catalog: &'c Catalog<'_>) -> impl Iterator<Item = (usize, &'c str)> {
    let firsts = (0..catalog.thinkpieces.len()).filter(|&at| catalog.is_first_take(at));
    firsts.flat_map(|at| {
        let aliases = catalog.thinkpieces[at].seed.aliases.iter();
        aliases.map(move |alias| (at, alias.as_str()))
    })
}

impl<'a> RedirectPage<'a> {
    fn target(&self) -> &'a Thinkpiece<'a> {
        &self.site.catalog.thinkpieces[self.to]
    }
}

impl Page for RedirectPage<'_> {
    fn path(&self) -> String {
        self.from.clone()
    }

    fn input(&self) -> PageInput {
        PageInput::of(&(), vec![self.to])
    }

    fn context(&self, root: &str) -> miette::Result<(&'static str, Context)> {
        let target = format!("{root}{}", route::href(&self.target().path));
        let title = self.target().title;
        Ok((TEMPLATE, context(&RedirectView { title, target })?))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.target().title.to_owned())
    }

    fn picture<'p>(&'p self, _: Option<&'p str>) -> Option<&'p str> {
        None
    }

    fn describe(&self, head: &mut Head) -> miette::Result<()> {
        head.canonical = self.site.absolute(&self.target().path);
        head.noindex = true;
        Ok(())
    }
}
