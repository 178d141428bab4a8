//! What can go wrong with a log. Six kinds; a caller maps each once.
use crate::{LogId, Seq};
use std::fmt;

/// An engine's failure. No kind says that anything was acknowledged; whether an append lies in the log is unknown after
/// `Io`, and after `Full` and `Unavailable` it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogError {
    /// The storage refused or vanished; the text says which call and why.
    Io(String),
    /// Entries of `log` (perhaps) stood in `from..next` and can no longer be read. Reading may go on at `next`.
    Corrupt {
        /// The log that was read.
        log: LogId,
        /// First place lost.
        from: Seq,
        /// First place that can be read again.
        next: Seq,
    },
    /// The place asked for was trimmed away; the log now begins at the given one.
    Trimmed(Seq),
    /// Somebody with a newer epoch decides here.
    Fenced,
    /// The storage is out of reach, or too little of it is there: nothing was written, and it may be tried again. Only
    /// engines on other machines say this.
    Unavailable(String),
    /// No space: nothing was written; reading and trimming go on, writing goes on once there is space again.
    Full,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(what) => write!(f, "storage failed: {what}"),
            Self::Corrupt { log, from, next } => write!(f, "log {log} is damaged from {from} up to {next}"),
            Self::Trimmed(first) => write!(f, "trimmed: the log now begins at {first}"),
            Self::Fenced => f.write_str("another node decides here now"),
            Self::Unavailable(why) => write!(f, "storage is unavailable: {why}"),
            Self::Full => f.write_str("no space left for writing"),
        }
    }
}
impl std::error::Error for LogError {}
