//! Generates the desk form's inputs from the table of generation settings.

use std::fmt::Write;

use generator::{Kind, Role, SETTINGS, Setting};
use site::escape::content;

/// The marker in the page that the inputs replace.
const MARKER: &str = "<!-- settings -->";

/// Replaces the marker in the page with the inputs.
pub fn with_settings(page: &str) -> String {
    let settings = SETTINGS.iter().filter(|setting| is_shown(setting));
    let mut inputs = String::new();
    settings.for_each(|setting| push_input(&mut inputs, setting));
    page.replace(MARKER, inputs.trim_end())
}

/// Whether the form's settings section shows this setting. The maximum number of words, the number of
/// candidates and the stop strings have their own inputs.
fn is_shown(setting: &Setting) -> bool {
    setting.role == Role::Sampling || setting.name == "min_words"
}

fn push_input(out: &mut String, setting: &Setting) {
    let Setting { name, kind, range: (min, max), label, help, .. } = setting;
    let (step, mode) = match kind {
        Kind::Number => ("any", "decimal"),
        Kind::Count => ("1", "numeric"),
        Kind::Texts => return,
    };
    let (label, help) = (content(label), content(help));
    write!(
        out,
        "<div class=\"field\">\n\
         <label for=\"{name}\">{label}</label>\n\
         <input id=\"{name}\" name=\"{name}\" data-setting type=\"number\" min=\"{min}\" max=\"{max}\" \
         step=\"{step}\" inputmode=\"{mode}\" aria-describedby=\"{name}-hint {name}-error\">\n\
         <p class=\"hint\" id=\"{name}-hint\">{help}.</p>\n\
         <p class=\"error\" id=\"{name}-error\" hidden></p>\n\
         </div>\n"
    )
    .expect("writing to a string cannot fail");
}
