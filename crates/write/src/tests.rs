//! Tests with a fake generator whose text is a function of the request.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::civil::date;
use miette::miette;
use tempfile::TempDir;

use super::key::candidate_key;
use super::*;
use content::essay::{Step, plain_text};
use content::seed::{Seed, Take};
use content::store::Stored;
use generator::{FinishReason, GenerationOverrides, Identity, Request, Tokenizer, Work};
use text::clean::{capitalised, clean};
use text::prompt::title_of;

/// The fake model's answer to a request.
type Answer = fn(&Request) -> String;

/// A generator with a batch of `rows` sequences, which finish in an order shuffled by `order`.
struct Fake {
    answer: Answer,
    rows: usize,
    order: u64,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Generator for Fake {
    fn provenance(&self) -> Provenance {
        Provenance { device: "cpu".into(), dtype: "f32".into(), arithmetic: None }
    }

    fn n_positions(&self) -> usize {
        768
    }

    fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        Arc::new(Characters)
    }

    fn batch_size(&self) -> usize {
        self.rows
    }

    fn run(&mut self, work: &mut dyn Work) -> Result<()> {
        let mut active: Vec<Request> = Vec::new();
        loop {
            while active.len() < self.rows {
                let Some(request) = work.next() else { break };
                self.requests.lock().unwrap().push(request.clone());
                active.push(request);
            }
            if active.is_empty() {
                return Ok(());
            }
            self.order = self.order.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let request = active.remove((self.order >> 33) as usize % active.len());
            let text = (self.answer)(&request);
            assert!(work.text(request.id, &text).is_continue());
            let tokens = text.split_whitespace().count();
            let completion = Completion {
                prompt_tokens: request.prompt.len(),
                token_ids: vec![1; tokens],
                log_probs: vec![-2.5; tokens],
                unconditional_log_probs: Vec::new(),
                finish_reason: FinishReason::EndOfText,
                text,
            };
            work.done(request.id, completion)?;
        }
    }
}

/// A tokenizer with one token per character.
struct Characters;

impl Tokenizer for Characters {
    fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        Ok(text.chars().map(u32::from).collect())
    }

    fn bytes(&self, _id: u32) -> &[u8] {
        b" "
    }

    fn vocab_size(&self) -> usize {
        0x11_0000
    }
}

/// Returns the prompt text of a request.
fn text_of(request: &Request) -> String {
    request.prompt.iter().filter_map(|id| char::from_u32(*id)).collect()
}

/// Returns twelve sentences of eight words that pass the gate. The text differs for each random stream.
fn prose(request: &Request) -> String {
    let mut stream = blake3::Hasher::new().update(&request.rng_key).finalize_xof();
    let mut word = || {
        let mut bytes = [0; 5];
        stream.fill(&mut bytes);
        bytes.map(|byte| char::from(b'a' + byte % 26)).iter().collect::<String>()
    };
    let sentence = |_| {
        let words: Vec<String> = (0..8).map(|_| word()).collect();
        format!(" {}.", capitalised(&words.join(" ")))
    };
    (0..12).map(sentence).collect()
}

/// Fake models, each with its own weights. Records the names of the models that are opened.
struct Library {
    answer: Answer,
    rows: usize,
    order: u64,
    weights: &'static str,
    /// The settings that every model recommends.
    generation: GenerationOverrides,
    opened: Vec<String>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Library {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            rows: 3,
            order: 1,
            weights: "v1",
            generation: GenerationOverrides::default(),
            opened: vec![],
            requests: Arc::default(),
        }
    }
}

impl Models for Library {
    fn identity(&mut self, model: &str) -> Result<Identity> {
        if model == "missing" {
            return Err(miette!("there is no model {model}"));
        }
        Ok(Identity {
            id: model.into(),
            weights: format!("{model} {}", self.weights),
            tokenizer: "t".into(),
            generation: self.generation.clone(),
        })
    }

    fn load(&mut self, model: &str) -> Result<Box<dyn Generator>> {
        self.opened.push(model.into());
        if model == "broken" {
            return Err(miette!("the weights of {model} are NaN"));
        }
        let Self { answer, rows, order, .. } = *self;
        Ok(Box::new(Fake { answer, rows, order, requests: Arc::clone(&self.requests) }))
    }
}

/// A site in a temporary folder.
struct TestSite {
    dir: TempDir,
    seeds: Vec<Seed>,
    generation: GenerationOverrides,
    generation_flags: GenerationOverrides,
    model_flag: Option<&'static str>,
    blocklist: Vec<String>,
    models: Library,
}

impl TestSite {
    fn new(slugs: &[&str], answer: Answer) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            seeds: slugs.iter().map(|slug| seed(slug)).collect(),
            generation: GenerationOverrides {
                min_words: Some(40),
                max_words: Some(90),
                candidates: Some(3),
                ..Default::default()
            },
            generation_flags: GenerationOverrides::default(),
            model_flag: None,
            blocklist: vec![],
            models: Library::new(answer),
        }
    }

    fn store(&self) -> Store {
        Store::new(self.dir.path(), "essays")
    }

    fn stored(&self) -> BTreeMap<EssayId, Stored> {
        self.store().load().expect("the store is readable")
    }

    fn plan(&mut self, options: &PlanOptions) -> Plan {
        let (stored, blocklist) = (self.stored(), Blocklist::new(&self.blocklist).unwrap());
        let settings = SiteSettings {
            model: "mini",
            model_flag: self.model_flag,
            generation: &self.generation,
            generation_flags: &self.generation_flags,
            blocklist: &blocklist,
            rng_seed: None,
        };
        plan(&self.seeds, &stored, settings, &mut self.models, options)
            .expect("the plan can be made")
    }

    fn write(&mut self, options: &PlanOptions) -> RunReport {
        let plan = self.plan(options);
        self.run(&plan)
    }

    fn run(&mut self, plan: &Plan) -> RunReport {
        let blocklist = Blocklist::new(&self.blocklist).unwrap();
        let store = self.store();
        run(plan, &blocklist, &mut self.models, &store, date(2026, 11, 22), &mut |_| ())
            .expect("the run succeeds")
    }

    fn retitle(&mut self, seed: usize, title: &str) {
        self.seeds[seed].title = Some(title.into());
        self.seeds[seed].shown_title = title.into();
    }

    fn edit(&self, slug: &str) {
        let path = self.dir.path().join("essays").join(format!("{slug}.md"));
        let text = content::fs::read(&path).expect("the essay is there");
        let text = String::from_utf8(text).unwrap() + "\nA sentence by a person.\n";
        content::fs::write_atomic(&path, text.as_bytes()).expect("the essay can be written");
    }
}

fn seed(slug: &str) -> Seed {
    Seed {
        path: PathBuf::from(format!("seeds/{slug}.md")),
        slug: slug.into(),
        quote: format!("The quote of {slug} is a quote."),
        title: None,
        shown_title: title_of(&format!("The quote of {slug} is a quote.")),
        author: None,
        source: None,
        tags: vec![],
        date: None,
        time: None,
        draft: false,
        takes: vec![Take {
            rng_seed: u64::from(blake3::hash(slug.as_bytes()).as_bytes()[0]),
            ..take(1)
        }],
        aliases: vec![],
        file_hash: String::new(),
    }
}

fn take(number: u32) -> Take {
    Take { number, model: None, generation: GenerationOverrides::default(), rng_seed: 7 }
}

fn names(ids: &[EssayId]) -> Vec<String> {
    ids.iter().map(|id| id.file_name()).collect()
}

fn jobs(plan: &Plan) -> Vec<(String, Reason)> {
    plan.jobs.iter().map(|job| (job.id.file_name(), job.reason)).collect()
}

fn defaults() -> PlanOptions {
    PlanOptions::default()
}

#[test]
fn fresh_essays_are_not_rewritten() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.seeds[1].takes.push(take(2));
    let report = site.write(&defaults());
    let written: Vec<_> = report.written.iter().map(|w| w.id.file_name()).collect();
    assert_eq!(written, ["a.md", "b.md", "b.take-2.md"]);
    assert_eq!((report.candidates, report.flagged().count()), (9, 0));

    site.models.opened.clear();
    let plan = site.plan(&defaults());
    assert_eq!(names(&plan.fresh), ["a.md", "b.md", "b.take-2.md"]);
    assert!(site.write(&defaults()).written.is_empty());
    assert!(site.models.opened.is_empty(), "weights were opened with nothing to write");
}

#[test]
fn an_essay_records_its_provenance() {
    let mut site = TestSite::new(&["a"], prose);
    site.write(&defaults());
    let essay = site.stored().into_values().next().expect("one essay").essay;
    let front = &essay.front;
    assert_eq!(
        (front.seed.as_str(), front.take, front.quote.as_str()),
        ("a", 1, "The quote of a is a quote.")
    );
    assert_eq!((front.model.as_str(), front.weights.as_str()), ("mini", "mini v1"));
    assert_eq!(front.generation, Generation::default().with(&site.generation));
    assert_eq!(
        (front.revision, front.device.as_str(), front.dtype.as_str()),
        (key::REVISION, "cpu", "f32")
    );
    assert_eq!((front.written, front.figures.rounds, front.round), (date(2026, 11, 22), 1, 1));
    assert_eq!((front.figures.words, front.figures.new_tokens), (88, 96));
    let request = site.models.requests.lock().unwrap()[front.candidate as usize - 1].clone();
    assert_eq!(
        plain_text(&essay.body).replace("\n\n", " "),
        clean(&prose(&request), 90).replace("\n\n", " ")
    );
    assert!(plain_text(&essay.body).contains(front.pull_quote.as_deref().expect("a pull quote")));
}

#[test]
fn a_changed_seed_is_rewritten_unless_only_its_metadata_changed() {
    let mut site = TestSite::new(&["a", "b", "c", "d", "e"], prose);
    site.write(&defaults());
    site.seeds[0].tags = vec![content::seed::Tag { name: "T".into(), slug: "t".into() }];
    site.seeds[0].author = Some("Ada".into());
    site.seeds[0].date = Some(date(2026, 1, 1));
    site.seeds[1].quote = "Another quote.".into();
    site.seeds[3].takes[0].generation.temperature = Some(0.5);
    site.seeds[4].takes[0].rng_seed += 1;
    site.retitle(2, "Another Title");
    let plan = site.plan(&defaults());
    assert_eq!(names(&plan.fresh), ["a.md", "c.md"]);
    assert_eq!(names(&plan.retitled), ["c.md"]);
    let changed = ["b.md", "d.md", "e.md"].map(|name| (name.to_owned(), Reason::SeedChanged));
    assert_eq!(jobs(&plan), changed);
}

#[test]
fn a_new_title_is_used_when_the_essay_is_written_anew() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.write(&defaults());
    site.retitle(0, "Another Title");
    let anew = PlanOptions { refresh: Refresh::All, ..defaults() };
    assert_eq!(jobs(&site.plan(&anew)), [("a.md".into(), Reason::Refreshed)]);
    site.write(&anew);
    let essay = &site.stored().into_values().next().expect("an essay").essay;
    assert_eq!(
        (essay.front.title.as_str(), essay.prompt_title()),
        ("Another Title", "Another Title")
    );
    let plan = site.plan(&defaults());
    assert_eq!((plan.fresh.len(), plan.retitled.len()), (2, 0));
}

/// Essays of version 0.1 do not record the title in the prompt, and their seed hash depends on the seed's
/// title.
#[test]
fn essays_of_earlier_versions_stay_fresh_when_their_title_changes() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.retitle(0, "A Title");
    site.write(&defaults());
    for (id, Stored { mut essay, file_hash, .. }) in site.stored() {
        let seed = site.seeds.iter().find(|seed| seed.slug == id.slug).expect("a seed");
        essay.front.prompt_title = None;
        essay.front.seed_hash = key::seed_hash(&key::SeedInputs {
            quote: &seed.quote,
            title: seed.title.as_deref(),
            model: None,
            generation: &seed.takes[0].generation,
            rng_seed: seed.takes[0].rng_seed,
            take: 1,
        });
        assert!(site.store().write(&essay, Some(&file_hash)).expect("written"));
    }
    assert_eq!(site.plan(&defaults()).fresh.len(), 2);
    site.retitle(0, "Corrected");
    site.retitle(1, "Given Later");
    let plan = site.plan(&defaults());
    assert_eq!((plan.fresh.len(), plan.retitled.len()), (2, 2));
}

#[test]
fn an_edited_essay_under_another_quote_is_named() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.write(&defaults());
    site.edit("a");
    site.seeds[0].quote = "Another quote.".into();
    let plan = site.plan(&defaults());
    assert_eq!(
        (names(&plan.edited), names(&plan.requoted)),
        (vec!["a.md".into()], vec!["a.md".into()])
    );
}

#[test]
fn an_essay_changed_while_it_is_written_is_kept() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.write(&defaults());
    site.seeds.iter_mut().for_each(|seed| seed.takes[0].rng_seed += 1);
    let plan = site.plan(&defaults());
    site.edit("a");
    let report = site.run(&plan);
    assert_eq!((names(&report.overtaken), report.replaced()), (vec!["a.md".into()], 1));
    assert!(site.stored().values().next().expect("an essay").edited);
}

#[test]
fn changed_weights_or_site_settings_make_essays_stale() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.write(&defaults());
    site.models.weights = "v2";
    let plan = site.plan(&defaults());
    assert_eq!((jobs(&plan), names(&plan.stale)), (vec![], vec!["a.md".into(), "b.md".into()]));

    site.models.weights = "v1";
    site.generation.temperature = Some(0.5);
    assert_eq!(site.plan(&defaults()).stale.len(), 2);
    site.generation.temperature = None;
    site.blocklist = vec!["moat".into()];
    assert_eq!(site.plan(&defaults()).stale.len(), 2);

    let one = PlanOptions { refresh: Refresh::Seeds(["b".to_owned()].into()), ..defaults() };
    let plan = site.plan(&one);
    assert_eq!(
        (jobs(&plan), names(&plan.stale)),
        (vec![("b.md".into(), Reason::Refreshed)], vec!["a.md".into()])
    );
    let all = PlanOptions { refresh: Refresh::All, ..defaults() };
    assert_eq!(site.plan(&all).jobs.len(), 2);
    site.write(&all);
    assert_eq!(site.plan(&defaults()).fresh.len(), 2);
}

#[test]
fn edited_essays_are_kept_unless_forced() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.write(&defaults());
    site.edit("a");
    site.seeds[0].quote = "Another quote.".into();
    for options in [defaults(), PlanOptions { refresh: Refresh::All, ..defaults() }] {
        let plan = site.plan(&options);
        assert_eq!(
            (names(&plan.edited), names(&plan.fresh)),
            (vec!["a.md".into()], vec!["b.md".into()])
        );
        assert!(plan.jobs.is_empty());
    }
    let forced = PlanOptions { force: true, ..defaults() };
    assert_eq!(jobs(&site.plan(&forced)), [("a.md".into(), Reason::Forced)]);
    site.write(&forced);
    assert_eq!(site.plan(&defaults()).fresh.len(), 2);
}

#[test]
fn steered_essays_count_as_edited_until_rewritten() {
    let mut site = TestSite::new(&["a"], prose);
    site.write(&defaults());
    let mut essay = site.stored().into_values().next().expect("an essay").essay;
    essay.front.steps = vec![Step {
        kept: 0,
        chosen: None,
        wrote: 9,
        ended: FinishReason::Cancelled,
        generation: GenerationOverrides::default(),
    }];
    let before = site.stored().into_values().next().expect("an essay").file_hash;
    assert!(site.store().write(&essay, Some(&before)).expect("the store can be written"));
    let refreshed = PlanOptions { refresh: Refresh::All, ..defaults() };
    assert_eq!(names(&site.plan(&refreshed).edited), ["a.md"]);
    let named = PlanOptions { only: Some(["a".to_owned()].into()), force: true, ..defaults() };
    site.write(&named);
    assert_eq!(site.plan(&defaults()).fresh.len(), 1);
    assert!(site.stored().values().all(|stored| !stored.essay.is_steered()));
}

#[test]
fn force_alone_overwrites_no_edited_essay() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.write(&defaults());
    site.edit("a");
    site.edit("b");
    let forced = PlanOptions { force: true, ..defaults() };
    assert_eq!(site.plan(&forced).edited.len(), 2);
    let only_a: BTreeSet<String> = ["a".to_owned()].into();
    let refreshed = PlanOptions { refresh: Refresh::Seeds(only_a.clone()), ..forced.clone() };
    assert_eq!(jobs(&site.plan(&refreshed)), [("a.md".into(), Reason::Forced)]);
    let named = PlanOptions { only: Some(only_a), ..forced };
    assert_eq!(jobs(&site.plan(&named)), [("a.md".into(), Reason::Forced)]);
}

#[test]
fn essays_without_a_seed_are_orphans_and_are_kept() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.seeds[1].takes.push(take(2));
    site.write(&defaults());
    site.seeds.remove(0);
    site.seeds[0].takes.pop();
    let plan = site.plan(&defaults());
    assert_eq!(
        (names(&plan.orphans), names(&plan.fresh)),
        (vec!["a.md".into(), "b.take-2.md".into()], vec!["b.md".into()])
    );
    site.write(&defaults());
    assert_eq!(site.stored().len(), 3);
}

#[test]
fn drafts_are_written_on_request_and_are_never_orphans() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.seeds[0].draft = true;
    assert_eq!(jobs(&site.plan(&defaults())), [("b.md".into(), Reason::Missing)]);
    let named = PlanOptions { only: Some(["a".to_owned()].into()), ..defaults() };
    assert_eq!(jobs(&site.plan(&named)), [("a.md".into(), Reason::Missing)]);
    site.write(&PlanOptions { drafts: true, ..defaults() });
    let plan = site.plan(&defaults());
    assert_eq!((names(&plan.fresh), plan.orphans.len()), (vec!["b.md".into()], 0));
}

#[test]
fn each_model_is_loaded_once() {
    let mut site = TestSite::new(&["a", "b", "c"], prose);
    site.seeds[1].takes[0].model = Some("other".into());
    let report = site.write(&defaults());
    assert_eq!(site.models.opened, ["mini", "other"]);
    let written: Vec<_> = report.written.iter().map(|w| w.id.slug.clone()).collect();
    assert_eq!(written, ["a", "b", "c"]);
    assert_eq!(site.stored().values().nth(1).unwrap().essay.front.model, "other");
}

#[test]
fn flags_override_the_seed_and_make_essays_stale() {
    let mut site = TestSite::new(&["a", "b"], prose);
    site.seeds[1].takes[0].model = Some("other".into());
    site.seeds[1].takes[0].generation.temperature = Some(0.5);
    site.write(&defaults());
    site.generation_flags.temperature = Some(0.7);
    site.model_flag = Some("third");
    let plan = site.plan(&defaults());
    assert_eq!((plan.jobs.len(), plan.stale.len()), (0, 2), "no seed changed");
    site.write(&PlanOptions { refresh: Refresh::All, ..defaults() });
    for stored in site.stored().values() {
        let front = &stored.essay.front;
        assert_eq!((front.model.as_str(), front.generation.temperature), ("third", 0.7));
    }
}

#[test]
fn settings_come_from_the_model_the_site_the_seed_and_the_flags_in_this_order() {
    let set = |overrides: &mut GenerationOverrides, value: usize, names: &[&str]| {
        names.iter().for_each(|name| overrides.set(name, generator::Value::Count(value)));
    };
    let mut site = TestSite::new(&["a"], prose);
    let names = ["top_k", "no_repeat_ngram_size", "min_new_tokens", "max_new_tokens"];
    set(&mut site.models.generation, 11, &names);
    set(&mut site.generation, 12, &names[1..]);
    set(&mut site.seeds[0].takes[0].generation, 13, &names[2..]);
    set(&mut site.generation_flags, 14, &names[3..]);
    site.write(&defaults());
    let essay = site.stored().into_values().next().expect("one essay").essay;
    let all = &essay.front.generation;
    assert_eq!((all.top_k, all.no_repeat_ngram_size), (11, 12));
    assert_eq!((all.min_new_tokens, all.max_new_tokens), (13, Some(14)));
    assert_eq!(all.temperature, Generation::default().temperature);

    site.models.generation.top_k = Some(9);
    assert_eq!(names_of_stale(&mut site), ["a.md"], "the model's settings are part of the key");
    site.models.generation.no_repeat_ngram_size = Some(9);
    site.models.generation.top_k = Some(11);
    assert!(names_of_stale(&mut site).is_empty(), "the site's setting replaces the model's");
}

fn names_of_stale(site: &mut TestSite) -> Vec<String> {
    names(&site.plan(&defaults()).stale)
}

#[test]
fn essays_do_not_depend_on_the_batch_or_on_other_seeds() {
    let bodies = |slugs: &[&str], rows, order| {
        let mut site = TestSite::new(slugs, sometimes_short);
        (site.models.rows, site.models.order) = (rows, order);
        site.write(&defaults());
        let essays = site.stored().into_iter().map(|(id, stored)| (id.slug, stored.essay));
        essays.collect::<BTreeMap<_, _>>()
    };
    let all = bodies(&["a", "b", "c", "d", "e"], 1, 1);
    for (rows, order) in [(3, 2), (16, 3), (16, 4)] {
        assert_eq!(bodies(&["e", "c", "a", "b", "d"], rows, order), all);
    }
    let alone = bodies(&["c"], 3, 5);
    assert_eq!(alone["c"], all["c"]);
    let rounds: BTreeSet<u32> = all.values().map(|essay| essay.front.figures.rounds).collect();
    assert!(rounds.len() > 1, "some essays should need another round");
}

/// Returns prose that, for three out of four random streams, is too short to pass the gate.
fn sometimes_short(request: &Request) -> String {
    let text = prose(request);
    if request.rng_key[0].is_multiple_of(4) { text } else { text[..text.len() / 3].to_owned() }
}

#[test]
fn another_round_follows_if_no_candidate_passes() {
    fn in_round_two(request: &Request) -> String {
        let second = (1..=3).map(|n| candidate_key(9, 1, 2, n));
        if second.into_iter().any(|key| key == request.rng_key) {
            prose(request)
        } else {
            "Short.".into()
        }
    }
    let mut site = TestSite::new(&["a"], in_round_two);
    site.seeds[0].takes[0].rng_seed = 9;
    let report = site.write(&defaults());
    assert_eq!((report.candidates, report.flagged().count()), (6, 0));
    assert_eq!(report.written[0].figures.rounds, 2);
    assert_eq!(site.stored().values().next().unwrap().essay.front.round, 2);
}

#[test]
fn the_best_candidate_is_flagged_if_no_round_passes() {
    fn always_short(request: &Request) -> String {
        let text = prose(request);
        text[..text.len() / 3].to_owned()
    }
    let mut site = TestSite::new(&["a"], always_short);
    site.generation.max_rounds = Some(2);
    let report = site.write(&defaults());
    assert_eq!((report.candidates, report.written[0].figures.rounds), (6, 2));
    let flagged = report.written[0].flagged.as_deref().expect("it is flagged");
    assert_eq!(flagged, "32 words, fewer than 40");
    let essay = site.stored().into_values().next().unwrap().essay;
    assert_eq!(essay.front.flagged.as_deref(), Some(flagged));
}

#[test]
fn a_blocked_candidate_is_never_kept() {
    fn says_moat(request: &Request) -> String {
        let first = candidate_key(9, 1, 1, 1) == request.rng_key;
        prose(request) + if first { "" } else { " We dig a wide Moat around it." }
    }
    let mut site = TestSite::new(&["a"], says_moat);
    site.seeds[0].takes[0].rng_seed = 9;
    site.blocklist = vec![r"\bmoat\b".into()];
    site.generation.max_words = Some(200);
    site.write(&defaults());
    assert_eq!(site.stored().values().next().unwrap().essay.front.candidate, 1);

    let mut site = TestSite::new(&["a"], |request| prose(request) + " We dig a wide MOAT.");
    site.blocklist = vec![r"\bmoat\b".into()];
    site.generation.max_words = Some(200);
    let report = site.write(&defaults());
    assert_eq!((names(&report.refused), report.written.len()), (vec!["a.md".into()], 0));
    assert!(site.stored().is_empty());
}

#[test]
fn a_model_that_cannot_be_used_fails_only_its_own_essays() {
    let mut site = TestSite::new(&["a", "b", "c"], prose);
    site.seeds[0].takes[0].model = Some("missing".into());
    site.seeds[1].takes[0].model = Some("broken".into());
    let report = site.write(&defaults());
    let failed: Vec<String> =
        report.failed.iter().map(|failure| failure.problem.to_line()).collect();
    assert_eq!(
        failed,
        ["seeds/a.md: there is no model missing", "seeds/b.md: the weights of broken are NaN"]
    );
    assert!(report.failed.iter().all(|failure| failure.is_passing));
    assert_eq!(site.stored().keys().map(ToString::to_string).collect::<Vec<_>>(), ["c"]);

    site.seeds.truncate(2);
    site.seeds.remove(0);
    let plan = site.plan(&defaults());
    let (blocklist, store) = (Blocklist::default(), site.store());
    let ended = run(&plan, &blocklist, &mut site.models, &store, date(2026, 11, 22), &mut |_| ());
    assert_eq!(ended.unwrap_err().to_string(), "the weights of broken are NaN", "the only model");
}

#[test]
fn temperature_0_is_one_candidate_in_one_round() {
    let mut site = TestSite::new(&["a"], |_| " Too short.".into());
    site.generation.temperature = Some(0.0);
    let report = site.write(&defaults());
    assert_eq!((report.candidates, report.written[0].figures.rounds), (1, 1));
}

#[test]
fn token_limits_follow_word_limits_and_positions() {
    let mut site = TestSite::new(&["a"], prose);
    site.write(&defaults());
    let requests = std::mem::take(&mut *site.models.requests.lock().unwrap());
    assert_eq!(requests[0].generation.max_new_tokens, Some(144));
    // 40 words at 1.25 tokens per word.
    assert_eq!(requests[0].generation.min_new_tokens, 50);
    assert!(text_of(&requests[0]).starts_with("The Quote of a Is a Quote\n\nThe quote of a is"));

    let mut site = TestSite::new(&["a"], prose);
    (site.generation.max_words, site.generation.min_words) = (Some(5000), Some(0));
    site.write(&defaults());
    let requests = std::mem::take(&mut *site.models.requests.lock().unwrap());
    let prompt = requests[0].prompt.len();
    assert_eq!(requests[0].generation.max_new_tokens, Some(768 - prompt));
    assert_eq!(requests[0].generation.min_new_tokens, 0);

    for (limits, expected) in [((Some(60), None), 60), ((Some(0), Some(30)), 30)] {
        let mut site = TestSite::new(&["a"], prose);
        (site.generation.min_new_tokens, site.generation.max_new_tokens) = limits;
        site.write(&defaults());
        let requests = std::mem::take(&mut *site.models.requests.lock().unwrap());
        assert_eq!(requests[0].generation.min_new_tokens, expected);
    }
}

#[test]
fn a_prompt_longer_than_the_positions_is_reported_and_the_others_are_written() {
    let mut site = TestSite::new(&["a", "b", "c"], prose);
    site.seeds[1].quote = format!("A {}quote.", "very long ".repeat(400));
    let report = site.write(&defaults());
    let written: Vec<EssayId> = report.written.iter().map(|written| written.id.clone()).collect();
    assert_eq!(names(&written), ["a.md", "c.md"]);
    let [Failure { problem, is_passing: false, .. }] = report.failed.as_slice() else {
        panic!("{:?}", report.failed)
    };
    let line = problem.to_line();
    assert!(
        line.starts_with("seeds/b.md: the prompt is ") && line.contains("(shorten the"),
        "{line}"
    );
    assert!(report.check().is_err());
}

#[test]
fn a_prompt_without_tokens_is_an_error() {
    struct Nothing;

    impl Tokenizer for Nothing {
        fn tokenize(&self, _text: &str) -> Result<Vec<u32>> {
            Ok(Vec::new())
        }

        fn bytes(&self, _id: u32) -> &[u8] {
            b""
        }

        fn vocab_size(&self) -> usize {
            0
        }
    }

    let prompt = Prompt::new(None, "A quote.");
    let generation = Generation::default();
    let request = EssayRequest { prompt, generation, rng_seed: 1, take: 1 };
    let error = request.request(&Nothing, 768).unwrap_err();
    assert_eq!(error.to_string(), "the model's tokenizer has no token for any of the prompt");
}

#[cfg(unix)]
#[test]
fn an_essay_that_cannot_be_stored_is_reported_and_may_succeed_later() {
    let mut site = TestSite::new(&["a", "b"], prose);
    let plan = site.plan(&defaults());
    // A folder has the name of the essay's file.
    content::fs::create_dir_all(&site.dir.path().join("essays/a.md")).expect("made");
    let report = site.run(&plan);
    assert_eq!((report.written.len(), report.failed.len()), (1, 1));
    assert!(report.failed[0].is_passing);
}

#[test]
fn events_are_reported_in_order() {
    let mut site = TestSite::new(&["a"], prose);
    let plan = site.plan(&defaults());
    let (store, blocklist) = (site.store(), Blocklist::default());
    let mut lines = Vec::new();
    run(&plan, &blocklist, &mut site.models, &store, date(2026, 1, 1), &mut |event| {
        lines.push(match event {
            WriteEvent::Loading { model } => format!("loading {model}"),
            WriteEvent::Begun { id } => format!("begun {id}"),
            WriteEvent::Piece { .. } => "token".into(),
            WriteEvent::Candidate { new_tokens, .. } => format!("candidate of {new_tokens}"),
            WriteEvent::Written { id, flagged, again } => format!("written {id} {flagged} {again}"),
            WriteEvent::Failed { id } => format!("failed {id}"),
            WriteEvent::Overtaken { id } => format!("overtaken {id}"),
            WriteEvent::Refused { id } => format!("refused {id}"),
        });
    })
    .unwrap();
    assert_eq!(lines[..4], ["loading mini", "begun a", "token", "candidate of 96"]);
    assert_eq!(lines.last().unwrap(), "written a false false");
}

#[test]
fn a_single_text_needs_no_store() {
    let mut models = Library::new(prose);
    let mut generator = models.load("mini").unwrap();
    let essay = EssayRequest {
        prompt: Prompt::new(None, "The future of work is"),
        generation: Generation {
            min_words: 40,
            max_words: 90,
            candidates: 2,
            ..Default::default()
        },
        rng_seed: 7,
        take: 1,
    };
    let mut streamed = BTreeMap::new();
    let outcome = text(generator.as_mut(), &essay, &Blocklist::default(), &mut |progress| {
        if let CandidateEvent::Piece { candidate, piece, .. } = progress {
            *streamed.entry(candidate).or_insert_with(String::new) += piece;
        }
    })
    .unwrap();
    assert_eq!(outcome.candidates.len(), 2);
    for candidate in &outcome.candidates {
        assert_eq!(streamed[&candidate.candidate], candidate.completion.text);
        assert!(candidate.text.starts_with("The future of work is "), "{}", candidate.text);
    }
    assert!(outcome.best().is_some() && outcome.flagged().is_none());
}

#[test]
fn raw_completions_are_not_cleaned() {
    let mut models = Library::new(|_| "  no sentence,\n\nhttp://x ".into());
    let mut generator = models.load("mini").unwrap();
    let generation = Generation { candidates: 2, ..Default::default() };
    let completions =
        raw(generator.as_mut(), "Exactly  this", &generation, (7, 1), &mut |_, _| ()).unwrap();
    assert_eq!(completions.len(), 2);
    let keys: Vec<[u8; 32]> =
        models.requests.lock().unwrap().iter().map(|request| request.rng_key).collect();
    assert_eq!(keys, [candidate_key(7, 1, 1, 1), candidate_key(8, 1, 1, 1)], "a seed each");
    assert_eq!(completions[0].text, "  no sentence,\n\nhttp://x ");
    assert!(
        models.requests.lock().unwrap().iter().all(|request| text_of(request) == "Exactly  this")
    );
}

#[test]
fn the_first_of_equal_candidates_is_kept_in_any_finishing_order() {
    fn always_the_same(_: &Request) -> String {
        " We ship it today and wait for no one else to do so.".into()
    }
    for order in 1..6 {
        let mut models = Library::new(always_the_same);
        (models.rows, models.order) = (16, order);
        let mut generator = models.load("mini").unwrap();
        let essay = EssayRequest {
            prompt: Prompt::new(None, "A quote."),
            generation: Generation { candidates: 5, max_rounds: 2, ..Default::default() },
            rng_seed: 7,
            take: 1,
        };
        let outcome = text(generator.as_mut(), &essay, &Blocklist::default(), &mut |_| ()).unwrap();
        let order: Vec<_> = outcome.candidates.iter().map(|c| (c.round, c.candidate)).collect();
        assert!(order.is_sorted() && order.len() == 10);
        assert_eq!(outcome.best, Some(0));
    }
}
