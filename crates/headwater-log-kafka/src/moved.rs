//! What a log held before it came to Kafka: a topic of its own, each record with the place and the time it had elsewhere.
//!
//! Invariant: places rise along it and lie before the [floor](crate::endings), at which the log goes on; only trims change it.
use crate::{
    client::{Answer, Client, ClientError, Ends},
    names::Partition,
};
use bytes::{BufMut, Bytes, BytesMut};
use headwater_log::{Entry, Limits, Seq, Stamp};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

const ONE: Limits = Limits { entries: 1, bytes: 1 };
/// A place, big-endian.
const BEGINNING_BYTES: usize = 8;
/// A place and a time, big-endian.
const HEAD_BYTES: usize = 16;
/// More is forgotten: that costs some fetches.
const MAX_SIGNS: usize = 4096;

/// The record that stands before the entries and says that nothing before `first` can be read.
pub(crate) fn encode_beginning(first: Seq) -> Bytes {
    first.0.to_be_bytes().to_vec().into()
}

/// The record of an entry.
pub(crate) fn encode(entry: &Entry) -> Bytes {
    let mut record = BytesMut::with_capacity(HEAD_BYTES + entry.bytes.len());
    record.put_u64(entry.stamp.seq.0);
    record.put_u64(entry.stamp.time_ms);
    record.put_slice(&entry.bytes);
    record.freeze()
}

/// The place that a record bears, and its entry if it is one.
fn decode(mut record: Bytes) -> Option<(Seq, Option<Entry>)> {
    let seq = Seq(u64::from_be_bytes(*record.first_chunk()?));
    if record.len() == BEGINNING_BYTES {
        return Some((seq, None));
    }
    let time_ms = u64::from_be_bytes(*record.get(BEGINNING_BYTES..)?.first_chunk()?);
    let bytes = record.split_off(HEAD_BYTES);
    Some((seq, Some(Entry { stamp: Stamp { seq, time_ms }, bytes })))
}

/// What is known of the offsets of a stretch.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    /// Those of the first records at or behind places, as far as they were come across.
    offsets: Mutex<BTreeMap<u64, i64>>,
    /// Where the stretch began when it was last asked where its log does: if it begins later now, somebody has trimmed it.
    begins: AtomicI64,
}

impl Signs {
    fn set(&self, place: Seq, offset: i64) {
        let mut offsets = self.offsets();
        if offsets.len() >= MAX_SIGNS {
            offsets.clear();
        }
        offsets.insert(place.0, offset);
    }

    /// The offsets between which the first record at or behind `place` stands, both included.
    fn around(&self, place: Seq, ends: Ends) -> (i64, i64) {
        let offsets = self.offsets();
        let low = offsets.range(..=place.0).next_back().map_or(0, |(_, offset)| *offset);
        let high = offsets.range(place.0..).next().map_or(ends.tail, |(_, offset)| *offset);
        let low = low.max(ends.first);
        (low, high.clamp(low, ends.tail.max(low)))
    }

    fn offsets(&self) -> MutexGuard<'_, BTreeMap<u64, i64>> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some entries of the stretch.
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// Nothing of the stretch stands behind them.
    pub(crate) is_last: bool,
}

/// The entries from a place on; at least one where there is one. `OutOfRange` if others have trimmed the stretch since it
/// was last asked where the log begins.
pub(crate) async fn read<C: Client>(
    client: &C,
    moved: &Partition,
    signs: &Signs,
    from: Seq,
    limits: Limits,
) -> Answer<Page> {
    let known = signs.offsets().get(&from.0).copied();
    let mut offset = match known {
        Some(offset) => offset,
        None => find(client, moved, signs, from).await?,
    };
    loop {
        let page = client.fetch(moved, offset, limits).await?;
        if page.ends.first > signs.begins.load(Relaxed) {
            return Err(ClientError::OutOfRange);
        }
        offset = page.records.last().map_or(page.ends.tail, |record| record.place.offset + 1);
        let entries = page.records.into_iter().filter_map(|record| decode(record.value)?.1);
        let entries: Vec<Entry> = entries.filter(|entry| entry.stamp.seq >= from).collect();
        if let Some(last) = entries.last() {
            signs.set(last.stamp.seq.next(), offset);
        }
        let is_last = offset >= page.ends.tail;
        if is_last || !entries.is_empty() {
            return Ok(Page { entries, is_last });
        }
    }
}

/// Lets go of what stands before a place. `OutOfRange` as in reading.
pub(crate) async fn trim<C: Client>(client: &C, moved: &Partition, signs: &Signs, before: Seq) -> Answer<()> {
    let offset = find(client, moved, signs, before).await?;
    let first = client.delete_records(moved, offset).await?;
    if first == offset {
        signs.begins.fetch_max(first, Relaxed);
    }
    Ok(())
}

/// The place of the first record that is left; none if nothing is.
pub(crate) async fn first<C: Client>(client: &C, moved: &Partition, signs: &Signs) -> Answer<Option<Seq>> {
    let ends = ends(client, moved).await?;
    signs.begins.fetch_max(ends.first, Relaxed);
    Ok(record(client, moved, ends, ends.first).await?.map(|(first, _)| first))
}

/// Where the stretch goes on, if it has begun.
pub(crate) async fn next<C: Client>(client: &C, moved: &Partition) -> Answer<Option<Seq>> {
    let ends = ends(client, moved).await?;
    let last = record(client, moved, ends, ends.tail - 1).await?;
    Ok(last.map(|(seq, entry)| if entry.is_some() { seq.next() } else { seq }))
}

/// Lets go of all there is.
pub(crate) async fn clear<C: Client>(client: &C, moved: &Partition) -> Answer<()> {
    let tail = ends(client, moved).await?.tail;
    client.delete_records(moved, tail).await.map(drop)
}

async fn record<C: Client>(
    client: &C,
    moved: &Partition,
    ends: Ends,
    offset: i64,
) -> Answer<Option<(Seq, Option<Entry>)>> {
    if ends.first >= ends.tail {
        return Ok(None);
    }
    let page = client.fetch(moved, offset, ONE).await?;
    Ok(page.records.into_iter().next().and_then(|record| decode(record.value)))
}

/// The offset of the first record at or behind a place; the tail if there is none.
async fn find<C: Client>(client: &C, moved: &Partition, signs: &Signs, place: Seq) -> Answer<i64> {
    let ends = ends(client, moved).await?;
    if ends.first > signs.begins.load(Relaxed) {
        return Err(ClientError::OutOfRange);
    }
    let (mut low, mut high) = signs.around(place, ends);
    while low < high {
        let middle = low + (high - low) / 2;
        let page = client.fetch(moved, middle, ONE).await?;
        let places =
            page.records.iter().filter_map(|record| Some((decode(record.value.clone())?.0, record.place.offset)));
        let places: Vec<(Seq, i64)> = places.collect();
        if let Some((seq, offset)) = places.first() {
            signs.set(*seq, *offset);
        }
        match places.iter().position(|(seq, _)| *seq >= place) {
            Some(0) => high = middle,
            Some(at) => {
                low = places.get(at).map_or(high, |(_, offset)| *offset);
                high = low;
            }
            // A page with nothing in it would tell nothing for ever.
            None => low = places.last().map_or(high, |(_, offset)| offset + 1),
        }
    }
    Ok(low)
}

async fn ends<C: Client>(client: &C, of: &Partition) -> Answer<Ends> {
    let found = client.ends(std::slice::from_ref(of)).await?;
    Ok(found.first().map_or(Ends { first: 0, tail: 0 }, |(_, ends)| *ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_come_back(place: u64, time_ms: u64, bytes: Vec<u8>) {
            let entry = Entry { stamp: Stamp { seq: Seq(place), time_ms }, bytes: bytes.into() };
            prop_assert_eq!(decode(encode(&entry)), Some((Seq(place), Some(entry))));
            prop_assert_eq!(decode(encode_beginning(Seq(place))), Some((Seq(place), None)));
        }

        #[test]
        fn whatever_is_there_is_decoded_or_not(bytes: Vec<u8>) {
            let _ = decode(bytes.into());
        }
    }
}
