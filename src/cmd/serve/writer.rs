//! Writes missing essays while the preview runs, a few at a time, so that changes made meanwhile are
//! picked up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::cmd::writing;
use crate::terminal::Terminal;
use content;
use content::essay::EssayId;
use content::project::Project;
use content::seed::Seed;
use content::store::Stored;
use generator::GenerationOverrides;
use serve::{Shared, Stage, Teller, Workshop};
use site::page_of;
use write::{self, Choice, Event};

/// Maximum number of essays per plan.
const AT_ONCE: usize = 16;

/// Time to wait for another venti process to release the project.
const PATIENCE: Duration = Duration::from_secs(600);

/// Writes missing essays.
pub struct Writer {
    pub workshop: Workshop,
    pub drafts: bool,
    pub terminal: Terminal,
}

/// The project, its seeds and its stored essays.
type Content = (Project, Vec<Seed>, BTreeMap<EssayId, Stored>);

impl Writer {
    /// Writes after each build announced on `built`, until the channel closes.
    pub fn run(&self, built: &Receiver<()>, teller: &mut Teller) {
        // Keys of essays that were refused or failed, and would be again.
        let mut hopeless: BTreeSet<String> = BTreeSet::new();
        let mut said = None;
        while built.recv().is_ok() {
            while built.try_recv().is_ok() {}
            let Ok(content) = self.content() else {
                // The builder meets the same error and reports it.
                continue;
            };
            let fault = self.write(&content, &mut hopeless, teller).err();
            teller.work(fault.as_ref().map(|_| "cannot write essays: see the terminal".into()));
            let new = fault.as_ref().map(ToString::to_string);
            if let Some(report) = fault.filter(|_| new != said) {
                self.terminal.error(&report);
            }
            said = new;
        }
    }

    fn content(&self) -> miette::Result<Content> {
        let project = self.workshop.surroundings.project()?;
        let (seeds, stored) = (content::load_seeds(&project)?, content::store(&project).load()?);
        Ok((project, seeds, stored))
    }

    fn write(
        &self,
        (project, seeds, stored): &Content,
        hopeless: &mut BTreeSet<String>,
        teller: &mut Teller,
    ) -> miette::Result<()> {
        let config = &project.config;
        let blocklist = writing::blocklist(config)?;
        let flags = GenerationOverrides::default();
        let rules = write::Site::of(config, &flags, &blocklist);
        let choice = Choice { drafts: self.drafts, ..Choice::default() };
        let Workshop { surroundings, engines, pen } = &self.workshop;
        let mut models = Shared { models: surroundings.models(project)?, engines };
        let mut plan = write::plan(seeds, stored, rules, &mut models, &choice)?;
        plan.jobs.retain(|job| !hopeless.contains(&job.key));
        let all = plan.jobs.len();
        if all == 0 {
            return Ok(());
        }
        let _lock = pen.take(project, PATIENCE, &mut |holder| {
            teller.work(Some(format!("waiting for {holder}")));
        })?;
        plan.jobs.truncate(AT_ONCE);
        let mut done = 0;
        let mut events = |event: Event<'_>| match event {
            Event::Loading { model } => teller.work(Some(format!("opening {model}"))),
            Event::Piece { id, round, candidate: 1, piece } => {
                teller.piece(page_of(id), round, piece);
            }
            Event::Begun { .. } => teller.work(Some(progress(done, all))),
            Event::Written { id, .. } => {
                done += 1;
                teller.work(Some(progress(done, all)));
                self.terminal.did("written", id);
            }
            Event::Refused { id } => {
                done += 1;
                teller.ended(&page_of(id), Stage::Refused);
                self.terminal.did("refused", id);
            }
            Event::Piece { .. } | Event::Candidate { .. } => {}
        };
        let (store, today) = (content::store(project), surroundings.today()?);
        match write::run(&plan, &blocklist, &mut models, &store, today, &mut events) {
            Ok(report) => {
                let refused = plan.jobs.iter().filter(|job| report.refused.contains(&job.id));
                hopeless.extend(refused.map(|job| job.key.clone()));
                Ok(())
            }
            Err(error) => {
                plan.jobs.iter().for_each(|job| teller.ended(&page_of(&job.id), Stage::Failed));
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
