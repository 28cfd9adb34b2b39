//! Fonts from `venti.yaml`, which override the theme's fonts.

use content::config::Fonts;

/// Returns a CSS rule that sets `--serif` and `--sans` to the fonts that the site configures, or an
/// empty string if it configures none. The selector is specific enough to override the theme's
/// rule, whichever of the two comes first.
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
    fn only_configured_fonts_are_set() {
        assert_eq!(css(&Fonts::default()), "");
        let mut fonts = Fonts { serif: Some("Georgia, serif".into()), sans: None };
        assert_eq!(css(&fonts), ":root:root { --serif: Georgia, serif; }\n");
        fonts.sans = Some("Arial".into());
        assert_eq!(css(&fonts), ":root:root { --serif: Georgia, serif; --sans: Arial; }\n");
    }
}
