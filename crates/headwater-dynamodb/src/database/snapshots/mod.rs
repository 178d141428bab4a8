//! Snapshots of the rows where several processes make them of one log: they stand in a log of their own, so that the
//! tables' log may be trimmed and whoever comes behind its beginning takes a snapshot and the rest.
//!
//! Invariant: at every moment there is a whole snapshot of what the tables' log held before its beginning. A snapshot is
//! whole if its parts and its end, which names its beginning, follow that, and nothing of another's stands between
//! ([decision 0022](../../../../../docs/decisions/0022-snapshots-of-tables.md); `model` below tries every order of events).
mod load;
#[cfg(test)]
mod model;
mod save;

use super::{
    LOG,
    reader::Stuck,
    recover::{Place, incomprehensible},
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use headwater_log::{
    Bounds, Engine, Limits, LogError, LogId, Seq,
    kv::{Batch, Space},
    rules::{Rule, is_left_out},
};
pub use load::take_snapshot;
pub(super) use save::Pace;
pub use save::write_snapshot;
use std::ops::ControlFlow;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The log of snapshots.
pub const SNAPSHOTS: LogId = LogId::new(LOG.group, 1);

const BEGIN: u8 = 1;
const PART: u8 = 2;
const END: u8 = 3;
const PAGE: Limits = Limits { entries: 64, bytes: 8 << 20 };

/// One entry.
enum Entry {
    /// Behind it stands a snapshot, and nothing of one that was begun before.
    Begin,
    /// Rows.
    Part(Bytes),
    /// What stands between this beginning and here was all, as of this place of the tables' log.
    End(Seq, Sum, Place),
}

/// What parts are together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Sum {
    parts: u64,
    bytes: u64,
    checksum: u64,
}

impl Sum {
    fn add(&mut self, part: &[u8]) {
        self.parts += 1;
        self.bytes += part.len() as u64;
        self.checksum = xxh3_64_with_seed(part, self.checksum);
    }
}

/// A snapshot that is whole.
#[derive(Clone, Copy, Debug)]
struct Whole {
    begin: Seq,
    end: Seq,
    sum: Sum,
    /// The last decision in it.
    place: Place,
}

/// 1.
const fn begin() -> Bytes {
    Bytes::from_static(&[BEGIN])
}

/// 2, then rows.
fn part() -> BytesMut {
    let mut bytes = BytesMut::new();
    bytes.put_u8(PART);
    bytes
}

/// A row: space (1), then key and value behind their lengths (4 each, little endian).
fn put_row(part: &mut BytesMut, space: Space, key: &[u8], value: &[u8]) {
    part.put_u8(space.0);
    for bytes in [key, value] {
        part.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        part.put_slice(bytes);
    }
}

/// The rows of a part, to be written.
fn rows(mut part: Bytes) -> Option<Batch> {
    let mut batch = Batch::default();
    while part.has_remaining() {
        let space = Space(part.get_u8());
        let mut bytes = || {
            let length = part.try_get_u32_le().ok()? as usize;
            (length <= part.len()).then(|| part.split_to(length))
        };
        let (key, value) = (bytes()?, bytes()?);
        batch.put(space, key.to_vec(), value);
    }
    Some(batch)
}

/// 3, where it begins, parts, bytes and checksum (8 each, little endian), then the place as in the rows.
fn end(begin: Seq, sum: Sum, place: Place) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(END);
    for number in [begin.0, sum.parts, sum.bytes, sum.checksum] {
        bytes.put_u64_le(number);
    }
    bytes.put(place.encode());
    bytes.freeze()
}

fn parse(mut bytes: Bytes) -> Option<Entry> {
    match bytes.try_get_u8().ok()? {
        BEGIN => Some(Entry::Begin),
        PART => Some(Entry::Part(bytes)),
        END => {
            let mut number = || bytes.try_get_u64_le().ok();
            let begin = Seq(number()?);
            let sum = Sum { parts: number()?, bytes: number()?, checksum: number()? };
            Some(Entry::End(begin, sum, Place::decode(bytes)?))
        }
        _ => None,
    }
}

/// Shows the entries from one place to before another, in order.
async fn each(
    engine: &dyn Engine,
    mut from: Seq,
    to: Seq,
    mut visit: impl FnMut(Seq, Entry) -> Result<ControlFlow<()>, Stuck> + Send,
) -> Result<(), Stuck> {
    while from < to {
        let batch = engine.read(SNAPSHOTS, from, PAGE).await.map_err(Stuck::reading)?;
        for read in batch.entries.into_iter().take_while(|read| read.stamp.seq < to) {
            let entry = parse(read.bytes).ok_or_else(|| Stuck::Lost(incomprehensible("a snapshot")))?;
            if visit(read.stamp.seq, entry)?.is_break() {
                return Ok(());
            }
        }
        if batch.next <= from {
            let why = format!("the log of the tables' snapshots cannot be read from {from} to {to}");
            return Err(Stuck::Unread(LogError::Io(why)));
        }
        from = batch.next;
    }
    Ok(())
}

/// The newest snapshot that is whole.
async fn newest(engine: &dyn Engine) -> Result<Option<Whole>, Stuck> {
    loop {
        let Bounds { first, tail } = engine.bounds_now(SNAPSHOTS).await.map_err(Stuck::Unread)?;
        let (mut begun, mut whole) = (None, None);
        let read = each(engine, first, tail, |at, entry| {
            match (entry, &mut begun) {
                (Entry::Begin, _) => begun = Some((at, Sum::default())),
                (Entry::Part(part), Some((_, sum))) => sum.add(&part),
                (Entry::End(begin, sum, place), Some(found))
                    if (begin, sum) == *found || is_left_out(Rule::SnapshotsAreWhole) =>
                {
                    whole = Some(Whole { begin: found.0, end: at, sum, place });
                    begun = None;
                }
                // Of one that was given up, or whose beginning is trimmed away.
                (Entry::Part(_) | Entry::End(..), _) => {}
            }
            Ok(ControlFlow::Continue(()))
        });
        match read.await {
            Err(Stuck::Behind(_)) => {} // a newer one has taken its place meanwhile
            read => return read.map(|()| whole),
        }
    }
}
