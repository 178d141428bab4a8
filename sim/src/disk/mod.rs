//! The disk engine: some lives of one on one disk, with everything that can happen to it.
mod files;
mod model;

use crate::{Outcome, chance::Chance};
use bytes::Bytes;
use files::{Disk, Plan, SimFiles};
use headwater_log::{
    Commit, Limits, LogError, LogGroup, LogId, Seq, Stamp,
    clock::ManualClock,
    disk::{Core, DiskConfig, Hold, files::Files},
    engine::Trimming,
};
use model::{Call, Model};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

const LIVES: u64 = 8;
const STEPS: u64 = 150;
const LOGS: u64 = 7;

/// Runs `seed`; `loud` prints everything that happens.
pub fn run(seed: u64, loud: bool) -> Outcome {
    let mut world = World::new(seed, loud);
    let wrong = (0..1 + world.chance.below(LIVES)).find_map(|_| world.live().err());
    Outcome { trace: world.disk.trace(), wrong }
}

struct World {
    chance: Chance,
    disk: Arc<Disk>,
    clock: ManualClock,
    config: DiskConfig,
    model: Model,
    appends: Vec<(Call, Commit)>,
    trims: Vec<(LogId, Seq, Trimming<'static>)>,
    /// A journal that is held, and what was known of it then.
    held: Option<(Hold, Model)>,
    written: u64,
}

impl World {
    fn new(seed: u64, loud: bool) -> Self {
        let mut chance = Chance::new(seed);
        let segment_bytes = chance.pick(&[32 << 10, 64 << 10, 128 << 10]);
        let config = DiskConfig {
            segment_bytes,
            group_bytes: chance.pick(&[4 << 10, 32 << 10, 1 << 20]),
            recent_bytes: chance.pick(&[0, 16 << 10, 1 << 20]),
            unsorted_segments: chance.pick(&[1, 2, 4]),
            ready_segments: chance.pick(&[0, 1, 2]),
            reserve_bytes: 16 << 10,
            salt: chance.next() as u32,
            ..DiskConfig::default()
        };
        let (disk, clock, model) = (Disk::new(seed, loud), ManualClock::at(1_000), Model::default());
        Self { chance, disk, clock, config, model, appends: Vec::new(), trims: Vec::new(), held: None, written: 0 }
    }

    /// From opening to a crash, a kill or a clean end.
    fn live(&mut self) -> Result<(), String> {
        let crash_after = (!self.chance.once_in(3)).then(|| 1 + self.chance.below(400));
        let eio_once_in = self.chance.once_in(4).then(|| 1 + self.chance.below(300));
        self.disk.set(Plan { crash_after, eio_once_in, capacity: u64::MAX });
        let opened =
            Core::open(Arc::new(SimFiles(self.disk.clone())), self.config.clone(), Arc::new(self.clock.clone()));
        let ended = match opened {
            Ok(mut core) => {
                let ended = self.check(&core, true).and_then(|()| self.work(&mut core));
                let ended = ended.and_then(|alive| if alive { self.end(&mut core) } else { Ok(()) });
                drop(core);
                ended
            }
            Err(error) => self.excuse(&error),
        };
        ended?;
        self.answers()?; // those that were refused when the engine went
        self.appends.clear();
        self.trims.clear();
        self.held = None;
        if self.disk.is_down() || self.chance.once_in(2) {
            self.disk.crash()
        } else {
            self.disk.kill()
        }
        self.clock_passes();
        Ok(())
    }

    /// Whether there is a good reason for the engine to give up.
    fn excuse(&self, error: &LogError) -> Result<(), String> {
        if self.disk.is_down() || self.disk.has_failed() {
            Ok(())
        } else {
            Err(format!("gave up without need: {error}"))
        }
    }

    fn check(&mut self, core: &Core, restarted: bool) -> Result<(), String> {
        let page = self.page();
        self.model.check_all(core, restarted, page)
    }

    fn page(&mut self) -> Limits {
        Limits { entries: self.chance.pick(&[1, 3, usize::MAX]), bytes: self.chance.pick(&[1, 5_000, usize::MAX]) }
    }

    /// Some steps; false if the engine gave up, as it must when its disk fails.
    fn work(&mut self, core: &mut Core) -> Result<bool, String> {
        for _ in 0..self.chance.below(STEPS) {
            let stepped = match self.chance.below(100) {
                0..40 => {
                    self.append(core);
                    Ok(())
                }
                40..70 => {
                    self.disk.tell(|| "write".into());
                    core.write_group().map(drop)
                }
                70..85 => {
                    let idle = self.chance.once_in(2);
                    self.disk.tell(|| "keep up".into());
                    core.keep_up(idle).map(drop)
                }
                85..90 => {
                    self.trim(core);
                    Ok(())
                }
                90..94 => {
                    let (log, page) = (self.log(), self.page());
                    self.model.check(core, log, false, page)?;
                    Ok(())
                }
                94 => {
                    self.hold(core)?;
                    Ok(())
                }
                95..97 => {
                    let free = self.chance.pick(&[0, 5_000, 40_000, 8 << 20, u64::MAX]);
                    self.disk.leave_free(free);
                    Ok(())
                }
                _ => {
                    self.clock_passes();
                    Ok(())
                }
            };
            if let Err(error) = stepped {
                self.excuse(&error)?;
                return Ok(false);
            }
            self.answers()?;
        }
        Ok(true)
    }

    /// Takes hold of the journal, or opens a copy of the one that is held, in which everything is as it was then.
    fn hold(&mut self, core: &Core) -> Result<(), String> {
        let Some((hold, mut model)) = self.held.take() else {
            self.disk.tell(|| "hold".into());
            let hold = core.hold().map_err(|error| format!("cannot be held: {error}"))?;
            self.held = Some((hold, self.model.clone()));
            return Ok(());
        };
        self.disk.tell(|| "copy what is held".into());
        let files = Arc::new(SimFiles(Disk::new(0, false)));
        for held in hold.files() {
            let bytes = held.read_at(0, usize::MAX).map_err(|error| format!("{}: {error}", held.name()))?;
            let copied = files.create(held.name()).and_then(|file| file.write_at(0, &bytes));
            copied.map_err(|error| format!("{}: {error}", held.name()))?;
        }
        let copy = Core::open(files, self.config.clone(), Arc::new(self.clock.clone()));
        let copy = copy.map_err(|error| format!("a copy cannot be opened: {error}"))?;
        let page = self.page();
        model.check_all(&copy, false, page).map_err(|why| format!("in a copy: {why}"))
    }

    fn end(&mut self, core: &mut Core) -> Result<(), String> {
        self.check(core, false)?;
        if self.chance.once_in(2) {
            if let Err(error) = core.finish() {
                return self.excuse(&error);
            }
            self.answers()?;
            self.check(core, false)?;
        }
        Ok(())
    }

    fn clock_passes(&mut self) {
        self.clock.advance(self.chance.pick(&[0, 1, 700, 20_000]));
    }

    /// Every other log is one of Headwater's own.
    fn log(&mut self) -> LogId {
        let number = self.chance.below(LOGS);
        LogId::new(LogGroup(u128::from(number % 2) << 70), number as u32)
    }

    fn append(&mut self, core: &Core) {
        let log = self.log();
        let entries: Vec<Bytes> = (0..1 + self.chance.below(4)).map(|_| self.entry()).collect();
        let call = self.model.append(log, &entries);
        self.disk.tell(|| format!("append {log} {call:?} {:?}", entries.iter().map(Bytes::len).collect::<Vec<_>>()));
        self.appends.push((call, core.append(log, entries)));
    }

    /// No two are the same.
    fn entry(&mut self) -> Bytes {
        let most = self.chance.pick(&[1, 100, 100, 1_000, 1_000, 6_000, 40_000, 200_000]);
        let mut bytes = vec![self.chance.next() as u8; 8 + self.chance.below(most) as usize];
        self.written += 1;
        bytes[..8].copy_from_slice(&self.written.to_le_bytes());
        Bytes::from(bytes)
    }

    fn trim(&mut self, core: &Core) {
        let log = self.log();
        let bounds = core.bounds(log);
        let inside = bounds.first.0 + self.chance.below(1 + bounds.tail.0 - bounds.first.0);
        let before = self.chance.pick(&[inside, inside, inside, bounds.tail.0]);
        self.disk.tell(|| format!("trim {log} {before} of {bounds:?}"));
        self.model.trim(log, Seq(before));
        self.trims.push((log, Seq(before), core.trim(log, Seq(before))));
    }

    /// Hears what the engine has answered.
    fn answers(&mut self) -> Result<(), String> {
        let mut waiting = Vec::new();
        for (call, mut commit) in std::mem::take(&mut self.appends) {
            match poll::<Result<Vec<Stamp>, LogError>>(&mut commit) {
                Some(answer) => {
                    self.disk.tell(|| format!("answer {call:?} {answer:?}"));
                    self.model.answered(&call, answer)?;
                }
                None => waiting.push((call, commit)),
            }
        }
        self.appends = waiting;
        let mut waiting = Vec::new();
        for (log, before, mut trimming) in std::mem::take(&mut self.trims) {
            match poll::<Result<(), LogError>>(&mut trimming) {
                Some(Ok(())) => {
                    self.disk.tell(|| format!("trimmed {log} {before}"));
                    self.model.trimmed(log, before);
                }
                Some(Err(_)) => {}
                None => waiting.push((log, before, trimming)),
            }
        }
        self.trims = waiting;
        Ok(())
    }
}

fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + Send>>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
