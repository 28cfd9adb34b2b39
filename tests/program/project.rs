//! A temporary site in which tests run the program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A configuration for short essays, so that tests are fast.
pub const SMALL: &str = "\
title: A Site
base_url: https://venti.example
generation: { min_words: 5, max_words: 40, candidates: 2, max_new_tokens: 60 }
";

/// A temporary site.
pub struct Project {
    dir: TempDir,
}

impl Project {
    /// Creates an empty folder without a site.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// Creates a site with this `venti.yaml` and no seeds.
    pub fn new(config: &str) -> Self {
        let project = Self::empty();
        project.write("venti.yaml", config);
        std::fs::create_dir_all(project.path("content/seeds")).unwrap();
        project
    }

    /// Creates a small site with these quotes in seeds named `seed-1`, `seed-2`, …
    pub fn with_quotes(quotes: &[&str]) -> Self {
        let project = Self::new(SMALL);
        for (n, quote) in quotes.iter().enumerate() {
            project.seed(&format!("seed-{}", n + 1), quote);
        }
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Writes a dated seed with this quote.
    pub fn seed(&self, slug: &str, quote: &str) {
        let seed = format!("---\nquote: {quote:?}\ndate: 2025-12-31\ntags: [tests]\n---\n");
        self.write(&format!("content/seeds/{slug}.md"), seed);
    }

    /// Returns a command that runs the program in the site's folder, with a fixed date and environment
    /// and without a GPU.
    pub fn venti(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_venti"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("SOURCE_DATE_EPOCH", "1767225600")
            .env("HF_HOME", self.path("hf-home"))
            .env("CUDA_VISIBLE_DEVICES", "-1")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100");
        for name in ["HF_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "CLICOLOR_FORCE"]
        {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program and asserts success.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Output {
        let output = self.venti(args).output().unwrap();
        assert!(output.status.success(), "venti {args:?}: {}", stderr(&output));
        output
    }

    /// Runs the program, asserts this exit status, and returns its standard error.
    #[track_caller]
    pub fn fails(&self, args: &[&str], status: i32) -> String {
        let output = self.venti(args).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "venti {args:?}: {}", stderr(&output));
        stderr(&output)
    }

    /// Returns the files under a folder, with their content.
    pub fn tree(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(folder);
        files(&root)
            .into_iter()
            .map(|path| {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                (name, std::fs::read(&path).unwrap())
            })
            .collect()
    }

    /// Returns the modification times of the files under a folder.
    pub fn times(&self, folder: &str) -> BTreeMap<PathBuf, std::time::SystemTime> {
        files(&self.path(folder))
            .into_iter()
            .map(|path| {
                let time = path.metadata().unwrap().modified().unwrap();
                (path, time)
            })
            .collect()
    }
}

/// Returns the files under a folder; empty if the folder does not exist.
fn files(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
