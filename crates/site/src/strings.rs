//! The UI strings of the theme ("Archive", "4 min read"). Each has a name, by which a site can
//! replace or translate it in `venti.yaml`.

use std::collections::BTreeMap;

use jiff::civil::Date;
use miette::miette;

use content::yaml;

/// Names of the strings that list the twelve months, separated by spaces.
const MONTH_LISTS: [&str; 2] = ["months", "months_short"];

/// UI strings by name. `{placeholders}` are filled in when a string is used.
#[derive(Debug, Clone)]
pub struct Strings(BTreeMap<String, String>);

/// Error for a string that does not exist or uses an unknown placeholder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum Missing {
    #[error("the theme has no string `{0}`")]
    String(String),
    #[error("the string `{string}` uses an unknown placeholder, `{{{placeholder}}}`")]
    Placeholder { string: String, placeholder: String },
}

impl Strings {
    /// Creates the UI strings: the theme's, overridden by the site's own.
    ///
    /// # Errors
    /// Returns an error if the site names a string that the theme lacks, or a list of months does
    /// not have twelve names.
    pub fn new(
        theme: BTreeMap<String, String>,
        site: &BTreeMap<String, String>,
    ) -> miette::Result<Self> {
        let mut strings = theme;
        for (name, value) in site {
            match strings.get_mut(name) {
                Some(known) => known.clone_from(value),
                None => return Err(unknown(name, strings.keys())),
            }
        }
        for list in MONTH_LISTS {
            let names = strings.get(list).map_or(0, |names| names.split_whitespace().count());
            if names != 12 {
                return Err(miette!(
                    help = "list twelve names, separated by spaces",
                    "the string `{list}` lists {names} months"
                ));
            }
        }
        Ok(Self(strings))
    }

    /// Returns the string `name` with its placeholders filled in by `fill`.
    ///
    /// # Errors
    /// Returns an error if there is no such string, or `fill` returns `None` for one of its
    /// placeholders.
    pub fn text(
        &self,
        name: &str,
        fill: impl Fn(&str) -> Option<String>,
    ) -> Result<String, Missing> {
        let mut rest = self.0.get(name).ok_or_else(|| Missing::String(name.to_owned()))?.as_str();
        let mut text = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            match after.split_once('}') {
                Some((placeholder, after)) => {
                    text.push_str(&fill(placeholder).ok_or_else(|| Missing::Placeholder {
                        string: name.to_owned(),
                        placeholder: placeholder.to_owned(),
                    })?);
                    rest = after;
                }
                None => {
                    text.push('{');
                    rest = after;
                }
            }
        }
        text.push_str(rest);
        Ok(text)
    }

    /// Formats a date (`Nov 22, 2026`).
    pub fn date(&self, date: Date) -> Result<String, Missing> {
        self.dated("date", "months_short", date)
    }

    /// Formats a month with its year (`November 2026`).
    pub fn month(&self, date: Date) -> Result<String, Missing> {
        self.dated("month", "months", date)
    }

    fn dated(&self, string: &str, months: &str, date: Date) -> Result<String, Missing> {
        let names = self.0.get(months).ok_or_else(|| Missing::String(months.to_owned()))?;
        let at = usize::from(date.month().unsigned_abs()) - 1;
        let month = names.split_whitespace().nth(at).unwrap_or_default();
        self.text(string, |placeholder| match placeholder {
            "month" => Some(month.to_owned()),
            "day" => Some(date.day().to_string()),
            "year" => Some(date.year().to_string()),
            _ => None,
        })
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> miette::Report {
    let help = match yaml::closest(name, known.map(String::as_str)) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => "the theme's `theme.yaml` lists all strings under `strings`".to_owned(),
    };
    miette!(help = help, "venti.yaml: the theme has no string `{name}`")
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn theme() -> BTreeMap<String, String> {
        map(&[
            ("archive", "Archive"),
            ("reading_time", "{minutes} min read"),
            ("date", "{month} {day}, {year}"),
            ("month", "{month} {year}"),
            (
                "months",
                "January February March April May June July August September October November December",
            ),
            ("months_short", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
        ])
    }

    #[test]
    fn placeholders_are_filled_in() {
        let strings = Strings::new(theme(), &BTreeMap::new()).unwrap();
        let fill = |name: &str| (name == "minutes").then(|| "4".to_owned());
        assert_eq!(strings.text("reading_time", fill).unwrap(), "4 min read");
        assert_eq!(
            strings.text("reading_time", |_| None).unwrap_err().to_string(),
            "the string `reading_time` uses an unknown placeholder, `{minutes}`"
        );
        assert_eq!(
            strings.text("nowhere", |_| None).unwrap_err().to_string(),
            "the theme has no string `nowhere`"
        );
    }

    #[test]
    fn a_site_can_replace_strings_but_not_add_any() {
        let site = map(&[("archive", "Archiv"), ("date", "{day}. {month} {year}")]);
        let strings = Strings::new(theme(), &site).unwrap();
        assert_eq!(strings.text("archive", |_| None).unwrap(), "Archiv");
        assert_eq!(strings.date(date(2026, 11, 2)).unwrap(), "2. Nov 2026");
        assert_eq!(strings.month(date(2026, 1, 2)).unwrap(), "January 2026");

        let error = Strings::new(theme(), &map(&[("archives", "x")])).unwrap_err();
        assert_eq!(error.to_string(), "venti.yaml: the theme has no string `archives`");
        assert_eq!(error.help().unwrap().to_string(), "did you mean `archive`?");
    }

    #[test]
    fn a_list_of_months_must_have_twelve() {
        let error = Strings::new(theme(), &map(&[("months", "Januar Februar")])).unwrap_err();
        assert_eq!(error.to_string(), "the string `months` lists 2 months");
    }
}
