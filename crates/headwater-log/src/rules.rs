//! The rules that protocols between processes, and the disk, rest on: by name, so that a simulation can leave one out and
//! show that it finds what comes of that.
//!
//! Invariant: in what ships every rule holds; only with the feature `conformance` is there anything to be left out.

/// A rule, by what it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// What is acknowledged was synced.
    SyncsComeBeforeAnswers,
    /// What a start finds is synced before anybody sees it.
    WhatIsFoundIsSynced,
    /// Names of files are made durable: a rule of the simulator's disk.
    NamesAreSynced,
    /// What is read has its checksum.
    ChecksumsAreChecked,
    /// A put is answered once it is known that no marker stands before the record (decision 0018, B).
    RecordsAreJudged,
    /// The catalog is caught up with before it vouches for a place (0018, B).
    CatalogsCatchUpBeforeTheyVouch,
    /// Of a log, a process need not read what it wrote itself – and nothing else (0018, B).
    OnlyOwnPlacesAreOwn,
    /// Nothing is put to a shard that is being sealed (0018).
    NothingIsPutWhileSealing,
    /// The first marker counts, whoever wrote it (0018, A).
    FirstMarkerCounts,
    /// The catalog shows children after their parents have markers (0018, C and E).
    MarkersComeBeforeChildren,
    /// Readers deliver up to the first marker, though the catalog does not tell of it yet (0018, D).
    ReadersStopAtMarkers,
    /// Nothing within retention is trimmed from a shard.
    OnlyWhatIsPastRetentionGoes,
    /// Nothing past retention is delivered, trimmed or not.
    ReadersAreHeldToRetention,
    /// Of two claims to the same epoch the first wins (0017, 1).
    EpochsAreTakenOnce,
    /// A decision of an ended epoch does not count (0017, 2).
    OldEpochsAreVoid,
    /// A decision is answered once it was read and found to count (0017, 4).
    DecisionsAreReadBeforeTheyAreAnswered,
    /// After an append of unknown outcome nothing is decided under the same epoch (0017, 5).
    DoubtEndsAnEpoch,
    /// A snapshot goes only if a later one is as new, whoever wrote it (0017).
    SnapshotsGoBehindNewerOnes,
    /// A decision upon one that was never written does not count, by its number (0020).
    NumbersLeaveNoGaps,
    /// A refusal is given by whoever still decides behind what it was given upon (0020).
    RefusalsHoldTheSeat,
    /// A strong read waits for a barrier (0017).
    StrongReadsWaitForABarrier,
    /// A snapshot counts if all that stands between its beginning and its end is its own (0022).
    SnapshotsAreWhole,
    /// What was in the log when a snapshot began is in it (0022, 2).
    SnapshotsHoldWhatWasBefore,
    /// Nothing is trimmed before the end of its snapshot stands (0022, 5).
    EndsComeBeforeTrims,
    /// Who finds something of others in a snapshot of his trims nothing (0022, 5).
    OnlyWhoWroteAloneTrims,
    /// The log is trimmed up to what is in the snapshot (0022, 5).
    TrimsStopAtTheSnapshot,
    /// Rows say how far the log is in them once they are all there (0022).
    PlacesComeAfterTheirRows,
    /// What is put to a delivery stream is acknowledged once it is known that nobody had deleted it (0009).
    DeletedStreamsTakeNothing,
    /// Progress passes records once they are written (0009).
    ProgressComesAfterWriting,
    /// Progress stops at the first record that is not written, whatever is behind it (0009).
    ProgressLeavesNoGaps,
    /// What a store does not acknowledge is put again.
    WhatIsNotStoredIsPutAgain,
    /// A record whose key is not known is damaged only if the catalog, caught up with, does not know it either.
    KeysAreLookedForAgain,
    /// What was made from one life of a name changes no other.
    ChangesAreForWhomTheyWereMade,
}

#[cfg(any(test, feature = "conformance"))]
mod left_out {
    use super::Rule;
    use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

    /// One more than the rule's number; 0 for none.
    static LEFT_OUT: AtomicU8 = AtomicU8::new(0);

    const fn number(rule: Rule) -> u8 {
        rule as u8 + 1
    }

    /// Whether this rule is left out.
    pub fn is_left_out(rule: Rule) -> bool {
        LEFT_OUT.load(Relaxed) == number(rule)
    }

    /// Leaves a rule out as long as `run` takes: in the whole process, whose threads read its disk.
    pub fn without<T>(rule: Rule, run: impl FnOnce() -> T) -> T {
        let before = LEFT_OUT.swap(number(rule), Relaxed);
        let outcome = run();
        LEFT_OUT.store(before, Relaxed);
        outcome
    }
}

#[cfg(any(test, feature = "conformance"))]
pub use left_out::{is_left_out, without};

/// Whether this rule is left out: none is.
#[cfg(not(any(test, feature = "conformance")))]
#[must_use]
pub const fn is_left_out(_: Rule) -> bool {
    false
}
