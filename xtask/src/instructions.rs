//! `cargo xtask instructions`: what requests cost in instructions, counted by valgrind in the release binary, beside what is written
//! in [`COUNTS`]. Invariant: a case that takes more than is allowed fails, and so does one that is not written down.
use crate::{command, server::release_binary};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Counts by processor and case, and how many percent more is allowed.
const COUNTS: &str = "benches/instructions.toml";
const TOLERANCE: &str = "tolerance-percent";
const FIRST_LINES: &str = "# Instructions of the release binary for each request, page or group: see docs/performance.md.\n\
                           # `cargo xtask instructions --accept` writes this.\n";
/// What the functions are called in whose calls is counted, and at whose end a part of the counts ends.
const COUNTED: [&str; 2] = ["--toggle-collect=*serve::counted::counted*", "--dump-after=*serve::counted::tell*"];
/// No thread of the allocator's, and nothing it does by time or by processor.
const ALLOCATOR: (&str, &str) = (
    "_RJEM_MALLOC_CONF",
    "background_thread:false,percpu_arena:disabled,narenas:1,dirty_decay_ms:-1,muzzy_decay_ms:-1,experimental_tcache_gc:false",
);

type Counts = BTreeMap<String, u64>;

/// Builds the release binary first.
pub(crate) fn build_and_run(root: &Path, accept: bool) -> Result<(), String> {
    command::run(root, "cargo", &["build", "--release", "--package", "headwater"])?;
    run(root, accept)
}

/// Compares, or writes down what is counted.
pub(crate) fn run(root: &Path, accept: bool) -> Result<(), String> {
    let has_valgrind = || command::answers("valgrind", &["--version"]);
    if !cfg!(target_os = "linux") || !has_valgrind() && command::install(root, "valgrind").is_err() {
        println!("== SKIPPED: instructions are not counted, as there is no valgrind");
        return Ok(());
    }
    let path = root.join(COUNTS);
    let text = fs::read_to_string(&path).map_err(|error| format!("{COUNTS}: {error}"))?;
    let mut written: toml::Table = toml::from_str(&text).map_err(|error| format!("{COUNTS}: {error}"))?;
    let percent = written.get(TOLERANCE).and_then(toml::Value::as_integer).unwrap_or_default();
    let before = of_processor(&written);
    if before.is_empty() && !accept {
        println!("== SKIPPED: {COUNTS} has no counts of {}", std::env::consts::ARCH);
        return Ok(());
    }
    let now = count(root)?;
    for (case, count) in &now {
        println!("{case:<20} {count:>12}  {}", before.get(case).map(|then| change(*then, *count)).unwrap_or_default());
    }
    if accept {
        let cases = now.into_iter().map(|(case, count)| (case, toml::Value::Integer(count.cast_signed())));
        written.insert(std::env::consts::ARCH.to_owned(), toml::Value::Table(cases.collect()));
        return fs::write(&path, format!("{FIRST_LINES}{written}")).map_err(|error| format!("{COUNTS}: {error}"));
    }
    let found = objections(&before, &now, percent.unsigned_abs());
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

fn of_processor(written: &toml::Table) -> Counts {
    let cases = written.get(std::env::consts::ARCH).and_then(toml::Value::as_table);
    let count = |(case, count): (&String, &toml::Value)| Some((case.clone(), count.as_integer()?.unsigned_abs()));
    cases.into_iter().flatten().filter_map(count).collect()
}

/// Counts once. What each case did, function by function, is left in files.
fn count(root: &Path) -> Result<Counts, String> {
    let folder = root.join("target/instructions");
    // It need not be there.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet", "--collect-atstart=no"]).args(COUNTED);
    valgrind.arg(format!("--callgrind-out-file={}", folder.join("part").display()));
    valgrind.arg(release_binary(root)).arg("instructions").arg(folder.join("journal"));
    let output = valgrind.env(ALLOCATOR.0, ALLOCATOR.1).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("headwater instructions, in valgrind: {}", output.status));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().enumerate().map(|(at, line)| part(&folder, at + 1, line)).collect()
}

/// One line of the binary, and the part of valgrind's that goes with it.
fn part(folder: &Path, number: usize, line: &str) -> Result<(String, u64), String> {
    let unread = |what: &dyn std::fmt::Display| format!("the counts of `{line}` cannot be read: {what}");
    let (case, times) = line.split_once(' ').ok_or_else(|| unread(&"no number"))?;
    let times: u64 = times.parse().map_err(|error| unread(&error))?;
    let named: PathBuf = folder.join(case);
    fs::rename(folder.join(format!("part.{number}")), &named).map_err(|error| unread(&error))?;
    let text = fs::read_to_string(&named).map_err(|error| unread(&error))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total: u64 = total.and_then(|total| total.parse().ok()).ok_or_else(|| unread(&"no total"))?;
    if total < times { Err(unread(&"nothing was counted")) } else { Ok((case.to_owned(), total / times)) }
}

/// What is wrong with the counts now, as sentences.
fn objections(before: &Counts, now: &Counts, percent: u64) -> Vec<String> {
    let accept = "`cargo xtask instructions --accept`";
    let dearer = now.iter().filter_map(|(case, &count)| match before.get(case) {
        None => Some(format!("{case}: {COUNTS} does not have it; {accept} writes it down")),
        Some(&then) if count * 100 > then * (100 + percent) => Some(format!(
            "{case}: {then} instructions before, {count} now ({}), {percent} % more is allowed: mend it – `callgrind_annotate --threshold=100 \
             target/instructions/{case}` tells where they go –, or accept it by {accept}",
            change(then, count)
        )),
        Some(_) => None,
    });
    let gone = before.keys().filter(|case| !now.contains_key(*case));
    dearer.chain(gone.map(|case| format!("{case}: it is not counted any more; {accept} takes it away"))).collect()
}

/// How much more, or less.
#[expect(clippy::cast_precision_loss, reason = "it is shown with one decimal")]
fn change(then: u64, now: u64) -> String {
    format!("{:+.1} %", (now as f64 / then as f64 - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(case, count)| ((*case).to_owned(), *count)).collect()
    }

    #[test]
    fn what_takes_more_than_is_allowed_is_told_with_what_to_do() {
        let found = objections(&counts(&[("put", 1000)]), &counts(&[("put", 1031)]), 3);
        let start = "put: 1000 instructions before, 1031 now (+3.1 %)";
        assert!(found[0].starts_with(start) && found[0].contains("--accept"), "{found:?}");
        for count in [1, 999, 1030] {
            assert_eq!(objections(&counts(&[("put", 1000)]), &counts(&[("put", count)]), 3), [""; 0]);
        }
    }

    #[test]
    fn cases_come_and_go_only_by_being_accepted() {
        let found = objections(&counts(&[("old", 1)]), &counts(&[("new", 1)]), 3);
        assert!(found[0].starts_with("new: ") && found[1].starts_with("old: "), "{found:?}");
    }
}
