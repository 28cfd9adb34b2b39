//! Writes missing essays while the preview runs, a few at a time, so that changes made in the meantime
//! are picked up.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::sources::Content;
use crate::cmd::writing;
use crate::terminal::Terminal;
use content::essay::EssayId;
use content::problem::Problems;
use generator::GenerationOverrides;
use serve::{EssayStage, ProgressReporter, ServerState, SharedModels};
use site::page_of;
use write::{self, PlanOptions, WriteEvent};

/// Maximum number of essays to write after each build.
const AT_ONCE: usize = 16;

/// Time after which essays that failed are tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// Maximum time to wait for another venti process to release the project.
const PATIENCE: Duration = Duration::from_secs(600);

/// Writes missing essays while the preview runs.
pub struct Writer {
    pub server: ServerState,
    pub drafts: bool,
    pub terminal: Terminal,
}

impl Writer {
    /// Writes missing essays after each build, until the channel closes. `built` delivers the content
    /// of each build.
    pub fn run(&self, built: &Receiver<Content>, reporter: &mut ProgressReporter) {
        // Keys of essays that were refused or failed. A retry would have the same result.
        let mut hopeless: BTreeSet<String> = BTreeSet::new();
        let mut reported = None;
        let mut wrote_until = None;
        let mut patience = None;
        loop {
            let content = match patience {
                None => built.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => built.recv_timeout(patience),
            };
            let content = match content {
                // Only the latest build matters.
                Ok(content) => {
                    self.current(built.try_iter().last().unwrap_or(content), wrote_until)
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.server.environment.project().and_then(Content::load)
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let Ok(content) = content else {
                // The builder hits the same error and reports it.
                continue;
            };
            let fault = self.write(&content, &mut hopeless, reporter).err();
            // What failed and is not hopeless may succeed later, for example once the disk has room.
            patience = fault.is_some().then_some(RETRY_INTERVAL);
            wrote_until = Some(Instant::now());
            reporter.work(fault.as_ref().map(|_| "cannot write essays: see the terminal".into()));
            let new = fault.as_ref().map(ToString::to_string);
            if let Some(report) = fault.filter(|_| new != reported) {
                self.terminal.error(&report);
            }
            reported = new;
        }
    }

    /// Returns the current content. If the build read the content before this writer finished its last
    /// essays, the content is read again, so that no essay is written twice.
    fn current(&self, content: Content, wrote_until: Option<Instant>) -> miette::Result<Content> {
        match wrote_until {
            Some(end) if content.read_at <= end => {
                Content::load(self.server.environment.project()?)
            }
            _ => Ok(content),
        }
    }

    fn write(
        &self,
        Content { project, seeds, essays, .. }: &Content,
        hopeless: &mut BTreeSet<String>,
        reporter: &mut ProgressReporter,
    ) -> miette::Result<()> {
        let config = &project.config;
        let blocklist = writing::blocklist(&config.blocklist)?;
        let flags = GenerationOverrides::default();
        let rules = write::SiteSettings::of(config, &flags, &blocklist);
        let choice = PlanOptions { drafts: self.drafts, ..PlanOptions::default() };
        let ServerState { environment, engines, lock } = &self.server;
        let mut models = SharedModels { models: environment.models(project)?, engines };
        let mut plan = write::plan(seeds, essays, rules, &mut models, &choice)?;
        plan.jobs.retain(|job| !hopeless.contains(&job.key));
        if plan.jobs.is_empty() {
            let problems = plan.failed.into_iter().map(|failure| failure.problem).collect();
            return Ok(Problems::none_or((), problems)?);
        }
        let _lock = lock.take(project, PATIENCE, &mut |holder| {
            reporter.work(Some(format!("waiting for {holder}")));
        })?;
        // Plan again: another process may have written essays before it released the lock.
        let essays = content::store(project).load()?;
        let mut plan = write::plan(seeds, &essays, rules, &mut models, &choice)?;
        plan.jobs.retain(|job| !hopeless.contains(&job.key));
        let all = plan.jobs.len();
        plan.jobs.truncate(AT_ONCE);
        let mut done = 0;
        let mut is_loading = false;
        let mut events = |event: WriteEvent<'_>| match event {
            WriteEvent::Loading { model } => {
                is_loading = true;
                reporter.work(Some(format!("opening {model}")));
            }
            WriteEvent::Piece { id, round, candidate: 1, piece } => {
                reporter.piece(page_of(id), round, piece);
            }
            WriteEvent::Begun { .. } => {
                is_loading = false;
                reporter.work(Some(progress(done, all)));
            }
            WriteEvent::Written { id, again, .. } => {
                done += 1;
                reporter.work(Some(progress(done, all)));
                self.terminal.did(if again { "rewritten" } else { "written" }, id);
            }
            WriteEvent::Failed { id } => {
                done += 1;
                reporter.ended(&page_of(id), EssayStage::Failed);
            }
            WriteEvent::Overtaken { id } => {
                done += 1;
                self.terminal.did("kept", format_args!("{id}: changed while it was being written"));
            }
            WriteEvent::Refused { id } => {
                done += 1;
                reporter.ended(&page_of(id), EssayStage::Refused);
                self.terminal.did("refused", id);
            }
            WriteEvent::Piece { .. } | WriteEvent::Candidate { .. } => {}
        };
        let (store, today) = (content::store(project), environment.today()?);
        match write::run(&plan, &blocklist, &mut models, &store, today, &mut events) {
            Ok(report) => {
                let failed = report.failed.iter().filter(|failure| !failure.is_passing);
                let hopeless_ids: BTreeSet<&EssayId> =
                    failed.map(|failure| &failure.id).chain(&report.refused).collect();
                let jobs = plan.jobs.iter().filter(|job| hopeless_ids.contains(&job.id));
                hopeless.extend(jobs.map(|job| job.key.clone()));
                Ok(report.check()?)
            }
            Err(error) => {
                plan.jobs
                    .iter()
                    .for_each(|job| reporter.ended(&page_of(&job.id), EssayStage::Failed));
                // A model that cannot be loaded now may be there later.
                if !is_loading {
                    hopeless.extend(plan.jobs.iter().map(|job| job.key.clone()));
                }
                Err(error)
            }
        }
    }
}

fn progress(done: usize, all: usize) -> String {
    match all {
        1 => "writing an essay".to_owned(),
        _ => format!("{done} of {all} essays written"),
    }
}
