//! The summary printed at the end of a run: as text, or as JSON.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cmd::writing::WriteOutcome;
use crate::cmd::{Incomplete, problem_json};
use crate::terminal::Terminal;
use content::essay::EssayId;
use content::project::SCRATCH;
use content::replaced::REPLACED;
use site::output::Changes;
use site::{Built, Waiting};
use text::numbers::{count, thousands};

/// The summary of a run: the essays that were written and, if the site was rendered, its files.
pub struct Summary<'a> {
    written: &'a WriteOutcome,
    site: Option<Rendered<'a>>,
}

struct Rendered<'a> {
    files: usize,
    notes: &'a [String],
    skipped: &'a [PathBuf],
    waiting: &'a Waiting,
    changes: Changes,
    output: &'a Path,
    took: Duration,
}

impl<'a> Summary<'a> {
    /// Creates the summary of a run that wrote essays.
    pub fn new(written: &'a WriteOutcome) -> Self {
        Self { written, site: None }
    }

    /// Adds the rendered site to the summary.
    #[must_use]
    pub fn with_site(
        self,
        built: &'a Built,
        skipped: &'a [PathBuf],
        changes: Changes,
        output: &'a Path,
        took: Duration,
    ) -> Self {
        let Built { files, notes, waiting } = built;
        let files = files.count();
        let site = Rendered { files, notes, skipped, waiting, changes, output, took };
        Self { site: Some(site), ..self }
    }

    /// Prints the summary as text.
    pub fn say(&self, terminal: &Terminal) {
        self.say_essays(terminal);
        let Some(site) = &self.site else { return };
        for note in site.notes {
            terminal.did("note", note);
        }
        if !site.skipped.is_empty() {
            let names = site.skipped.iter().map(|path| path.display().to_string());
            let files = count(site.skipped.len(), "file");
            terminal.did("skipped", format_args!("{files}: {}", first_few(names)));
        }
        for name in &site.changes.restored {
            terminal.did("restored", format_args!("{name}, which had been edited"));
        }
        for name in &site.changes.released {
            terminal.did("kept", format_args!("{name}: no longer needed, but edited by hand"));
        }
        terminal.did(
            "rendered",
            format_args!(
                "{} in {}: {} written, {} unchanged, {} removed ({})",
                count(site.files, "file"),
                site.output.display(),
                site.changes.written,
                site.changes.unchanged,
                site.changes.removed,
                seconds(site.took)
            ),
        );
    }

    fn say_essays(&self, terminal: &Terminal) {
        let WriteOutcome { plan, report, took, repinned, .. } = self.written;
        for model in repinned {
            terminal.did(
                "note",
                format_args!(
                    "the files of the model {model} have changed since venti.lock pinned them; it now \
                     pins the new ones, and essays stay as they are until `venti build --refresh`"
                ),
            );
        }
        if report.written.is_empty() {
            let kept = plan.fresh.len() + plan.stale.len() + plan.edited.len();
            if kept > 0 || plan.jobs.is_empty() && plan.failed.is_empty() {
                terminal.did("up to date", count(kept, "essay"));
            }
        } else {
            let figures = report.figures();
            let [one, two, three, four] = figures.distinct;
            let essays = report.written.len();
            terminal.did(
                "wrote",
                format_args!(
                    "{} of {} words in {}: {} tokens, {:.0} per second, {:.2} rounds per essay",
                    count(essays, "essay"),
                    thousands(figures.words),
                    seconds(*took),
                    thousands(report.new_tokens),
                    report.new_tokens as f64 / took.as_secs_f64().max(1e-3),
                    f64::from(figures.rounds) / essays as f64,
                ),
            );
            terminal.did(
                "quality",
                format_args!(
                    "distinct-1..4 {one:.3} {two:.3} {three:.3} {four:.3} (lowest distinct-4 {:.3}), \
                     {}, mean log-likelihood {:.2}",
                    report.least_distinct_4().unwrap_or(1.0),
                    count(figures.repeated_sentences, "repeated sentence"),
                    figures.mean_log_likelihood,
                ),
            );
        }
        for written in report.flagged() {
            let why = written.flagged.as_deref().unwrap_or_default();
            terminal.did("flagged", format_args!("{}: {why}", written.id));
        }
        if !report.refused.is_empty() {
            terminal.warn(format_args!(
                "not written, because every candidate was empty or matched the blocklist: {}",
                names(&report.refused)
            ));
        }
        if !report.overtaken.is_empty() {
            terminal.warn(format_args!(
                "not written, because somebody changed the file in the meantime: {}",
                names(&report.overtaken)
            ));
        }
        if report.replaced() > 0 {
            terminal.did(
                "replaced",
                format_args!(
                    "{}; the earlier texts are in {SCRATCH}/{REPLACED}/ until `venti clean --replaced`",
                    count(report.replaced(), "essay")
                ),
            );
        }
        if !plan.edited.is_empty() {
            terminal.did("kept", format_args!("edited by hand: {}", names(&plan.edited)));
        }
        if !plan.requoted.is_empty() {
            terminal.did(
                "note",
                format_args!(
                    "edited texts now stand under another quote: {}; to write them anew: \
                     `venti build --force`",
                    names(&plan.requoted)
                ),
            );
        }
        if !plan.retitled.is_empty() {
            terminal.did(
                "note",
                format_args!(
                    "texts written under another title: {}; to write them anew: `venti build --refresh={}{}`",
                    names(&plan.retitled),
                    slugs(&plan.retitled),
                    match plan.retitled.iter().any(|id| plan.edited.contains(id)) {
                        true => " --force",
                        false => "",
                    }
                ),
            );
        }
        if !plan.stale.is_empty() {
            terminal.did(
                "kept",
                format_args!(
                    "{} written with another model or other settings; use --refresh to rewrite them",
                    count(plan.stale.len(), "essay")
                ),
            );
        }
        if !plan.orphans.is_empty() {
            terminal.did(
                "left out",
                format_args!(
                    "essays whose seed is gone: {}; if you renamed a seed, set its old name as `slug:`, \
                     otherwise remove them with `venti clean --orphans`",
                    names(&plan.orphans)
                ),
            );
        }
    }

    /// Returns the summary as JSON.
    pub fn to_json(&self) -> Value {
        let WriteOutcome { plan, report, took, repinned, .. } = self.written;
        let ids =
            |ids: &[EssayId]| -> Vec<String> { ids.iter().map(ToString::to_string).collect() };
        let written: Vec<Value> = report
            .written
            .iter()
            .map(|essay| {
                json!({
                    "seed": essay.id.slug,
                    "take": essay.id.take,
                    "flagged": essay.flagged,
                    "figures": essay.figures,
                })
            })
            .collect();
        let failed: Vec<Value> = report
            .failed
            .iter()
            .map(|failure| {
                let id = failure.id.to_string();
                json!({ "essay": id, "problem": problem_json(&failure.problem) })
            })
            .collect();
        let mut summary = json!({
            "essays": {
                "written": report.written.len(),
                "refused": ids(&report.refused),
                "fresh": plan.fresh.len(),
                "stale": ids(&plan.stale),
                "edited": ids(&plan.edited),
                "retitled": ids(&plan.retitled),
                "requoted": ids(&plan.requoted),
                "orphans": ids(&plan.orphans),
                "overtaken": ids(&report.overtaken),
                "failed": failed,
                "replaced": report.replaced(),
            },
            "written": written,
            "repinned": repinned,
            "candidates": report.candidates,
            "new_tokens": report.new_tokens,
            "seconds": took.as_secs_f64(),
            "tokens_per_second": report.new_tokens as f64 / took.as_secs_f64().max(1e-3),
            "figures": report.figures(),
        });
        if let Some(site) = &self.site {
            summary["files"] = json!({
                "all": site.files,
                "written": site.changes.written,
                "unchanged": site.changes.unchanged,
                "removed": site.changes.removed,
                "restored": site.changes.restored,
                "released": site.changes.released,
                "seconds": site.took.as_secs_f64(),
            });
            summary["notes"] = json!(site.notes);
            summary["skipped"] = json!(site.skipped);
            summary["waiting"] = json!(site.waiting);
        }
        // As in the object that a run without a summary prints.
        if let Some(Incomplete(message, hint)) = self.written.fault() {
            let failed = report.failed.iter().map(|failure| problem_json(&failure.problem));
            summary["error"] = json!(message);
            summary["hint"] = json!(hint);
            summary["problems"] = failed.collect();
        }
        summary
    }
}

/// Returns the distinct slugs of the essays, as one argument.
fn slugs(ids: &[EssayId]) -> String {
    let slugs: BTreeSet<&str> = ids.iter().map(|id| id.slug.as_str()).collect();
    slugs.into_iter().collect::<Vec<_>>().join(",")
}

/// Returns the first few names and how many more there are.
fn names(ids: &[EssayId]) -> String {
    first_few(ids.iter().map(ToString::to_string))
}

fn first_few(names: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 8;
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<String> = names.take(SHOWN).collect();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

pub fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.0} s") }
}
