//! Addresses elsewhere, asked over the network whether they answer: each once, a few at a time.
//! What is gone for good is an error; what may be back tomorrow is a warning.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ureq::Agent;

use super::finding::{Finding, Place, Rule};

/// How the addresses are asked.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// How many at a time.
    pub at_once: usize,
    /// How long one may take, redirects included.
    pub patience: Duration,
    /// How often one is asked before a failure is believed.
    pub tries: usize,
    /// How long to wait before asking again.
    pub pause: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            at_once: 8,
            patience: Duration::from_secs(10),
            tries: 2,
            pause: Duration::from_secs(1),
        }
    }
}

/// The program as servers see it.
const AGENT: &str = concat!("venti/", env!("CARGO_PKG_VERSION"), " (checks links)");

/// Each address with all its places. What follows `#` is the page's own business.
pub fn addresses(links: Vec<(String, Place)>) -> BTreeMap<String, Vec<Place>> {
    let mut addresses: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for (url, place) in links {
        let url = url.split('#').next().unwrap_or_default().to_owned();
        addresses.entry(url).or_default().push(place);
    }
    addresses
}

/// Asks them all; what is wrong comes in the order of the addresses.
pub fn check(addresses: BTreeMap<String, Vec<Place>>, manners: &Manners) -> Vec<Finding> {
    let config = Agent::config_builder()
        .timeout_global(Some(manners.patience))
        .http_status_as_error(false)
        .user_agent(AGENT)
        .build();
    let agent = Agent::new_with_config(config);
    let urls: Vec<&String> = addresses.keys().collect();
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..manners.at_once.min(urls.len()) {
            scope.spawn(|| {
                while let Some(&url) = urls.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = ask(&agent, url, manners);
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
        let mut finding = Finding::in_file(rule, "", format!("{url} {why}"));
        finding.places = places;
        findings.push(finding);
    }
    findings
}

/// What an address has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    There,
    /// Why it is gone for good: `answers 404`.
    Gone(String),
    /// Why nobody can tell.
    Unsure(String),
}

/// Asks until there is an answer that is no passing failure, or patience ends.
fn ask(agent: &Agent, url: &str, manners: &Manners) -> Verdict {
    let mut verdict = ask_once(agent, url);
    for _ in 1..manners.tries {
        if !matches!(verdict, Verdict::Unsure(_)) {
            break;
        }
        std::thread::sleep(manners.pause);
        verdict = ask_once(agent, url);
    }
    verdict
}

/// Asks for the head alone, and where a server does not like that, for the page.
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
        404 | 410 => Verdict::Gone(format!("answers {status}")),
        _ => Verdict::Unsure(format!("answers {status}")),
    }
}

fn status(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<u16, Verdict> {
    match answer {
        Ok(response) => Ok(response.status().as_u16()),
        Err(ureq::Error::HostNotFound) => Err(Verdict::Gone("has no such host".to_owned())),
        Err(ureq::Error::Io(error)) if no_such_host(&error) => {
            Err(Verdict::Gone("has no such host".to_owned()))
        }
        Err(ureq::Error::BadUri(_) | ureq::Error::Http(_)) => {
            Err(Verdict::Gone("is no whole address".to_owned()))
        }
        Err(ureq::Error::Timeout(_)) => Err(Verdict::Unsure("does not answer in time".to_owned())),
        Err(error) => Err(Verdict::Unsure(format!("cannot be reached: {error}"))),
    }
}

/// Whether the system said that a host is not there, and not that it could not find out. Rust
/// gives such answers no kind of their own.
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

    /// Answers on a port of this machine until the test ends; gives its address and what was asked.
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

    fn place(file: &str) -> Place {
        Place { file: file.to_owned(), spot: None }
    }

    fn quick() -> Manners {
        Manners { pause: Duration::ZERO, ..Manners::default() }
    }

    #[test]
    fn what_is_gone_is_an_error_and_what_may_come_back_a_warning() {
        let (address, asked) = server();
        let paths = ["ok", "moved", "shy", "busy", "down", "gone", "none"];
        let links = paths.iter().map(|path| (format!("{address}/{path}"), place("a"))).collect();
        let found = check(addresses(links), &quick());
        let said: Vec<(Rule, String)> =
            found.iter().map(|f| (f.rule, f.message.replace(&address, ""))).collect();
        assert_eq!(
            said,
            [
                (Rule::ExternalUnsure, "/down answers 503".to_owned()),
                (Rule::External, "/gone answers 410".to_owned()),
                (Rule::External, "/none answers 404".to_owned()),
            ]
        );
        let tries = asked.lock().unwrap().iter().filter(|r| *r == "HEAD /down").count();
        assert_eq!(tries, 2);
    }

    #[test]
    fn each_address_is_asked_once_and_reported_with_all_its_places() {
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
    fn what_does_not_answer_is_a_warning_and_what_is_no_address_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = format!("http://{}/", listener.local_addr().unwrap());
        let manners = Manners { patience: Duration::from_millis(50), ..quick() };
        let ask = |url: &str| check(addresses(vec![(url.to_owned(), place("a"))]), &manners);
        assert_eq!(ask(&silent)[0].rule, Rule::ExternalUnsure);
        assert_eq!(ask("http://")[0].rule, Rule::External);
    }

    #[test]
    fn a_host_that_is_not_there_is_gone_and_one_that_nobody_could_look_up_is_not() {
        let lookup = |why: &str| {
            let said = format!("failed to lookup address information: {why}");
            status(Err(ureq::Error::Io(std::io::Error::other(said)))).unwrap_err()
        };
        assert_eq!(
            lookup("Name or service not known"),
            Verdict::Gone("has no such host".to_owned())
        );
        for passing in ["Temporary failure in name resolution", "Try again"] {
            assert!(matches!(lookup(passing), Verdict::Unsure(_)), "{passing}");
        }
    }
}
