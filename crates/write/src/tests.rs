//! Tests with a fake generator whose text is a function of the request.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::civil::date;
use tempfile::TempDir;

use super::*;
use content::essay::{Step, plain_text};
use content::seed::{Seed, Take};
use content::store::Stored;
use generator::{FinishReason, Identity, Request, Tokenizer, Work};
use generator::{Generation, GenerationOverrides};

/// The fake model's answer to a request.
type Answer = fn(&Request) -> String;

/// A generator whose batch of `rows` finishes in an order shuffled by `order`.
struct Fake {
    answer: Answer,
    rows: usize,
    order: u64,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Generator for Fake {
    fn provenance(&self) -> Provenance {
        Provenance { device: "cpu".into(), dtype: "f32".into() }
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
                self.asked.lock().unwrap().push(request.clone());
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
                finish_reason: FinishReason::EndOfText,
                text,
            };
            work.done(request.id, completion)?;
        }
    }
}

/// One token per character.
struct Characters;

impl Tokenizer for Characters {
    fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        Ok(text.chars().map(u32::from).collect())
    }

    fn bytes(&self, _id: u32) -> &[u8] {
        b" "
    }

    fn size(&self) -> usize {
        0x11_0000
    }

    fn end_of_text(&self) -> Option<u32> {
        None
    }
}

/// The prompt text of a request.
fn text_of(request: &Request) -> String {
    request.prompt.iter().filter_map(|id| char::from_u32(*id)).collect()
}

/// Twelve sentences of eight words that pass the gate, different for each random stream.
fn prose(request: &Request) -> String {
    let mut stream = blake3::Hasher::new().update(&request.rng_key).finalize_xof();
    let mut word = || {
        let mut bytes = [0; 5];
        stream.fill(&mut bytes);
        bytes.map(|byte| char::from(b'a' + byte % 26)).iter().collect::<String>()
    };
    let sentence = |_| {
        let words: Vec<String> = (0..8).map(|_| word()).collect();
        format!(" {}.", clean::capitalised(&words.join(" ")))
    };
    (0..12).map(sentence).collect()
}

/// Fake models by name, each with its own weights. Records which are opened.
struct Library {
    answer: Answer,
    rows: usize,
    order: u64,
    weights: &'static str,
    opened: Vec<String>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Library {
    fn new(answer: Answer) -> Self {
        Self { answer, rows: 3, order: 1, weights: "v1", opened: vec![], asked: Arc::default() }
    }
}

impl Models for Library {
    fn identity(&mut self, model: &str) -> Result<Identity> {
        Ok(Identity {
            id: model.into(),
            weights: format!("{model} {}", self.weights),
            tokenizer: "t".into(),
        })
    }

    fn load(&mut self, model: &str) -> Result<Box<dyn Generator>> {
        self.opened.push(model.into());
        let Self { answer, rows, order, .. } = *self;
        Ok(Box::new(Fake { answer, rows, order, asked: Arc::clone(&self.asked) }))
    }
}

/// A site in a temporary folder.
struct Desk {
    dir: TempDir,
    seeds: Vec<Seed>,
    generation: Generation,
    generation_flags: GenerationOverrides,
    model_flag: Option<&'static str>,
    blocklist: Vec<String>,
    models: Library,
}

impl Desk {
    fn new(slugs: &[&str], answer: Answer) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            seeds: slugs.iter().map(|slug| seed(slug)).collect(),
            generation: Generation {
                min_words: 40,
                max_words: 90,
                candidates: 3,
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

    fn plan(&mut self, choice: &Choice) -> Plan {
        let (stored, blocklist) = (self.stored(), Blocklist::new(&self.blocklist).unwrap());
        let site = Site {
            model: "mini",
            model_flag: self.model_flag,
            generation: &self.generation,
            generation_flags: &self.generation_flags,
            blocklist: &blocklist,
            rng_seed: None,
        };
        plan(&self.seeds, &stored, site, &mut self.models, choice).expect("the plan can be made")
    }

    fn write(&mut self, choice: &Choice) -> Report {
        let plan = self.plan(choice);
        let blocklist = Blocklist::new(&self.blocklist).unwrap();
        let store = self.store();
        run(&plan, &blocklist, &mut self.models, &store, date(2026, 11, 22), &mut |_| ())
            .expect("the run succeeds")
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
        author: None,
        source: None,
        tags: vec![],
        date: None,
        draft: false,
        takes: vec![take(1)],
        rng_seed: u64::from(blake3::hash(slug.as_bytes()).as_bytes()[0]),
        aliases: vec![],
        file_hash: String::new(),
    }
}

fn take(number: u32) -> Take {
    Take { number, model: None, generation: GenerationOverrides::default() }
}

fn names(ids: &[EssayId]) -> Vec<String> {
    ids.iter().map(|id| id.file_name()).collect()
}

fn jobs(plan: &Plan) -> Vec<(String, Reason)> {
    plan.jobs.iter().map(|job| (job.id.file_name(), job.reason)).collect()
}

fn nothing() -> Choice {
    Choice::default()
}

#[test]
fn fresh_essays_are_not_rewritten() {
    let mut desk = Desk::new(&["a", "b"], prose);
    desk.seeds[1].takes.push(take(2));
    let report = desk.write(&nothing());
    let written: Vec<_> = report.written.iter().map(|w| w.id.file_name()).collect();
    assert_eq!(written, ["a.md", "b.md", "b.take-2.md"]);
    assert_eq!((report.candidates, report.flagged().count()), (9, 0));

    desk.models.opened.clear();
    let plan = desk.plan(&nothing());
    assert_eq!(names(&plan.fresh), ["a.md", "b.md", "b.take-2.md"]);
    assert_eq!(desk.write(&nothing()), Report::default());
    assert!(desk.models.opened.is_empty(), "weights were opened with nothing to write");
}

#[test]
fn an_essay_records_its_provenance() {
    let mut desk = Desk::new(&["a"], prose);
    desk.write(&nothing());
    let essay = desk.stored().into_values().next().expect("one essay").essay;
    let front = &essay.front;
    assert_eq!(
        (front.seed.as_str(), front.take, front.quote.as_str()),
        ("a", 1, "The quote of a is a quote.")
    );
    assert_eq!((front.model.as_str(), front.weights.as_str()), ("mini", "mini v1"));
    assert_eq!(front.generation, desk.generation);
    assert_eq!(
        (front.revision, front.device.as_str(), front.dtype.as_str()),
        (key::REVISION, "cpu", "f32")
    );
    assert_eq!((front.written, front.figures.rounds, front.round), (date(2026, 11, 22), 1, 1));
    assert_eq!((front.figures.words, front.figures.new_tokens), (88, 96));
    let request = desk.models.asked.lock().unwrap()[front.candidate as usize - 1].clone();
    assert_eq!(
        plain_text(&essay.body).replace("\n\n", " "),
        clean::clean(&prose(&request), 90).replace("\n\n", " ")
    );
    assert!(plain_text(&essay.body).contains(front.pull_quote.as_deref().expect("a pull quote")));
}

#[test]
fn a_changed_seed_is_rewritten_unless_only_its_metadata_changed() {
    let mut desk = Desk::new(&["a", "b", "c", "d", "e"], prose);
    desk.write(&nothing());
    desk.seeds[0].tags = vec![content::seed::Tag { name: "T".into(), slug: "t".into() }];
    desk.seeds[0].author = Some("Ada".into());
    desk.seeds[0].date = Some(date(2026, 1, 1));
    desk.seeds[1].quote = "Another quote.".into();
    desk.seeds[2].title = Some("Another Title".into());
    desk.seeds[3].takes[0].generation.temperature = Some(0.5);
    desk.seeds[4].rng_seed += 1;
    let plan = desk.plan(&nothing());
    assert_eq!(names(&plan.fresh), ["a.md"]);
    let changed =
        ["b.md", "c.md", "d.md", "e.md"].map(|name| (name.to_owned(), Reason::SeedChanged));
    assert_eq!(jobs(&plan), changed);
}

#[test]
fn changed_weights_or_site_settings_make_essays_stale() {
    let mut desk = Desk::new(&["a", "b"], prose);
    desk.write(&nothing());
    desk.models.weights = "v2";
    let plan = desk.plan(&nothing());
    assert_eq!((jobs(&plan), names(&plan.stale)), (vec![], vec!["a.md".into(), "b.md".into()]));

    desk.models.weights = "v1";
    desk.generation.temperature = 0.5;
    assert_eq!(desk.plan(&nothing()).stale.len(), 2);
    desk.generation.temperature = Generation::default().temperature;
    desk.blocklist = vec!["moat".into()];
    assert_eq!(desk.plan(&nothing()).stale.len(), 2);

    let one = Choice { refresh: Refresh::Seeds(["b".to_owned()].into()), ..nothing() };
    let plan = desk.plan(&one);
    assert_eq!(
        (jobs(&plan), names(&plan.stale)),
        (vec![("b.md".into(), Reason::Refreshed)], vec!["a.md".into()])
    );
    let all = Choice { refresh: Refresh::All, ..nothing() };
    assert_eq!(desk.plan(&all).jobs.len(), 2);
    desk.write(&all);
    assert_eq!(desk.plan(&nothing()).fresh.len(), 2);
}

#[test]
fn edited_essays_are_kept_unless_forced() {
    let mut desk = Desk::new(&["a", "b"], prose);
    desk.write(&nothing());
    desk.edit("a");
    desk.seeds[0].quote = "Another quote.".into();
    for choice in [nothing(), Choice { refresh: Refresh::All, ..nothing() }] {
        let plan = desk.plan(&choice);
        assert_eq!(
            (names(&plan.edited), names(&plan.fresh)),
            (vec!["a.md".into()], vec!["b.md".into()])
        );
        assert!(plan.jobs.is_empty());
    }
    let forced = Choice { force: true, ..nothing() };
    assert_eq!(jobs(&desk.plan(&forced)), [("a.md".into(), Reason::Forced)]);
    desk.write(&forced);
    assert_eq!(desk.plan(&nothing()).fresh.len(), 2);
}

#[test]
fn steered_essays_count_as_edited_until_rewritten() {
    let mut desk = Desk::new(&["a"], prose);
    desk.write(&nothing());
    let mut essay = desk.stored().into_values().next().expect("an essay").essay;
    essay.front.steps = vec![Step {
        kept: 0,
        chosen: None,
        wrote: 9,
        ended: FinishReason::Cancelled.into(),
        generation: GenerationOverrides::default(),
    }];
    desk.store().write(&essay).expect("the store can be written");
    let refreshed = Choice { refresh: Refresh::All, ..nothing() };
    assert_eq!(names(&desk.plan(&refreshed).edited), ["a.md"]);
    let named = Choice { only: Some(["a".to_owned()].into()), force: true, ..nothing() };
    desk.write(&named);
    assert_eq!(desk.plan(&nothing()).fresh.len(), 1);
    assert!(desk.stored().values().all(|stored| !stored.essay.is_steered()));
}

#[test]
fn force_alone_overwrites_no_edited_essay() {
    let mut desk = Desk::new(&["a", "b"], prose);
    desk.write(&nothing());
    desk.edit("a");
    desk.edit("b");
    let forced = Choice { force: true, ..nothing() };
    assert_eq!(desk.plan(&forced).edited.len(), 2);
    let only_a: BTreeSet<String> = ["a".to_owned()].into();
    let refreshed = Choice { refresh: Refresh::Seeds(only_a.clone()), ..forced.clone() };
    assert_eq!(jobs(&desk.plan(&refreshed)), [("a.md".into(), Reason::Forced)]);
    let named = Choice { only: Some(only_a), ..forced };
    assert_eq!(jobs(&desk.plan(&named)), [("a.md".into(), Reason::Forced)]);
}

#[test]
fn essays_without_a_seed_are_orphans_and_are_kept() {
    let mut desk = Desk::new(&["a", "b"], prose);
    desk.seeds[1].takes.push(take(2));
    desk.write(&nothing());
    desk.seeds.remove(0);
    desk.seeds[0].takes.pop();
    let plan = desk.plan(&nothing());
    assert_eq!(
        (names(&plan.orphans), names(&plan.fresh)),
        (vec!["a.md".into(), "b.take-2.md".into()], vec!["b.md".into()])
    );
    desk.write(&nothing());
    assert_eq!(desk.stored().len(), 3);
}

#[test]
fn drafts_are_written_on_request_and_are_never_orphans() {
    let mut desk = Desk::new(&["a", "b"], prose);
    desk.seeds[0].draft = true;
    assert_eq!(jobs(&desk.plan(&nothing())), [("b.md".into(), Reason::Missing)]);
    let named = Choice { only: Some(["a".to_owned()].into()), ..nothing() };
    assert_eq!(jobs(&desk.plan(&named)), [("a.md".into(), Reason::Missing)]);
    desk.write(&Choice { drafts: true, ..nothing() });
    let plan = desk.plan(&nothing());
    assert_eq!((names(&plan.fresh), plan.orphans.len()), (vec!["b.md".into()], 0));
}

#[test]
fn an_unknown_seed_is_reported_with_a_suggestion() {
    let mut desk = Desk::new(&["return-to-sender"], prose);
    let blocklist = Blocklist::default();
    let site = Site {
        model: "mini",
        model_flag: None,
        generation: &desk.generation,
        generation_flags: &desk.generation_flags,
        blocklist: &blocklist,
        rng_seed: None,
    };
    let only: BTreeSet<String> = ["return-to-sendr".to_owned()].into();
    let choice = Choice { only: Some(only), ..nothing() };
    let error = plan(&desk.seeds, &BTreeMap::new(), site, &mut desk.models, &choice).unwrap_err();
    assert_eq!(error.to_string(), r#"there is no seed "return-to-sendr""#);
    assert_eq!(
        error.help().unwrap().to_string(),
        r#"did you mean "return-to-sender"? seeds are named by their slugs"#
    );
}

#[test]
fn each_model_is_loaded_once() {
    let mut desk = Desk::new(&["a", "b", "c"], prose);
    desk.seeds[1].takes[0].model = Some("other".into());
    let report = desk.write(&nothing());
    assert_eq!(desk.models.opened, ["mini", "other"]);
    let written: Vec<_> = report.written.iter().map(|w| w.id.slug.clone()).collect();
    assert_eq!(written, ["a", "b", "c"]);
    assert_eq!(desk.stored().values().nth(1).unwrap().essay.front.model, "other");
}

#[test]
fn flags_override_the_seed_and_make_essays_stale() {
    let mut desk = Desk::new(&["a", "b"], prose);
    desk.seeds[1].takes[0].model = Some("other".into());
    desk.seeds[1].takes[0].generation.temperature = Some(0.5);
    desk.write(&nothing());
    desk.generation_flags.temperature = Some(0.7);
    desk.model_flag = Some("third");
    let plan = desk.plan(&nothing());
    assert_eq!((plan.jobs.len(), plan.stale.len()), (0, 2), "no seed changed");
    desk.write(&Choice { refresh: Refresh::All, ..nothing() });
    for stored in desk.stored().values() {
        let front = &stored.essay.front;
        assert_eq!((front.model.as_str(), front.generation.temperature), ("third", 0.7));
    }
}

#[test]
fn essays_do_not_depend_on_the_batch_or_on_other_seeds() {
    let bodies = |slugs: &[&str], rows, order| {
        let mut desk = Desk::new(slugs, sometimes_short);
        (desk.models.rows, desk.models.order) = (rows, order);
        desk.write(&nothing());
        let essays = desk.stored().into_iter().map(|(id, stored)| (id.slug, stored.essay));
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

/// Prose that is too short to pass in three of four cases.
fn sometimes_short(request: &Request) -> String {
    let text = prose(request);
    if request.rng_key[0].is_multiple_of(4) { text } else { text[..text.len() / 3].to_owned() }
}

#[test]
fn another_round_follows_if_no_candidate_passes() {
    fn in_round_two(request: &Request) -> String {
        let second = (1..=3).map(|n| key::candidate_key(9, 1, 2, n));
        if second.into_iter().any(|key| key == request.rng_key) {
            prose(request)
        } else {
            "Short.".into()
        }
    }
    let mut desk = Desk::new(&["a"], in_round_two);
    desk.seeds[0].rng_seed = 9;
    let report = desk.write(&nothing());
    assert_eq!((report.candidates, report.flagged().count()), (6, 0));
    assert_eq!(report.written[0].figures.rounds, 2);
    assert_eq!(desk.stored().values().next().unwrap().essay.front.round, 2);
}

#[test]
fn the_best_candidate_is_flagged_if_no_round_passes() {
    fn always_short(request: &Request) -> String {
        let text = prose(request);
        text[..text.len() / 3].to_owned()
    }
    let mut desk = Desk::new(&["a"], always_short);
    desk.generation.max_rounds = 2;
    let report = desk.write(&nothing());
    assert_eq!((report.candidates, report.written[0].figures.rounds), (6, 2));
    let flagged = report.written[0].flagged.as_deref().expect("it is flagged");
    assert_eq!(flagged, "32 words, fewer than 40");
    let essay = desk.stored().into_values().next().unwrap().essay;
    assert_eq!(essay.front.flagged.as_deref(), Some(flagged));
}

#[test]
fn a_blocked_candidate_is_never_kept() {
    fn says_moat(request: &Request) -> String {
        let first = key::candidate_key(9, 1, 1, 1) == request.rng_key;
        prose(request) + if first { "" } else { " We dig a wide Moat around it." }
    }
    let mut desk = Desk::new(&["a"], says_moat);
    desk.seeds[0].rng_seed = 9;
    desk.blocklist = vec![r"\bmoat\b".into()];
    desk.generation.max_words = 200;
    desk.write(&nothing());
    assert_eq!(desk.stored().values().next().unwrap().essay.front.candidate, 1);

    let mut desk = Desk::new(&["a"], |request| prose(request) + " We dig a wide MOAT.");
    desk.blocklist = vec![r"\bmoat\b".into()];
    desk.generation.max_words = 200;
    let report = desk.write(&nothing());
    assert_eq!((names(&report.refused), report.written.len()), (vec!["a.md".into()], 0));
    assert!(desk.stored().is_empty());
}

#[test]
fn temperature_0_is_one_candidate_in_one_round() {
    let mut desk = Desk::new(&["a"], |_| " Too short.".into());
    desk.generation.temperature = 0.0;
    let report = desk.write(&nothing());
    assert_eq!((report.candidates, report.written[0].figures.rounds), (1, 1));
}

#[test]
fn token_limits_follow_word_limits_and_positions() {
    let mut desk = Desk::new(&["a"], prose);
    desk.write(&nothing());
    let asked = std::mem::take(&mut *desk.models.asked.lock().unwrap());
    assert_eq!(asked[0].generation.max_new_tokens, Some(144));
    // 40 words of at least 1.25 tokens.
    assert_eq!(asked[0].generation.min_new_tokens, 50);
    assert!(
        text_of(&asked[0])
            .starts_with("<|endoftext|>The Quote of a Is a Quote\n\nThe quote of a is")
    );

    let mut desk = Desk::new(&["a"], prose);
    (desk.generation.max_words, desk.generation.min_words) = (5000, 0);
    desk.write(&nothing());
    let asked = std::mem::take(&mut *desk.models.asked.lock().unwrap());
    let prompt = asked[0].prompt.len();
    assert_eq!(asked[0].generation.max_new_tokens, Some(768 - prompt));
    assert_eq!(asked[0].generation.min_new_tokens, 0);

    for (said, expected) in [((60, None), 60), ((0, Some(30)), 30)] {
        let mut desk = Desk::new(&["a"], prose);
        (desk.generation.min_new_tokens, desk.generation.max_new_tokens) = said;
        desk.write(&nothing());
        let asked = std::mem::take(&mut *desk.models.asked.lock().unwrap());
        assert_eq!(asked[0].generation.min_new_tokens, expected);
    }
}

#[test]
fn a_prompt_longer_than_the_positions_is_an_error() {
    let mut desk = Desk::new(&["a"], prose);
    desk.seeds[0].quote = format!("A {}quote.", "very long ".repeat(400));
    let plan = desk.plan(&nothing());
    let (store, blocklist) = (desk.store(), Blocklist::default());
    let error = run(&plan, &blocklist, &mut desk.models, &store, date(2026, 1, 1), &mut |_| ());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("tokens long, and the model has 768 positions"), "{error}");
}

#[test]
fn events_are_reported_in_order() {
    let mut desk = Desk::new(&["a"], prose);
    let plan = desk.plan(&nothing());
    let (store, blocklist) = (desk.store(), Blocklist::default());
    let mut said = Vec::new();
    run(&plan, &blocklist, &mut desk.models, &store, date(2026, 1, 1), &mut |event| {
        said.push(match event {
            Event::Loading { model } => format!("loading {model}"),
            Event::Begun { id } => format!("begun {id}"),
            Event::Piece { .. } => "token".into(),
            Event::Candidate { new_tokens, .. } => format!("candidate of {new_tokens}"),
            Event::Written { id, flagged } => format!("written {id} {flagged}"),
            Event::Refused { id } => format!("refused {id}"),
        });
    })
    .unwrap();
    assert_eq!(said[..4], ["loading mini", "begun a", "token", "candidate of 96"]);
    assert_eq!(said.last().unwrap(), "written a false");
}

#[test]
fn a_single_text_needs_no_store() {
    let mut models = Library::new(prose);
    let mut generator = models.load("mini").unwrap();
    let brief = Brief {
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
    let outcome = text(generator.as_mut(), &brief, &Blocklist::default(), &mut |progress| {
        if let Progress::Piece { candidate, piece, .. } = progress {
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
        raw(generator.as_mut(), "Exactly  this", &generation, 7, &mut |_, _| ()).unwrap();
    assert_eq!(completions.len(), 2);
    assert_eq!(completions[0].text, "  no sentence,\n\nhttp://x ");
    assert!(models.asked.lock().unwrap().iter().all(|request| text_of(request) == "Exactly  this"));
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
        let brief = Brief {
            prompt: Prompt::new(None, "A quote."),
            generation: Generation { candidates: 5, max_rounds: 2, ..Default::default() },
            rng_seed: 7,
            take: 1,
        };
        let outcome = text(generator.as_mut(), &brief, &Blocklist::default(), &mut |_| ()).unwrap();
        let order: Vec<_> = outcome.candidates.iter().map(|c| (c.round, c.candidate)).collect();
        assert!(order.is_sorted() && order.len() == 10);
        assert_eq!(outcome.best, Some(0));
    }
}
