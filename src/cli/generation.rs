//! The flags for the generation settings, derived from the table of settings.

use clap::{ArgMatches, Args, FromArgMatches};
use generator::{GenerationOverrides, Kind, SETTINGS, Setting, Value};

/// One flag per generation setting, and the random seed.
#[derive(Debug, Clone, Default)]
pub struct GenerationFlags {
    /// The settings that were given.
    pub overrides: GenerationOverrides,
    /// Random seed for every essay, instead of each seed's own.
    pub rng_seed: Option<u64>,
}

impl Args for GenerationFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        let flag = |setting: &Setting| {
            let flag = clap::Arg::new(setting.name)
                .long(setting.name.replace('_', "-"))
                .value_name(setting.placeholder)
                .help(setting.help)
                .help_heading("Generation");
            match setting.kind {
                Kind::Number => flag.value_parser(clap::value_parser!(f64)),
                Kind::Count => flag.value_parser(clap::value_parser!(usize)),
                Kind::Texts => flag.action(clap::ArgAction::Append),
            }
        };
        let rng_seed = clap::Arg::new("rng_seed")
            .long("rng-seed")
            .value_name("N")
            .help("Random seed for every essay, instead of each seed's own")
            .help_heading("Generation")
            .value_parser(super::number::rng_seed);
        command.args(SETTINGS.iter().map(flag)).arg(rng_seed)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for GenerationFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS {
            let name = setting.name;
            let given = match setting.kind {
                Kind::Number => matches.get_one(name).copied().map(Value::Number),
                Kind::Count => matches.get_one(name).copied().map(Value::Count),
                Kind::Texts => {
                    matches.get_many(name).map(|texts| Value::Texts(texts.cloned().collect()))
                }
            };
            if let Some(given) = given {
                self.overrides.set(name, given);
            }
        }
        self.rng_seed = matches.get_one("rng_seed").copied();
        Ok(())
    }
}
