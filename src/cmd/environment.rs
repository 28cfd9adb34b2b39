//! What a command takes from its surroundings, read here and handed down: no
//! stage of the two halves looks at the clock or the environment.

use jiff::civil::Date;
use miette::miette;

use crate::cli::Engine;
use crate::config::Config;

/// The day an essay is written on, and up to which a site is published: today here, or what
/// `SOURCE_DATE_EPOCH` says, as reproducible builds have it.
pub fn today() -> miette::Result<Date> {
    let Some(epoch) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(jiff::Zoned::now().date());
    };
    let seconds = epoch.to_str().and_then(|text| text.trim().parse().ok());
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).date()).ok_or_else(|| {
        miette!(
            help = "set it to seconds since 1970, or unset it",
            "SOURCE_DATE_EPOCH is not a time: {}",
            epoch.display()
        )
    })
}

/// The key that the endpoint's clients must have: the flag's, else that of `VENTI_API_KEY`.
///
/// # Errors
/// When it is none that a client could send.
#[cfg(feature = "serve")]
pub fn api_key(flag: Option<&str>) -> miette::Result<Option<String>> {
    let key = flag.map(Into::into).or_else(|| std::env::var_os("VENTI_API_KEY"));
    let Some(key) = key else { return Ok(None) };
    // What is not Unicode is refused with what is not ASCII.
    let key = key.to_string_lossy().into_owned();
    crate::serve::api::check_key(&key)?;
    Ok(Some(key))
}

/// Sets the number of threads that this process computes with: the flag's, else the
/// configuration's, else one a core. Before any work: the threads are started by what first needs
/// them.
///
/// # Errors
/// When work was begun before with another number.
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
