//! Looking at a folder as a whole, without changing it: what is there, in which order, and what is missing.
//!
//! Invariant: a bad frame is a write that was cut short only at the journal's very end, with no group behind it;
//! anywhere else it is damage, named and kept apart, and all the rest is served.
use super::{
    files::{File, Files},
    frame::{BlockHead, Fields, u32_of},
    group::{GroupHead, RunFooter},
    index::{BlockRef, Damage, Held, Index, Placed},
    scan::{FoundGroup, read_footer, salvage, salvage_run, scan_segment},
    store::{Name, failed, run_name, segment_name},
};
use crate::{LogError, LogId, Seq};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZero,
    panic::resume_unwind,
    sync::Arc,
    thread,
};

/// A file and its number.
pub(super) type Numbered = (u32, Arc<dyn File>);

/// All that was found.
pub(super) struct Survey {
    pub(super) index: Index,
    /// The journal's last sound group, and where it ends in its segment.
    pub(super) last: GroupHead,
    pub(super) last_end: u64,
    /// Whether the last group is an end mark.
    pub(super) marked: bool,
    /// Beyond everything found.
    pub(super) next_seq: u64,
    pub(super) next_file: u32,
    pub(super) time_ms: u64,
    /// Segments nothing was written to yet, and their sizes.
    pub(super) blank: Vec<(u32, Arc<dyn File>, u64)>,
    pub(super) reserve: Option<Numbered>,
    /// Files that have been replaced or were never finished.
    pub(super) obsolete: Vec<String>,
    /// The group whose writing was cut short, if its head can be read: its segment and offset.
    pub(super) torn: Option<(Arc<dyn File>, u32)>,
}

/// Name of the file that says what the folder is.
pub(super) const STORE: &str = "store";
const STORE_MAGIC: [u8; 4] = *b"HWs1";
/// The version of everything else in the folder.
const VERSION: u32 = 1;
/// It says it twice, in two sectors.
const STORE_COPY: usize = 4096;

/// The file `store` of a folder with `salt`.
pub(super) fn encode_store(salt: u32) -> Vec<u8> {
    let text = [&STORE_MAGIC[..], &VERSION.to_le_bytes(), &salt.to_le_bytes()].concat();
    let mut copy = [&crc32c::crc32c(&text).to_le_bytes()[..], &text].concat();
    copy.resize(STORE_COPY, 0);
    copy.repeat(2)
}

/// The salt of a folder; `None` if there is no engine in it yet.
pub(super) fn read_store(files: &dyn Files) -> Result<Option<u32>, LogError> {
    let names = files.list().map_err(|error| failed("listing the folder", &error))?;
    if !names.iter().any(|name| name == STORE) {
        let journal = names.iter().any(|name| matches!(Name::of(name), Name::Segment(_) | Name::Run(_)));
        let lost = || LogError::Io("the folder holds a journal, but its file `store` is missing".into());
        return if journal { Err(lost()) } else { Ok(None) };
    }
    let bytes = files.open(STORE).and_then(|file| file.read_at(0, 2 * STORE_COPY));
    let bytes = bytes.map_err(|error| failed("reading `store`", &error))?;
    let salt = bytes.chunks(STORE_COPY).find_map(|copy| {
        let mut fields = Fields(copy);
        let crc = fields.u32()?;
        let sound = crc32c::crc32c(fields.0.get(..12)?) == crc && fields.take::<4>()? == STORE_MAGIC;
        let (version, salt) = (fields.u32()?, fields.u32()?);
        sound.then_some((version, salt))
    });
    match salt {
        Some((VERSION, salt)) => Ok(Some(salt)),
        Some((version, _)) => Err(LogError::Io(format!("the folder has format {version}; this is {VERSION}"))),
        None => Err(LogError::Io("both copies in the file `store` are damaged".into())),
    }
}

struct Segment {
    id: u32,
    file: Arc<dyn File>,
    size: u64,
    groups: Vec<FoundGroup>,
}

/// Looks at everything in the folder.
pub(super) fn survey(files: &dyn Files, salt: u32) -> Result<Survey, LogError> {
    let mut survey = Survey {
        index: Index::default(),
        last: GroupHead::default(),
        last_end: 0,
        marked: false,
        next_seq: 0,
        next_file: 1,
        time_ms: 0,
        blank: Vec::new(),
        reserve: None,
        obsolete: Vec::new(),
        torn: None,
    };
    let (mut segments, mut runs) = (BTreeMap::new(), Vec::new());
    let mut names = files.list().map_err(|error| failed("listing the folder", &error))?;
    names.sort_unstable();
    for name in names {
        let open = || files.open(&name).map_err(|error| failed(&format!("opening {name}"), &error));
        match Name::of(&name) {
            Name::Segment(id) => drop(segments.insert(id, open()?)),
            Name::Run(id) => runs.push((id, open()?)),
            Name::Reserve(id) => survey.reserve = Some((id, open()?)),
            Name::Unfinished => survey.obsolete.push(name),
            Name::Other => {}
        }
    }
    let ids = segments.keys().copied().chain(runs.iter().map(|(id, _)| *id));
    let ids = ids.chain(survey.reserve.iter().map(|(id, _)| *id));
    survey.next_file = ids.max().map_or(1, |newest| newest + 1);
    let footers = read_runs(runs, salt)?;
    let sources: BTreeSet<u32> = footers.iter().flat_map(|run| &run.footer.sources).copied().collect();
    let (replaced, footers): (Vec<Run>, Vec<Run>) =
        footers.into_iter().partition(|run| sources.contains(&run.footer.run));
    survey.obsolete.extend(replaced.iter().map(|run| run_name(run.footer.run)));
    let replaced = sources.iter().filter(|source| segments.remove(source).is_some());
    survey.obsolete.extend(replaced.map(|source| segment_name(*source)));
    let segments = scan_all(segments, salt, &mut survey)?;
    survey.fill(footers, segments, salt)?;
    Ok(survey)
}

struct Run {
    file: Arc<dyn File>,
    footer: RunFooter,
    /// Whether all of its blocks are known.
    whole: bool,
}

fn read_runs(runs: Vec<Numbered>, salt: u32) -> Result<Vec<Run>, LogError> {
    let mut found = Vec::new();
    for (id, file) in runs {
        let sound = read_footer(&*file, salt).filter(|footer| footer.run == id).map(|footer| (footer, true));
        let (footer, whole) = match sound {
            Some(sound) => sound,
            None => {
                tracing::error!(run = %run_name(id), "the footer is damaged; looking for the blocks one by one");
                salvage_run(&*file, id, salt).map_err(|error| failed(&run_name(id), &error))?
            }
        };
        found.push(Run { file, footer, whole });
    }
    Ok(found)
}

/// The segments with groups in them in the order of the journal, then those that have none.
fn scan_all(segments: BTreeMap<u32, Arc<dyn File>>, salt: u32, survey: &mut Survey) -> Result<Vec<Segment>, LogError> {
    let mut scanned = scan_each(&segments.into_iter().collect::<Vec<Numbered>>(), salt)?;
    // A torn last group is not part of the journal: its callers never got an answer.
    let newest = scanned.iter_mut().max_by_key(|segment| segment.groups.last().map(|group| group.head.commit));
    if let Some(segment) = newest
        && let Some(torn) = segment.groups.pop_if(|group| !group.is_whole())
    {
        survey.torn = Some((segment.file.clone(), torn.offset));
    }
    scanned.sort_by_key(|segment| (segment.groups.first().map_or(u64::MAX, |group| group.head.commit), segment.id));
    Ok(scanned)
}

/// Scans all segments, on all cores: how long an opening takes is for the most part how long this takes.
fn scan_each(segments: &[Numbered], salt: u32) -> Result<Vec<Segment>, LogError> {
    let scan = |(id, file): &Numbered| {
        let groups = scan_segment(&**file, *id, salt)?;
        Ok(Segment { id: *id, size: file.size()?, file: file.clone(), groups })
    };
    let scan = |segment: &Numbered| scan(segment).map_err(|error| failed(&segment_name(segment.0), &error));
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(segments.len());
    thread::scope(|scope| {
        let deal =
            |first| scope.spawn(move || segments.iter().skip(first).step_by(workers).map(scan).collect::<Vec<_>>());
        let workers: Vec<_> = (0..workers).map(deal).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

impl Survey {
    /// Fills the index in the order of places.
    fn fill(&mut self, runs: Vec<Run>, segments: Vec<Segment>, salt: u32) -> Result<(), LogError> {
        let present: BTreeSet<u32> = segments.iter().map(|segment| segment.id).collect();
        let mut runs = runs;
        runs.sort_by_key(|run| run.footer.first_seq);
        let mut runs = runs.into_iter().peekable();
        let mut known: BTreeMap<u32, (Arc<dyn File>, u64)> = BTreeMap::new();
        known.extend(segments.iter().map(|segment| (segment.id, (segment.file.clone(), segment.size))));
        for segment in segments {
            let Some(first) = segment.groups.first().map(|group| group.head.first_seq) else {
                if segment.size == 0 {
                    self.obsolete.push(segment_name(segment.id));
                } else if !self.index.files.contains_key(&segment.id) {
                    self.blank.push((segment.id, segment.file, segment.size));
                }
                continue;
            };
            while let Some(run) = runs.next_if(|run| run.footer.first_seq < first) {
                self.add_run(run);
            }
            self.hold(segment.id, segment.file, first);
            for group in segment.groups {
                let head = group.head;
                if head.previous != self.last.commit && present.contains(&head.previous_segment) {
                    self.bridge(&group, &known, salt)?;
                }
                self.add_group(segment.id, group);
            }
        }
        runs.for_each(|run| self.add_run(run));
        Ok(())
    }

    fn hold(&mut self, id: u32, file: Arc<dyn File>, first_seq: u64) {
        self.index.files.entry(id).or_insert_with(|| Held::segment(file, first_seq));
    }

    fn add_run(&mut self, run: Run) {
        let Run { file, footer, whole } = run;
        let RunFooter { run: id, first_seq, next_seq, time_ms, rows, .. } = footer;
        let held = Held::run(file, u32_of(rows.len()), first_seq, next_seq);
        self.index.files.insert(id, Held { damaged: !whole, ..held });
        for row in rows {
            let (offset, len, count, first_seq) = (row.offset, row.len, row.count, row.first_seq);
            let block = BlockRef { first_seq, file: id, offset, len, count };
            self.add_block(row.log, block, first_seq + u64::from(row.span) + 1);
        }
        if !whole {
            self.lose(None, first_seq, next_seq, run_name(id));
        }
        self.next_seq = self.next_seq.max(next_seq);
        self.next_file = self.next_file.max(id + 1);
        self.time_ms = self.time_ms.max(time_ms);
    }

    fn add_block(&mut self, log: LogId, block: BlockRef, next_seq: u64) {
        let tail = self.index.logs.get(&log).map_or(0, |log| log.tail);
        if block.first_seq >= tail {
            self.index.push(Placed { log, block, next_seq });
        }
    }

    fn add_group(&mut self, file: u32, group: FoundGroup) {
        let (head, end) = (group.head, group.end());
        self.marked = group.blocks.is_empty() && group.trims.is_empty();
        for block in group.blocks {
            let (first_seq, next_seq, offset, len) = (block.first_seq, block.next_seq, block.offset, block.len);
            match block.count {
                Some(count) => self.add_block(block.log, BlockRef { first_seq, file, offset, len, count }, next_seq),
                None => {
                    self.lose(Some(block.log), first_seq, next_seq, segment_name(file));
                    self.spoil(file);
                }
            }
        }
        for (log, before) in group.trims {
            self.index.logs.entry(log).or_default();
            self.index.trimmed(log, before, file);
        }
        if let Some(held) = self.index.files.get_mut(&file) {
            held.next_seq = held.next_seq.max(head.next_seq);
            held.end = end;
        }
        (self.last, self.last_end) = (head, end);
        self.next_seq = self.next_seq.max(head.next_seq);
        self.next_file = self.next_file.max(head.next_file);
        self.time_ms = self.time_ms.max(head.time_ms);
    }

    /// Groups are missing between the last one and `group`: saves what blocks of theirs are sound, and names the places
    /// that are lost. Whose they were, nothing says.
    fn bridge(
        &mut self,
        group: &FoundGroup,
        known: &BTreeMap<u32, (Arc<dyn File>, u64)>,
        salt: u32,
    ) -> Result<(), LogError> {
        let (before, behind) = (self.last, group.head);
        let mut regions = Vec::new();
        if before.segment == behind.segment {
            regions.push((behind.segment, self.last_end, u64::from(group.offset)));
        } else {
            regions.push((before.segment, self.last_end, u64::MAX));
            if behind.previous_segment != before.segment && behind.previous_segment != behind.segment {
                regions.push((behind.previous_segment, 0, u64::MAX));
            }
            regions.push((behind.segment, 0, u64::from(group.offset)));
        }
        let mut expected = before.next_seq;
        let mut last_file = behind.segment;
        for (id, start, end) in regions {
            let Some((file, size)) = known.get(&id) else { continue };
            self.hold(id, file.clone(), expected);
            self.spoil(id);
            last_file = id;
            let wanted = |head: &BlockHead| {
                head.commit > before.commit && head.commit <= behind.previous && head.next_seq() <= behind.first_seq
            };
            let found = salvage(&**file, start, end.min(*size), salt, wanted);
            for (offset, head) in found.map_err(|error| failed(&segment_name(id), &error))? {
                let next_seq = head.next_seq();
                if head.first_seq < expected {
                    continue;
                }
                self.lose(None, expected, head.first_seq, segment_name(id));
                expected = next_seq;
                let len = u32_of(head.len());
                let block = BlockRef { first_seq: head.first_seq, file: id, offset, len, count: head.count };
                self.add_block(head.log, block, next_seq);
            }
        }
        self.lose(None, expected, behind.first_seq, segment_name(last_file));
        Ok(())
    }

    fn lose(&mut self, log: Option<LogId>, from: u64, next: u64, file: String) {
        if from >= next {
            return;
        }
        tracing::error!(?log, from, next, file, "damage: these places can no longer be read");
        self.index.damage.push(Damage { log, from: Seq(from), next: Seq(next), file });
    }

    fn spoil(&mut self, file: u32) {
        if let Some(held) = self.index.files.get_mut(&file) {
            held.damaged = true;
        }
    }
}
