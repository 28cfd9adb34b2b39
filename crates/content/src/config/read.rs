//! Reads `venti.yaml` key by key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use generator::{MAX_BATCH_SIZE, MAX_THREADS};

use super::{
    Author, Config, DEFAULT_PAGES, DEFAULT_SEEDS, DevicePreference, DtypePreference, Fonts,
    GenerationOverrides, NavEntry, Publish,
};
use crate::problem::{Problem, check_merged};
use crate::yaml::{Document, Field, Fields};

const KEYS: [&str; 29] = [
    "title",
    "tagline",
    "base_url",
    "language",
    "author",
    "theme",
    "accent",
    "fonts",
    "nav",
    "footer",
    "strings",
    "seeds",
    "essays",
    "pages",
    "output",
    "model",
    "device",
    "dtype",
    "batch_size",
    "threads",
    "generation",
    "blocklist",
    "publish",
    "paginate",
    "feed_limit",
    "words_per_minute",
    "social_cards",
    "minify",
    "noindex",
];

impl Config {
    /// Parses the text of `venti.yaml`. `path` is the path to show in error messages.
    ///
    /// # Errors
    /// Returns the first error in the text.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Problem> {
        check_merged(path, text)?;
        let start = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
        let document = Document::parse(path, text, start..text.len())?;
        let fields = document.root().fields(&KEYS)?;
        let get = |key: &str| fields.get(key);

        let Some(title) = get("title") else {
            let hint = "name the site: `title: My thinkpieces`";
            return Err(fields.problem("title", "`title` is missing").hint(hint));
        };
        let config = Self {
            title: title.some_text()?,
            tagline: get("tagline").map(|f| f.text()).transpose()?.unwrap_or_default(),
            base_url: get("base_url").map(base_url).transpose()?,
            language: get("language").map(language).transpose()?.unwrap_or_else(|| "en".into()),
            author: get("author").map(author).transpose()?.unwrap_or_default(),
            theme: get("theme").map(theme).transpose()?.unwrap_or_else(|| "medium".into()),
            accent: accent(&fields)?,
            fonts: get("fonts").map(|f| Fonts::read(&f)).transpose()?.unwrap_or_default(),
            nav: get("nav").map(nav).transpose()?.unwrap_or_default(),
            footer: get("footer").map(|f| f.some_text()).transpose()?,
            strings: get("strings").map(strings).transpose()?.unwrap_or_default(),
            seeds: folder(&fields, "seeds", DEFAULT_SEEDS)?,
            essays: folder(&fields, "essays", "content/essays")?,
            pages: folder(&fields, "pages", DEFAULT_PAGES)?,
            output: folder(&fields, "output", "output")?,
            model: get("model")
                .map(|f| model_name(&f))
                .transpose()?
                .unwrap_or_else(|| "venti-mini".into()),
            device: get("device")
                .map(|f| f.choice(&DevicePreference::ALL.map(|device| (device.name(), device))))
                .transpose()?
                .unwrap_or_default(),
            dtype: get("dtype")
                .map(|f| f.choice(&DtypePreference::ALL.map(|dtype| (dtype.name(), dtype))))
                .transpose()?
                .unwrap_or_default(),
            batch_size: get("batch_size")
                .map(|f| auto_or_count(&f, MAX_BATCH_SIZE))
                .transpose()?
                .flatten(),
            threads: get("threads").map(|f| auto_or_count(&f, MAX_THREADS)).transpose()?.flatten(),
            generation: generation(&fields)?,
            blocklist: get("blocklist").map(blocklist).transpose()?.unwrap_or_default(),
            publish: get("publish").map(|f| f.choice(&PUBLISH)).transpose()?.unwrap_or_default(),
            paginate: count(&fields, "paginate", 12)?,
            feed_limit: count(&fields, "feed_limit", 20)?,
            words_per_minute: count(&fields, "words_per_minute", 265)?,
            social_cards: get("social_cards").map(|f| f.flag()).transpose()?.unwrap_or(true),
            minify: get("minify").map(|f| f.flag()).transpose()?.unwrap_or(true),
            noindex: get("noindex").map(|f| f.flag()).transpose()?.unwrap_or(false),
        };
        config.separate_folders(&fields)?;
        Ok(config)
    }

    /// Checks that no configured folder contains another. Otherwise, files of the inner folder would be
    /// read or deleted as part of the outer one.
    fn separate_folders(&self, fields: &Fields) -> Result<(), Problem> {
        let folders = [
            ("seeds", &self.seeds),
            ("essays", &self.essays),
            ("pages", &self.pages),
            ("output", &self.output),
        ];
        for (i, (key, folder)) in folders.iter().enumerate() {
            for (other_key, other) in &folders[..i] {
                // Ignore case, because some file systems do.
                let [a, b] =
                    [folder, other].map(|f| PathBuf::from(f.to_string_lossy().to_lowercase()));
                if !a.starts_with(&b) && !b.starts_with(&a) {
                    continue;
                }
                let at = if fields.get(key).is_some() { key } else { other_key };
                let message = format!(
                    "`{key}` ({}) and `{other_key}` ({}) must be separate folders, with neither inside the other",
                    folder.display(),
                    other.display()
                );
                let problem = fields
                    .get(at)
                    .map_or_else(|| fields.problem(at, &message), |f| f.problem(&message));
                return Err(problem.hint("give each its own folder"));
            }
        }
        Ok(())
    }
}

impl Default for Author {
    fn default() -> Self {
        Self { name: "Venti".into(), bio: None, url: None, avatar: None }
    }
}

const PUBLISH: [(&str, Publish); 2] = [("auto", Publish::Auto), ("reviewed", Publish::Reviewed)];

fn base_url(field: Field) -> Result<String, Problem> {
    let url = field.http_address()?;
    if url.contains(['?', '#']) {
        return Err(field
            .must("not contain `?` or `#`")
            .hint("page paths are appended to this URL, as in https://example.com/blog/tags/"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn language(field: Field) -> Result<String, Problem> {
    let tag = field.some_text()?;
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    let primary = (2..=8).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    if primary
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    {
        return Ok(tag);
    }
    Err(field.must("be a language tag").hint("such as `en`, `de` or `pt-BR`"))
}

fn author(field: Field) -> Result<Author, Problem> {
    let fields = field.fields(&["name", "bio", "url", "avatar"])?;
    Ok(Author {
        name: fields
            .get("name")
            .map(|f| f.some_text())
            .transpose()?
            .unwrap_or_else(|| Author::default().name),
        bio: fields.get("bio").map(|f| f.some_text()).transpose()?,
        url: fields.get("url").map(|f| f.http_address()).transpose()?,
        avatar: fields.get("avatar").map(|f| inner_path(&f, "img/me.png")).transpose()?,
    })
}

fn theme(field: Field) -> Result<String, Problem> {
    let name = field.some_text()?;
    if name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        return Ok(name);
    }
    Err(field
        .must("be the name of a theme")
        .hint("for your own theme in `themes/NAME/`, write only NAME"))
}

fn accent(fields: &Fields) -> Result<Option<String>, Problem> {
    const HINT: &str =
        "write six hexadecimal digits in quotes, because `#` starts a comment: accent: \"#1a8917\"";
    let Some(field) = fields.get("accent") else { return Ok(None) };
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let unmarked = field.source().trim_matches(['"', '\'']);
    let hint = match unmarked.len() {
        3 | 6 if is_hex(unmarked) => {
            format!("write it in quotes and with a `#`: accent: \"#{unmarked}\"")
        }
        _ => HINT.to_owned(),
    };
    let colour = field.some_text().map_err(|problem| problem.hint(&hint))?.to_ascii_lowercase();
    let digits = colour.strip_prefix('#').filter(|digits| is_hex(digits));
    match digits.map(|digits| (digits.len(), digits)) {
        Some((6, _)) => Ok(Some(colour)),
        Some((3, digits)) => {
            Ok(Some(digits.chars().fold("#".to_owned(), |all, c| all + &format!("{c}{c}"))))
        }
        _ => Err(field.must("be a colour").hint(hint)),
    }
}

fn nav(field: Field) -> Result<Vec<NavEntry>, Problem> {
    field.list()?.iter().map(nav_entry).collect()
}

fn nav_entry(entry: &Field) -> Result<NavEntry, Problem> {
    let fields = entry.fields(&["name", "url"])?;
    let both = fields.get("name").zip(fields.get("url"));
    let (name, url) = both.ok_or_else(|| {
        entry.must("have a `name` and a `url`").hint("such as `- { name: Tags, url: tags/ }`")
    })?;
    let target = url.some_text()?;
    let url = if target.contains(':') || target.starts_with("//") {
        url.http_address()?
    } else {
        route(&url, target.trim_start_matches('/'))?
    };
    Ok(NavEntry { name: name.some_text()?, url })
}

fn route(field: &Field, target: &str) -> Result<String, Problem> {
    if target.split('/').any(|part| part == "..") || target.contains('\\') {
        return Err(field
            .must("be a path within this site or an http(s) URL")
            .hint("such as `tags/` or `https://example.com`"));
    }
    Ok(target.to_owned())
}

fn strings(field: Field) -> Result<BTreeMap<String, String>, Problem> {
    let fields = field.any_fields()?;
    fields.check_values()?;
    fields.iter().map(|(key, value)| Ok((key.to_owned(), value.text()?))).collect()
}

fn generation(fields: &Fields) -> Result<GenerationOverrides, Problem> {
    match fields.get("generation") {
        Some(field) => super::generation::read(&field, &GenerationOverrides::default()),
        None => Ok(GenerationOverrides::default()),
    }
}

fn blocklist(field: Field) -> Result<Vec<String>, Problem> {
    field.list()?.iter().map(pattern).collect()
}

fn pattern(field: &Field) -> Result<String, Problem> {
    let pattern = field.raw_text()?;
    if let Some(c) = pattern.chars().find(|c| c.is_control()) {
        let message = format!("not contain the control character U+{:04X}", c as u32);
        return Err(field
            .must(&message)
            .hint("write patterns in single quotes, where a backslash is one"));
    }
    let regex =
        regex::RegexBuilder::new(&pattern).case_insensitive(true).build().map_err(|error| {
            let why = error.to_string();
            let why = why
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .trim_start_matches("error: ")
                .to_owned();
            field
                .must(&format!("be a valid regular expression: {why}"))
                .hint("escape special characters with a backslash")
        })?;
    if regex.is_match("") {
        return Err(field.must("not match the empty string, or it would reject every essay"));
    }
    Ok(pattern)
}

/// Reads a model name. The model itself is looked up only when it is needed.
pub fn model_name(field: &Field) -> Result<String, Problem> {
    let name = field.some_text()?;
    if name.starts_with('-') {
        return Err(field
            .must("not start with a dash")
            .hint("such as `venti-mini`, `gpt2`, `owner/name` or `./a-folder`"));
    }
    Ok(name)
}

fn count(fields: &Fields, key: &str, default: usize) -> Result<usize, Problem> {
    fields.get(key).map_or(Ok(default), |field| field.count(1..=100_000))
}

fn auto_or_count(field: &Field, most: usize) -> Result<Option<usize>, Problem> {
    match field.raw_text() {
        Ok(text) if text == "auto" => Ok(None),
        Ok(_) => Err(field.must(&format!("be `auto` or a whole number from 1 to {most}"))),
        Err(_) => field.count(1..=most).map(Some),
    }
}

fn folder(fields: &Fields, key: &str, default: &str) -> Result<PathBuf, Problem> {
    match fields.get(key) {
        Some(field) => inner_path(&field, default).map(PathBuf::from),
        None => Ok(PathBuf::from(default)),
    }
}

/// Reads a relative path inside the project. The result is `/`-separated and has no `.` components.
fn inner_path(field: &Field, example: &str) -> Result<String, Problem> {
    let text = field.some_text()?;
    let parts: Vec<&str> =
        text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let bad = text.starts_with('/')
        || text.contains(['\\', ':', '*', '?', '"', '<', '>', '|'])
        || parts.is_empty()
        || parts.iter().any(|part| {
            *part == ".."
                || part.eq_ignore_ascii_case(".git")
                || part.eq_ignore_ascii_case(".venti")
        });
    if bad {
        return Err(field.must("be a path inside the project").hint(format!(
            "relative, with forward slashes and without `..`, such as `{example}`"
        )));
    }
    Ok(parts.join("/"))
}
