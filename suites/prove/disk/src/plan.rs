//! What is to go wrong, and how slow the disk is: told by lines of text, counted down by calls.
use crate::medium::Pace;
use std::time::Duration;

/// How a call is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Io,
    /// Only a part is written.
    Short,
}

#[derive(Debug, Default, Clone, Copy)]
pub struct Plan {
    pub syncs: u64,
    pub writes: u64,
    fail_sync: Option<u64>,
    fail_write: Option<(u64, Fault)>,
    pub pace: Pace,
}

impl Plan {
    /// The next sync's fate.
    pub fn next_sync(&mut self) -> Option<Fault> {
        self.syncs += 1;
        self.fail_sync.take_if(|at| *at == self.syncs).map(|_| Fault::Io)
    }

    /// The next write's fate.
    pub fn next_write(&mut self) -> Option<Fault> {
        self.writes += 1;
        self.fail_write.take_if(|(at, _)| *at == self.writes).map(|(_, fault)| fault)
    }

    /// `fail sync N`, `fail write N`, `short write N`: the Nth from now on; `slow BYTES_A_SECOND SYNC_MS`, 0 for as fast as
    /// it goes; `count` begins to count anew. Whether that was understood.
    pub fn take(&mut self, words: &[&str]) -> bool {
        let number = |word: &str| word.parse::<u64>().ok();
        match words {
            ["fail", "sync", nth] => self.fail_sync = number(nth).map(|nth| self.syncs + nth),
            ["fail", "write", nth] => self.fail_write = number(nth).map(|nth| (self.writes + nth, Fault::Io)),
            ["short", "write", nth] => self.fail_write = number(nth).map(|nth| (self.writes + nth, Fault::Short)),
            ["slow", rate, sync] => {
                let latency = Duration::from_millis(number(sync).unwrap_or_default());
                self.pace = Pace { bytes_a_second: number(rate).filter(|rate| *rate > 0), latency };
            }
            ["count"] => *self = Self::default(),
            _ => return false,
        }
        true
    }
}
