//! `headwater-prove-disk FOLDER`: a file system in memory at FOLDER that forgets, when told, what was not synced. It obeys
//! lines on standard input, answers each with one on standard output, and goes when there are no more.
//!
//! - `cut SEED`: the power goes; of what was not synced chance keeps some.
//! - `limit BYTES`: how much fits; `limit` for no bound.
//! - `fail sync N`, `fail write N`, `short write N`, `slow BYTES_A_SECOND SYNC_MS`, `count`: see `plan.rs`.
//! - `counts`: how many syncs and writes there were; `median`: what a sync took, in milliseconds, since this was asked last.
mod medium;
mod mount;
mod plan;
mod store;

use fastrand::Rng;
use fuser::{Config, MountOption};
use mount::Disk;
use std::{
    env,
    io::{self, BufRead},
    path::PathBuf,
};
use store::PAGE;

/// Calls are served side by side, so that a slow sync delays nobody but its caller.
const THREADS: usize = 8;

fn obey(disk: &Disk, words: &[&str]) -> Option<String> {
    let mut state = disk.state();
    match words {
        ["cut", seed] => {
            let lost = state.store.cut(&mut Rng::with_seed(seed.parse().ok()?));
            Some(format!("{} pages {} changes", lost.pages, lost.changes))
        }
        ["limit"] => {
            state.store.capacity_pages = u64::MAX;
            Some("ok".to_owned())
        }
        ["limit", bytes] => {
            state.store.capacity_pages = bytes.parse::<u64>().ok()? / PAGE as u64;
            Some("ok".to_owned())
        }
        ["counts"] => Some(format!("{} syncs {} writes", state.plan.syncs, state.plan.writes)),
        ["median"] => Some(disk.medium.median().as_millis().to_string()),
        words => state.plan.take(words).then(|| "ok".to_owned()),
    }
}

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("which folder?"));
    };
    let disk = Disk::new();
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("headwater-prove-disk".to_owned())];
    config.n_threads = Some(THREADS);
    let session = fuser::spawn_mount(disk.clone(), &folder, &config)?;
    println!("mounted");
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        println!("{}", obey(&disk, &words).unwrap_or_else(|| format!("not understood: {line}")));
    }
    session.umount_and_join()
}
