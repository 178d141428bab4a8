//! What trials of a folder's journal share: a small engine, a few logs, and chance. The same seed gives the same run.
use super::{Core, DiskConfig, files::DiskFiles};
use crate::{Entry, Limits, LogGroup, LogId, clock::ManualClock};
use std::{path::Path, sync::Arc};

pub(super) const LOGS: u32 = 5;
const PAGE: Limits = Limits { entries: usize::MAX, bytes: 1 << 20 };

pub(super) fn open(folder: &Path, clock: &ManualClock) -> Core {
    let config = DiskConfig { segment_bytes: 64 << 10, recent_bytes: 0, salt: 7, ..DiskConfig::default() };
    Core::open(Arc::new(DiskFiles::create(folder).unwrap()), config, Arc::new(clock.clone())).unwrap()
}

pub(super) fn log(number: u32) -> LogId {
    LogId::new(LogGroup(1 << 70), number)
}

pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, most: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % most
    }
}

/// Everything in a log that can be read.
pub(super) fn entries(core: &Core, number: u32) -> Vec<Entry> {
    let (mut from, mut all) = (core.bounds(log(number)).first, Vec::new());
    loop {
        let batch = core.read(log(number), from, PAGE).unwrap();
        if batch.entries.is_empty() {
            return all;
        }
        (from, all) = (batch.next, [all, batch.entries].concat());
    }
}
