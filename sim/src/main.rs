//! Runs the disk engine, and nodes that share logs, with many seeds; the same seed is the same run, to the last byte.
//!
//!     headwater-sim --seeds 10000            all seeds from 0 on, in every world
//!     headwater-sim streams --seeds 10000    in one of them: disk, decisions, streams, tables, deliveries
//!     headwater-sim streams --seed 17        that one, twice, with all that happens in it
//!     headwater-sim planted                  each rule left out, until that is found; or only those that are named
mod ask;
mod asked;
mod cast;
mod chance;
mod decisions;
mod deliveries;
mod disk;
mod nodes;
mod planted;
mod streams;
mod tables;

use chance::Trace;
use std::process::ExitCode;

/// What came of a run.
pub struct Outcome {
    /// Everything that happened.
    pub trace: Trace,
    /// What went wrong.
    pub wrong: Option<String>,
}

/// A world: what it is called, and how a seed is run in it, aloud or not.
type World = (&'static str, fn(u64, bool) -> Outcome);

const WORLDS: &[World] = &[
    ("disk", disk::run),
    ("decisions", |seed, loud| nodes::run(decisions::Decisions::default(), seed, loud)),
    ("streams", |seed, loud| nodes::run(streams::Streams::default(), seed, loud)),
    ("tables", |seed, loud| nodes::run(tables::Tables::default(), seed, loud)),
    ("deliveries", |seed, loud| nodes::run(deliveries::Deliveries::default(), seed, loud)),
];

fn world(name: &str) -> Option<&'static World> {
    WORLDS.iter().find(|world| world.0 == name)
}

/// Every so many seeds one is run twice, to see that both runs are the same.
const REPEAT_EVERY: u64 = 20;
const REPORT_EVERY: u64 = 1000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    if arguments.iter().any(|argument| argument == "planted") {
        let (found, missed) = planted::run(&arguments);
        println!("{found} found, {missed} not");
        return if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let (first, count) = match (number("--seed"), number("--seeds")) {
        (Some(seed), None) => (seed, 1),
        (from, Some(seeds)) => (from.unwrap_or(0), seeds),
        (None, None) => {
            eprintln!("usage: headwater-sim [WORLD] --seeds COUNT | --seed SEED | planted");
            return ExitCode::from(2);
        }
    };
    let named = |world: &&World| arguments.iter().any(|argument| argument == world.0);
    let all = !WORLDS.iter().any(|world| named(&world));
    let (mut passed, mut failed) = (0u64, 0u64);
    for world in WORLDS.iter().filter(|world| all || named(world)) {
        for seed in first..first + count {
            if try_seed(world, seed, count == 1) {
                passed += 1;
            } else {
                failed += 1;
            }
            if count > 1 && (seed + 1).is_multiple_of(REPORT_EVERY) {
                println!("{}: {} of {count} seeds", world.0, seed + 1 - first);
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a seed in a world; tells what went wrong, if something did.
fn try_seed((name, run): &World, seed: u64, loud: bool) -> bool {
    let outcome = run(seed, loud);
    let again = (loud || seed.is_multiple_of(REPEAT_EVERY)).then(|| run(seed, false).trace);
    let differs = again.is_some_and(|trace| trace != outcome.trace).then(|| "two runs of it differ".to_string());
    if loud {
        println!("trace {:016x}", outcome.trace.0);
    }
    let wrong = outcome.wrong.or(differs);
    if let Some(wrong) = &wrong {
        println!("{name} --seed {seed}: {wrong}");
    }
    wrong.is_none()
}
