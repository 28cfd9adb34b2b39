//! The typefaces of `venti.yaml`, laid over the theme's.

use crate::config::Fonts;

/// The style rule that sets `--serif` and `--sans` where the site has its own. It wins over the
/// theme's wherever it stands: the selector weighs more.
pub fn css(fonts: &Fonts) -> String {
    let faces = [("--serif", &fonts.serif), ("--sans", &fonts.sans)];
    let set = faces.iter().filter_map(|(name, list)| Some(format!("{name}: {}; ", list.as_ref()?)));
    match set.collect::<String>() {
        none if none.is_empty() => none,
        set => format!(":root:root {{ {set}}}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_site_chose_is_set() {
        assert_eq!(css(&Fonts::default()), "");
        let mut fonts = Fonts { serif: Some("Georgia, serif".into()), sans: None };
        assert_eq!(css(&fonts), ":root:root { --serif: Georgia, serif; }\n");
        fonts.sans = Some("Arial".into());
        assert_eq!(css(&fonts), ":root:root { --serif: Georgia, serif; --sans: Arial; }\n");
    }
}
