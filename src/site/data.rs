//! `thinkpieces.json`: every published essay as data, for those who want the
//! texts without the pages.

use serde::Serialize;

use super::article::Article;
use super::catalog::Piece;
use super::json_ld::inside_script;
use super::route;
use crate::content::essay::FrontMatter;

#[derive(Serialize)]
struct Data<'a> {
    /// Raised when a reader of the version before would misread this one.
    version: u32,
    title: &'a str,
    thinkpieces: Vec<Thinkpiece<'a>>,
}

#[derive(Serialize)]
struct Thinkpiece<'a> {
    slug: &'a str,
    take: u32,
    /// The page, relative to this file.
    path: String,
    title: &'a str,
    quote: &'a str,
    author: Option<&'a str>,
    source: Option<&'a str>,
    tags: Vec<&'a str>,
    date: String,
    minutes: usize,
    /// Plain text; paragraphs are separated by one empty line.
    text: &'a str,
    /// A person changed the text after it was written.
    edited: bool,
    /// The essay's own front matter, as in the store.
    provenance: &'a FrontMatter,
}

/// All of `pieces` with their articles, in their order.
pub fn thinkpieces(
    title: &str,
    pieces: &[Piece<'_>],
    articles: &[Article],
) -> serde_json::Result<Vec<u8>> {
    let thinkpieces = pieces.iter().zip(articles).map(|(piece, article)| Thinkpiece {
        slug: &piece.seed.slug,
        take: piece.essay.front.take,
        path: route::href(&piece.path),
        title: &piece.essay.front.title,
        quote: &piece.essay.front.quote,
        author: piece.seed.author.as_deref(),
        source: piece.seed.source.as_deref().and_then(route::Target::external),
        tags: piece.seed.tags.iter().map(|tag| tag.name.as_str()).collect(),
        date: piece.date.to_string(),
        minutes: article.minutes,
        text: &article.text,
        edited: piece.edited,
        provenance: &piece.essay.front,
    });
    let data = Data { version: 1, title, thinkpieces: thinkpieces.collect() };
    Ok(inside_script(&serde_json::to_string_pretty(&data)?).into_bytes())
}
