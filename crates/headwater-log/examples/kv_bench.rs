//! Writes rows of 1 KiB under random keys, 16 a batch, then reads: `kv_bench <folder> <rows> <memory MiB>`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a bench")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench tells what it measured")]
use headwater_log::kv::{Batch, FjallKv, Kv, Space};
use std::{ops::Bound, ops::ControlFlow, path::Path, time::Instant};

const SPACES: [&str; 4] = ["meta", "items", "indexes", "changes"];
const ITEMS: Space = Space(1);
const ROWS_PER_BATCH: u64 = 16;
const PERSIST_EVERY: u64 = 40_000;

/// A row's key: its number, scattered.
fn key(number: u64) -> Vec<u8> {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes().to_vec()
}

/// A row's value: half of it does not compress.
fn value(number: u64) -> Vec<u8> {
    (0..128_u64).flat_map(|word| if word % 2 == 0 { key(number ^ word << 40) } else { vec![b'x'; 8] }).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (folder, rows) = (Path::new(&arguments[1]), arguments[2].parse::<u64>().unwrap());
    let memory_bytes = arguments[3].parse::<u64>().unwrap() << 20;
    let kv = FjallKv::open(folder, &SPACES, memory_bytes).unwrap();
    let (begun, mut worst_write, mut worst_persist) = (Instant::now(), 0, 0);
    for first in (0..rows).step_by(usize::try_from(ROWS_PER_BATCH).unwrap()) {
        let mut batch = Batch::default();
        (first..first + ROWS_PER_BATCH).for_each(|number| batch.put(ITEMS, key(number), value(number).into()));
        batch.put(Space(0), b"applied".to_vec(), first.to_be_bytes().to_vec().into());
        let at = Instant::now();
        kv.write(batch).unwrap();
        worst_write = worst_write.max(at.elapsed().as_millis());
        if first % PERSIST_EVERY == 0 {
            let at = Instant::now();
            kv.persist().unwrap();
            worst_persist = worst_persist.max(at.elapsed().as_millis());
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = rows as f64 / seconds;
    println!("{rate:.0} rows/s written; worst write {worst_write} ms, worst persist {worst_persist} ms");
    let begun = Instant::now();
    for number in (0..rows).step_by(7).take(50_000) {
        assert_eq!(kv.get(ITEMS, &key(number)).unwrap().unwrap().len(), 1024);
    }
    println!("{} µs a get", begun.elapsed().as_micros() / u128::from(rows.div_ceil(7).min(50_000)));
    let begun = Instant::now();
    for number in 0..500 {
        let mut left = 100;
        let from = key(number);
        let visit = &mut |_: &[u8], _: &bytes::Bytes| {
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        kv.view().range(ITEMS, Bound::Included(&from), Bound::Unbounded, false, visit).unwrap();
    }
    println!("{} µs a range of 100", begun.elapsed().as_micros() / 500);
    drop(kv);
    let begun = Instant::now();
    drop(FjallKv::open(folder, &SPACES, memory_bytes).unwrap());
    println!("{} ms to open and close again", begun.elapsed().as_millis());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
}
