//! Decides which requests may make changes. Requests from the preview's own pages and from programs
//! other than browsers are allowed. A page of another site can make a browser send requests here
//! (cross-site request forgery), or point its own host name at this machine (DNS rebinding). Both kinds
//! of request are refused.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::Method;
use axum::http::header::{self, HeaderMap};

/// Checks a request to the desk, which writes to this machine's files. The request must come from this
/// machine, name this server and, if it would make changes, pass [`may_change`].
///
/// # Errors
/// Returns the reason for the refusal.
pub fn may_write(request: &Request, own: Option<&str>) -> Result<(), &'static str> {
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if from.is_some_and(|ConnectInfo(from)| !from.ip().to_canonical().is_loopback()) {
        return Err("the desk can only be used on the machine that runs it");
    }
    match *request.method() {
        Method::GET | Method::HEAD => names_this_server(request.headers(), own),
        _ => may_change(request.headers(), own),
    }
}

/// Checks that the Host header names this server.
fn names_this_server(headers: &HeaderMap, own: Option<&str>) -> Result<(), &'static str> {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    match is_this_machine(host.unwrap_or_default(), own) {
        true => Ok(()),
        false => Err("unknown Host header"),
    }
}

/// Checks a request that would make changes. `own` is the host name that the server was told to listen
/// on, if any.
///
/// # Errors
/// Returns the reason for the refusal.
pub fn may_change(headers: &HeaderMap, own: Option<&str>) -> Result<(), &'static str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    names_this_server(headers, own)?;
    let host = text(header::HOST).unwrap_or_default();
    if let Some(origin) = text(header::ORIGIN)
        && origin.strip_prefix("http://") != Some(host)
    {
        return Err("requests from pages on other sites are refused");
    }
    // Browsers send this header even with requests that lack an Origin header.
    match headers.get("sec-fetch-site").map(|value| value.as_bytes()) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err("requests from pages on other sites are refused"),
    }
}

/// Whether `host` names this server in a way that DNS rebinding cannot fake: by an IP address, as
/// `localhost`, or by the name that the server was told to listen on.
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
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        may_change(&headers, Some("studio.local"))
    }

    #[test]
    fn programs_and_own_pages_are_allowed() {
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
    fn foreign_host_names_are_refused() {
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
    fn the_desk_answers_this_machine_only() {
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
            // A link on another site may lead here, but that site's own requests are refused.
            assert_eq!(ask(from, Method::GET, "localhost:8501", evil), Ok(()));
            assert!(ask(from, Method::POST, "localhost:8501", evil).is_err());
            assert!(ask(from, Method::GET, "evil.example", evil).is_err());
        }
        for from in ["192.168.1.9:5", "[2001:db8::1]:5"] {
            assert!(ask(from, Method::GET, "192.168.1.7:8501", here).is_err(), "{from}");
        }
    }

    #[test]
    fn cross_site_requests_are_refused() {
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
