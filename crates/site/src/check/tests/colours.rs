//! The colours of a theme in both schemes.

use super::{found, page, report};

/// The contrast findings of a site with this style sheet, and how many pairs were compared.
fn colours(css: &str) -> (usize, Vec<String>) {
    let head = "<link rel=\"stylesheet\" href=\"a.css\">";
    let files = [("index.html", page(head, "")), ("a.css", css.to_owned())];
    (report("", &files).colours, found("", &files))
}

#[test]
fn text_can_be_read_on_paper() {
    let (pairs, found) =
        colours(":root { --ink: #222; --paper: #fff; --accent: #999;\n --wash: #eee }");
    assert_eq!(pairs, 8);
    assert_eq!(
        found,
        [
            "contrast a.css:1:47 --accent (#999999) on --paper (#ffffff) has a contrast of 2.84 to 1 in the dark scheme",
            "contrast a.css:1:47 --accent (#999999) on --paper (#ffffff) has a contrast of 2.84 to 1 in the light scheme",
            "contrast a.css:1:47 --accent (#999999) on --wash (#eeeeee) has a contrast of 2.45 to 1 in the dark scheme",
            "contrast a.css:1:47 --accent (#999999) on --wash (#eeeeee) has a contrast of 2.45 to 1 in the light scheme",
        ]
    );
    assert_eq!(colours("body { --ink: #222 }"), (0, Vec::new()));
}

#[test]
fn both_schemes_are_looked_at_however_they_are_chosen() {
    let light = ":root { --ink: #222; --paper: #fff }";
    let dark = "--ink: #333; --paper: #111";
    for css in [
        format!("{light} @media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"),
        format!("{light} @media screen and (prefers-color-scheme:dark) {{ html {{}} :root:not([data-theme=light]) {{ {dark} }} }}"),
        format!("{light} [data-theme=\"dark\"] {{ {dark} }}"),
        format!("{light} @layer x {{ html[data-theme=dark] {{ {dark} }} }}"),
        ":root { --ink: light-dark(#222, var(--n, rgb(51, 51 51))); --paper: light-dark(white, #111) }".to_owned(),
        ":root { --ink: var(--i); --i: #222; --paper: #fff } :where(html):is([data-theme=dark]) { --ink: #333; --paper: #111 }".to_owned(),
    ] {
        let (_, found) = colours(&css);
        assert_eq!(found.len(), 1, "{css}: {found:?}");
        assert!(found[0].contains("--ink (#333333) on --paper (#111111)"), "{css}: {found:?}");
        assert!(found[0].ends_with("in the dark scheme"), "{css}: {found:?}");
    }
}

#[test]
fn a_readers_choice_is_laid_over_the_systems() {
    let sheet = |chosen: &str| {
        colours(&format!(
            ":root {{ --ink: #222; --paper: #fff }}\n\
             @media (prefers-color-scheme: dark) {{ :root {{ --ink: #eee; --paper: #111 }} }}\n\
             :root[data-theme=light] {{ {chosen} }}\n\
             @media print {{ :root {{ --paper: #222 }} }}\n\
             @supports not (color: light-dark(#000, #fff)) {{ :root {{ --paper: #222 }} }}"
        ))
    };
    assert_eq!(sheet("--ink: #222; --paper: #fff"), (6, Vec::new()));
    // Chosen light on a dark system leaves the system's dark paper.
    let (_, found) = sheet("--ink: #222");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("--ink (#222222) on --paper (#111111)"), "{found:?}");
    assert!(found[0].ends_with("in the light scheme"), "{found:?}");
}
