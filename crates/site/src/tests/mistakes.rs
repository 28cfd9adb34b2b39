//! Tests that errors in templates are reported at the line that contains them.

use super::{full, text};
use content::problem::{Problem, Problems};

#[test]
fn template_errors_are_reported_at_their_line() {
    let sample = full();
    sample.write("themes/medium/templates/404.html", "<p>fine</p>\n<p>{{ site.titel }}</p>");
    let error = sample.attempt().unwrap_err();
    let problem = error.downcast_ref::<Problem>().expect("a problem with a location");
    assert_eq!(problem.file(), "themes/medium/templates/404.html");
    assert_eq!(problem.place().unwrap().0, 2);
    assert!(problem.message.contains("titel"), "{}", problem.message);

    sample.write("themes/medium/templates/404.html", "{% if %}");
    let error = sample.attempt().unwrap_err();
    assert!(error.downcast_ref::<Problem>().is_some());
}

#[test]
fn all_unknown_names_in_templates_are_reported_at_their_line() {
    let sample = full();
    sample.write(
        "themes/medium/templates/404.html",
        "é {{ t(key=\"not_found\") }} {{ site.title | shout }}\n{{ <entree card={site.title} /> }}",
    );
    sample
        .write("themes/medium/templates/search.html", "{% include \"none.html\" %}{{ tt(key=1) }}");
    let error = sample.attempt().unwrap_err();
    let Problems(problems) = error.downcast_ref().expect("problems with locations");
    let lines: Vec<String> = problems.iter().map(Problem::to_line).collect();
    assert_eq!(
        lines,
        [
            "themes/medium/templates/404.html:1:44: unknown filter `shout`",
            "themes/medium/templates/404.html:2:5: unknown component `entree`",
            "themes/medium/templates/search.html:1:13: unknown template `none.html`",
            "themes/medium/templates/search.html:1:29: unknown function `tt`",
        ]
    );
}

#[test]
fn undefined_names_are_errors_wherever_they_are_used() {
    let sample = full();
    for (template, name) in [
        ("{% if crad %}x{% endif %}", "crad"),
        ("{% if site.titel %}x{% endif %}", "site.titel"),
        ("{% if not site.titel %}x{% endif %}", "site.titel"),
        ("{% if site.title and pth == \"x\" %}x{% endif %}", "pth"),
        ("{% set x = site.titel %}", "site.titel"),
        ("{{ t(key=\"made_with\", generator=site.generatr) }}", "site.generatr"),
        ("{{ <avatar author={site.authr} root={root} /> }}", "site.authr"),
    ] {
        let before = "é {{ t(key=\"not_found_text\") }}{% if site.title == 1 %}{% endif %}";
        sample.write("themes/medium/templates/404.html", &format!("<p>\n{before}{template}"));
        let error = sample.attempt().unwrap_err();
        let problem = error.downcast_ref::<Problem>().expect(template);
        assert_eq!(problem.message, format!("`{name}` is not defined"));
        let column = before.chars().count() + template.find(name).unwrap() + 1;
        assert_eq!(problem.place(), Some((2, column)), "{template}");
    }
    for template in ["{% for x in crads %}{% endfor %}", "{{ site.titel | upper }}"] {
        sample.write("themes/medium/templates/404.html", template);
        let error = sample.attempt().unwrap_err();
        assert!(error.downcast_ref::<Problem>().is_some(), "{template}");
    }
    sample.write(
        "themes/medium/templates/404.html",
        "{% if crad is defined %}a{% endif %}{{ site.titel | default(value=\"b\") }}",
    );
    assert_eq!(text(&sample.build().tree, "404.html"), "b");
}
