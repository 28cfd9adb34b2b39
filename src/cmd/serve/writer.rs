//! Writes missing essays while the preview runs, a few at a time, so that changes made in the meantime
//! are picked up.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::sources::Content;
use crate::cmd::writing;
use crate::terminal::Terminal;
use generator::GenerationOverrides;
use serve::{EssayStage, ProgressReporter, ServerState, SharedModels};
use site::page_of;
use write::{self, PlanOptions, WriteEvent};

/// Maximum number of essays to write after each build.
const AT_ONCE: usize = 16;

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
        while let Ok(content) = built.recv() {
            // Only the latest build matters.
            let content = built.try_iter().last().unwrap_or(content);
            let Ok(content) = self.current(content, wrote_until) else {
                // The builder hits the same error and reports it.
                continue;
            };
            let fault = self.write(&content, &mut hopeless, reporter).err();
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
        let blocklist = writing::blocklist(config)?;
        let flags = GenerationOverrides::default();
        let rules = write::SiteSettings::of(config, &flags, &blocklist);
        let choice = PlanOptions { drafts: self.drafts, ..PlanOptions::default() };
        let ServerState { environment, engines, lock } = &self.server;
        let mut models = SharedModels { models: environment.models(project)?, engines };
        let mut plan = write::plan(seeds, essays, rules, &mut models, &choice)?;
        plan.jobs.retain(|job| !hopeless.contains(&job.key));
        if plan.jobs.is_empty() {
            return Ok(());
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
        let mut events = |event: WriteEvent<'_>| match event {
            WriteEvent::Loading { model } => reporter.work(Some(format!("opening {model}"))),
            WriteEvent::Piece { id, round, candidate: 1, piece } => {
                reporter.piece(page_of(id), round, piece);
            }
            WriteEvent::Begun { .. } => reporter.work(Some(progress(done, all))),
            WriteEvent::Written { id, .. } => {
                done += 1;
                reporter.work(Some(progress(done, all)));
                self.terminal.did("written", id);
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
                let refused = plan.jobs.iter().filter(|job| report.refused.contains(&job.id));
                hopeless.extend(refused.map(|job| job.key.clone()));
                Ok(())
            }
            Err(error) => {
                plan.jobs
                    .iter()
                    .for_each(|job| reporter.ended(&page_of(&job.id), EssayStage::Failed));
                hopeless.extend(plan.jobs.iter().map(|job| job.key.clone()));
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
