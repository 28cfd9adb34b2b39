//! Reads the clock and the environment for the commands, which pass the values down. No stage of a
//! build reads the clock or the environment itself.

use jiff::civil::Date;
use miette::miette;

use crate::cli::Engine;
use content::config::Config;

/// Returns the date to record in new essays; seeds dated after it are not published yet. It is today's
/// local date, or `SOURCE_DATE_EPOCH` for reproducible builds.
pub fn today() -> miette::Result<Date> {
    let Some(epoch) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(jiff::Zoned::now().date());
    };
    let seconds = epoch.to_str().and_then(|text| text.trim().parse().ok());
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).date()).ok_or_else(|| {
        miette!(
            help = "set it to the number of seconds since 1970, or unset it",
            "invalid SOURCE_DATE_EPOCH: {}",
            epoch.display()
        )
    })
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
    let Some(threads) = flags.threads.map(usize::from).or(config.threads) else { return Ok(()) };
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        Err(_) if rayon::current_num_threads() != threads => Err(miette!(
            "cannot use {threads} threads: this process already runs with {}",
            rayon::current_num_threads()
        )),
        _ => Ok(()),
    }
}
