//! Tags that give the same text on every page: UI strings, paths of static files, and components
//! with only constant arguments, such as `{{ <icon name="star" /> }}`. They are rendered once, when
//! the templates are parsed.

use super::tokens::{TagKind, TemplateTag, TemplateToken, TemplateTokens};

/// Functions whose result depends only on their arguments.
const FUNCTIONS: [&str; 2] = ["t", "asset"];

/// Returns the text that can replace a tag, if it is constant.
pub fn text(
    template: &str,
    tag: &TemplateTag,
    render: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let (before, after) = (&template[..tag.place.start], &template[tag.place.end..]);
    if tag.kind != TagKind::Print
        || !is_constant(&tag.tokens, template)
        || trims_before(after)
        || trims_after(before)
    {
        return None;
    }
    let text = render(&template[tag.place.clone()])?;
    // Together with the next character, the text could open a tag.
    let joined: String = text.chars().chain(after.chars().next()).collect();
    (!opens_tag(&joined)).then_some(text)
}

/// Whether all names are those of components, functions or arguments.
fn is_constant(tokens: &TemplateTokens, template: &str) -> bool {
    let named = |at: usize, name: &str| {
        let calls = tokens.symbol(Some(at + 1)) == Some('(') && FUNCTIONS.contains(&name);
        let component = at == 1 && tokens.is_call(template);
        calls || component || tokens.is_argument(at) || matches!(name, "true" | "false")
    };
    let constant = |(at, token): (usize, &TemplateToken)| match token {
        TemplateToken::Name(place) => named(at, &template[place.clone()]),
        TemplateToken::Symbol(c) => *c != '-',
        TemplateToken::Literal => true,
    };
    tokens.0.iter().enumerate().all(constant) && !tokens.first_word(template).is_empty()
}

/// Whether the next tag trims the white space before it.
fn trims_before(after: &str) -> bool {
    ["{%-", "{{-", "{#-"].iter().any(|open| after.trim_start().starts_with(open))
}

/// Whether the previous tag trims the white space after it.
fn trims_after(before: &str) -> bool {
    ["-%}", "-}}", "-#}"].iter().any(|close| before.trim_end().ends_with(close))
}

fn opens_tag(text: &str) -> bool {
    ["{%", "{{", "{#"].iter().any(|open| text.contains(open))
}

#[cfg(test)]
mod tests {
    use crate::sample;
    use crate::strict::Strict;
    use content::problem::Problem;

    /// The template with each constant tag in square brackets.
    fn folded(template: &str) -> String {
        Strict::new(template, |tag| Some(tag.replace("{{", "[").replace("}}", "]"))).source
    }

    #[test]
    fn constant_tags_become_text() {
        for (written, read) in [
            ("a {{ t(key=\"b\") }} c", "a [ t(key=\"b\") ] c"),
            ("{{ t(key=\"b\", count=3) }}", "[ t(key=\"b\", count=3) ]"),
            ("{{asset(path='x.css')}}{{ x }}", "[asset(path='x.css')]{{ x }}"),
            ("{{ <c /> }}é", "[ <c /> ]é"),
            ("{{ <c a=\"b\" d={8} e={true} /> }}", "[ <c a=\"b\" d={8} e={true} /> ]"),
        ] {
            assert_eq!(folded(written), read);
        }
    }

    #[test]
    fn other_tags_stay() {
        for template in [
            "{{ t }}",
            "{{ a.b }}",
            "{{ t(key=a.b) }}",
            "{{ t(key=\"a\", b=c) }}",
            "{{ random(a=1) }}",
            "{{ t(key=\"a\") | upper }}",
            "{{ <c a={b} /> }}",
            "{{ <c {a} /> }}",
            "{{ \"a\" }}",
            "{# {{ t(key=\"a\") }} #}",
            "{% raw %}{{ t(key=\"a\") }}{% endraw %}",
        ] {
            let read = folded(template);
            assert_eq!(read.replace('(', "").replace("|given)", ""), template.replace('(', ""));
        }
    }

    #[test]
    fn tags_beside_trimmed_white_space_stay() {
        for template in [
            "{{- t(key=\"a\") }}",
            "{{ t(key=\"a\") -}}",
            "{{ t(key=\"a\") }} {%- if true %}",
            "{% if true -%}\n{{ t(key=\"a\") }}",
        ] {
            assert_eq!(folded(template), template);
        }
    }

    #[test]
    fn a_text_that_would_open_a_tag_is_not_used() {
        for (text, after) in [("{{ x }}", ""), ("{% x", ""), ("a {# b", ""), ("a{", "{{ y }}")] {
            let template = format!("{{{{ t(key=\"a\") }}}}{after}");
            assert_eq!(Strict::new(&template, |_| Some(text.to_owned())).source, template);
        }
    }

    #[test]
    fn a_component_with_implicit_arguments_is_not_constant() {
        let sample = sample::site();
        sample.write(
            "themes/medium/templates/404.html",
            "{% component here(@path = \"nowhere\") %}{{ path }}{% endcomponent here %}{{ <here /> }}",
        );
        assert_eq!(sample.build().tree["404.html"], b"404.html");
    }

    #[test]
    fn an_error_in_a_constant_tag_has_its_line() {
        let sample = sample::site();
        let template = "{{ t(key=\"skip\") }}\n{{ t(key=\"nowhere\") }}";
        sample.write("themes/medium/templates/404.html", template);
        let error = sample.attempt().unwrap_err();
        let problem = error.downcast_ref::<Problem>().expect("a problem with a place");
        assert!(problem.message.contains("`nowhere`"), "{}", problem.message);
        assert_eq!(problem.place().map(|(line, _)| line), Some(2));
    }
}
