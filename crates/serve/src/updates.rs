//! The stream of updates to the pages of the preview.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use serde::{Deserialize, Serialize};

use crate::host::{self, FileLookup};
use crate::live::PageVersion;
use crate::pending_essay::PendingEssay;
use crate::preview_state::{Preview, PreviewState};
use crate::site_snapshot::SiteSnapshot;

/// The query of a request for updates, which names the page that the browser shows.
#[derive(Deserialize)]
pub struct PageQuery {
    #[serde(default)]
    path: String,
}

/// An update for a page.
#[derive(Serialize)]
struct PageUpdate<'a> {
    problem: Option<&'a str>,
    /// Whether a build has succeeded. If so, the last good site stays visible when a later build fails.
    built: bool,
    work: Option<&'a str>,
    /// The version of the current page at the browser's path.
    page: Option<&'a PageVersion>,
    /// The text so far, if the page's essay is still being written.
    text: Option<&'a str>,
    note: Option<&'a str>,
    /// Paths of files, other than pages, that have changed since the last update.
    changed: Vec<String>,
}

/// Streams the updates for one page as server-sent events.
pub async fn updates(
    State(preview): State<Arc<Preview>>,
    Query(PageQuery { path }): Query<PageQuery>,
) -> impl IntoResponse {
    let (shown, ending) = (preview.shown.clone(), preview.ending.clone());
    let start = (shown, ending, None::<(String, SiteSnapshot)>, path);
    let stream =
        futures_util::stream::unfold(start, |(mut shown, mut ending, sent, path)| async move {
            shown.wait_for(|state| state.builds > 0).await.ok()?;
            loop {
                let state = shown.borrow_and_update().clone();
                let update = update(&state, sent.as_ref().map(|(_, snapshot)| snapshot), &path);
                // Most changes do not affect this page, so an update is sent only if it differs from the
                // last one.
                if sent.as_ref().is_none_or(|(before, _)| *before != update) {
                    let event = sse::Event::default().data(&update);
                    let next = (shown, ending, Some((update, state.snapshot)), path);
                    return Some((Ok::<_, Infallible>(event), next));
                }
                tokio::select! {
                    changed = shown.changed() => changed.ok()?,
                    _ = ending.wait_for(|end| *end) => return None,
                }
            }
        });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

/// Returns the update for the page at `path`, as JSON. `sent` is the site as of the last update.
fn update(state: &PreviewState, sent: Option<&SiteSnapshot>, path: &str) -> String {
    let file = match host::find(&state.snapshot, &state.prefix, path) {
        FileLookup::File(_, file) | FileLookup::Nothing(Some(file)) => Some(file),
        FileLookup::Folder | FileLookup::Nothing(None) => None,
    };
    let pending = pending_at(state, path);
    let page = file.as_ref().and_then(|file| file.page.as_ref()).filter(|_| pending.is_none());
    let changed = sent.map(|sent| state.snapshot.changes_since(sent)).unwrap_or_default();
    let update = PageUpdate {
        problem: state.problem.as_deref(),
        built: state.has_site(),
        work: state.work.as_deref(),
        text: pending.map(PendingEssay::text),
        note: pending.map(PendingEssay::note),
        page,
        changed: changed
            .into_iter()
            .filter(|path| !path.ends_with(".html"))
            .map(|path| format!("{}{path}", state.prefix))
            .collect(),
    };
    serde_json::to_string(&update).expect("a struct of strings serialises to JSON")
}

/// Returns the unfinished essay whose page would be at `path`.
pub fn pending_at<'s>(state: &'s PreviewState, path: &str) -> Option<&'s PendingEssay> {
    if state.pending.is_empty() {
        return None;
    }
    let path = host::decoded(&state.prefix, path)?;
    let file = match path.strip_suffix('/') {
        Some(folder) => format!("{folder}/index.html"),
        None if path.ends_with(".html") => path,
        None => format!("{path}/index.html"),
    };
    // The finished page takes precedence.
    state.pending.get(&file).filter(|_| state.snapshot.get(&file).is_none())
}
