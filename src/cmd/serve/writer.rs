//! Essays that are missing are written beside the preview, a few at a time, so that what a person
//! changes meanwhile is taken into account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::cmd::terminal::Terminal;
use crate::cmd::writing;
use crate::config::GenerationOverrides;
use crate::content;
use crate::content::essay::EssayId;
use crate::content::seed::Seed;
use crate::content::store::Stored;
use crate::project::Project;
use crate::serve::{Shared, Stage, Teller, Workshop};
use crate::site::page_of;
use crate::write::{self, Choice, Event};

/// Essays that are planned at once.
const AT_ONCE: usize = 16;

/// How long another venti at work in this project is waited for.
const PATIENCE: Duration = Duration::from_secs(600);

/// Writes what is missing.
pub struct Writer {
    pub workshop: Workshop,
    pub drafts: bool,
    pub terminal: Terminal,
}

/// What there is to write, and what is written.
type Content = (Project, Vec<Seed>, BTreeMap<EssayId, Stored>);

impl Writer {
    /// Writes whenever a site was built, which is when `built` says so, until nobody builds any more.
    pub fn run(&self, built: &Receiver<()>, teller: &mut Teller) {
        // By key: what was refused or failed once would be again.
        let mut hopeless: BTreeSet<String> = BTreeSet::new();
        let mut said = None;
        while built.recv().is_ok() {
            while built.try_recv().is_ok() {}
            let Ok(content) = self.content() else {
                // The builder meets the same, and says so.
                continue;
            };
            let fault = self.write(&content, &mut hopeless, teller).err();
            teller
                .work(fault.as_ref().map(|_| "essays cannot be written: see the terminal".into()));
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
            teller.work(Some(format!("waiting for {holder} to finish with this site")));
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
