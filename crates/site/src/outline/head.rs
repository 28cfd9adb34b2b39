//! Metadata of pages: title, URL, image and feed.

use miette::IntoDiagnostic;

use super::{Outline, Page};
use crate::page::{FeedLink, Head, Image, LONGEST_TITLE};
use crate::{card, cover, json_ld, route};

impl Outline<'_> {
    /// Returns the metadata of the page at `path`.
    pub(super) fn head(&self, page: &Page, path: &str) -> miette::Result<Head> {
        let config = self.config;
        let mut head = Head {
            headline: self.headline(page)?,
            canonical: self.absolute(path),
            kind: "website",
            noindex: config.noindex,
            feed: self.feed(page),
            ..Head::default()
        };
        let beside = match page {
            Page::Home { number: 1 } => &config.tagline,
            Page::Home { .. } => "",
            _ => &config.title,
        };
        head.title = title(&head.headline, beside);
        head.description = match config.tagline.as_str() {
            "" => config.title.clone(),
            tagline => tagline.to_owned(),
        };
        head.image = self.image(page, &head.headline);
        match page {
            Page::Thinkpiece(at) => {
                let (piece, article) = (&self.catalog.pieces[*at], &self.articles[*at]);
                head.description.clone_from(&article.summary);
                head.kind = "article";
                head.noindex |= piece.seed.draft;
                head.published = Some(piece.date.to_string());
                head.modified = Some(piece.changed().to_string());
                let image = head.image.as_ref().map(|image| image.url.clone());
                let image = image.or_else(|| self.absolute(&cover::path(&piece.essay.front.key)));
                head.json_ld =
                    Some(json_ld::thinkpiece(piece, article, config, image).into_diagnostic()?);
            }
            Page::Takes(first) => {
                let (piece, article) = (&self.catalog.pieces[*first], &self.articles[*first]);
                head.description.clone_from(&article.summary);
                head.noindex |= piece.seed.draft;
            }
            Page::Plain(at) => {
                head.noindex |= self.plain[*at].draft;
                if let Some(description) = &self.plain[*at].description {
                    head.description.clone_from(description);
                }
            }
            Page::Redirect { piece, .. } => {
                head.canonical = self.absolute(&self.catalog.pieces[*piece].path);
                head.noindex = true;
            }
            Page::NotFound => {
                head.canonical = None;
                head.noindex = true;
            }
            _ => {}
        }
        Ok(head)
    }

    /// The page's name, without the site's title.
    fn headline(&self, page: &Page) -> miette::Result<String> {
        let word = |name: &str| self.strings.text(name, |_| None);
        let title = |at: usize| self.catalog.pieces[at].essay.front.title.clone();
        let (name, number) = match page {
            Page::Home { number } => (self.config.title.clone(), *number),
            Page::Tag { shelf, number } => (self.catalog.shelves[*shelf].tag.name.clone(), *number),
            Page::Author { person, number } => {
                (self.catalog.people[*person].name.to_owned(), *number)
            }
            Page::Month { month, number } => (self.months[*month].name.clone(), *number),
            Page::Thinkpiece(at) | Page::Redirect { piece: at, .. } => (title(*at), 1),
            Page::Takes(at) => {
                let title = |name: &str| (name == "title").then(|| title(*at));
                (self.strings.text("takes_title", title)?, 1)
            }
            Page::Tags => (word("topics")?, 1),
            Page::Authors => (word("authors")?, 1),
            Page::Archive => (word("archive")?, 1),
            Page::Random => (word("random")?, 1),
            Page::Search => (word("search")?, 1),
            Page::Plain(at) => (self.plain[*at].title.clone(), 1),
            Page::NotFound => (word("not_found")?, 1),
        };
        if number == 1 {
            return Ok(name);
        }
        let number = |name: &str| (name == "number").then(|| number.to_string());
        Ok(format!("{name} · {}", self.strings.text("page_number", number)?))
    }

    /// The feed of the page's own list, if it has one.
    fn feed(&self, page: &Page) -> Option<FeedLink> {
        self.config.base_url.as_ref()?;
        let (first, name) = match page {
            Page::Tag { shelf, .. } => {
                (Page::Tag { shelf: *shelf, number: 1 }, &*self.catalog.shelves[*shelf].tag.name)
            }
            Page::Author { person, .. } => {
                (Page::Author { person: *person, number: 1 }, self.catalog.people[*person].name)
            }
            Page::Takes(first) => {
                (Page::Takes(*first), &*self.catalog.pieces[*first].essay.front.title)
            }
            _ => return None,
        };
        Some(FeedLink {
            path: route::href(&route::feed_of(&self.path(&first))),
            title: format!("{name} · {}", self.config.title),
        })
    }

    /// Path of the image that a shared link shows.
    pub(super) fn picture(&self, page: &Page) -> Option<&String> {
        let own = match page {
            Page::Thinkpiece(at) | Page::Takes(at) => self.social.pieces.get(*at),
            Page::Redirect { .. } | Page::NotFound => return None,
            _ => None,
        };
        own.or(self.social.site.as_ref())
    }

    fn image(&self, page: &Page, alt: &str) -> Option<Image> {
        let url = self.absolute(self.picture(page)?)?;
        Some(Image { url, width: card::WIDTH, height: card::HEIGHT, alt: alt.to_owned() })
    }

    /// Absolute URL of a path. `None` without `base_url`.
    fn absolute(&self, path: &str) -> Option<String> {
        self.config.base_url.as_ref().map(|base| route::absolute(base, path))
    }
}

/// The page's name followed by `beside`, if both fit.
fn title(name: &str, beside: &str) -> String {
    let whole = format!("{name} · {beside}");
    if beside.is_empty() || whole.chars().count() > LONGEST_TITLE {
        return name.to_owned();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::Article;
    use crate::catalog::Catalog;
    use crate::lazily::Lazily;
    use crate::pictures::Cards;
    use crate::sample;
    use crate::theme::Theme;

    #[test]
    fn titles_include_the_site_if_it_fits() {
        assert_eq!(title("On Work", "Thoughts"), "On Work · Thoughts");
        assert_eq!(title("Thoughts", ""), "Thoughts");
        let room = "x".repeat(LONGEST_TITLE - "On Work · ".chars().count());
        assert_eq!(title("On Work", &room), format!("On Work · {room}"));
        assert_eq!(title("On Work", &format!("{room}x")), "On Work");
    }

    #[test]
    fn thinkpieces_have_their_own_image_and_other_pages_the_sites() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").takes(2));
        sample.project.config.base_url = Some("https://a.example".to_owned());
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let articles = Lazily::new(2, |_| Article::new("One.", None, "../", 200));
        let cards = Lazily::new(2, |_| tera::Value::none());
        let strings = Theme::load(&sample.project).unwrap().strings;
        let config = &sample.project.config;
        let head = |pieces: &[&str], site: Option<&str>, page: &Page| {
            let social = Cards {
                pieces: pieces.iter().map(|path| (*path).to_owned()).collect(),
                site: site.map(str::to_owned),
            };
            Outline::new(config, &strings, &catalog, &articles, &cards, social, &[])
                .unwrap()
                .head(page, "x/index.html")
                .unwrap()
        };
        let url = |page: &Page| {
            let pieces = ["cards/1.png", "cards/2.png"];
            head(&pieces, Some("cards/site.png"), page).image.map(|image| image.url)
        };
        let own = |name: &str| Some(format!("https://a.example/cards/{name}.png"));
        assert_eq!(url(&Page::Thinkpiece(1)), own("2"));
        assert_eq!(url(&Page::Takes(0)), own("1"));
        assert_eq!(url(&Page::Home { number: 1 }), own("site"));
        assert_eq!(url(&Page::NotFound), None);
        let bare = head(&[], None, &Page::Thinkpiece(0));
        assert_eq!(bare.image, None);
        let cover = format!("https://a.example/{}", cover::path("key"));
        assert!(bare.json_ld.unwrap().contains(&format!("\"image\":\"{cover}\"")));
        assert_eq!(bare.published.as_deref(), Some("2026-01-31"));
    }
}
