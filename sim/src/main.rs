//! Runs the disk engine with many seeds; the same seed is the same run, to the last byte.
//!
//!     headwater-sim --seeds 10000            all seeds from 0 on
//!     headwater-sim --seed 17                that one, twice, with all that happens in it
mod chance;
mod disk;
mod model;
mod world;

use std::process::ExitCode;

/// Every so many seeds one is run twice, to see that both runs are the same.
const REPEAT_EVERY: u64 = 20;
const REPORT_EVERY: u64 = 1000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let (first, count) = match (number("--seed"), number("--seeds")) {
        (Some(seed), _) => (seed, 1),
        (None, Some(seeds)) => (0, seeds),
        (None, None) => {
            eprintln!("usage: headwater-sim --seeds COUNT | --seed SEED");
            return ExitCode::from(2);
        }
    };
    let (mut passed, mut failed) = (0u64, 0u64);
    for seed in first..first + count {
        let outcome = world::run(seed, count == 1);
        let again = (count == 1 || seed % REPEAT_EVERY == 0).then(|| world::run(seed, false).trace);
        let differs = again.is_some_and(|trace| trace != outcome.trace).then(|| "two runs of it differ".to_string());
        match outcome.wrong.or(differs) {
            None => passed += 1,
            Some(wrong) => {
                failed += 1;
                println!("seed {seed}: {wrong}");
            }
        }
        if count == 1 {
            println!("trace {:016x}", outcome.trace.0);
        } else if (passed + failed) % REPORT_EVERY == 0 {
            println!("{} of {count} seeds", passed + failed);
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
