//! A folder whose bytes were changed: opening it gives what was appended, or says that something is damaged, or refuses
//! – and never gives an entry that nobody appended.
#![no_main]
use bytes::Bytes;
use headwater_fuzz::Folder;
use headwater_log::{
    Limits, LogError, LogGroup, LogId,
    clock::ManualClock,
    disk::{Core, DiskConfig},
};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use std::{
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker},
};

/// What befalls the file with the given number.
#[derive(Arbitrary, Debug)]
enum Harm {
    Set { file: u8, at: u32, byte: u8 },
    Cut { file: u8, at: u32 },
    Copy { file: u8, from: u32, to: u32, len: u16 },
}

const LOGS: u32 = 3;
const ENTRIES: u32 = 60;

fn log(part: u32) -> LogId {
    LogId::new(LogGroup(1 << 100), part)
}

/// The entry number `n` of log `part`: it says so itself, and its size depends on both.
fn entry(part: u32, n: u32) -> Bytes {
    let size = ((n * 37 + part) % 700) as usize;
    Bytes::from([format!("{part} {n} ").into_bytes(), vec![b'x'; size]].concat())
}

fn config() -> DiskConfig {
    DiskConfig {
        segment_bytes: 16 << 10,
        reserve_bytes: 8 << 10,
        unsorted_segments: 2,
        salt: 7,
        ..DiskConfig::default()
    }
}

/// A folder with some segments, some of them sorted.
static WHOLE: LazyLock<Folder> = LazyLock::new(|| {
    let folder = Folder::default();
    let mut core = open(&folder).unwrap();
    for n in 0..ENTRIES {
        for part in 0..LOGS {
            drop(core.append(log(part), vec![entry(part, n)]));
        }
        while core.write_group().unwrap() {}
        while core.keep_up(true).unwrap() {}
    }
    core.finish().unwrap();
    folder
});

fn open(folder: &Folder) -> Result<Core, LogError> {
    Core::open(Arc::new(folder.clone()), config(), Arc::new(ManualClock::at(1_767_225_600_000)))
}

fn inflict(folder: &Folder, harm: &Harm) {
    let sizes = folder.sizes();
    let pick = |file: u8| sizes[file as usize % sizes.len()].clone();
    match *harm {
        Harm::Set { file, at, byte } => {
            let (name, size) = pick(file);
            folder.damage(&name, |bytes| {
                bytes.iter_mut().skip(at as usize % size.max(1)).take(1).for_each(|b| *b = byte)
            });
        }
        Harm::Cut { file, at } => {
            let (name, size) = pick(file);
            folder.damage(&name, |bytes| bytes.truncate(at as usize % size.max(1)));
        }
        Harm::Copy { file, from, to, len } => {
            let (name, size) = pick(file);
            let (from, to) = (from as usize % size.max(1), to as usize % size.max(1));
            let len = (len as usize).min(size - from.max(to));
            folder.damage(&name, |bytes| bytes.copy_within(from..from + len, to));
        }
    }
}

/// Everything readable is an entry that was appended, in its order; what is skipped is announced as damage.
fn check(core: &Core, part: u32) {
    let mut expected = 0;
    let mut from = core.bounds(log(part)).first;
    loop {
        match core.read(log(part), from, Limits { entries: 7, bytes: 4096 }) {
            Ok(batch) if batch.entries.is_empty() => return,
            Ok(batch) => {
                for found in &batch.entries {
                    let place = (expected..ENTRIES).find(|&n| entry(part, n) == found.bytes);
                    expected = place.expect("an entry nobody appended, or out of order") + 1;
                }
                assert!(batch.next > from, "reading stands still");
                from = batch.next;
            }
            Err(LogError::Corrupt { next, .. }) if next > from => from = next,
            Err(LogError::Trimmed(first)) if first > from => from = first,
            Err(_) => return,
        }
    }
}

fuzz_target!(|harms: Vec<Harm>| {
    let folder = WHOLE.copy();
    harms.iter().take(8).for_each(|harm| inflict(&folder, harm));
    let Ok(mut core) = open(&folder) else { return };
    (0..LOGS).for_each(|part| check(&core, part));
    // It must be fit for use, whatever was lost.
    let commit = pin!(core.append(log(9), vec![Bytes::from_static(b"after")]));
    while core.write_group().unwrap() {}
    let Poll::Ready(stamps) = commit.poll(&mut Context::from_waker(Waker::noop())) else { panic!("left waiting") };
    let batch = core.read(log(9), stamps.unwrap()[0].seq, Limits { entries: 1, bytes: 1 }).unwrap();
    assert_eq!(batch.entries[0].bytes, "after");
});
