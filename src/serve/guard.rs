//! Who may change something: a page of the preview itself, or a program on this machine. A page of
//! the web can make a browser send requests here, too, and can make a name of its own mean this
//! machine (DNS rebinding); neither may write.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{self, HeaderMap};

/// Whether a request that would change something may be answered. `own` is the name the server was
/// told to listen on, if it was told a name.
///
/// # Errors
/// Why not.
pub fn may_change(asked: &HeaderMap, own: Option<&str>) -> Result<(), &'static str> {
    let text = |name| asked.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    if !is_this_machine(host, own) {
        return Err("this preview is not asked for by that name");
    }
    if let Some(origin) = text(header::ORIGIN)
        && origin.strip_prefix("http://") != Some(host)
    {
        return Err("a page of another site may change nothing here");
    }
    // Browsers say so where they send no origin.
    match asked.get("sec-fetch-site").map(|value| value.as_bytes()) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err("a page of another site may change nothing here"),
    }
}

/// Whether nobody else can have made this name mean this machine: an address, `localhost`, or the
/// name it was started with.
fn is_this_machine(host: &str, own: Option<&str>) -> bool {
    if host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is = |own: &str| name.eq_ignore_ascii_case(own);
    bare.parse::<IpAddr>().is_ok() || is("localhost") || own.is_some_and(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(pairs: &[(&'static str, &'static str)]) -> Result<(), &'static str> {
        let mut asked = HeaderMap::new();
        for (name, value) in pairs {
            asked.insert(*name, value.parse().unwrap());
        }
        may_change(&asked, Some("studio.local"))
    }

    #[test]
    fn programs_and_the_previews_own_pages_may() {
        for host in [
            "127.0.0.1:8501",
            "localhost:8501",
            "[::1]:8501",
            "LOCALHOST",
            "studio.local:1",
            "192.168.1.7:80",
        ] {
            assert_eq!(ask(&[("host", host)]), Ok(()), "{host}");
        }
        let own = [
            ("host", "localhost:8501"),
            ("origin", "http://localhost:8501"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert_eq!(ask(&own), Ok(()));
    }

    #[test]
    fn a_name_that_others_can_give_may_not() {
        for host in [
            "evil.example:8501",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8501",
            "",
            "evil.example",
            "127.0.0.1@evil.example",
        ] {
            assert!(ask(&[("host", host)]).is_err(), "{host}");
        }
        assert!(ask(&[]).is_err());
    }

    #[test]
    fn a_page_of_another_site_may_not() {
        for origin in [
            "http://evil.example",
            "null",
            "https://localhost:8501",
            "http://localhost:9999",
            "http://127.0.0.1:8501",
        ] {
            assert!(ask(&[("host", "localhost:8501"), ("origin", origin)]).is_err(), "{origin}");
        }
        for site in ["cross-site", "same-site", "anything"] {
            assert!(
                ask(&[("host", "localhost:8501"), ("sec-fetch-site", site)]).is_err(),
                "{site}"
            );
        }
    }
}
