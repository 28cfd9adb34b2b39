//! Keys: what decides an essay's words, as hashes that are equal when nothing that matters changed.
//!
//! Every hash is BLAKE3 over a purpose and named fields, each name and each value preceded by its
//! length, so that no two lists of fields run together into the same bytes.

use super::generator::Identity;
use crate::config::{Generation, GenerationOverrides};

/// The generator's revision. Raised only when the same inputs would give other words: when
/// sampling, cleaning, judging or the prompt's form change.
pub const REVISION: u32 = 2;

/// What is to be hashed. It is hashed at once: a hasher is slow to take in a few bytes at a time.
struct Fields(Vec<u8>);

impl Fields {
    fn new(purpose: &str) -> Self {
        Self(Vec::with_capacity(1024)).with("purpose", purpose)
    }

    fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for bytes in [name.as_bytes(), value.as_ref()] {
            self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            self.0.extend_from_slice(bytes);
        }
        self
    }

    fn number(self, name: &str, value: u64) -> Self {
        self.with(name, value.to_le_bytes())
    }

    fn texts(self, name: &str, values: &[String]) -> Self {
        let counted = self.number(name, values.len() as u64);
        values.iter().fold(counted, |fields, value| fields.with(name, value))
    }

    /// Every setting by name. One that is added later is left out while it is off, so that the
    /// essays written before it keep their keys.
    fn generation(self, settings: &Generation) -> Self {
        let Generation {
            temperature,
            top_k,
            top_p,
            min_p,
            typical_p,
            repetition_penalty,
            no_repeat_ngram_size,
            stop,
            min_new_tokens,
            max_new_tokens,
            min_words,
            max_words,
            candidates,
            max_rounds,
        } = settings;
        // Adding zero makes one zero of the two that floats have.
        let real = |fields: Self, name, value: f64| fields.number(name, (value + 0.0).to_bits());
        let fields = real(self, "temperature", *temperature);
        let fields = real(fields, "top_p", *top_p);
        let fields = real(fields, "min_p", *min_p);
        let fields = real(fields, "typical_p", *typical_p);
        let fields = real(fields, "repetition_penalty", *repetition_penalty);
        let fields = fields
            .number("top_k", *top_k as u64)
            .number("no_repeat_ngram_size", *no_repeat_ngram_size as u64)
            .texts("stop", stop)
            .number("min_new_tokens", *min_new_tokens as u64)
            .number("min_words", *min_words as u64)
            .number("max_words", *max_words as u64)
            .number("candidates", *candidates as u64)
            .number("max_rounds", *max_rounds as u64);
        match max_new_tokens {
            Some(tokens) => fields.number("max_new_tokens", *tokens as u64),
            None => fields,
        }
    }

    fn hex(self) -> String {
        blake3::hash(&self.0).to_hex().to_string()
    }
}

/// Everything that decides an essay's words.
pub struct Inputs<'a> {
    /// Only the hashes of weights and tokenizer count; a model may change its name.
    pub identity: &'a Identity,
    /// The exact text the model continues.
    pub prompt: &'a str,
    /// The settings in force: the site's with the seed's laid over them.
    pub generation: &'a Generation,
    /// The site's blocklist: it decides which candidate is kept.
    pub blocklist: &'a [String],
    pub rng_seed: u64,
    pub take: u32,
}

impl Inputs<'_> {
    /// The essay's key, hex.
    pub fn key(&self) -> String {
        Fields::new("venti essay")
            .number("revision", u64::from(REVISION))
            .with("weights", &self.identity.weights)
            .with("tokenizer", &self.identity.tokenizer)
            .with("prompt", self.prompt)
            .generation(self.generation)
            .texts("blocklist", self.blocklist)
            .number("rng_seed", self.rng_seed)
            .number("take", u64::from(self.take))
            .hex()
    }
}

/// What the seed alone contributes to an essay.
pub struct SeedInputs<'a> {
    pub quote: &'a str,
    /// The title in the seed; one made from the quote adds nothing to it.
    pub title: Option<&'a str>,
    /// The seed's own model.
    pub model: Option<&'a str>,
    /// The seed's own settings with the take's laid over them; what they leave out is the site's.
    pub generation: &'a GenerationOverrides,
    pub rng_seed: u64,
    pub take: u32,
}

/// Hash over what the seed alone contributes, hex: its quote, title, model and settings, `rng_seed`
/// and the take. Author, source, tags, date and aliases are the page's, not the essay's: changing
/// one rewrites nothing.
pub fn seed_hash(seed: &SeedInputs) -> String {
    let said = seed.generation;
    let mut fields = Fields::new("venti seed")
        .with("quote", seed.quote)
        .number("rng_seed", seed.rng_seed)
        .number("take", u64::from(seed.take));
    for (name, text) in [("title", seed.title), ("model", seed.model)] {
        fields = text.into_iter().fold(fields, |fields, text| fields.with(name, text));
    }
    for (name, value) in [
        ("temperature", said.temperature),
        ("top_p", said.top_p),
        ("min_p", said.min_p),
        ("typical_p", said.typical_p),
        ("repetition_penalty", said.repetition_penalty),
    ] {
        fields =
            value.into_iter().fold(fields, |fields, v| fields.number(name, (v + 0.0).to_bits()));
    }
    for (name, value) in [
        ("top_k", said.top_k),
        ("no_repeat_ngram_size", said.no_repeat_ngram_size),
        ("min_new_tokens", said.min_new_tokens),
        ("max_new_tokens", said.max_new_tokens),
        ("min_words", said.min_words),
        ("max_words", said.max_words),
        ("candidates", said.candidates),
        ("max_rounds", said.max_rounds),
    ] {
        fields = value.into_iter().fold(fields, |fields, value| fields.number(name, value as u64));
    }
    said.stop.iter().fold(fields, |fields, stop| fields.texts("stop", stop)).hex()
}

/// Key of a candidate's ChaCha stream. Rounds and candidates count from 1.
pub fn candidate_key(rng_seed: u64, take: u32, round: u32, candidate: u32) -> [u8; 32] {
    let fields = Fields::new("venti candidate")
        .number("rng_seed", rng_seed)
        .number("take", u64::from(take))
        .number("round", u64::from(round))
        .number("candidate", u64::from(candidate));
    *blake3::hash(&fields.0).as_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn key(change: impl FnOnce(&mut Identity, &mut Generation, &mut Inputs)) -> String {
        let mut identity =
            Identity { id: "mini".into(), weights: "w".into(), tokenizer: "t".into() };
        let mut generation = Generation::default();
        let (other_identity, other_generation) = (identity.clone(), generation.clone());
        let mut inputs = Inputs {
            identity: &other_identity,
            prompt: "A title\n\nA quote.",
            generation: &other_generation,
            blocklist: &[],
            rng_seed: 7,
            take: 1,
        };
        change(&mut identity, &mut generation, &mut inputs);
        Inputs { identity: &identity, generation: &generation, ..inputs }.key()
    }

    #[test]
    fn every_input_changes_the_key() {
        let blocked: &'static [String] = Vec::leak(vec!["moat".to_owned()]);
        let keys = [
            key(|_, _, _| ()),
            key(|identity, _, _| identity.weights = "x".into()),
            key(|identity, _, _| identity.tokenizer = "x".into()),
            key(|_, _, inputs| inputs.prompt = "A title\n\nA quote"),
            key(|_, _, inputs| inputs.blocklist = blocked),
            key(|_, _, inputs| inputs.rng_seed = 8),
            key(|_, _, inputs| inputs.take = 2),
            key(|_, g, _| g.temperature = 0.5),
            key(|_, g, _| g.top_k = 3),
            key(|_, g, _| g.top_p = 0.5),
            key(|_, g, _| g.min_p = 0.5),
            key(|_, g, _| g.typical_p = 0.5),
            key(|_, g, _| g.repetition_penalty = 1.5),
            key(|_, g, _| g.no_repeat_ngram_size = 13),
            key(|_, g, _| g.stop = vec!["a".into(), "b".into()]),
            key(|_, g, _| g.stop = vec!["ab".into()]),
            key(|_, g, _| g.min_new_tokens = 13),
            key(|_, g, _| g.max_new_tokens = Some(13)),
            key(|_, g, _| g.min_words = 13),
            key(|_, g, _| g.max_words = 13),
            key(|_, g, _| g.candidates = 13),
            key(|_, g, _| g.max_rounds = 13),
        ];
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn a_models_name_is_not_part_of_the_key() {
        assert_eq!(key(|_, _, _| ()), key(|identity, _, _| identity.id = "other".into()));
    }

    #[test]
    fn keys_are_the_same_on_every_machine_and_in_every_version() {
        let stream = blake3::Hash::from_bytes(candidate_key(7, 1, 1, 1));
        assert_eq!(
            stream.to_hex().as_str(),
            "ec433258988f46a8dbabf2379ce762031249d3727ab992c9cf757b32522bbf17"
        );
        let seed = SeedInputs {
            quote: "A quote.",
            title: None,
            model: None,
            generation: &GenerationOverrides { temperature: Some(0.5), ..Default::default() },
            rng_seed: 7,
            take: 1,
        };
        assert_eq!(
            seed_hash(&seed),
            "6e9735e9c056e4fb63edcfb0e0652e168f9d578f2b645796fbb305293c5f0aa0"
        );
    }

    #[test]
    fn every_candidate_has_a_stream_of_its_own() {
        let keys: HashSet<[u8; 32]> = (1..4)
            .flat_map(|n| [candidate_key(7, 1, 1, n), candidate_key(7, 1, n + 1, 9)])
            .chain([candidate_key(7, 2, 1, 1), candidate_key(8, 1, 1, 1)])
            .collect();
        assert_eq!(keys.len(), 8);
    }

    #[test]
    fn what_the_seed_says_changes_its_hash_and_silence_does_not() {
        let silent = GenerationOverrides::default();
        let seed = |said, title, model, take| {
            seed_hash(&SeedInputs {
                quote: "A quote.",
                title,
                model,
                generation: said,
                rng_seed: 7,
                take,
            })
        };
        let top_k = GenerationOverrides { top_k: Some(9), ..silent.clone() };
        let min_words = GenerationOverrides { min_words: Some(9), ..silent.clone() };
        let stop = GenerationOverrides { stop: Some(vec![]), ..silent.clone() };
        let hashes = [
            seed(&silent, None, None, 1),
            seed(&silent, Some("gpt2"), None, 1),
            seed(&silent, None, Some("gpt2"), 1),
            seed(&silent, None, None, 2),
            seed(&top_k, None, None, 1),
            seed(&min_words, None, None, 1),
            seed(&stop, None, None, 1),
        ];
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len());
    }
}
