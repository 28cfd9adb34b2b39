//! schema.org metadata of a thinkpiece as JSON-LD. It states that a machine wrote the text
//! (`digitalSourceType`, from IPTC's vocabulary).

use serde::Serialize;

use super::article::Article;
use super::catalog::Thinkpiece;
use super::{json, route};
use content::config::Config;

/// Source type of a text that a model wrote.
const MACHINE: &str = "https://schema.org/TrainedAlgorithmicMediaDigitalSource";
/// Source type of a text that a model wrote and a person steered or edited.
const MACHINE_AND_PERSON: &str =
    "https://schema.org/CompositeWithTrainedAlgorithmicMediaDigitalSource";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArticleLd<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    headline: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    in_language: &'a str,
    date_published: String,
    date_modified: String,
    word_count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keywords: Vec<&'a str>,
    digital_source_type: &'static str,
    /// The pen name, marked as an organisation because it is not a person.
    author: NamedLd<'a>,
    creator: NamedLd<'a>,
    publisher: SiteLd<'a>,
    is_part_of: SiteLd<'a>,
    citation: QuotationLd<'a>,
}

#[derive(Serialize)]
struct NamedLd<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

/// The site, as publisher or as website.
#[derive(Serialize)]
struct SiteLd<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Serialize)]
struct QuotationLd<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<NamedLd<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

/// Returns the JSON-LD of one thinkpiece, safe inside a `script` element. `image` is an absolute
/// URL.
pub fn of(
    thinkpiece: &Thinkpiece<'_>,
    article: &Article,
    config: &Config,
    image: Option<String>,
) -> serde_json::Result<String> {
    let front = &thinkpiece.essay.front;
    let site = |kind| SiteLd {
        kind,
        name: &config.title,
        url: config.base_url.as_ref().map(|base| route::absolute(base, route::HOME)),
    };
    let named = |kind, name| NamedLd { kind, name, url: None };
    let source = thinkpiece.seed.source.as_deref().and_then(route::Target::external);
    let json = serde_json::to_string(&ArticleLd {
        context: "https://schema.org",
        kind: "Article",
        headline: thinkpiece.title,
        description: &article.summary,
        url: config.base_url.as_ref().map(|base| route::absolute(base, &thinkpiece.path)),
        image,
        in_language: &config.language,
        date_published: thinkpiece.date.to_string(),
        date_modified: thinkpiece.changed().to_string(),
        word_count: article.words,
        keywords: thinkpiece.seed.tags.iter().map(|tag| tag.name.as_str()).collect(),
        digital_source_type: if thinkpiece.edited { MACHINE_AND_PERSON } else { MACHINE },
        author: NamedLd {
            url: config.author.url.as_deref().and_then(route::Target::external),
            ..named("Organization", &config.author.name)
        },
        creator: named("SoftwareApplication", &front.model),
        publisher: site("Organization"),
        is_part_of: site("WebSite"),
        citation: QuotationLd {
            kind: "Quotation",
            text: thinkpiece.quote,
            creator: thinkpiece.seed.author.as_deref().map(|name| named("Person", name)),
            url: source,
        },
    })?;
    Ok(json::inside_script(&json))
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::super::sample;
    use super::*;

    #[test]
    fn states_the_machine_author_and_the_quoted_person() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").quote("Ship it.").author("Ada Runway"));
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let mut thinkpiece = catalog.thinkpieces[0].clone();
        let article = Article::new("One two.", None, "../", 200);
        let parse = |thinkpiece: &Thinkpiece<'_>| -> serde_json::Value {
            let image = Some("https://a.example/cards/1.png".to_owned());
            let json = of(thinkpiece, &article, &input.project.config, image).unwrap();
            serde_json::from_str(&json).unwrap()
        };
        let ld = parse(&thinkpiece);
        assert_eq!(ld["digitalSourceType"], MACHINE);
        assert_eq!(ld["author"]["name"], "Venti");
        assert_eq!(ld["citation"]["text"], "Ship it.");
        assert_eq!(ld["citation"]["creator"]["name"], "Ada Runway");
        assert_eq!(ld["wordCount"], 2);
        assert_eq!(ld["image"], "https://a.example/cards/1.png");
        assert_eq!(ld["isPartOf"]["@type"], "WebSite");
        assert_eq!(ld["publisher"]["name"], "Thoughts");
        thinkpiece.edited = true;
        assert_eq!(parse(&thinkpiece)["digitalSourceType"], MACHINE_AND_PERSON);
    }
}
