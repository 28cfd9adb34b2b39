//! Checks external links over the network. Each distinct URL is checked only once, a few of them at the same time.
//! Permanent failures are errors; failures that may be temporary are warnings.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ureq::Agent;

use super::finding::{Finding, Location, Rule};

/// Limits for the requests.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// Maximum number of concurrent requests.
    pub max_concurrent: usize,
    /// Timeout for a request, including redirects.
    pub timeout: Duration,
    /// Number of attempts before a temporary failure is reported.
    pub attempts: usize,
    /// Delay between attempts.
    pub delay: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            max_concurrent: 8,
            timeout: Duration::from_secs(10),
            attempts: 2,
            delay: Duration::from_secs(1),
        }
    }
}

/// The `User-Agent` header.
const AGENT: &str = concat!("venti/", env!("CARGO_PKG_VERSION"), " (link checker)");

/// Groups the locations by URL. Fragments are dropped, since they are not checked.
pub fn addresses(links: Vec<(String, Location)>) -> BTreeMap<String, Vec<Location>> {
    let mut addresses: BTreeMap<String, Vec<Location>> = BTreeMap::new();
    for (url, place) in links {
        let url = url.split('#').next().unwrap_or_default().to_owned();
        addresses.entry(url).or_default().push(place);
    }
    addresses
}

/// Checks all URLs and returns the findings sorted by URL.
pub fn check(addresses: BTreeMap<String, Vec<Location>>, limits: &RequestLimits) -> Vec<Finding> {
    let config = Agent::config_builder()
        .timeout_global(Some(limits.timeout))
        .http_status_as_error(false)
        .user_agent(AGENT)
        .build();
    let agent = Agent::new_with_config(config);
    let urls: Vec<&String> = addresses.keys().collect();
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..limits.max_concurrent.min(urls.len()) {
            scope.spawn(|| {
                while let Some(&url) = urls.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = ask(&agent, url, limits);
                    let mut verdicts = verdicts.lock().unwrap_or_else(|e| e.into_inner());
                    verdicts.insert(url.clone(), verdict);
                }
            });
        }
    });
    let mut verdicts = verdicts.into_inner().unwrap_or_else(|e| e.into_inner());
    let mut findings = Vec::new();
    for (url, mut places) in addresses {
        let (rule, why) = match verdicts.remove(&url) {
            Some(Verdict::Gone(why)) => (Rule::External, why),
            Some(Verdict::Unsure(why)) => (Rule::ExternalUnsure, why),
            Some(Verdict::There) | None => continue,
        };
        places.sort();
        let mut finding = Finding::in_file(rule, "", format!("{url}: {why}"));
        finding.places = places;
        findings.push(finding);
    }
    findings
}

/// The result of checking one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    There,
    /// A permanent failure, such as `status 404`.
    Gone(String),
    /// A failure that may be temporary.
    Unsure(String),
}

/// Requests a URL, and repeats the request after a temporary failure.
fn ask(agent: &Agent, url: &str, limits: &RequestLimits) -> Verdict {
    let mut verdict = ask_once(agent, url);
    for _ in 1..limits.attempts {
        if !matches!(verdict, Verdict::Unsure(_)) {
            break;
        }
        std::thread::sleep(limits.delay);
        verdict = ask_once(agent, url);
    }
    verdict
}

/// Sends a HEAD request and, if its status is not 2xx, a GET request: some servers reject HEAD.
fn ask_once(agent: &Agent, url: &str) -> Verdict {
    match status(agent.head(url).call()) {
        Ok(200..=299) => Verdict::There,
        Ok(_) => status(agent.get(url).call()).map_or_else(|verdict| verdict, judged),
        Err(verdict) => verdict,
    }
}

fn judged(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::There,
        404 | 410 => Verdict::Gone(format!("status {status}")),
        _ => Verdict::Unsure(format!("status {status}")),
    }
}

fn status(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<u16, Verdict> {
    match answer {
        Ok(response) => Ok(response.status().as_u16()),
        Err(ureq::Error::HostNotFound) => Err(Verdict::Gone("unknown host".to_owned())),
        Err(ureq::Error::Io(error)) if no_such_host(&error) => {
            Err(Verdict::Gone("unknown host".to_owned()))
        }
        Err(ureq::Error::BadUri(_) | ureq::Error::Http(_)) => {
            Err(Verdict::Gone("invalid URL".to_owned()))
        }
        Err(ureq::Error::Timeout(_)) => Err(Verdict::Unsure("timed out".to_owned())),
        Err(error) => Err(Verdict::Unsure(format!("request failed: {error}"))),
    }
}

/// Whether an error means that the host does not exist, rather than that the lookup failed. The
/// standard library has no error kind for this.
fn no_such_host(error: &std::io::Error) -> bool {
    const WSAHOST_NOT_FOUND: i32 = 11_001;
    let said = error.to_string();
    error.raw_os_error() == Some(WSAHOST_NOT_FOUND)
        || (said.starts_with("failed to lookup address information")
            && !["Temporary failure", "Try again"].iter().any(|passing| said.contains(passing)))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::Arc;

    use super::*;

    /// Starts a server on a local port. Returns its URL and the log of requests.
    fn server() -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else { continue };
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let request = first.trim_end_matches(" HTTP/1.1").to_owned();
                let mut log = log.lock().unwrap();
                let before = log.iter().filter(|known| **known == request).count();
                log.push(request.clone());
                let answer = match request.as_str() {
                    "HEAD /ok" | "GET /shy" => "200 OK",
                    "HEAD /moved" => "302 Found\r\nlocation: /ok",
                    "HEAD /shy" => "405 Method Not Allowed",
                    "HEAD /busy" if before > 0 => "200 OK",
                    "HEAD /busy" | "GET /busy" | "HEAD /down" | "GET /down" => {
                        "503 Service Unavailable"
                    }
                    "HEAD /gone" | "GET /gone" => "410 Gone",
                    _ => "404 Not Found",
                };
                let answer =
                    format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (address, asked)
    }

    fn place(file: &str) -> Location {
        Location { file: file.to_owned(), position: None }
    }

    fn quick() -> RequestLimits {
        RequestLimits { delay: Duration::ZERO, ..RequestLimits::default() }
    }

    #[test]
    fn permanent_failures_are_errors_and_temporary_ones_warnings() {
        let (address, asked) = server();
        let paths = ["ok", "moved", "shy", "busy", "down", "gone", "none"];
        let links = paths.iter().map(|path| (format!("{address}/{path}"), place("a"))).collect();
        let found = check(addresses(links), &quick());
        let said: Vec<(Rule, String)> =
            found.iter().map(|f| (f.rule, f.message.replace(&address, ""))).collect();
        assert_eq!(
            said,
            [
                (Rule::ExternalUnsure, "/down: status 503".to_owned()),
                (Rule::External, "/gone: status 410".to_owned()),
                (Rule::External, "/none: status 404".to_owned()),
            ]
        );
        let attempts = asked.lock().unwrap().iter().filter(|r| *r == "HEAD /down").count();
        assert_eq!(attempts, 2);
    }

    #[test]
    fn each_address_is_requested_once_and_reported_with_all_places() {
        let (address, asked) = server();
        let links = [("b", "#x"), ("a", ""), ("c", "#y")]
            .map(|(file, fragment)| (format!("{address}/none{fragment}"), place(file)));
        let found = check(addresses(links.to_vec()), &quick());
        assert_eq!(found.len(), 1);
        let files: Vec<&str> = found[0].places.iter().map(|p| p.file.as_str()).collect();
        assert_eq!(files, ["a", "b", "c"]);
        assert_eq!(asked.lock().unwrap().iter().filter(|r| *r == "HEAD /none").count(), 1);
    }

    #[test]
    fn a_timeout_is_a_warning_and_an_invalid_url_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = format!("http://{}/", listener.local_addr().unwrap());
        let limits = RequestLimits { timeout: Duration::from_millis(50), ..quick() };
        let ask = |url: &str| check(addresses(vec![(url.to_owned(), place("a"))]), &limits);
        assert_eq!(ask(&silent)[0].rule, Rule::ExternalUnsure);
        assert_eq!(ask("http://")[0].rule, Rule::External);
    }

    #[test]
    fn an_unknown_host_is_an_error_and_a_failed_lookup_a_warning() {
        let lookup = |why: &str| {
            let said = format!("failed to lookup address information: {why}");
            status(Err(ureq::Error::Io(std::io::Error::other(said)))).unwrap_err()
        };
        assert_eq!(lookup("Name or service not known"), Verdict::Gone("unknown host".to_owned()));
        for passing in ["Temporary failure in name resolution", "Try again"] {
            assert!(matches!(lookup(passing), Verdict::Unsure(_)), "{passing}");
        }
    }
}
