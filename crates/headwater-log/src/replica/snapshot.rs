//! Snapshots of a machine in their log: a state in parts, and where its decisions go on behind it.
//!
//! Invariant: one counts only if all of its parts are there.
use crate::{Engine, Limits, LogError, LogId, Seq};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};

const PAGE: Limits = Limits { entries: 4096, bytes: 8 << 20 };
/// A snapshot is cut into entries of at most this size.
const PART_BYTES: usize = 1 << 20;

/// A snapshot in its log.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Taken {
    pub(super) time_ms: u64,
    /// Where its first part stands.
    pub(super) first: Seq,
    /// Where to fold on from.
    pub(super) upto: Seq,
}

/// The newest state.
pub(super) struct Newest {
    /// Where to fold on from, and the epoch there.
    pub(super) upto: Seq,
    pub(super) epoch: u64,
    pub(super) bytes: Vec<u8>,
}

/// A snapshot entry: the place to fold on from, the epoch in force there, part number and part count (8, 8, 4, 4 bytes,
/// little endian), then the part.
pub(super) fn parts(upto: Seq, epoch: u64, bytes: &[u8]) -> Vec<Bytes> {
    let chunks: Vec<&[u8]> = if bytes.is_empty() { vec![bytes] } else { bytes.chunks(PART_BYTES).collect() };
    let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    let entry = |(part, chunk): (u32, &&[u8])| {
        let head = [&upto.0.to_le_bytes()[..], &epoch.to_le_bytes(), &part.to_le_bytes(), &count.to_le_bytes()];
        Bytes::from([head.concat().as_slice(), chunk].concat())
    };
    (0..count).zip(&chunks).map(entry).collect()
}

fn parse_part(entry: &[u8]) -> Option<(Seq, u64, u32, u32, &[u8])> {
    let (upto, rest) = entry.split_first_chunk::<8>()?;
    let (epoch, rest) = rest.split_first_chunk::<8>()?;
    let (part, rest) = rest.split_first_chunk::<4>()?;
    let (count, body) = rest.split_first_chunk::<4>()?;
    let (upto, epoch) = (Seq(u64::from_le_bytes(*upto)), u64::from_le_bytes(*epoch));
    Some((upto, epoch, u32::from_le_bytes(*part), u32::from_le_bytes(*count), body))
}

/// What a log of snapshots holds.
#[derive(Default)]
pub(super) struct Held {
    /// Those that are whole, in order of place.
    pub(super) whole: VecDeque<Taken>,
    /// The newest of them.
    pub(super) newest: Option<Newest>,
    /// Those that have a beginning and no end so far: where to fold on from, and where the first part stands.
    pub(super) begun: Vec<(Seq, Seq)>,
    /// Everything before this was read.
    pub(super) read_to: Seq,
}

/// Reads all that is there. Those of several processes may stand among each other.
pub(super) async fn read(engine: &dyn Engine, log: LogId) -> Result<Held, LogError> {
    let mut held = Held { read_to: engine.bounds(log).first, ..Held::default() };
    let mut begun: HashMap<(Seq, u64), (Seq, u32, Vec<u8>)> = HashMap::new();
    loop {
        let batch = match engine.read(log, held.read_to, PAGE).await {
            Err(LogError::Trimmed(first)) => {
                held.read_to = first;
                continue;
            }
            read => read?,
        };
        for entry in &batch.entries {
            let Some((upto, epoch, part, count, body)) = parse_part(&entry.bytes) else { continue };
            let (first, next, bytes) = begun.entry((upto, epoch)).or_default();
            if part == 0 {
                *first = entry.stamp.seq;
                bytes.clear();
            } else if part != *next {
                continue; // its beginning was trimmed away
            }
            *next = part + 1;
            bytes.extend_from_slice(body);
            if part + 1 == count
                && let Some((first, _, bytes)) = begun.remove(&(upto, epoch))
            {
                held.whole.push_back(Taken { time_ms: entry.stamp.time_ms, first, upto });
                if held.newest.as_ref().is_none_or(|newest| newest.upto <= upto) {
                    held.newest = Some(Newest { upto, epoch, bytes });
                }
            }
        }
        held.read_to = batch.next;
        if batch.entries.is_empty() {
            let unfinished = begun.into_iter().filter(|(_, (_, next, _))| *next > 0);
            held.begun = unfinished.map(|((upto, _), (first, ..))| (upto, first)).collect();
            return Ok(held);
        }
    }
}
