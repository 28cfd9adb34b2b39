//! `venti init`: starts a new site.

use miette::miette;

use crate::cli::Init;
use crate::terminal::Terminal;

/// The files of a new site: path and content.
const FILES: [(&str, &str); 7] = [
    ("venti.yaml", include_str!("init/venti.yaml")),
    ("content/seeds/first-post.md", include_str!("init/first-post.md")),
    ("content/seeds/second-post.md", include_str!("init/second-post.md")),
    ("content/pages/about.md", include_str!("init/about.md")),
    (".gitignore", include_str!("init/gitignore")),
    ("README.md", include_str!("init/README.md")),
    (".github/workflows/pages.yml", include_str!("init/pages.yml")),
];

/// The line of `venti.yaml` to replace with the title of the new site.
const TITLE: &str = "title: My Thinkpieces";

/// Writes the files of a new site. Never overwrites a file.
pub fn run(args: &Init, terminal: &Terminal) -> miette::Result<()> {
    if let Some((name, _)) = FILES.iter().find(|(name, _)| args.dir.join(name).exists()) {
        return Err(miette!(
            help = "choose another folder, or move the file elsewhere",
            "{} already exists",
            args.dir.join(name).display()
        ));
    }
    let title = match &args.title {
        Some(title) if title.trim().is_empty() => {
            return Err(miette!(
                help = "name the site, or omit --title to name it after its folder",
                "the title is empty"
            ));
        }
        Some(title) => title.clone(),
        None => title_of(&args.dir)?,
    };
    // Every JSON string is a valid YAML string.
    let title =
        serde_json::to_string(&title).map_err(|e| miette!("cannot write the title: {e}"))?;
    for (name, text) in FILES {
        let path = args.dir.join(name);
        let text = text.replacen(TITLE, &format!("title: {title}"), 1);
        content::fs::write_atomic(&path, text.as_bytes())?;
        terminal.did("wrote", path.display());
    }
    terminal.say(format_args!(
        "\nNext:\n  cd {}\n  venti new \"a quote worth an essay\"\n  venti build",
        args.dir.display()
    ));
    Ok(())
}

/// Derives a title from the folder name: `my-first-site` gives "My First Site".
fn title_of(dir: &std::path::Path) -> miette::Result<String> {
    let absolute = std::path::absolute(dir).map_err(content::fs::error("find", dir))?;
    let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
    let words: Vec<String> = name
        .as_deref()
        .unwrap_or_default()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect();
    Ok(if words.is_empty() { "Thinkpieces".to_owned() } else { words.join(" ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_configuration_contains_the_title_line() {
        assert!(FILES[0].1.contains(TITLE));
        assert!(!FILES[1..].iter().any(|(_, text)| text.contains(TITLE)));
    }

    #[test]
    fn the_workflow_installs_this_version() {
        let version = concat!("VENTI_VERSION: ", env!("CARGO_PKG_VERSION"), "\n");
        assert!(
            FILES.iter().any(|(name, text)| name.ends_with("pages.yml") && text.contains(version))
        );
    }

    #[test]
    fn a_folders_name_becomes_the_title() {
        let title = |name| title_of(std::path::Path::new(name)).unwrap();
        assert_eq!(title("my-first_site"), "My First Site");
        assert_eq!(title("/"), "Thinkpieces");
    }
}
