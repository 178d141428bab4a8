//! Work that nobody waits for: segments made ready, files freed, full segments sorted.
//!
//! Invariant: a file goes only when no readable block needs it, no log's newest trim is recorded in it alone, and what
//! takes its place is durable under its name.
use super::{
    files::File,
    index::{Held, Kind},
    intake::Item,
    sort::sort,
    store::{Blank, Store, failed, make_blank, reserve_name, run_name, segment_name},
};
use crate::LogError;
use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

/// What to do after a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// There may be more to do right away.
    Again,
    /// Something is to be done once time has passed.
    Later,
    /// Nothing to do until the journal rings.
    Rest,
}

/// So many files are sorted into one run, and so many freed ones are kept for use …
const SORT_FILES: usize = 4;
/// … while they are not larger together: offsets in a run have 32 bits.
const SORT_BYTES: u64 = 2 << 30;
/// A run is written anew once no more than one in so many of its blocks is needed.
const SPARSE: u32 = 4;
/// After the disk was too full for something, it is not tried again for so long.
const PATIENCE_US: u64 = 10_000_000;
/// A segment that is made ready has so many times the size of what was written so far, up to the full size.
const SIZE_GROWTH: u64 = 4;

/// The one who keeps the folder tidy.
pub(super) struct Upkeep {
    store: Arc<Store>,
    /// By the steady clock: no new files before this.
    patience_until_us: u64,
}

impl Upkeep {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store, patience_until_us: 0 }
    }

    /// Does one piece of work, the most urgent first. `idle`: nothing was written for a while.
    pub(super) fn step(&mut self, idle: bool) -> Result<Next, LogError> {
        if self.free()? || self.make_ready()? {
            return Ok(Next::Again);
        }
        let (sources, urgent) = self.sources();
        if sources.is_empty() {
            let held_up = self.store.index().files.values().any(Held::is_unneeded);
            return Ok(if held_up || self.is_patient() { Next::Later } else { Next::Rest });
        }
        if !(idle || urgent) || self.is_patient() || self.record_trims(&sources) {
            return Ok(Next::Later);
        }
        let free_bytes = self.store.files.free_bytes().map_err(|error| failed("asking for free space", &error))?;
        if free_bytes < self.live_bytes(&sources) {
            return self.wait_for_space(LogError::Full).map(|()| Next::Later); // not at the cost of appends
        }
        match sort(&self.store, &sources) {
            Ok(()) => Ok(Next::Again),
            Err(error) => self.wait_for_space(error).map(|()| Next::Later),
        }
    }

    /// Makes a segment or the reserve, if one is missing and there is space.
    fn make_ready(&mut self) -> Result<bool, LogError> {
        let Store { config, counters, files, .. } = &*self.store;
        if counters.syncs.load(Ordering::Relaxed) == 0 || self.is_patient() {
            return Ok(false); // who only looks does not need them
        }
        // Who has written little gets little, so that a small folder stays small.
        let wanted_bytes = SIZE_GROWTH * counters.written_bytes.load(Ordering::Relaxed);
        let next_size = wanted_bytes.clamp(config.least_segment_bytes(), config.segment_bytes);
        let (lacks_segment, lacks_reserve) = {
            let supply = self.store.supply();
            (supply.ready.len() < config.ready_segments, supply.reserve.is_none())
        };
        if !lacks_segment && !lacks_reserve {
            return Ok(false);
        }
        let free_bytes = files.free_bytes().map_err(|error| failed("asking for free space", &error))?;
        let share_bytes = config.share_bytes(free_bytes);
        let (reserve, size_bytes) = match () {
            () if lacks_reserve && share_bytes >= config.reserve_bytes => (true, config.reserve_bytes),
            () if lacks_segment && share_bytes >= config.least_segment_bytes() => (false, next_size.min(share_bytes)),
            () => return Ok(false), // sorting may yet make room
        };
        let id = self.store.supply().number();
        let name = if reserve { reserve_name(id) } else { segment_name(id) };
        match make_blank(&**files, id, &name, size_bytes) {
            Ok(blank) if reserve => self.store.supply().reserve = Some(blank),
            Ok(blank) => self.store.supply().ready.push_back(blank),
            Err(error) => return self.wait_for_space(failed(&format!("making {name}"), &error)).map(|()| false),
        }
        Ok(true)
    }

    /// Lets go of a file that holds nothing any more.
    fn free(&mut self) -> Result<bool, LogError> {
        let Some((id, file, kind)) = self.unneeded() else { return Ok(false) };
        if self.record_trims(&[id]) || self.is_held(&file) {
            return Ok(false);
        }
        let files = &self.store.files;
        let blank = match kind {
            Kind::Run => files.remove(&run_name(id)).map(|()| None),
            Kind::Segment => self.recycle(id, file),
        };
        let wrong = |error| failed("freeing a file", &error);
        let blank = blank.map_err(wrong)?;
        files.sync_dir().map_err(wrong)?;
        self.store.supply().ready.extend(blank);
        self.patience_until_us = 0;
        let mut index = self.store.index();
        index.files.remove(&id);
        index.forget();
        Ok(true)
    }

    /// Gives a segment a new life if one is wanted and it has the right size; otherwise removes it.
    fn recycle(&self, old: u32, file: Arc<dyn File>) -> io::Result<Option<Blank>> {
        let (files, config) = (&self.store.files, &self.store.config);
        let size_bytes = file.size()?;
        // To make a segment costs twice what it saves; but where space is short, it is needed for other things.
        let is_roomy = config.share_bytes(files.free_bytes()?) >= config.segment_bytes;
        let most = config.ready_segments + if is_roomy { SORT_FILES } else { 0 };
        let id = {
            let mut supply = self.store.supply();
            let wanted = supply.ready.len() < most && size_bytes >= config.segment_bytes;
            wanted.then(|| supply.number())
        };
        let Some(id) = id else { return files.remove(&segment_name(old)).map(|()| None) };
        file.forget_contents();
        files.rename(&segment_name(old), &segment_name(id))?;
        Ok(Some(Blank { id, file, size_bytes, grows: false }))
    }

    /// A file of which no block can be read any more, and that is neither being read nor held.
    fn unneeded(&self) -> Option<(u32, Arc<dyn File>, Kind)> {
        let index = self.store.index();
        let found = index.unneeded().find(|(_, held)| Arc::strong_count(&held.file) == 1);
        found.map(|(id, held)| (id, held.file.clone(), held.kind))
    }

    /// Whether somebody besides the index and the caller has the file. Who took hold of it while its trims were being
    /// written anew needs them; who takes hold of the journal after this was asked does not.
    fn is_held(&self, file: &Arc<dyn File>) -> bool {
        let _index = self.store.index();
        Arc::strong_count(file) > 2
    }

    /// Has the trims written anew whose newest record is in one of `files`; true if there are such.
    fn record_trims(&self, files: &[u32]) -> bool {
        let index = self.store.index();
        let logs = index.logs.iter().filter(|(_, log)| files.contains(&log.trim_file));
        let mut trims: Vec<_> = logs.map(|(id, log)| (*id, log.first)).collect();
        drop(index);
        trims.sort_unstable();
        let found = !trims.is_empty();
        for (log, before) in trims {
            self.store.intake.put(Item::Trim { log, before, reply: None });
        }
        found
    }

    /// The oldest files that are worth sorting together, and whether it should not wait.
    fn sources(&self) -> (Vec<u32>, bool) {
        let index = self.store.index();
        // What was sorted before and waits to be freed must not be sorted twice.
        let mut files: Vec<_> = index.files.iter().filter(|(_, held)| !held.is_unneeded()).collect();
        files.sort_by_key(|(id, held)| (held.first_seq, **id));
        let unsorted = |held: &Held| held.sealed && !held.damaged && held.kind == Kind::Segment;
        let sparse = |held: &Held| held.kind == Kind::Run && !held.damaged && held.live * SPARSE <= held.blocks;
        let waiting = files.iter().filter(|(_, held)| unsorted(held)).count();
        // A run may span a file that held nothing when it was made, and that a restart has brought back; and what was brought
        // in from elsewhere has its places. To sort some of those that share places would make two runs that overlap within a
        // log, and of those neither can be believed.
        let spans = files.iter().scan(0, |spanned: &mut u64, (_, held)| {
            let before = *spanned;
            *spanned = before.max(held.next_seq);
            Some(held.first_seq >= before)
        });
        let begins: Vec<bool> = spans.collect();
        let ends = begins.iter().skip(1).chain([&true]);
        let apart = files.iter().zip(begins.iter().zip(ends).map(|(begins, ends)| *begins && *ends));
        let worth =
            apart.map(|((id, held), apart)| (apart && (unsorted(held) || sparse(held))).then_some((*id, *held)));
        let neighbours = worth.skip_while(Option::is_none).map_while(|file| file);
        let mut size_bytes = 0;
        let few = neighbours.take(SORT_FILES).take_while(|(_, held)| {
            let before = size_bytes;
            size_bytes += held.file.size().unwrap_or_default();
            before == 0 || size_bytes <= SORT_BYTES
        });
        (few.map(|(id, _)| *id).collect(), waiting >= self.store.config.unsorted_segments)
    }

    /// The blocks in `sources` that can still be read.
    fn live_bytes(&self, sources: &[u32]) -> u64 {
        let index = self.store.index();
        let blocks = index.logs.values().flat_map(|log| &log.blocks);
        blocks.filter(|block| sources.contains(&block.file)).map(|block| u64::from(block.len)).sum()
    }

    fn is_patient(&self) -> bool {
        self.store.clock.steady_us() < self.patience_until_us
    }

    fn wait_for_space(&mut self, error: LogError) -> Result<(), LogError> {
        if error != LogError::Full {
            return Err(error);
        }
        self.patience_until_us = self.store.clock.steady_us().saturating_add(PATIENCE_US);
        Ok(())
    }
}
