//! Input hashes of pages.

use blake3::Hash;
use serde::Serialize;

use super::{Outline, Page};
use crate::catalog::{Quoted, Shelf};
use crate::reuse::{Inputs, input_of};
use crate::{archive, random};

impl Outline<'_> {
    /// Input hash of the page at `path`: its own data, and all pieces that it shows something of.
    pub fn input(&self, inputs: &Inputs, page: &Page, path: &str) -> Hash {
        let catalog = self.catalog;
        let count = catalog.pieces.len();
        let (facts, pieces): (Hash, Vec<usize>) = match page {
            Page::Home { number } => {
                (input_of(&(count, &self.topics)), self.part(count, *number).collect())
            }
            Page::Tag { shelf, number } => {
                let shelf = &catalog.shelves[*shelf];
                let facts = (&shelf.tag, shelf.pieces.len(), &self.topics);
                let shown = self.part(shelf.pieces.len(), *number);
                (input_of(&facts), shelf.pieces[shown].to_vec())
            }
            Page::Author { person, number } => {
                let person = &catalog.people[*person];
                let facts = (person.name, person.pieces.len(), &self.topics);
                let shown = self.part(person.pieces.len(), *number);
                (input_of(&facts), person.pieces[shown].to_vec())
            }
            Page::Thinkpiece(at) => {
                let takes = catalog.takes_of(&catalog.pieces[*at]);
                let related = self.related.to(*at);
                let previous = Some(at + 1).filter(|&at| at < count);
                let facts = (takes.len(), related.len(), previous.is_some());
                let mut shown = vec![*at];
                shown.extend(takes.iter().chain(related));
                shown.extend(previous.into_iter().chain(at.checked_sub(1)));
                (input_of(&facts), shown)
            }
            Page::Takes(first) => {
                (input_of(&()), catalog.takes_of(&catalog.pieces[*first]).to_vec())
            }
            Page::Tags => {
                let tag = |shelf: &Shelf<'_>| input_of(&(shelf.tag, shelf.pieces.len()));
                (input_of(&hexes(catalog.shelves.iter().map(tag))), Vec::new())
            }
            Page::Authors => {
                let person = |person: &Quoted<'_>| input_of(&(person.name, person.pieces.len()));
                (input_of(&hexes(catalog.people.iter().map(person))), Vec::new())
            }
            Page::Archive => {
                let month = |month: &archive::Month| input_of(&(&month.name, &month.pieces));
                let shown = if count <= archive::PER_PAGE { count } else { 0 };
                let months = hexes(self.months.iter().map(month));
                (input_of(&(count, months)), (0..shown).collect())
            }
            Page::Month { month: at, number } => {
                let month = &self.months[*at];
                let neighbour = |at: Option<usize>| {
                    at.and_then(|at| self.months.get(at)).map(archive::Month::prefix)
                };
                let newer = neighbour(at.checked_sub(1));
                let facts = (month.pieces.len(), newer, neighbour(Some(at + 1)));
                (input_of(&facts), self.part_of_month(month, *number).collect())
            }
            Page::Random => (input_of(&()), random::shown(catalog)),
            Page::NotFound => (input_of(&count), self.offered().collect()),
            Page::Search => (input_of(&()), Vec::new()),
            Page::Plain(at) => (input_of(&self.plain[*at]), Vec::new()),
            Page::Redirect { piece, .. } => (input_of(&()), vec![*piece]),
        };
        // The path identifies the kind of page and the part of a list.
        let facts = (path, self.picture(page), facts.to_hex().to_string());
        inputs.of(&facts, pieces.into_iter())
    }
}

fn hexes(hashes: impl Iterator<Item = Hash>) -> impl Serialize {
    hashes.map(|hash| hash.to_hex().to_string()).collect::<Vec<_>>()
}
