//! Keys: hashes of everything that determines an essay's words.
//!
//! Each hash is BLAKE3 over a purpose and named fields. Every name and value is preceded by its length,
//! so different lists of fields never produce the same bytes.

use generator::{Generation, GenerationOverrides, Identity, Kind, SETTINGS, Setting, Value};

/// Revision of the generator. Increment it only when the same inputs would produce a different text
/// because sampling, cleaning, judging or the prompt format changed.
pub const REVISION: u32 = 3;

/// Number of settings in the first version of the key. These are always included, even when off; later
/// settings only when on.
const FIRST_SETTINGS: usize = 14;

/// Bytes to hash, collected first because hashing a few bytes at a time is slow.
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

    /// Appends settings, ordered by rank and then as in [`SETTINGS`]. Settings added to the table after
    /// the first version of the key are omitted while off, so that existing essays keep their keys.
    fn settings<'s>(
        self,
        values: impl Iterator<Item = (&'s Setting, Value)>,
        rank: fn(&Setting) -> u8,
    ) -> Self {
        let is_first = |setting: &Setting| {
            SETTINGS.iter().take(FIRST_SETTINGS).any(|first| first.name == setting.name)
        };
        let mut values: Vec<_> =
            values.filter(|(setting, value)| is_first(setting) || !setting.is_off(value)).collect();
        values.sort_by_key(|(setting, _)| rank(setting));
        values.into_iter().fold(self, |fields, (setting, value)| match value {
            // Adding zero turns -0 into 0.
            Value::Number(number) => fields.number(setting.name, (number + 0.0).to_bits()),
            Value::Count(count) => fields.number(setting.name, count as u64),
            Value::Texts(texts) => fields.texts(setting.name, &texts),
        })
    }

    /// Appends every resolved setting, except those with an automatic value.
    fn generation(self, generation: &Generation) -> Self {
        let values = generation.values().filter_map(|(setting, value)| Some((setting, value?)));
        self.settings(values, |setting| match (setting.kind, setting.name) {
            (Kind::Number, _) => 0,
            (_, "max_new_tokens") => 2,
            _ => 1,
        })
    }

    fn hex(self) -> String {
        blake3::hash(&self.0).to_hex().to_string()
    }
}

/// Everything that determines an essay's words.
pub struct Inputs<'a> {
    /// The model. Only the hashes of its weights and tokenizer are part of the key; its name is not.
    pub identity: &'a Identity,
    /// The exact text that the model continues.
    pub prompt: &'a str,
    /// The effective settings, after all overrides.
    pub generation: &'a Generation,
    /// The site's blocklist. It affects which candidate is kept.
    pub blocklist: &'a [String],
    pub rng_seed: u64,
    pub take: u32,
}

impl Inputs<'_> {
    /// Returns the essay's key in hexadecimal.
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

/// The part of an essay's inputs that the seed itself provides.
#[derive(Clone, Copy)]
pub struct SeedInputs<'a> {
    pub quote: &'a str,
    /// The seed's title, in the hashes of essays written before [`Essay::prompt_title`] was recorded;
    /// otherwise `None`.
    ///
    /// [`Essay::prompt_title`]: content::essay::Essay::prompt_title
    pub title: Option<&'a str>,
    /// The model that the seed names, if any.
    pub model: Option<&'a str>,
    /// The seed's own settings, overridden by the take's. Settings of the site are not included.
    pub generation: &'a GenerationOverrides,
    pub rng_seed: u64,
    pub take: u32,
}

/// Returns a hexadecimal hash of the inputs that the seed itself provides: quote, model, settings,
/// `rng_seed` and take. Title, author, source, tags, date and aliases are what people correct, so changing
/// them does not rewrite the essay.
pub fn seed_hash(seed: &SeedInputs) -> String {
    let mut fields = Fields::new("venti seed")
        .with("quote", seed.quote)
        .number("rng_seed", seed.rng_seed)
        .number("take", u64::from(seed.take));
    for (name, text) in [("title", seed.title), ("model", seed.model)] {
        fields = text.into_iter().fold(fields, |fields, text| fields.with(name, text));
    }
    let rank = |setting: &Setting| match setting.kind {
        Kind::Number => 0,
        Kind::Count => 1,
        Kind::Texts => 2,
    };
    fields.settings(seed.generation.values(), rank).hex()
}

/// Returns the key of a candidate's ChaCha stream. Rounds and candidates are numbered from 1.
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
        let mut identity = Identity {
            id: "mini".into(),
            weights: "w".into(),
            tokenizer: "t".into(),
            generation: GenerationOverrides::default(),
        };
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
    fn keys_are_the_same_on_all_machines_and_in_all_versions() {
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

    /// Returns Venti's defaults in the first version. Later defaults may differ.
    fn first_defaults() -> Generation {
        Generation::unmodified().with(&GenerationOverrides {
            min_p: Some(0.15),
            repetition_penalty: Some(1.25),
            min_words: Some(220),
            max_words: Some(500),
            candidates: Some(4),
            max_rounds: Some(3),
            ..GenerationOverrides::default()
        })
    }

    /// Pins what each setting contributes to the key and to the seed's hash, by their first 16 digits. A
    /// new setting needs a row.
    #[test]
    fn every_setting_keeps_its_part_of_the_key() {
        let number = Value::Number;
        let count = Value::Count;
        let texts = |texts: &[&str]| Value::Texts(texts.iter().map(|&text| text.into()).collect());
        let rows = [
            ("temperature", number(0.7), "906eaaff6e58b138", "c19d6cfee3902dae"),
            ("top_k", count(40), "5b35be538260f86c", "31d20c1bba45a777"),
            ("top_p", number(0.95), "7831c872c898dca9", "e3cbeb1b17dd565f"),
            ("min_p", number(0.05), "6c54165be0f6fa41", "66a0ba0faeffaf09"),
            ("typical_p", number(0.9), "4ecb8b6362dcee21", "c7c135e293949658"),
            ("repetition_penalty", number(1.1), "46e8ccd6693f15ba", "431581ea9827a086"),
            ("no_repeat_ngram_size", count(3), "31f7fc9a09389622", "971c4c0441ccbd18"),
            ("stop", texts(&["\n\n", "The end"]), "1b150081270ea8cc", "237d9e2d254e6339"),
            ("min_new_tokens", count(10), "520e0fbdfcb94136", "0f269b4e911ccc8f"),
            ("max_new_tokens", count(300), "e429d6302fde9095", "39e22fd12699bf35"),
            ("min_words", count(100), "80d52f1aab91e1e9", "09835f31a37b205d"),
            ("max_words", count(400), "6692866c245e171e", "c73d76d271f3028e"),
            ("candidates", count(2), "5d989eba508e51b3", "eb41a5f476d653fb"),
            ("max_rounds", count(1), "0682927d0be5c91a", "24c741667b6ea374"),
            ("guidance_scale", number(1.5), "84f6971aaaab8f8e", "a55143e07126769d"),
        ];
        let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(rows.each_ref().map(|(name, ..)| *name), *names, "one row for each setting");
        let defaults = first_defaults();
        for (name, value, key_with, hash_with) in rows {
            let mut overrides = GenerationOverrides::default();
            overrides.set(name, value);
            let generation = defaults.with(&overrides);
            assert_ne!(generation, defaults, "{name}");
            assert_eq!(key(|_, g, _| *g = generation)[..16], *key_with, "{name}");
            let seed = SeedInputs {
                quote: "A quote.",
                title: None,
                model: None,
                generation: &overrides,
                rng_seed: 7,
                take: 1,
            };
            assert_eq!(seed_hash(&seed)[..16], *hash_with, "{name}");
        }
    }

    /// Pins the keys of two essays, so that only [`REVISION`] changes the keys of published essays.
    #[test]
    fn published_essays_keep_their_keys() {
        struct Published {
            quote: &'static str,
            title: Option<&'static str>,
            temperature: Option<f64>,
            rng_seed: u64,
            take: u32,
            key: &'static str,
            seed_hash: &'static str,
        }
        let essays = [
            Published {
                quote: "The best code review I ever received was silence, followed by a pull request that deleted my file.",
                title: None,
                temperature: Some(0.7),
                rng_seed: 8_988_998_391_324_339,
                take: 1,
                key: "e0bc8eecb642e235d0068c154344391c0a87ec42a8c81afcc5e02bb83566de58",
                seed_hash: "693cb1b79cbd76341f9f8be26ab2001b9d3d180ac10e02c4f42eeecce0d84126",
            },
            Published {
                quote: "Strategy is deciding which of your mistakes you intend to make on purpose.",
                title: Some("Mistakes, on Purpose"),
                temperature: None,
                rng_seed: 4_077_464_524_753_310,
                take: 2,
                key: "05862b6268360ce66d69715181c7ab09d7f7ecaa49481158d64b694c59d0203e",
                seed_hash: "8ceb2f71298f231ed53b92b622f4ebe4192d18e6f2f4d5ba88d8b27d4b213ffe",
            },
        ];
        let identity = Identity {
            id: "venti-mini".into(),
            weights: "e1ec5cccf6e24d8410c95565be6660af0f9100169d2348a80b43c1221735b8db".into(),
            tokenizer: "ea62c30ede10f63231cd6cc0a627089b025fa4ba6718df6505175e43481bc1ee".into(),
            generation: GenerationOverrides::default(),
        };
        let defaults = first_defaults();
        let blocklist = [
            r"\b(18F|GSA|OMB|USWDS|White House|federal government|Presidential)\b",
            r"\b(Amazon|Facebook|Google|LinkedIn|Microsoft|Netflix|Salesforce|Twitter|Uber|Yahoo)\b",
        ]
        .map(str::to_owned);
        for essay in essays {
            let Published { quote, title, temperature, rng_seed, take, key, seed_hash } = essay;
            let generation = GenerationOverrides { temperature, ..Default::default() };
            let inputs = Inputs {
                identity: &identity,
                prompt: &text::prompt::Prompt::new(title, quote).text,
                generation: &defaults.with(&generation),
                blocklist: &blocklist,
                rng_seed,
                take,
            };
            assert_eq!(inputs.key(), key, "{quote}");
            let seed =
                SeedInputs { quote, title, model: None, generation: &generation, rng_seed, take };
            assert_eq!(super::seed_hash(&seed), seed_hash, "{quote}");
        }
    }

    #[test]
    fn every_candidate_has_its_own_stream() {
        let keys: HashSet<[u8; 32]> = (1..4)
            .flat_map(|n| [candidate_key(7, 1, 1, n), candidate_key(7, 1, n + 1, 9)])
            .chain([candidate_key(7, 2, 1, 1), candidate_key(8, 1, 1, 1)])
            .collect();
        assert_eq!(keys.len(), 8);
    }

    #[test]
    fn every_setting_of_a_seed_changes_its_hash() {
        let silent = GenerationOverrides::default();
        let seed = |generation, title, model, take| {
            seed_hash(&SeedInputs {
                quote: "A quote.",
                title,
                model,
                generation,
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
