//! Renders pages from templates. All templates are parsed once, and errors show the line in the
//! template's source.

mod mistakes;

use std::sync::{Mutex, MutexGuard, PoisonError};

use miette::{IntoDiagnostic, miette};
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, Value};

use super::assets::Assets;
use super::minify::minify;
use super::route;
use super::strict::{GIVEN, Strict};
use super::strings::Strings;
use super::theme::{Template, Theme};
use super::view::{Head, SiteView};
use mistakes::{Sources, UNDEFINED};

/// A theme's parsed templates.
pub struct Renderer {
    tera: Tera,
    /// The template sources by name, for error messages.
    sources: Sources,
    minify: bool,
    /// Reusable buffers for rendering. Finished pages are copied out of them, so that each page
    /// takes only the memory that it needs.
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Renderer {
    /// Parses the theme's templates, which must include the `required` ones. In a template,
    /// `t(key="…", placeholder=…)` returns a UI string and `asset(path="…")` returns the published
    /// path of a static file.
    ///
    /// # Errors
    /// Returns an error if a template is missing or invalid.
    pub fn new(theme: &Theme, required: &[&str], minify: bool) -> miette::Result<Self> {
        let missing = |name: &&&str| !theme.templates.iter().any(|t| t.name == **name);
        if let Some(missing) = required.iter().find(missing) {
            return Err(miette!(
                help = "add it, or set `extends: medium` in the theme's theme.yaml",
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
        let source = |t: &Template| (t.name.clone(), (t.clone(), Strict::new(&t.source)));
        let sources: Sources = theme.templates.iter().map(source).collect();
        let named = sources.iter().map(|(name, (_, strict))| (name, &strict.source));
        let parsed = tera.add_raw_templates(named);
        parsed.map_err(|error| mistakes::shown(&error, &sources))?;
        Ok(Self { tera, sources, minify, buffers: Mutex::default() })
    }

    /// Adds the variable `site` to every template.
    pub fn with_site(mut self, site: &SiteView<'_>) -> Self {
        self.tera.global_context().insert("site", site);
        self
    }

    /// Renders the page at `path` with the variables in `context`.
    ///
    /// # Errors
    /// Returns an error if the template fails, for example because it uses an undefined variable.
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
        let mut html = self.buffers().pop().unwrap_or_default();
        let rendered = self.tera.render_to(template, &context, &mut html);
        rendered.map_err(|error| mistakes::shown(&error, &self.sources))?;
        let page = str::from_utf8(&html).into_diagnostic()?;
        let page = if self.minify { minify(page) } else { page.to_owned() };
        html.clear();
        self.buffers().push(html);
        Ok(page.into_bytes())
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Converts a view struct to a template context.
pub fn context(view: &impl Serialize) -> miette::Result<Context> {
    Context::from_serialize(view).map_err(|error| miette!("{error}"))
}

/// Implements the filter that rejects undefined values; see [`super::strict`].
fn given(value: &Value, _: Kwargs, _: &State) -> tera::TeraResult<Value> {
    if value.is_undefined() { Err(tera::Error::message(UNDEFINED)) } else { Ok(value.clone()) }
}

/// Implements the filter that shows any value as JSON with sorted keys, for debugging templates.
fn json(value: &Value, _: Kwargs, _: &State) -> tera::TeraResult<String> {
    let sorted = serde_json::to_value(value).map_err(tera::Error::message)?;
    Ok(sorted.to_string())
}

/// Percent-encodes everything except letters, digits and `-._~`, for use in a query string.
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
