//! What a store promises, as checks that every one passes; and what a store on disk keeps.
#![allow(clippy::disallowed_methods, reason = "the files of a store that is closed are damaged")]
use super::*;
use proptest::{collection, prelude::*};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

const ONE: Space = Space(0);
const TWO: Space = Space(1);
const MEMORY_BYTES: u64 = 16 << 20;

type Rows = Vec<(Vec<u8>, Bytes)>;

fn open(folder: &Path) -> Result<FjallKv, LogError> {
    FjallKv::open(folder, &["one", "two"], MEMORY_BYTES)
}

/// Opens a store that was just closed. A process that another test is starting holds its lock until it has begun.
fn open_again(folder: &Path) -> FjallKv {
    loop {
        match open(folder) {
            Err(LogError::Fenced) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// Runs a check against every store.
fn each(check: impl Fn(&dyn Kv)) {
    check(&MemoryKv::new());
    let folder = tempfile::tempdir().unwrap();
    check(&open(folder.path()).unwrap());
    let (folder, later) = (tempfile::tempdir().unwrap(), Arc::new(OnceLock::new()));
    let make = Arc::clone(&later);
    check(&LateKv::new(move || make.set(()).map_or(Err(LogError::Fenced), |()| open(folder.path()))));
}

fn batch(rows: &[(Space, &str, Option<&str>)]) -> Batch {
    let mut batch = Batch::default();
    for (space, key, value) in rows {
        match value {
            Some(value) => batch.put(*space, key.as_bytes().to_vec(), Bytes::copy_from_slice(value.as_bytes())),
            None => batch.delete(*space, key.as_bytes().to_vec()),
        }
    }
    batch
}

fn rows(view: &dyn View, space: Space, from: Bound<&[u8]>, to: Bound<&[u8]>, backwards: bool) -> Rows {
    let mut rows = vec![];
    view.range(space, from, to, backwards, &mut |key, value| {
        rows.push((key.to_vec(), value.clone()));
        ControlFlow::Continue(())
    })
    .unwrap();
    rows
}

fn all(view: &dyn View, space: Space) -> Vec<String> {
    let rows = rows(view, space, Bound::Unbounded, Bound::Unbounded, false);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    rows.iter().map(|(key, value)| format!("{}={}", text(key), text(value))).collect()
}

#[test]
fn a_store_that_comes_late_is_empty_until_its_first_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    let made = path.clone();
    let late = LateKv::new(move || open(&made));
    let before = late.view();
    assert_eq!((late.get(ONE, b"a"), all(&*before, ONE), late.persist()), (Ok(None), vec![], Ok(())));
    assert!(late.has_room(usize::MAX) && !path.exists());
    late.write(batch(&[(ONE, "a", Some("1"))])).unwrap();
    late.persist().unwrap();
    assert_eq!((all(&*before, ONE), all(&*late.view(), ONE)), (vec![], vec!["a=1".into()]));
    drop(before);
    drop(late);
    assert_eq!(all(&*open_again(&path).view(), ONE), ["a=1"]);
}

#[test]
fn a_batch_is_visible_in_all_spaces_and_its_last_word_holds() {
    each(|kv| {
        kv.write(batch(&[(ONE, "a", Some("1")), (TWO, "a", Some("2")), (ONE, "b", Some("3")), (ONE, "c", None)]))
            .unwrap();
        kv.write(batch(&[
            (ONE, "b", None),
            (ONE, "d", Some("4")),
            (ONE, "d", None),
            (TWO, "e", None),
            (TWO, "e", Some("")),
        ]))
        .unwrap();
        assert_eq!(all(&*kv.view(), ONE), ["a=1"]);
        assert_eq!(all(&*kv.view(), TWO), ["a=2", "e="]);
        assert_eq!(kv.get(ONE, b"a").unwrap().unwrap(), "1");
        assert_eq!(kv.get(ONE, b"b").unwrap(), None);
        assert_eq!(kv.get(ONE, b"e").unwrap(), None, "spaces do not mix");
    });
}

#[test]
fn a_key_of_a_length_that_is_not_allowed_stops_its_whole_batch() {
    each(|kv| {
        let long = "x".repeat(MAX_KEY_BYTES + 1);
        for key in ["", &long] {
            let refusal = kv.write(batch(&[(ONE, "a", Some("1")), (TWO, key, Some("2"))])).unwrap_err();
            assert_eq!(refusal, LogError::Io(format!("a row's key of {} bytes cannot be written", key.len())));
        }
        assert_eq!(all(&*kv.view(), ONE), Vec::<String>::new());
        kv.write(batch(&[(ONE, &long[1..], Some("2"))])).unwrap();
        assert_eq!(kv.get(ONE, &long.as_bytes()[1..]).unwrap().unwrap(), "2");
        assert_eq!(kv.get(ONE, b"").unwrap(), None);
    });
}

#[test]
fn a_view_shows_one_state_while_writes_go_on() {
    each(|kv| {
        kv.write(batch(&[(ONE, "a", Some("1")), (ONE, "b", Some("1"))])).unwrap();
        let view = kv.view();
        view.range(ONE, Bound::Unbounded, Bound::Unbounded, false, &mut |_, _| {
            kv.write(batch(&[(ONE, "a", Some("2")), (ONE, "b", None), (ONE, "c", Some("2")), (TWO, "a", Some("2"))]))
                .unwrap();
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(all(&*view, ONE), ["a=1", "b=1"]);
        assert_eq!(all(&*view, TWO), Vec::<String>::new());
        assert_eq!(view.get(ONE, b"b").unwrap().unwrap(), "1");
        assert_eq!(view.get(ONE, b"c").unwrap(), None);
        assert_eq!(all(&*kv.view(), ONE), ["a=2", "c=2"]);
        drop(view);
        assert_eq!(all(&*kv.view(), ONE), ["a=2", "c=2"]);
    });
}

#[test]
fn a_view_never_shows_half_a_batch() {
    each(|kv| {
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..300 {
                    let value = round.to_string();
                    kv.write(batch(&[(ONE, "a", Some(&value)), (TWO, "a", Some(&value))])).unwrap();
                }
                is_done.store(true, Ordering::Release);
            });
            while !is_done.load(Ordering::Acquire) {
                let view = kv.view();
                assert_eq!(view.get(ONE, b"a").unwrap(), view.get(TWO, b"a").unwrap());
            }
        });
    });
}

#[test]
fn a_range_ends_where_its_visitor_breaks() {
    each(|kv| {
        let keys: Vec<String> = (0..1000).map(|key| format!("{key:03}")).collect();
        let rows: Vec<_> = keys.iter().map(|key| (ONE, key.as_str(), Some("v"))).collect();
        kv.write(batch(&rows)).unwrap();
        for (backwards, first) in [(false, 0), (true, 999)] {
            for count in [1_usize, 63, 64, 65, 500] {
                let mut shown = vec![];
                kv.view()
                    .range(ONE, Bound::Unbounded, Bound::Unbounded, backwards, &mut |key, _| {
                        shown.push(String::from_utf8(key.to_vec()).unwrap());
                        if shown.len() == count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    })
                    .unwrap();
                assert_eq!(shown.len(), count);
                let last = if backwards { first - (count - 1) } else { count - 1 };
                assert_eq!(shown.last().unwrap(), &keys[last]);
            }
        }
    });
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xFF)], 1..4)
}

fn bounds() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![Just(Bound::Unbounded), keys().prop_map(Bound::Included), keys().prop_map(Bound::Excluded)]
}

fn slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_range_is_that_of_a_map(
        writes in collection::vec((keys(), proptest::option::of(any::<u8>())), 0..60),
        ranges in collection::vec((bounds(), bounds()), 20),
    ) {
        let mut map = BTreeMap::new();
        let mut batch = Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => {
                    batch.put(ONE, key.clone(), Bytes::from(vec![value]));
                    map.insert(key, Bytes::from(vec![value]));
                }
                None => {
                    batch.delete(ONE, key.clone());
                    map.remove(&key);
                }
            }
        }
        each(|kv| {
            kv.write(batch.clone()).unwrap();
            for (from, to) in &ranges {
                let is_in = |key: &Vec<u8>| {
                    let begun = match from {
                        Bound::Unbounded => true,
                        Bound::Included(from) => key >= from,
                        Bound::Excluded(from) => key > from,
                    };
                    begun && match to {
                        Bound::Unbounded => true,
                        Bound::Included(to) => key <= to,
                        Bound::Excluded(to) => key < to,
                    }
                };
                let mut expected: Rows =
                    map.iter().filter(|(key, _)| is_in(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
                let view = kv.view();
                assert_eq!(rows(&*view, ONE, slice(from), slice(to), false), expected);
                expected.reverse();
                assert_eq!(rows(&*view, ONE, slice(from), slice(to), true), expected);
            }
        });
    }
}

/// A store with `rounds` batches: row `a` counts them in both spaces, and each has a row of its own.
fn fill(kv: &FjallKv, rounds: std::ops::Range<usize>) {
    for round in rounds {
        let (value, key) = (round.to_string(), format!("row{round:05}"));
        let filler = "x".repeat(500);
        kv.write(batch(&[(ONE, "a", Some(&value)), (TWO, "a", Some(&value)), (TWO, &key, Some(&filler))])).unwrap();
    }
}

/// How many of the batches of [`fill`] the store holds, whole and without gaps.
fn held(kv: &FjallKv) -> usize {
    let view = kv.view();
    let counted = view.get(ONE, b"a").unwrap();
    assert_eq!(counted, view.get(TWO, b"a").unwrap());
    let held = counted.map_or(0, |round| std::str::from_utf8(&round).unwrap().parse::<usize>().unwrap() + 1);
    let rows = rows(&*view, TWO, Bound::Included(b"row"), Bound::Unbounded, false);
    let keys: Vec<Vec<u8>> = (0..held).map(|round| format!("row{round:05}").into_bytes()).collect();
    assert!(rows.iter().map(|(key, _)| key).eq(&keys), "the rows are not those of {held} batches");
    held
}

#[test]
fn what_was_persisted_is_there_when_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path()).unwrap();
    fill(&kv, 0..100);
    kv.persist().unwrap();
    fill(&kv, 100..200);
    drop(kv);
    assert!((100..=200).contains(&held(&open(folder.path()).unwrap())));
}

#[test]
fn a_damaged_batch_ends_the_journal_where_it_begins() {
    let (folder, journal) = persisted();
    let mut bytes = fs::read(&journal).unwrap();
    let row = bytes.windows(8).position(|key| key == b"row00060").unwrap();
    bytes[row + 100..row + 200].fill(0);
    fs::write(&journal, bytes).unwrap();
    assert_eq!(held(&open_again(folder.path())), 60);
    fill(&open_again(folder.path()), 60..70);
    assert!(held(&open_again(folder.path())) >= 60);
}

/// A folder with a hundred batches, and its journal.
fn persisted() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path()).unwrap();
    fill(&kv, 0..100);
    kv.persist().unwrap();
    let is_journal = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jnl");
    let journal = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).find(is_journal).unwrap();
    (folder, journal)
}

#[test]
fn a_mending_that_was_cut_short_begins_anew_with_the_whole_journal() {
    let (folder, journal) = persisted();
    let bytes = fs::read(&journal).unwrap();
    fs::rename(&journal, journal.with_extension("jnl-damaged")).unwrap();
    assert_eq!(held(&open_again(folder.path())), 100, "nothing but the journal put aside");
    fs::rename(&journal, journal.with_extension("jnl-damaged")).unwrap();
    fs::write(&journal, &bytes[..bytes.len() / 1000]).unwrap();
    assert_eq!(held(&open_again(folder.path())), 100, "a part of it in its place");
}

#[test]
fn a_manifest_with_a_bit_turned_over_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path()).unwrap(), 0..10);
    drop(open_again(folder.path()));
    let tree = folder.path().join("keyspaces/1");
    let is_manifest = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('v'));
    let manifest = fs::read_dir(&tree).unwrap().map(|entry| entry.unwrap().path()).find(is_manifest).unwrap();
    for path in [manifest, tree.join("current")] {
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            fs::write(&path, bytes).unwrap();
            assert!(matches!(open(folder.path()), Err(LogError::Io(_))), "{} at {at}", path.display());
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(held(&open_again(folder.path())), 10);
}

/// Tells [`fill_until_killed`] where.
const FOLDER_VARIABLE: &str = "HEADWATER_TEST_KV_FOLDER";

#[test]
fn a_killed_process_leaves_the_state_after_some_batch_and_all_that_was_persisted() {
    let folder = tempfile::tempdir().unwrap();
    for lines in [1, 4, 9] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kv::tests::fill_until_killed", "--ignored", "--nocapture"])
            .env(FOLDER_VARIABLE, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let persisted = told.filter_map(|line| line.strip_prefix("persisted ")?.parse::<usize>().ok()).nth(lines);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(held(&open(folder.path()).unwrap()) >= persisted.unwrap());
    }
}

#[test]
#[ignore = "the process that another test kills"]
fn fill_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else { return };
    let kv = open(Path::new(&folder)).unwrap();
    let mut round = held(&kv);
    loop {
        fill(&kv, round..round + 700);
        round += 700;
        kv.persist().unwrap();
        println!("persisted {round}");
        fill(&kv, round..round + 300);
        round += 300;
    }
}

/// What may befall a file.
const DAMAGES: [fn(&Path); 4] = [
    |file| std::fs::remove_file(file).unwrap(),
    |file| std::fs::write(file, b"").unwrap(),
    |file| change(file, |bytes| bytes.truncate(bytes.len() / 2)),
    |file| {
        change(file, |bytes| {
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
            bytes[used / 2] ^= 0x55;
        })
    },
];

fn change(file: &Path, edit: impl Fn(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    if !bytes.is_empty() {
        edit(&mut bytes);
        std::fs::write(file, bytes).unwrap();
    }
}

#[test]
fn a_damaged_folder_is_refused_or_read_and_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path()).unwrap(), 0..3000);
    let mut refused = 0;
    for file in files(folder.path()) {
        for (damage, apply) in DAMAGES.iter().enumerate() {
            let copy = copied(folder.path());
            let name = file.strip_prefix(folder.path()).unwrap();
            apply(&copy.path().join(name));
            let read = catch_unwind(AssertUnwindSafe(|| {
                let kv = open(copy.path())?;
                let view = kv.view();
                view.range(TWO, Bound::Unbounded, Bound::Unbounded, false, &mut |_, _| ControlFlow::Continue(()))
            }));
            assert!(read.is_ok(), "damage {damage} of {} panics", name.display());
            refused += usize::from(read.unwrap().is_err());
        }
    }
    assert!(refused > 0, "no damage was seen");
}

#[test]
fn a_folder_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path()).unwrap();
    assert_eq!(open(folder.path()).err(), Some(LogError::Fenced));
    drop(kv);
    open_again(folder.path());
}

fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in files(folder) {
        let target = copy.path().join(file.strip_prefix(folder).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
    copy
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}
