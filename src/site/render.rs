//! Templates to bytes. All templates are parsed once and checked together;
//! what goes wrong in one is shown at its line.

use std::collections::BTreeMap;

use miette::miette;
use serde::Serialize;
use tera::{Context, ErrorKind, Kwargs, State, Tera, Value};

use super::assets::Assets;
use super::minify::minify;
use super::page::{Head, Site};
use super::route;
use super::strict::{GIVEN, Strict};
use super::strings::Strings;
use super::theme::{Template, Theme};
use crate::problem::Problem;

/// Every template a theme must have.
pub const REQUIRED: [&str; 14] = [
    "index.html",
    "thinkpiece.html",
    "takes.html",
    "tag.html",
    "tags.html",
    "author.html",
    "authors.html",
    "archive.html",
    "month.html",
    "random.html",
    "search.html",
    "page.html",
    "404.html",
    "redirect.html",
];

/// A theme's templates, ready.
pub struct Renderer {
    tera: Tera,
    /// By name, for showing mistakes.
    sources: BTreeMap<String, (Template, Strict)>,
    minify: bool,
}

impl Renderer {
    /// Parses the templates. In them `t(key="…", placeholder=…)` gives a UI string and
    /// `asset(path="…")` the published path of a static file.
    ///
    /// # Errors
    /// If a template is missing or is not a template.
    pub fn new(theme: &Theme, minify: bool) -> miette::Result<Self> {
        let source = |t: &Template| (t.name.clone(), (t.clone(), Strict::new(&t.source)));
        let sources: BTreeMap<_, _> = theme.templates.iter().map(source).collect();
        if let Some(missing) = REQUIRED.iter().find(|name| !sources.contains_key(**name)) {
            return Err(miette!(
                help = "a theme of its own needs every template that `medium` has",
                "the theme has no templates/{missing}"
            ));
        }
        let strings = theme.strings.clone();
        let assets = theme.assets.clone();
        let mut tera = Tera::new();
        tera.register_function("t", move |kwargs: Kwargs, _: &State| string(&strings, &kwargs));
        tera.register_function("asset", move |kwargs: Kwargs, _: &State| asset(&assets, &kwargs));
        tera.register_filter(GIVEN, given);
        tera.register_filter("json", json);
        tera.register_filter("urlencode", |text: &str, _: Kwargs, _: &State| urlencode(text));
        let mut renderer = Self { tera, sources, minify };
        let named: Vec<(&str, &str)> = renderer
            .sources
            .iter()
            .map(|(name, (_, strict))| (name.as_str(), strict.source.as_str()))
            .collect();
        let parsed = renderer.tera.add_raw_templates(named);
        parsed.map_err(|error| renderer.shown(&error))?;
        Ok(renderer)
    }

    /// Gives every template the site.
    pub fn with_site(mut self, site: &Site<'_>) -> Self {
        self.tera.global_context().insert("site", site);
        self
    }

    /// Renders the page at `path` from what its template is given.
    ///
    /// # Errors
    /// If the template uses something it is not given.
    pub fn page(
        &self,
        template: &str,
        path: &str,
        root: &str,
        head: &Head,
        mut context: Context,
    ) -> miette::Result<Vec<u8>> {
        context.insert("path", path);
        context.insert("root", root);
        context.insert("head", head);
        let html = self.tera.render(template, &context).map_err(|error| self.shown(&error))?;
        Ok(if self.minify { minify(&html) } else { html }.into_bytes())
    }

    /// The error at its place in the template's source.
    fn shown(&self, error: &tera::Error) -> miette::Report {
        let (ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report)) = error.kind()
        else {
            return miette!("the theme's templates do not fit together: {error}");
        };
        let Some((Template { origin, source, .. }, strict)) = self.sources.get(report.filename())
        else {
            return miette!("{error}");
        };
        let span = &report.span().range;
        if report.message().contains(UNDEFINED)
            && let Some(name) = strict.refused(span)
        {
            let message = format!("`{}` is not defined", &source[name.clone()]);
            return Problem::at(origin, source, name.start, name.len(), message)
                .hint("themes/README.md lists what each template is given; `is defined` asks first")
                .into();
        }
        let range = strict.written(span.clone());
        Problem::at(origin, source, range.start, range.len(), report.message()).into()
    }
}

/// The context of a view struct's fields.
pub fn context(view: &impl Serialize) -> miette::Result<Context> {
    Context::from_serialize(view).map_err(|error| miette!("{error}"))
}

/// What [`given`] says of an undefined value.
const UNDEFINED: &str = "this is not defined";

/// Lets through what is defined; see [`super::strict`].
fn given(value: &Value, _: Kwargs, _: &State) -> tera::TeraResult<Value> {
    if value.is_undefined() { Err(tera::Error::message(UNDEFINED)) } else { Ok(value.clone()) }
}

/// Any value as JSON, its keys in order, so that an author of templates can look at it.
fn json(value: &Value, _: Kwargs, _: &State) -> tera::TeraResult<String> {
    let sorted = serde_json::to_value(value).map_err(tera::Error::message)?;
    Ok(sorted.to_string())
}

/// Percent-encodes all but letters, digits and `-._~`, so that a text can be a part of a query.
fn urlencode(text: &str) -> String {
    route::href(text).replace('/', "%2F")
}

fn string(strings: &Strings, kwargs: &Kwargs) -> tera::TeraResult<String> {
    let name = kwargs.must_get::<&str>("key")?;
    let fill = |placeholder: &str| {
        let value = kwargs.get::<Value>(placeholder).ok().flatten();
        value.map(|value| value.to_string())
    };
    strings.text(name, fill).map_err(tera::Error::message)
}

fn asset(assets: &Assets, kwargs: &Kwargs) -> tera::TeraResult<String> {
    let name = kwargs.must_get::<&str>("path")?;
    assets
        .path(name)
        .map(route::href)
        .ok_or_else(|| tera::Error::message(format!("the theme has no static file `{name}`")))
}
