//! The disk engine: one journal for all logs, one writer, one sync for everything that arrived meanwhile.
//!
//! The map: `files` is the only way to the disk; `frame` and `group` are the bytes (`docs/format.md`); `journal` writes,
//! `index` knows where what stands, `reader` reads; `survey` finds everything again, with `scan`; `upkeep` and `sort`
//! keep the folder tidy; `hold` keeps it as it was, for a copy. [`Core`] is all that without threads; [`DiskEngine`] is the threads.
mod answers;
mod company;
mod core;
pub mod files;
mod frame;
mod fsck;
mod group;
mod hold;
mod import;
mod index;
mod intake;
mod journal;
mod past;
mod reader;
mod recent;
mod run;
mod scan;
mod sort;
mod store;
mod survey;
#[cfg(test)]
mod trial;
mod upkeep;

pub use core::Core;
pub use fsck::{FileReport, LogReport, Report, dump, fsck};
pub use hold::{HeldFile, Hold};
pub use import::Import;
pub use index::Damage;
pub use past::Past;
pub use store::{DiskConfig, Measures, Stats};

use crate::{
    Bounds, Commit, Engine, Limits, LogError, LogId, Seq,
    clock::Clock,
    engine::{Reading, Trimming},
};
use answers::Answers;
use bytes::Bytes;
use company::Company;
use files::{DiskFiles, Files};
use journal::Journal;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Duration,
};
use store::{Store, failed};
use tokio::sync::watch;
use upkeep::{Next, Upkeep};

/// What happens when the journal cannot be written: called once, with the reason, after every waiting call was refused.
pub type Fatal = Box<dyn FnOnce(&LogError) + Send>;

/// The disk engine at work. Dropping it ends it cleanly: what waits is written, then an end mark.
pub struct DiskEngine {
    store: Arc<Store>,
    threads: Vec<JoinHandle<()>>,
    _lock: Box<dyn Send + Sync>,
}

impl DiskEngine {
    /// Opens the folder `dir`, or makes it. A write or sync that fails later ends the process: what the log holds then
    /// is known only by reading it anew.
    ///
    /// # Errors
    /// `Io` if somebody else has the folder, if it cannot be read, or if it was written by another version.
    pub fn open(dir: &Path, config: DiskConfig, clock: Arc<dyn Clock>) -> Result<Arc<Self>, LogError> {
        let files = DiskFiles::create(dir).map_err(|error| failed("opening the folder", &error))?;
        let files = files.leaving(config.leave_bytes);
        let die: Fatal = Box::new(|error| {
            tracing::error!(%error, "the journal cannot be written; stopping at once");
            std::process::abort()
        });
        Self::start(Arc::new(files), config, clock, die)
    }

    /// The same on any files, with a say in what happens when they fail.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn start(
        files: Arc<dyn Files>,
        config: DiskConfig,
        clock: Arc<dyn Clock>,
        fatal: Fatal,
    ) -> Result<Arc<Self>, LogError> {
        let Core { store, mut journal, upkeep, lock } = Core::open(files, config, clock)?;
        journal.answer_by(Answers::through_runtime());
        let fatal = Arc::new(Mutex::new(Some(fatal)));
        let (ours, theirs) = (store.clone(), fatal.clone());
        let writer = spawn("journal", move || end_with(&ours, &theirs, write_all(&ours, journal)))?;
        let ours = store.clone();
        let keeper = spawn("upkeep", move || end_with(&ours, &fatal, keep_up(&ours, upkeep)))?;
        Ok(Arc::new(Self { store, threads: vec![writer, keeper], _lock: lock }))
    }

    /// What could not be read on opening. Empty on a sound folder.
    #[must_use]
    pub fn damage(&self) -> Vec<Damage> {
        self.store.damage()
    }

    /// Counters and sizes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.store.stats()
    }

    /// What is measured, for whoever watches. Asks the system for the sizes of files.
    #[must_use]
    pub fn measures(&self) -> Measures {
        self.store.measures()
    }

    /// The journal as it is now, kept for as long as the returned value lives.
    ///
    /// # Errors
    /// `Io` if the folder cannot be read.
    pub fn hold(&self) -> Result<Hold, LogError> {
        hold::hold(&self.store)
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LogError> {
    let thread = thread::Builder::new().name(name.into()).spawn(work);
    thread.map_err(|error| failed("starting a thread", &error))
}

fn write_all(store: &Store, mut journal: Journal) -> Result<(), LogError> {
    let (intake, clock) = (&store.intake, &*store.clock);
    let mut company = Company::default();
    while intake.wait() {
        company.gather(intake, clock);
        let began_us = clock.steady_us();
        let mut written = journal.step()?;
        while journal.has_backlog() {
            written = journal.step()?;
        }
        company = Company::after(written, intake.len(), clock.steady_us().saturating_sub(began_us));
    }
    if store.intake.is_broken() { Ok(()) } else { journal.finish() }
}

fn keep_up(store: &Store, mut upkeep: Upkeep) -> Result<(), LogError> {
    let idle_ms = store.config.idle_ms;
    while !store.intake.is_closed() {
        let idle_us = store.clock.steady_us().saturating_sub(store.counters.last_write_us.load(Ordering::Relaxed));
        match upkeep.step(idle_us >= idle_ms * 1000)? {
            Next::Again => {}
            Next::Later => store.bell.wait(Some(Duration::from_millis(idle_ms))),
            Next::Rest => store.bell.wait(None),
        }
    }
    Ok(())
}

/// The end of a thread; the first one that fails tells.
fn end_with(store: &Store, fatal: &Mutex<Option<Fatal>>, done: Result<(), LogError>) {
    let Err(error) = done else { return };
    store.intake.fail(&error);
    store.bell.ring();
    if let Some(fatal) = fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
        fatal(&error);
    }
}

impl Drop for DiskEngine {
    fn drop(&mut self) {
        self.store.intake.close();
        self.store.bell.ring();
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Engine for DiskEngine {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        core::append(&self.store, log, entries)
    }

    /// Whatever is not among the newest groups is read on Tokio's blocking threads, so this needs a Tokio runtime.
    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        let plan = match core::plan(&self.store, log, from, limits) {
            Ok(plan) if !plan.in_memory() => plan,
            now => return Box::pin(std::future::ready(now.and_then(reader::Plan::fetch))),
        };
        Box::pin(async move {
            let fetched = tokio::task::spawn_blocking(move || plan.fetch()).await;
            fetched.unwrap_or_else(|error| Err(LogError::Io(format!("reading was cut short: {error}"))))
        })
    }

    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        core::trim(&self.store, log, before)
    }

    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        self.store.index().watch(log)
    }

    fn bounds(&self, log: LogId) -> Bounds {
        self.store.index().bounds(log)
    }

    fn history_ms(&self) -> u64 {
        self.store.config.history_ms
    }
}

#[cfg(test)]
mod tests;
