//! Lists of thinkpieces, split into pages.

use serde::Serialize;

use crate::catalog::{QuotedPerson, TagIndex};
use crate::route;
use crate::strings::{Missing, Strings};
use crate::view::Link;

/// One page of a list.
pub struct ListPage {
    /// Path prefix of the list's pages.
    prefix: String,
    /// Number of this page, counting from 1.
    number: usize,
    /// Number of pages in the list.
    total: usize,
    /// Catalog indices of the thinkpieces on this page.
    pub shown: Vec<usize>,
}

impl ListPage {
    /// Splits a list into pages. An empty list has one page.
    pub fn split(prefix: &str, thinkpieces: &[usize], per_page: usize) -> Vec<Self> {
        let per_page = per_page.max(1);
        let total = thinkpieces.len().div_ceil(per_page).max(1);
        let page = |number: usize| {
            let first = (number - 1) * per_page;
            let shown = &thinkpieces[first..thinkpieces.len().min(first + per_page)];
            Self { prefix: prefix.to_owned(), number, total, shown: shown.to_vec() }
        };
        (1..=total).map(page).collect()
    }

    /// Returns the page's path under `output/`.
    pub fn path(&self) -> String {
        route::list_page(&self.prefix, self.number)
    }

    /// Returns the path of the list's first page.
    pub fn first_path(&self) -> String {
        route::list_page(&self.prefix, 1)
    }

    pub fn is_first(&self) -> bool {
        self.number == 1
    }

    /// Returns the list's name, followed by the number of this page unless it is the first.
    ///
    /// # Errors
    /// Returns an error if the theme lacks the string `page_number`.
    pub fn headline(&self, name: &str, strings: &Strings) -> Result<String, Missing> {
        if self.is_first() {
            return Ok(name.to_owned());
        }
        let number = |placeholder: &str| (placeholder == "number").then(|| self.number.to_string());
        Ok(format!("{name} · {}", strings.text("page_number", number)?))
    }

    /// Returns the position of this page, with links to the neighbouring pages.
    pub fn pager(&self) -> Pager {
        let page = |number| route::href(&route::list_page(&self.prefix, number));
        Pager {
            number: self.number,
            total: self.total,
            newer: (self.number > 1).then(|| page(self.number - 1)),
            older: (self.number < self.total).then(|| page(self.number + 1)),
        }
    }
}

/// Position of a page in its list, with links to the neighbouring pages.
#[derive(Debug, Serialize)]
pub struct Pager {
    pub number: usize,
    pub total: usize,
    /// Path of the page with newer thinkpieces.
    pub newer: Option<String>,
    /// Path of the page with older thinkpieces.
    pub older: Option<String>,
}

/// Variables of `index.html` and `tag.html`, in addition to `cards` (the cards on this page) and
/// `topics` (the tags with the most thinkpieces, as [`Topic`]s).
#[derive(Debug, Serialize)]
pub struct List<'a> {
    /// The tag of this list. `None` on the home page.
    pub topic: Option<Topic<'a>>,
    pub pager: Pager,
}

/// A link to a tag.
#[derive(Debug, Clone, Serialize)]
pub struct Topic<'a> {
    #[serde(flatten)]
    link: Link<'a>,
    /// Number of thinkpieces with this tag.
    count: usize,
}

impl<'a> Topic<'a> {
    pub fn new(index: &TagIndex<'a>) -> Self {
        let link = Link::to_list(&index.tag.name, &route::tag(&index.tag.slug));
        Self { link, count: index.thinkpieces.len() }
    }

    pub fn name(&self) -> &'a str {
        self.link.name
    }
}

/// A link to a quoted person.
#[derive(Debug, Clone, Serialize)]
pub struct Person<'a> {
    #[serde(flatten)]
    link: Link<'a>,
    /// Number of thinkpieces that continue this person's words.
    count: usize,
}

impl<'a> Person<'a> {
    pub fn new(quoted: &QuotedPerson<'a>) -> Self {
        let link = Link::to_list(quoted.name, &route::author(&quoted.slug));
        Self { link, count: quoted.thinkpieces.len() }
    }

    pub fn name(&self) -> &'a str {
        self.link.name
    }
}
