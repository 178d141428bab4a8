//! `cargo xtask ci`: everything that must pass, cheap things first, each with its time. All steps run, so that one
//! look shows all that is broken; the last line is `N passed, N failed`.
use crate::{audit, check, command, docs, instructions, kafka, prove, semver, suites};
use std::{path::Path, process::Command, time::Instant};

/// Seeds of each of the simulator's worlds in CI; a full run is `cargo run --release` in `sim/` with as many as a night has room for.
const SIMULATOR_SEEDS: &str = "2000";
/// Rounds of kill -9 in CI; `cargo xtask suites durability` does 200.
const KILL_ROUNDS: u32 = 10;

type Job = Box<dyn Fn(&Path) -> Result<(), String>>;

/// One step: what it is called and does.
struct Step {
    name: &'static str,
    run: Job,
}

fn step(name: &'static str, run: impl Fn(&Path) -> Result<(), String> + 'static) -> Step {
    Step { name, run: Box::new(run) }
}

fn cargo(name: &'static str, arguments: &'static [&'static str]) -> Step {
    step(name, |root| command::run(root, "cargo", arguments))
}

fn steps() -> Vec<Step> {
    let mut steps = vec![
        cargo("formatting", &["fmt", "--all", "--check"]),
        step("house rules", check::run),
        step("lints", |root| command::run_with(&mut command::tests(root, &["--no-run"]))),
        step("documentation", |root| {
            let mut doc = Command::new("cargo");
            doc.current_dir(root).args(["doc", "--no-deps", "--quiet", "--package", "headwater-client"]);
            command::run_with(doc.env("RUSTDOCFLAGS", "--deny warnings"))
        }),
        step("tests", |root| command::run_with(&mut command::tests(root, &[]))),
        step("console, without a browser", suites::console_tests),
        cargo("release build", &["build", "--release", "--quiet", "--package", "headwater"]),
        step("instructions", |root| instructions::run(root, false)),
        step("simulator", |root| {
            let run = |rest: &[&str]| {
                command::run(&root.join("sim"), "cargo", &[&["run", "--release", "--quiet", "--"], rest].concat())
            };
            run(&["--seeds", SIMULATOR_SEEDS])?;
            run(&["planted"])
        }),
        step("licences, bans, sources", audit::dependencies),
        step("published interfaces", |root| semver::run(root, None)),
        step("commands in documents", |root| docs::run(root, &[])),
        step("kill -9", |root| suites::durability(root, KILL_ROUNDS)),
        step("proofs", prove::short),
    ];
    let clients = suites::clients().filter(|suite| *suite != suites::CONSOLE);
    steps.extend(clients.map(|suite| step(suite, move |root| suites::client(root, suite, None))));
    steps.push(step("console in Chromium", suites::console_untimed));
    steps.push(step("Kafka", kafka::short));
    steps
}

pub(crate) fn run(root: &Path) -> Result<(), String> {
    let begin = Instant::now();
    let (mut lines, mut failed) = (Vec::new(), 0);
    for step in steps() {
        println!("\n== {}", step.name);
        let begin = Instant::now();
        let outcome = (step.run)(root);
        let took = begin.elapsed().as_secs();
        let line = match &outcome {
            Ok(()) => format!("ok     {took:>5} s  {}", step.name),
            Err(why) => {
                println!("{why}");
                failed += 1;
                format!("FAILED {took:>5} s  {}: {}", step.name, why.lines().next().unwrap_or_default())
            }
        };
        println!("{line}");
        lines.push(line);
    }
    println!("\n== {} s in all\n{}\n", begin.elapsed().as_secs(), lines.join("\n"));
    println!("{} passed, {failed} failed", lines.len() - failed);
    if failed == 0 { Ok(()) } else { Err("not everything passed".to_owned()) }
}
