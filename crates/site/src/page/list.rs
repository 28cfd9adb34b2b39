//! Variables of templates that list thinkpieces by tag, person or month.

use serde::Serialize;

use super::Link;
use crate::catalog::{Quoted, Shelf};
use crate::route;

/// A link to a tag.
#[derive(Debug, Clone, Serialize)]
pub struct Topic<'a> {
    #[serde(flatten)]
    link: Link<'a>,
    /// Number of thinkpieces with this tag.
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

/// A link to a quoted person.
#[derive(Debug, Clone, Serialize)]
pub struct Person<'a> {
    #[serde(flatten)]
    link: Link<'a>,
    /// Number of thinkpieces that continue their words.
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

/// Variables of `index.html` and `tag.html`, in addition to `cards` (the [`Card`]s of this page)
/// and `topics` (the tags with the most pieces, as [`Topic`]s).
///
/// [`Card`]: super::Card
#[derive(Debug, Serialize)]
pub struct List<'a> {
    /// The tag of this list. `None` on the home page.
    pub topic: Option<Topic<'a>>,
    pub pager: Pager,
}

/// Variables of `author.html`, in addition to `cards` and `topics` (see [`List`]).
#[derive(Debug, Serialize)]
pub struct AuthorList<'a> {
    pub author: Person<'a>,
    pub pager: Pager,
}

/// Variables of `month.html`, in addition to `cards`.
#[derive(Debug, Serialize)]
pub struct MonthList<'a> {
    /// Name as formatted by the theme, such as `November 2026`.
    pub name: &'a str,
    /// Number of thinkpieces in this month.
    pub count: usize,
    /// The next month with thinkpieces.
    pub newer: Option<Link<'a>>,
    /// The previous month with thinkpieces.
    pub older: Option<Link<'a>>,
    pub pager: Pager,
}

/// Position of a page in its list.
#[derive(Debug, Serialize)]
pub struct Pager {
    pub number: usize,
    pub total: usize,
    /// Path of the page with newer pieces.
    pub newer: Option<String>,
    /// Path of the page with older pieces.
    pub older: Option<String>,
}

impl Pager {
    /// The pager of page `number` of `total` under `prefix`.
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
