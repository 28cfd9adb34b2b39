//! Reads the clock and the environment for the commands, which pass the values down. No stage of a
//! build reads the clock or the environment itself.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use miette::miette;

use crate::cli::Engine;
use content::config::Config;
use content::seed::MAX_RNG_SEED;
use kernels::simd::Level;

/// Returns the date to record in new essays; seeds dated after it are not published yet. It is today's
/// local date, or `SOURCE_DATE_EPOCH` for reproducible builds.
pub fn today() -> miette::Result<Date> {
    let Some(epoch) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(Timestamp::now().to_zoned(time_zone()?).date());
    };
    let seconds = epoch.to_str().and_then(|text| text.trim().parse().ok());
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(|time| time.to_zoned(TimeZone::UTC).date()).ok_or_else(|| {
        miette!(
            help = "set it to the number of seconds since 1970, or unset it",
            "invalid SOURCE_DATE_EPOCH: {}",
            epoch.display()
        )
    })
}

/// Makes the kernels use the instruction set that `VENTI_CPU` names, to compare it with others on one
/// machine or to get the words of another processor.
pub fn choose_instruction_set() -> miette::Result<()> {
    let Some(name) = std::env::var_os("VENTI_CPU").filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    let level = Level::available().find(|level| name.to_str() == Some(level.id()));
    let level = level.ok_or_else(|| {
        let names: Vec<&str> = Level::available().map(Level::id).collect();
        miette!(
            help = format!("it has these, best first: {}", names.join(", ")),
            "this processor has no instruction set {:?}, which VENTI_CPU names",
            name.display().to_string()
        )
    })?;
    level.choose();
    Ok(())
}

/// Returns a random seed for an essay that a person wants written anew.
pub fn random_seed() -> u64 {
    // The standard library seeds its hashers from the operating system.
    RandomState::new().build_hasher().finish() % MAX_RNG_SEED
}

/// Returns the time zone that `TZ` names, or else the system's.
fn time_zone() -> miette::Result<TimeZone> {
    let Some(name) = std::env::var_os("TZ").filter(|name| !name.is_empty()) else {
        return Ok(TimeZone::system());
    };
    let named = name.to_str().and_then(zone_named);
    named.ok_or_else(|| {
        miette!(
            help = "name a zone such as Europe/Berlin, or unset it to use the system's",
            "there is no time zone {:?}, which TZ names",
            name.display().to_string()
        )
    })
}

/// Finds a time zone by a value of `TZ`: a name, a POSIX rule, or the path of a compiled zone.
fn zone_named(name: &str) -> Option<TimeZone> {
    let name = name.strip_prefix(':').unwrap_or(name);
    if let Ok(zone) = TimeZone::get(name) {
        return Some(zone);
    }
    if name.starts_with('/') {
        let bytes = content::fs::read(Path::new(name)).ok()?;
        return TimeZone::tzif(name, &bytes).ok();
    }
    TimeZone::posix(name).ok()
}

/// Returns the API key that clients must send: from the flag, otherwise from `VENTI_API_KEY`.
///
/// # Errors
/// Returns an error if no client could send this key.
#[cfg(feature = "serve")]
pub fn api_key(flag: Option<&str>) -> miette::Result<Option<String>> {
    let key = flag.map(Into::into).or_else(|| std::env::var_os("VENTI_API_KEY"));
    let Some(key) = key else { return Ok(None) };
    // Invalid Unicode becomes replacement characters, which `check_key` rejects because they are not
    // ASCII.
    let key = key.to_string_lossy().into_owned();
    serve::api::check_key(&key)?;
    Ok(Some(key))
}

/// Sets the size of the global thread pool from the flag or the configuration; the default is one
/// thread per core. Must be called before any parallel work, which would start the pool.
///
/// # Errors
/// Returns an error if the pool already runs with a different number of threads.
pub fn use_threads(flags: &Engine, config: &Config) -> miette::Result<()> {
    let Some(threads) = flags.threads.or(config.threads) else { return Ok(()) };
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        Err(_) if rayon::current_num_threads() != threads => Err(miette!(
            "cannot use {threads} threads: this process already runs with {}",
            rayon::current_num_threads()
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::zone_named;

    #[test]
    fn zones_are_named_as_in_tz() {
        let at = jiff::Timestamp::from_second(1_780_000_000).unwrap();
        let offset = |name: &str| Some(zone_named(name)?.to_offset(at).seconds() / 60);
        for (name, minutes) in [
            ("Pacific/Kiritimati", Some(14 * 60)),
            (":Asia/Kolkata", Some(330)),
            ("europe/berlin", Some(120)),
            ("UTC", Some(0)),
            ("<+14>-14", Some(14 * 60)),
            ("CET-1CEST,M3.5.0,M10.5.0/3", Some(120)),
            ("Europe/Berlim", None),
            ("/no/such/file", None),
        ] {
            assert_eq!(offset(name), minutes, "{name}");
        }
    }
}
