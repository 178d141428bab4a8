//! What can go wrong with a log. Five kinds; a caller maps each once.
use crate::{LogId, Seq};
use std::fmt;

/// An engine's failure. `Io` and `Full` say nothing was acknowledged; whether it lies in the log is unknown after `Io`.
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
            Self::Full => f.write_str("no space left for writing"),
        }
    }
}
impl std::error::Error for LogError {}
