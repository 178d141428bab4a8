//! The contract of an engine as tests: each function pins sentences of [`crate::engine`], for any engine handed in.
//!
//! Every check has a log group of its own, so all may run against one engine, and again after a restart of a server
//! that keeps its logs if `salt` differs. They panic where the contract is broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a check panics when it fails")]
use crate::{Batch, Bounds, Engine, Entry, Limits, LogError, LogGroup, LogId, Seq, Stamp, engine::find_time};
use bytes::Bytes;
use std::{collections::BTreeMap, sync::Arc};

/// No limits to speak of.
pub const ALL: Limits = Limits { entries: usize::MAX, bytes: usize::MAX };

/// An engine under test.
pub struct Subject {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Lets at least a millisecond of the engine's time pass.
    pub pass_time: Box<dyn Fn()>,
    /// Tells this run's logs from those of other runs on the same store.
    pub salt: u64,
}

impl Subject {
    fn log(&self, check: u32, part: u32) -> LogId {
        LogId::new(LogGroup((1 << 100) | (u128::from(self.salt) << 32) | u128::from(check)), part)
    }

    async fn append(&self, log: LogId, entries: &[&[u8]]) -> Vec<Stamp> {
        let entries = entries.iter().map(|entry| Bytes::copy_from_slice(entry)).collect();
        self.engine.append(log, entries).await.expect("append")
    }
}

/// Runs every check.
pub async fn all(subject: &Subject) {
    an_unknown_log_is_empty(subject).await;
    entries_come_back_in_the_order_of_calls(subject).await;
    what_is_acknowledged_is_within_the_bounds(subject).await;
    a_read_starts_at_any_place(subject).await;
    limits_hold_and_let_one_entry_through(subject).await;
    a_trimmed_place_says_where_the_log_begins(subject).await;
    a_log_trimmed_to_its_tail_goes_on_behind_it(subject).await;
    watchers_hear_of_appends_and_trims(subject).await;
    time_never_falls_and_is_found_by_bisection(subject).await;
    logs_do_not_mix(subject).await;
    large_and_empty_entries_come_back(subject).await;
}

/// Reads `log` from `from` to its end, in pages of `limits`.
///
/// # Panics
/// If a page breaks the contract.
pub async fn drain(engine: &dyn Engine, log: LogId, from: Seq, limits: Limits) -> Vec<Entry> {
    let (mut from, mut entries) = (from, Vec::<Entry>::new());
    loop {
        let Batch { entries: page, next } = engine.read(log, from, limits).await.expect("read");
        assert!(page.len() <= limits.entries.max(1), "more entries than asked for");
        let size_bytes: usize = page.iter().map(|entry| entry.bytes.len()).sum();
        assert!(page.len() == 1 || size_bytes <= limits.bytes, "more bytes than asked for");
        assert!(next >= from, "reading goes on, not back");
        let Some(last) = page.last() else { return entries };
        assert!(page.iter().all(|entry| entry.stamp.seq >= from), "an entry from before the place asked for");
        assert!(next > last.stamp.seq, "the next place is behind what was read");
        entries.extend(page);
        assert!(entries.is_sorted_by(|one, two| one.stamp.seq < two.stamp.seq), "places do not rise");
        assert!(entries.is_sorted_by_key(|entry| entry.stamp.time_ms), "time falls");
        from = next;
    }
}

async fn an_unknown_log_is_empty(subject: &Subject) {
    let log = subject.log(1, 0);
    assert_eq!(subject.engine.bounds(log), Bounds::default());
    assert_eq!(drain(&*subject.engine, log, Seq::ZERO, ALL).await, []);
    assert_eq!(subject.engine.read(log, Seq(77), ALL).await, Ok(Batch { entries: vec![], next: Seq(77) }));
    assert_eq!(subject.engine.trim(log, Seq(9)).await, Ok(()));
    assert_eq!(subject.append(log, &[]).await, []);
    assert_eq!(subject.engine.bounds(log), Bounds::default(), "nothing was appended, nothing is there");
}

async fn entries_come_back_in_the_order_of_calls(subject: &Subject) {
    let log = subject.log(2, 0);
    let bytes = |number: u32| Bytes::from(number.to_le_bytes().to_vec());
    // The order is that of the calls, however late and in which order the commits are waited for.
    let calls = (0..100).map(|call| subject.engine.append(log, (call * 3..call * 3 + 3).map(bytes).collect()));
    let commits: Vec<_> = calls.collect();
    let mut stamps = BTreeMap::new();
    for (call, commit) in commits.into_iter().enumerate().rev() {
        stamps.insert(call, commit.await.expect("append"));
    }
    let stamps: Vec<Stamp> = stamps.into_values().flatten().collect();
    let expected: Vec<Entry> =
        stamps.iter().zip(0..).map(|(stamp, number)| Entry { stamp: *stamp, bytes: bytes(number) }).collect();
    assert_eq!(stamps.len(), 300);
    for entries in [1, 7, 300, usize::MAX] {
        assert_eq!(drain(&*subject.engine, log, Seq::ZERO, Limits { entries, ..ALL }).await, expected);
    }
}

async fn what_is_acknowledged_is_within_the_bounds(subject: &Subject) {
    let log = subject.log(3, 0);
    for round in 0..20u8 {
        let stamp = subject.append(log, &[&[round]]).await[0];
        let Bounds { first, tail } = subject.engine.bounds(log);
        assert!(first <= stamp.seq && stamp.seq < tail, "an acknowledged entry is outside the bounds");
        let batch = subject.engine.read(log, stamp.seq, ALL).await.unwrap();
        assert_eq!(batch.entries, [Entry { stamp, bytes: Bytes::from(vec![round]) }]);
        assert!(batch.next >= tail);
    }
    // What a commit that was dropped wrote is there all the same.
    drop(subject.engine.append(log, vec![Bytes::from_static(b"dropped")]));
    subject.append(log, &[b"after"]).await;
    let entries = drain(&*subject.engine, log, Seq::ZERO, ALL).await;
    assert_eq!(entries[20].bytes, "dropped");
    assert_eq!(entries[21].bytes, "after");
}

async fn a_read_starts_at_any_place(subject: &Subject) {
    let log = subject.log(4, 0);
    let mut stamps = subject.append(log, &[b"a", b"b"]).await;
    subject.append(subject.log(4, 1), &[b"between"]).await;
    stamps.extend(subject.append(log, &[b"c"]).await);
    let tail = subject.engine.bounds(log).tail;
    for from in stamps[0].seq.0..=tail.0 + 3 {
        let expected: Vec<Stamp> = stamps.iter().filter(|stamp| stamp.seq.0 >= from).copied().collect();
        let found: Vec<Stamp> =
            drain(&*subject.engine, log, Seq(from), ALL).await.iter().map(|entry| entry.stamp).collect();
        assert_eq!(found, expected, "from {from}");
    }
    let behind = subject.engine.read(log, Seq(tail.0 + 3), ALL).await.unwrap();
    assert_eq!(behind, Batch { entries: vec![], next: Seq(tail.0 + 3) });
}

async fn limits_hold_and_let_one_entry_through(subject: &Subject) {
    let log = subject.log(5, 0);
    subject.append(log, &[&[1; 100], &[2; 1000], &[3; 10], &[4; 10]]).await;
    let first = subject.engine.bounds(log).first;
    let lens = async |from, limits| {
        let batch = subject.engine.read(log, from, limits).await.unwrap();
        (batch.entries.iter().map(|entry| entry.bytes.len()).collect::<Vec<_>>(), batch.next)
    };
    for (entries, bytes, expected) in [
        (0, 0, &[100][..]),
        (1, 1, &[100]),
        (2, usize::MAX, &[100, 1000]),
        (usize::MAX, 1099, &[100]),
        (usize::MAX, 1100, &[100, 1000]),
        (usize::MAX, 1119, &[100, 1000, 10]),
        (4, 1120, &[100, 1000, 10, 10]),
    ] {
        assert_eq!(lens(first, Limits { entries, bytes }).await.0, expected, "{entries} entries, {bytes} bytes");
    }
    let (_, second) = lens(first, Limits { entries: 1, bytes: 1 }).await;
    assert_eq!(lens(second, Limits { entries: 9, bytes: 1 }).await.0, [1000], "an entry above the limit still comes");
    assert_eq!(drain(&*subject.engine, log, first, Limits { entries: 9, bytes: 15 }).await.len(), 4);
}

async fn a_trimmed_place_says_where_the_log_begins(subject: &Subject) {
    let log = subject.log(6, 0);
    let stamps = subject.append(log, &[b"a", b"b", b"c"]).await;
    subject.engine.trim(log, stamps[1].seq).await.unwrap();
    assert_eq!(subject.engine.bounds(log).first, stamps[1].seq);
    assert_eq!(subject.engine.read(log, stamps[0].seq, ALL).await, Err(LogError::Trimmed(stamps[1].seq)));
    subject.engine.trim(log, stamps[0].seq).await.unwrap();
    assert_eq!(subject.engine.bounds(log).first, stamps[1].seq, "a trim never takes back another");
    let left: Vec<Bytes> =
        drain(&*subject.engine, log, stamps[1].seq, ALL).await.into_iter().map(|entry| entry.bytes).collect();
    assert_eq!(left, ["b", "c"]);
}

async fn a_log_trimmed_to_its_tail_goes_on_behind_it(subject: &Subject) {
    let log = subject.log(7, 0);
    subject.append(log, &[b"a", b"b", b"c"]).await;
    let tail = subject.engine.bounds(log).tail;
    subject.engine.trim(log, Seq(u64::MAX)).await.unwrap();
    assert_eq!(drain(&*subject.engine, log, tail, ALL).await, []);
    match subject.engine.read(log, Seq::ZERO, ALL).await {
        Ok(batch) => assert_eq!(batch.entries, [], "the log may have been forgotten"),
        Err(error) => assert_eq!(error, LogError::Trimmed(tail)),
    }
    let reborn = subject.append(log, &[b"d"]).await;
    assert!(reborn[0].seq >= tail, "a place was used twice");
    let entries = drain(&*subject.engine, log, tail, ALL).await;
    assert_eq!(entries, [Entry { stamp: reborn[0], bytes: Bytes::from_static(b"d") }]);
}

async fn watchers_hear_of_appends_and_trims(subject: &Subject) {
    let log = subject.log(8, 0);
    let mut early = subject.engine.watch(log);
    assert_eq!(*early.borrow_and_update(), Bounds::default());
    let stamps = subject.append(log, &[b"a", b"b"]).await;
    early.wait_for(|bounds| bounds.tail > stamps[1].seq).await.unwrap();
    let mut late = subject.engine.watch(log);
    assert_eq!(*late.borrow_and_update(), subject.engine.bounds(log));
    subject.engine.trim(log, stamps[1].seq).await.unwrap();
    for watch in [&mut early, &mut late] {
        watch.wait_for(|bounds| bounds.first == stamps[1].seq).await.unwrap();
    }
    subject.engine.trim(log, Seq(u64::MAX)).await.unwrap();
    late.wait_for(|bounds| bounds.first == bounds.tail).await.unwrap();
    let reborn = subject.append(log, &[b"c"]).await;
    late.wait_for(|bounds| bounds.tail > reborn[0].seq).await.unwrap();
}

async fn time_never_falls_and_is_found_by_bisection(subject: &Subject) {
    let log = subject.log(9, 0);
    let mut stamps = Vec::new();
    for round in 0..60u8 {
        stamps.extend(subject.append(log, &[&[round], &[round]]).await);
        subject.append(subject.log(9, 1), &[b"makes places sparse"]).await;
        if round % 3 == 0 {
            (subject.pass_time)();
        }
    }
    assert!(stamps.is_sorted_by_key(|stamp| stamp.time_ms));
    assert!(stamps[0].time_ms < stamps[119].time_ms, "time passes");
    subject.engine.trim(log, stamps[30].seq).await.unwrap();
    for time_ms in stamps[0].time_ms - 1..=stamps[119].time_ms + 1 {
        let from = find_time(&*subject.engine, log, time_ms).await.unwrap();
        let found = subject.engine.read(log, from, Limits { entries: 1, bytes: 1 }).await.unwrap();
        let expected = stamps[30..].iter().find(|stamp| stamp.time_ms >= time_ms);
        assert_eq!(found.entries.first().map(|entry| entry.stamp), expected.copied(), "at {time_ms}");
    }
}

async fn logs_do_not_mix(subject: &Subject) {
    let mut expected: BTreeMap<LogId, Vec<u32>> = BTreeMap::new();
    let mut commits = Vec::new();
    for number in 0..500u32 {
        let log = subject.log(10, number * number % 37);
        expected.entry(log).or_default().push(number);
        commits.push(subject.engine.append(log, vec![Bytes::from(number.to_le_bytes().to_vec())]));
        if number % 50 == 0 {
            for commit in commits.drain(..) {
                commit.await.unwrap();
            }
        }
    }
    for commit in commits {
        commit.await.unwrap();
    }
    for (log, numbers) in expected {
        let entries = drain(&*subject.engine, log, Seq::ZERO, Limits { entries: 4, bytes: 10 }).await;
        let found: Vec<u32> =
            entries.iter().map(|entry| u32::from_le_bytes(entry.bytes[..].try_into().unwrap())).collect();
        assert_eq!(found, numbers, "{log}");
    }
}

async fn large_and_empty_entries_come_back(subject: &Subject) {
    let log = subject.log(11, 0);
    let large = |filler: u8| Bytes::from(vec![filler; 10 << 20]);
    let entries = vec![Bytes::new(), large(1), Bytes::from_static(b"x"), large(2), Bytes::new()];
    subject.engine.append(log, entries.clone()).await.unwrap();
    for limits in [Limits { entries: 2, bytes: 1 << 20 }, ALL] {
        let found = drain(&*subject.engine, log, Seq::ZERO, limits).await;
        assert!(found.iter().map(|entry| &entry.bytes).eq(&entries), "large and empty entries");
    }
}

/// For engines that keep their logs: `reopen` opens the same store again, once what it gave before was dropped.
///
/// # Panics
/// If the contract is broken.
pub async fn logs_survive_reopening(salt: u64, mut reopen: impl FnMut() -> Arc<dyn Engine>) {
    let id = |part| LogId::new(LogGroup((1 << 101) | u128::from(salt)), part);
    let mut expected: BTreeMap<LogId, Vec<Entry>> = BTreeMap::new();
    let mut gone_before = Seq::ZERO;
    for round in 0..6u8 {
        let engine = reopen();
        for (log, entries) in &expected {
            let first = engine.bounds(*log).first;
            assert_eq!(&drain(&*engine, *log, first, ALL).await, entries, "{log} in round {round}");
        }
        assert_eq!(drain(&*engine, id(9), gone_before, ALL).await, [], "what was trimmed away stays away");
        for part in 0..4 {
            let bytes = Bytes::from(vec![round; 10 + 1000 * part as usize]);
            let stamp = engine.append(id(part), vec![bytes.clone()]).await.unwrap()[0];
            let log = expected.entry(id(part)).or_default();
            assert!(log.last().is_none_or(|last| last.stamp.seq < stamp.seq && last.stamp.time_ms <= stamp.time_ms));
            log.push(Entry { stamp, bytes });
        }
        engine.append(id(9), vec![Bytes::from_static(b"to be gone")]).await.unwrap();
        gone_before = engine.bounds(id(9)).tail;
        engine.trim(id(9), gone_before).await.unwrap();
        if round == 3 {
            let log = expected.get_mut(&id(2)).unwrap();
            log.drain(..2);
            engine.trim(id(2), log[0].stamp.seq).await.unwrap();
        }
    }
}
