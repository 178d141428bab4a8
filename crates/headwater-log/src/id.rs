//! The names of logs and of the places in them. Both are plain numbers with a fixed width on disk.
use std::fmt;

/// The logs that live and die together: 128 bits, never used twice. A Kinesis stream's incarnation is one group (on
/// Kafka: one topic); the groups below 2⁶⁴ are Headwater's own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogGroup(pub u128);

/// One log: a part of a group (a shard of a stream; on Kafka a partition of the topic).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogId {
    /// The group it belongs to.
    pub group: LogGroup,
    /// Its place in the group.
    pub part: u32,
}

impl LogId {
    /// The log `part` of `group`.
    #[must_use]
    pub const fn new(group: LogGroup, part: u32) -> Self {
        Self { group, part }
    }
}

impl fmt::Display for LogGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
impl fmt::Debug for LogGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.part)
    }
}
impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in a log. Strictly increasing along a log, **not dense**: the entry after 7 may be 12.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// The first place of all.
    pub const ZERO: Seq = Seq(0);

    /// The place right behind this one: where reading goes on after having seen it.
    #[must_use]
    pub const fn next(self) -> Seq {
        Seq(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
