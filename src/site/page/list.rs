//! What templates are given that list thinkpieces: under a tag, a person, a month.

use serde::Serialize;

use super::Link;
use crate::site::catalog::{Quoted, Shelf};
use crate::site::route;

/// A tag and where it leads.
#[derive(Debug, Clone, Serialize)]
pub struct Topic<'a> {
    #[serde(flatten)]
    link: Link<'a>,
    /// Thinkpieces under it.
    count: usize,
}

impl<'a> Topic<'a> {
    pub fn new(shelf: &Shelf<'a>) -> Self {
        let link = Link::to_list(&shelf.tag.name, &route::tag(&shelf.tag.slug));
        Self { link, count: shelf.pieces.len() }
    }

    pub fn name(&self) -> &'a str {
        self.link.name
    }
}

/// Somebody who is quoted, and the page of the thinkpieces that continue their words.
#[derive(Debug, Clone, Serialize)]
pub struct Person<'a> {
    #[serde(flatten)]
    link: Link<'a>,
    /// Thinkpieces of theirs.
    count: usize,
}

impl<'a> Person<'a> {
    pub fn new(quoted: &Quoted<'a>) -> Self {
        let link = Link::to_list(quoted.name, &route::author(&quoted.slug));
        Self { link, count: quoted.pieces.len() }
    }

    pub fn name(&self) -> &'a str {
        self.link.name
    }
}

/// What `index.html` and `tag.html` are given besides `cards` ([`Card`]s of this page)
/// and `topics` (the fullest tags, [`Topic`]s).
///
/// [`Card`]: super::Card
#[derive(Debug, Serialize)]
pub struct List<'a> {
    /// The tag whose list this is; none on the home page.
    pub topic: Option<Topic<'a>>,
    pub pager: Pager,
}

/// What `author.html` is given besides `cards` and `topics`, as [`List`] has them.
#[derive(Debug, Serialize)]
pub struct AuthorList<'a> {
    pub author: Person<'a>,
    pub pager: Pager,
}

/// What `month.html` is given besides `cards`.
#[derive(Debug, Serialize)]
pub struct MonthList<'a> {
    /// `November 2026`, as the theme writes it.
    pub name: &'a str,
    /// Thinkpieces in it.
    pub count: usize,
    /// The months with thinkpieces before and after it.
    pub newer: Option<Link<'a>>,
    pub older: Option<Link<'a>>,
    pub pager: Pager,
}

/// Where a page stands among the pages of its list.
#[derive(Debug, Serialize)]
pub struct Pager {
    pub number: usize,
    pub total: usize,
    pub newer: Option<String>,
    pub older: Option<String>,
}

impl Pager {
    /// Page `number` of `total` under `prefix`.
    pub fn new(prefix: &str, number: usize, total: usize) -> Self {
        let page = |number| route::href(&route::list_page(prefix, number));
        Self {
            number,
            total,
            newer: (number > 1).then(|| page(number - 1)),
            older: (number < total).then(|| page(number + 1)),
        }
    }
}
