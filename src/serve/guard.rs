//! Who may change something: a page of the preview itself, or a program on this machine. A page of
//! the web can make a browser send requests here, too, and can make a name of its own mean this
//! machine (DNS rebinding); neither may write.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::Method;
use axum::http::header::{self, HeaderMap};

/// Whether somebody may use what writes to this machine's files: only from this machine itself, and
/// as [`may_change`] says where it would change something.
///
/// # Errors
/// Why not.
pub fn may_write(request: &Request, own: Option<&str>) -> Result<(), &'static str> {
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if from.is_some_and(|ConnectInfo(from)| !from.ip().to_canonical().is_loopback()) {
        return Err("the desk is only for the machine that it runs on");
    }
    match *request.method() {
        Method::GET | Method::HEAD => is_meant(request.headers(), own),
        _ => may_change(request.headers(), own),
    }
}

/// Whether this server was asked for by a name of its own.
fn is_meant(asked: &HeaderMap, own: Option<&str>) -> Result<(), &'static str> {
    let host = asked.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    match is_this_machine(host.unwrap_or_default(), own) {
        true => Ok(()),
        false => Err("this preview is not asked for by that name"),
    }
}

/// Whether a request that would change something may be answered. `own` is the name the server was
/// told to listen on, if it was told a name.
///
/// # Errors
/// Why not.
pub fn may_change(asked: &HeaderMap, own: Option<&str>) -> Result<(), &'static str> {
    let text = |name| asked.get(name).map(|value| value.to_str().unwrap_or_default());
    is_meant(asked, own)?;
    let host = text(header::HOST).unwrap_or_default();
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
    fn the_desk_is_for_this_machine() {
        let ask = |from: &str, method: Method, host: &'static str, origin: &'static str| {
            let request = Request::builder().method(method).header("host", host);
            let mut request =
                request.header("origin", origin).body(axum::body::Body::empty()).unwrap();
            let from: SocketAddr = from.parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(from));
            may_write(&request, None)
        };
        let (here, evil) = ("http://localhost:8501", "http://evil.example");
        for from in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
            assert_eq!(ask(from, Method::POST, "localhost:8501", here), Ok(()), "{from}");
            // A link from elsewhere leads to it; what that page sends does not reach it.
            assert_eq!(ask(from, Method::GET, "localhost:8501", evil), Ok(()));
            assert!(ask(from, Method::POST, "localhost:8501", evil).is_err());
            assert!(ask(from, Method::GET, "evil.example", evil).is_err());
        }
        for from in ["192.168.1.9:5", "[2001:db8::1]:5"] {
            assert!(ask(from, Method::GET, "192.168.1.7:8501", here).is_err(), "{from}");
        }
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
