//! Writes essays again from their provenance, and compares.

use std::collections::{HashMap, VecDeque};

use miette::Result;

use super::key::{REVISION, candidate_key};
use super::rounds::EssayRequest;
use content::essay::{Essay, escape_markdown};
use generator::{Completion, Generator, Models, Request, Work};
use text::clean::clean;
use text::prompt::Prompt;

/// The result for one essay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// The model wrote the same words again.
    Same,
    /// The model wrote other words.
    Different,
    /// A person steered or changed the text.
    Edited,
    /// The text cannot be written again here. Says what that would need.
    Unchecked(String),
}

/// Writes the kept candidate of each essay again. Models are loaded one at a time. Returns the results in
/// the order of the essays.
///
/// # Errors
/// Returns an error if a model fails.
pub fn verify(essays: &[&Essay], models: &mut dyn Models) -> Result<Vec<Verification>> {
    let mut results = vec![Verification::Same; essays.len()];
    let mut by_model: Vec<(&str, Vec<usize>)> = Vec::new();
    for (index, essay) in essays.iter().enumerate() {
        let front = &essay.front;
        if essay.is_edited() {
            results[index] = Verification::Edited;
        } else if front.revision != REVISION {
            results[index] = Verification::Unchecked(format!(
                "it needs revision {} of the generator, as in {}; this is revision {REVISION}",
                front.revision, front.engine
            ));
        } else {
            match by_model.iter_mut().find(|(model, _)| *model == front.model) {
                Some((_, indices)) => indices.push(index),
                None => by_model.push((&front.model, vec![index])),
            }
        }
    }
    for (model, indices) in by_model {
        verify_model(model, &indices, essays, models, &mut results)?;
    }
    Ok(results)
}

fn verify_model(
    model: &str,
    indices: &[usize],
    essays: &[&Essay],
    models: &mut dyn Models,
    results: &mut [Verification],
) -> Result<()> {
    let identity = match models.identity(model) {
        Ok(identity) => identity,
        Err(error) => {
            let why = format!("it needs the model {model}: {error}");
            indices.iter().for_each(|&index| results[index] = Verification::Unchecked(why.clone()));
            return Ok(());
        }
    };
    let (same, others): (Vec<usize>, Vec<usize>) =
        indices.iter().partition(|&&index| essays[index].front.weights == identity.weights);
    for index in others {
        let weights = essays[index].front.weights.get(..12).unwrap_or_default();
        results[index] =
            Verification::Unchecked(format!("it needs the weights {weights}… of {model}"));
    }
    if same.is_empty() {
        return Ok(());
    }
    let mut generator = match models.load(model) {
        Ok(generator) => generator,
        Err(error) => {
            let why = format!("{model} cannot run here: {error}");
            same.iter().for_each(|&index| results[index] = Verification::Unchecked(why.clone()));
            return Ok(());
        }
    };
    let here = generator.provenance();
    let mut work = Rewriting { essays, queue: VecDeque::new(), leads: HashMap::new(), results };
    for index in same {
        let front = &essays[index].front;
        let front_is = (&front.device, &front.dtype) == (&here.device, &here.dtype);
        if front_is && front.arithmetic != here.arithmetic {
            work.results[index] = Verification::Unchecked(match &front.arithmetic {
                Some(level) => format!("it needs a processor that computes like {level}"),
                None => "it needs an x86 processor with AVX2".to_owned(),
            });
        } else if front_is {
            if let Err(error) = work.add(index, generator.as_ref()) {
                work.results[index] = Verification::Unchecked(format!("{error}"));
            }
        } else {
            work.results[index] = Verification::Unchecked(format!(
                "it needs `--device {} --dtype {}`",
                front.device, front.dtype
            ));
        }
    }
    generator.run(&mut work)
}

/// The [`Work`] of writing essays again. Requests have the indices of their essays as ids.
struct Rewriting<'a> {
    essays: &'a [&'a Essay],
    queue: VecDeque<Request>,
    /// Words of the quote with which an essay begins.
    leads: HashMap<usize, String>,
    results: &'a mut [Verification],
}

impl Rewriting<'_> {
    fn add(&mut self, index: usize, generator: &dyn Generator) -> Result<()> {
        let essay = self.essays[index];
        let front = &essay.front;
        let prompt = Prompt::new(Some(essay.prompt_title()), &front.quote);
        self.leads.extend(prompt.lead.clone().map(|lead| (index, lead)));
        let (rng_seed, take) = (front.rng_seed, front.take);
        let request = EssayRequest { prompt, generation: front.generation.clone(), rng_seed, take };
        let request = request.request(generator.tokenizer().as_ref(), generator.n_positions())?;
        self.queue.push_back(Request {
            id: index as u64,
            rng_key: candidate_key(rng_seed, take, front.round, front.candidate),
            ..request
        });
        Ok(())
    }
}

impl Work for Rewriting<'_> {
    fn next(&mut self) -> Option<Request> {
        self.queue.pop_front()
    }

    fn done(&mut self, id: u64, completion: Completion) -> Result<()> {
        let index = id as usize;
        let essay = self.essays[index];
        let lead = self.leads.get(&index).map_or("", String::as_str);
        let raw = format!("{lead}{}", completion.text);
        let text = clean(&raw, essay.front.generation.max_words);
        let is_same = escape_markdown(&text).trim() == essay.body.trim();
        self.results[index] = if is_same { Verification::Same } else { Verification::Different };
        Ok(())
    }
}
