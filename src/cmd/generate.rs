//! `venti generate`: writes essays without rendering, or one text to standard output.

mod stream;

use miette::miette;
use serde_json::{Value, json};

use super::Incomplete;

use super::workspace::{self, Workspace};
use super::writing::{self, WriteRequest};
use crate::cli::{Generate, Global};
use crate::environment;
use crate::models::{self, Pins};
use crate::summary::Summary;
use crate::terminal::{Terminal, print};
use content::seed::default_rng_seed;
use content::slug;
use generator::Generation;
use generator::{Completion, FinishReason, Generator, Models};
use stream::Stream;
use text::prompt::{self, Prompt};
use write::{self, CandidateEvent, EssayRequest};

/// Writes essays to the store, or one text to standard output.
pub fn run(global: &Global, args: Generate, terminal: &Terminal) -> miette::Result<()> {
    if let Some(text) = &args.text {
        return one_text(global, &args, text, terminal);
    }
    let site = Workspace::open(global, terminal)?;
    environment::use_threads(&args.model.engine, &site.project.config)?;
    let (seeds, essays) = site.load()?;
    let request = WriteRequest {
        only: &args.seeds,
        writing: &args.writing,
        model: &args.model,
        generation: &args.generation,
    };
    let written = writing::write(&site, &seeds, essays, &request, terminal, |_, _| Ok(()))?;
    let summary = Summary::new(&written);
    if args.json {
        print(format_args!("{}\n", summary.to_json()))?;
        return writing::check_complete(&written, true);
    }
    summary.say(terminal);
    if args.generation.rng_seed.is_some() && !written.report.written.is_empty() {
        terminal.note(
            "a later --refresh returns to each seed's own random seed; `venti reroll` records a new one",
        );
    }
    writing::check_complete(&written, false)
}

/// Writes one text, with the site's settings if there is a site.
fn one_text(
    global: &Global,
    args: &Generate,
    quote: &str,
    terminal: &Terminal,
) -> miette::Result<()> {
    if quote.trim().is_empty() || !args.raw && prompt::is_empty(quote) {
        return Err(miette!(help = "pass the quote with --text", "the quote is empty"));
    }
    let (project, pins) = match args.no_site {
        true => (workspace::nowhere()?, Pins::Unpinned),
        false => workspace::find_or_nowhere(global)?,
    };
    let config = &project.config;
    let patterns = if args.blocklist.is_empty() { &config.blocklist } else { &args.blocklist };
    let blocklist = writing::blocklist(patterns)?;
    let rng_seed = args.generation.rng_seed.unwrap_or_else(|| default_rng_seed(&slug::of(quote)));
    let mut models = models::open(&project, &args.model.engine, pins, terminal)?;
    let model = args.model.model.as_deref().unwrap_or(&config.model);
    let identity = models.identity(model)?;
    let generation = settings(identity.settings(&config.generation), args);
    let mut generator = models.load(model)?;
    let generator = generator.as_mut();

    if args.raw {
        return raw(generator, quote, &generation, (rng_seed, args.take), args.json);
    }
    let essay = EssayRequest {
        prompt: Prompt::new(args.title.as_deref(), quote),
        generation: generation.clone(),
        rng_seed,
        take: args.take,
    };
    let alone = generation.candidates == 1 && generation.max_rounds == 1;
    let mut stream = Stream::new(essay.prompt.lead.clone(), generation.max_words);
    let mut broken = Ok(());
    let mut progress = |event: CandidateEvent| {
        if let (CandidateEvent::Piece { piece, .. }, true, false) = (event, alone, args.json)
            && broken.is_ok()
        {
            broken = print(stream.push(piece));
        }
    };
    let outcome = write::text(generator, &essay, &blocklist, &mut progress)?;
    broken?;

    if args.json {
        let key = essay.key(&identity, &blocklist);
        let lines = outcome.candidates.iter().enumerate().map(|(at, candidate)| {
            let mut line = completion_json(&candidate.completion, &generation);
            line["essay"] = json!(candidate.text);
            line["title"] = json!(essay.prompt.title);
            line["round"] = json!(candidate.round);
            line["candidate"] = json!(candidate.candidate);
            line["rng_seed"] = json!(rng_seed);
            line["key"] = json!(key);
            line["figures"] = json!(candidate.figures);
            line["faults"] = json!(candidate.verdict.faults);
            line["chosen"] = json!(outcome.best == Some(at));
            line
        });
        print(lines.map(|line| format!("{line}\n")).collect::<String>())?;
        return if outcome.best.is_some() { Ok(()) } else { Err(nothing_kept().into()) };
    }
    let Some(best) = outcome.best() else { return Err(nothing_kept().into()) };
    match stream.rest(&best.text) {
        Some(rest) => print(format_args!("{rest}\n"))?,
        None => {
            terminal.warn("cleaning changed the text printed above; the final text follows");
            print(format_args!("\n\n{}\n", best.text))?;
        }
    }
    if let Some(why) = outcome.flagged() {
        terminal.warn(format_args!("this text would be flagged: {why}"));
    }
    Ok(())
}

/// The error of a text of which no candidate was kept. With `--json`, the candidates have been printed.
fn nothing_kept() -> Incomplete {
    let hint = "try another --rng-seed or more --candidates";
    let message = "every candidate was empty or matched the blocklist";
    Incomplete(message.to_owned(), Some(hint.to_owned()))
}

/// Returns the settings for one text. By default, there is only one candidate, so that the text can be
/// streamed.
fn settings(site: Generation, args: &Generate) -> Generation {
    let mut flags = args.generation.overrides.clone();
    flags.candidates = Some(flags.candidates.unwrap_or(1));
    if flags.candidates == Some(1) {
        flags.max_rounds = Some(flags.max_rounds.unwrap_or(1));
    }
    site.with(&flags)
}

/// Prints the unedited completions of an exact prompt.
fn raw(
    generator: &mut dyn Generator,
    prompt: &str,
    generation: &Generation,
    (rng_seed, take): (u64, u32),
    as_json: bool,
) -> miette::Result<()> {
    let alone = generation.candidates == 1 || generation.temperature == 0.0;
    let mut broken = Ok(());
    let mut on_piece = |_candidate: u32, piece: &str| {
        if alone && !as_json && broken.is_ok() {
            broken = print(piece);
        }
    };
    let completions = write::raw(generator, prompt, generation, (rng_seed, take), &mut on_piece)?;
    broken?;
    if as_json {
        let line = |(at, completion): (usize, &Completion)| {
            let mut line = completion_json(completion, generation);
            line["candidate"] = json!(at + 1);
            line["rng_seed"] = json!(rng_seed + at as u64);
            line["figures"] = json!(text::judge::figures(&completion.text, completion));
            format!("{line}\n")
        };
        return print(completions.iter().enumerate().map(line).collect::<String>());
    }
    if alone {
        return print("\n");
    }
    print(completions.iter().map(|c| format!("{}\n", c.text)).collect::<String>())
}

fn completion_json(completion: &Completion, generation: &Generation) -> Value {
    json!({
        "text": completion.text,
        "token_ids": completion.token_ids,
        "prompt_tokens": completion.prompt_tokens,
        "finish_reason": match completion.finish_reason {
            FinishReason::EndOfText | FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::ContextFull => "context_full",
            FinishReason::Cancelled => "cancelled",
        },
        "settings": generation,
    })
}
