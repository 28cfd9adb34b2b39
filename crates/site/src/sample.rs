//! Small sites for tests, built in memory. Only files that a test writes are on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use blake3::Hash;
use jiff::civil::{Date, date};
use serde::Serialize;

use super::destination::Destination;
use super::reuse::input_of;
use super::{Built, Input, Tree, Waiting, build, check, output};
use content::config::Config;
use content::essay::{Essay, EssayId, FrontMatter, Step};
use content::fs;
use content::project::Project;
use content::seed::{Seed, Tag, Take};
use content::slug;
use content::store::Stored;
use generator::{FinishReason, Generation, GenerationOverrides};
use text::Figures;

/// A site in its own temporary folder.
pub struct Sample {
    pub project: Project,
    pub seeds: Vec<Seed>,
    pub essays: BTreeMap<EssayId, Stored>,
    pub drafts: bool,
    pub future: bool,
    /// The date of the build.
    pub today: Date,
    _folder: tempfile::TempDir,
}

/// Returns an empty site.
pub fn site() -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse("title: Thoughts\n", Path::new("venti.yaml")).unwrap();
    let project = Project { root: folder.path().to_owned(), config };
    Sample {
        project,
        seeds: Vec::new(),
        essays: BTreeMap::new(),
        drafts: false,
        future: false,
        today: date(2026, 12, 31),
        _folder: folder,
    }
}

impl Sample {
    pub fn add(&mut self, planned: Planned) {
        let Planned { seed, essay } = planned;
        for take in &seed.takes {
            let mut essay = essay.clone();
            essay.front.take = take.number;
            let id = EssayId { slug: seed.slug.clone(), take: take.number };
            let path = PathBuf::from("content/essays").join(id.file_name());
            let essay = essay.seal();
            let edited = essay.is_edited();
            let mut stored = Stored { essay, edited, path, file_hash: String::new() };
            stored.file_hash = hash_of(&stored);
            self.essays.insert(id, stored);
        }
        let file_hash = hash_of(&seed);
        self.seeds.push(Seed { file_hash, ..seed });
    }

    /// Updates the file hashes of seeds and essays that a test changed.
    pub fn hash_files(&mut self) {
        for seed in &mut self.seeds {
            seed.file_hash.clear();
            seed.file_hash = hash_of(seed);
        }
        for stored in self.essays.values_mut() {
            stored.file_hash.clear();
            stored.file_hash = hash_of(stored);
        }
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write_atomic(&self.project.root.join(path), text.as_bytes()).unwrap();
    }

    pub fn input(&self) -> Input<'_> {
        Input {
            project: &self.project,
            seeds: &self.seeds,
            essays: &self.essays,
            drafts: self.drafts,
            future: self.future,
            today: self.today,
            generator: "venti 0.1.0",
            identity: "tests",
        }
    }

    /// Builds the whole site in memory.
    pub fn build(&self) -> InMemory {
        self.attempt().unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Builds the site on disk and returns the findings of [`check`].
    pub fn findings(&self) -> Vec<String> {
        let Project { root, config } = &self.project;
        output::commit(&self.build().tree, &root.join(&config.output), &root.join("scratch"))
            .unwrap();
        let report = check::check(root, config, false).unwrap();
        assert!(report.pages > 20 && report.links > 300, "{} pages", report.pages);
        report.findings.iter().map(|finding| format!("{finding:?}")).collect()
    }

    pub fn attempt(&self) -> miette::Result<InMemory> {
        let memory = Memory::default();
        let Built { files, notes, waiting } = build(&self.input(), &memory)?;
        let tree = memory.tree.into_inner().unwrap();
        assert!(tree.keys().eq(files.made.keys()) && files.kept.is_empty());
        Ok(InMemory { tree, notes, waiting })
    }
}

/// The result of a build in memory.
#[derive(Debug, PartialEq, Eq)]
pub struct InMemory {
    pub tree: Tree,
    pub notes: Vec<String>,
    pub waiting: Waiting,
}

/// A destination that keeps files in memory. It starts empty.
#[derive(Debug, Default)]
struct Memory {
    tree: Mutex<Tree>,
}

impl Destination for Memory {
    fn has(&self, _: &str, _: Hash) -> bool {
        false
    }

    fn made_from(&self, _: Hash) -> Vec<String> {
        Vec::new()
    }

    fn put(&self, path: &str, bytes: Vec<u8>) -> miette::Result<()> {
        let before = self.tree.lock().unwrap().insert(path.to_owned(), bytes);
        assert_eq!(before, None, "{path} was made twice");
        Ok(())
    }
}

/// Returns a hash that stands in for the hash of a file with this content.
fn hash_of(said: &impl Serialize) -> String {
    input_of(said).to_hex().to_string()
}

/// A seed and the essay shared by all its takes.
pub struct Planned {
    pub seed: Seed,
    pub essay: Essay,
}

/// Returns a seed with one take, written on 2026-01-31.
pub fn seed(slug: &str) -> Planned {
    let quote = format!("The quote of {slug}.");
    let seed = Seed {
        path: PathBuf::from(format!("content/seeds/{slug}.md")),
        slug: slug.to_owned(),
        quote: quote.clone(),
        title: Some(format!("Title of {slug}")),
        shown_title: format!("Title of {slug}"),
        author: None,
        source: None,
        tags: Vec::new(),
        date: None,
        time: None,
        draft: false,
        takes: Vec::new(),
        aliases: Vec::new(),
        file_hash: String::new(),
    };
    let front = FrontMatter {
        title: format!("Title of {slug}"),
        prompt_title: None,
        pull_quote: None,
        reviewed: false,
        flagged: None,
        seed: slug.to_owned(),
        take: 1,
        quote,
        written: date(2026, 1, 31),
        model: "venti-mini".to_owned(),
        weights: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_owned(),
        generation: Generation::default(),
        blocklist: None,
        rng_seed: 7,
        round: 1,
        candidate: 3,
        revision: 1,
        engine: "venti 0.1.0".to_owned(),
        device: "cpu".to_owned(),
        dtype: "f32".to_owned(),
        arithmetic: None,
        steps: Vec::new(),
        figures: Figures {
            words: 321,
            prompt_tokens: 24,
            new_tokens: 412,
            distinct: [0.512, 0.9, 0.99, 0.998],
            repeated_sentences: 0,
            mean_log_likelihood: -2.3456,
            prompt_gain: Some(0.4321),
            rounds: 1,
        },
        key: "key".to_owned(),
        seed_hash: "seed".to_owned(),
        hash: String::new(),
    };
    let body = "First paragraph.\n\nSecond paragraph.\n".to_owned();
    Planned { seed, essay: Essay { front, body } }.takes(1)
}

impl Planned {
    pub fn takes(mut self, count: u32) -> Self {
        let take = |number| Take {
            number,
            model: None,
            generation: GenerationOverrides::default(),
            rng_seed: 7,
        };
        self.seed.takes = (1..=count).map(take).collect();
        self
    }

    pub fn dated(mut self, date: Date) -> Self {
        self.seed.date = Some(date);
        self
    }

    pub fn draft(mut self) -> Self {
        self.seed.draft = true;
        self
    }

    pub fn reviewed(mut self) -> Self {
        self.essay.front.reviewed = true;
        self
    }

    /// Turns the essay into a steered one: stopped, then continued with another word and setting,
    /// then continued again.
    pub fn steered(mut self) -> Self {
        let step = |kept, chosen: Option<&str>, ended| Step {
            kept,
            chosen: chosen.map(str::to_owned),
            wrote: 120,
            ended,
            generation: GenerationOverrides::default(),
        };
        let hotter = GenerationOverrides { temperature: Some(1.5), ..Default::default() };
        self.essay.front.steps = vec![
            step(0, None, FinishReason::Cancelled),
            Step { generation: hotter, ..step(57, Some(" castle"), FinishReason::Length) },
            step(178, Some("\n"), FinishReason::EndOfText),
        ];
        self
    }

    pub fn tagged(mut self, names: &[&str]) -> Self {
        let tag = |name: &&str| Tag { name: (*name).to_owned(), slug: slug::of(name) };
        self.seed.tags = names.iter().map(tag).collect();
        self
    }

    pub fn title(mut self, title: &str) -> Self {
        self.seed.title = Some(title.to_owned());
        self.seed.shown_title = title.to_owned();
        self.essay.front.title = title.to_owned();
        self
    }

    pub fn quote(mut self, quote: &str) -> Self {
        self.seed.quote = quote.to_owned();
        self.essay.front.quote = quote.to_owned();
        self
    }

    pub fn author(mut self, name: &str) -> Self {
        self.seed.author = Some(name.to_owned());
        self
    }

    pub fn source(mut self, url: &str) -> Self {
        self.seed.source = Some(url.to_owned());
        self
    }

    pub fn aliases(mut self, aliases: &[&str]) -> Self {
        self.seed.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        self
    }

    pub fn body(mut self, body: &str) -> Self {
        self.essay.body = body.to_owned();
        self
    }

    pub fn pull_quote(mut self, sentence: &str) -> Self {
        self.essay.front.pull_quote = Some(sentence.to_owned());
        self
    }
}
