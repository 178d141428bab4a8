//! `headwater fsck` and `headwater log dump`: looking into a data folder without changing it, also while a server uses
//! it.
use crate::{
    serve::{LOG_FOLDER, ROWS_FOLDER, open_rows},
    settings::{DEFAULT_CACHE_BYTES, data_folder},
};
use clap::Args;
use headwater_log::{
    Entry, LogError, LogGroup, LogId, Seq,
    disk::{Damage, Report, dump, files::DiskFiles, fsck},
    kv::Kv,
};
use std::{
    fmt::Display,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Of each entry so many bytes are shown, unless all are asked for.
const SHOWN_BYTES: usize = 64;

/// Which folder.
#[derive(Args)]
pub(super) struct Folder {
    /// The data folder [default: ./headwater-data]
    #[arg(long, env = "HEADWATER_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Which entries, and how much of them.
#[derive(Args)]
pub(super) struct Dump {
    #[command(flatten)]
    folder: Folder,
    /// Only this log, as `headwater fsck` names it
    #[arg(long, value_name = "LOG", value_parser = log_id)]
    log: Option<LogId>,
    /// Every entry to its last byte
    #[arg(long)]
    full: bool,
}

impl Folder {
    fn files(&self) -> Result<(String, DiskFiles), String> {
        let folder = data_folder(self.data.as_deref())?.join(LOG_FOLDER);
        let name = folder.display().to_string();
        let files = DiskFiles::existing(&folder).map_err(|error| format!("{name}: {error}"))?;
        Ok((name, files))
    }

    /// Checks every byte and says what is there.
    ///
    /// # Errors
    /// A sentence if something cannot be read.
    pub(super) fn check(&self) -> Result<(), String> {
        let (name, files) = self.files()?;
        let report = fsck(&files).map_err(|error| format!("{name}: {error}"))?;
        let data = data_folder(self.data.as_deref())?;
        let rows = rows(&data, &report);
        print(|out| {
            tell(out, &name, &report)?;
            writeln!(out, "\n{}: {}", data.join(ROWS_FOLDER).display(), rows.as_ref().unwrap_or_else(|why| why))
        })?;
        sound(&name, &report.damage)?;
        rows.map(drop).map_err(|why| format!("{}: {why}", data.join(ROWS_FOLDER).display()))
    }
}

impl Dump {
    /// Shows the entries, one a line.
    ///
    /// # Errors
    /// A sentence if something cannot be read.
    pub(super) fn show(&self) -> Result<(), String> {
        let (name, files) = self.folder.files()?;
        let mut damage = Vec::new();
        print(|out| {
            let mut outcome = Ok(());
            let mut line = |log: LogId, entry: &Entry| {
                if outcome.is_ok() {
                    outcome = show_entry(out, log, entry, if self.full { usize::MAX } else { SHOWN_BYTES });
                }
            };
            damage = dump(&files, self.log, &mut line).map_err(io::Error::other)?;
            outcome
        })?;
        sound(&name, &damage)
    }
}

/// What is to be said of the rows of tables. They are opened for that, as the next start would.
///
/// # Errors
/// The same, where it means that tables cannot be opened.
fn rows(data: &Path, report: &Report) -> Result<String, String> {
    let log = report.logs.iter().find(|log| log.log == headwater_dynamodb::LOG);
    let (first, tail) = log.map_or((Seq::ZERO, Seq::ZERO), |log| (log.bounds.first, log.bounds.tail));
    let held = if data.join(ROWS_FOLDER).is_dir() {
        match open_rows(data, DEFAULT_CACHE_BYTES).and_then(|kv| headwater_dynamodb::folded(&*kv.view())) {
            Ok(held) => held,
            Err(LogError::Fenced) => return Ok("a server is using it; not looked into".into()),
            Err(error) => return Err(error.to_string()),
        }
    } else {
        None
    };
    let next = held.map_or(Seq::ZERO, |(_, last)| last.next());
    let log = headwater_dynamodb::LOG;
    match held {
        _ if next < first => Err(format!(
            "rows up to place {next} of log {log}, which begins at {first}: restore both from the same time"
        )),
        Some((number, last)) if next > tail => {
            Err(format!("rows up to place {last} (decision {number}) of log {log}, which ends before {tail}"))
        }
        Some((number, last)) => {
            Ok(format!("tables up to decision {number}, at place {last} of log {log} {first}..{tail}"))
        }
        None => Ok(format!("no rows yet; they are made from log {log} {first}..{tail}")),
    }
}

/// Writes to standard output; that nobody reads to the end is no fault.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), String> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(|error| error.to_string()),
    }
}

fn tell(out: &mut dyn Write, name: &str, report: &Report) -> io::Result<()> {
    let state = match (report.ended, report.torn) {
        (true, _) => "closed cleanly",
        (false, false) => "not closed: a server is using it, or was killed",
        (false, true) => "not closed; the last write was cut short before anybody was told of it",
    };
    writeln!(out, "{name}: {state}\n\n{:<24} {:>12} {:>8}  places", "file", "bytes", "blocks")?;
    for file in &report.files {
        writeln!(out, "{:<24} {:>12} {:>8}  {}..{}", file.name, file.size_bytes, file.blocks, file.first, file.next)?;
    }
    writeln!(out, "\n{:<40} {:>12} {:>12}  places", "log", "entries", "bytes")?;
    for log in &report.logs {
        let (first, tail) = (log.bounds.first, log.bounds.tail);
        writeln!(out, "{:<40} {:>12} {:>12}  {first}..{tail}", log.log.to_string(), log.entries, log.size_bytes)?;
    }
    for lost in &report.damage {
        let log = lost.log.map_or_else(|| "any log".into(), |log| format!("log {log}"));
        writeln!(out, "\nDAMAGED: {log} from {} up to {}, in {}", lost.from, lost.next, lost.file)?;
    }
    Ok(())
}

fn show_entry(out: &mut dyn Write, log: LogId, entry: &Entry, most_bytes: usize) -> io::Result<()> {
    let shown = &entry.bytes[..entry.bytes.len().min(most_bytes)];
    let rest = if shown.len() < entry.bytes.len() { "…" } else { "" };
    let (place, time_ms, size) = (entry.stamp.seq, entry.stamp.time_ms, entry.bytes.len());
    writeln!(out, "{log} {place} {time_ms} ms {size} bytes: {}{rest}", shown.escape_ascii())
}

fn sound(name: &impl Display, damage: &[Damage]) -> Result<(), String> {
    match damage.len() {
        0 => Ok(()),
        1 => Err(format!("{name}: one stretch of the journal cannot be read any more")),
        many => Err(format!("{name}: {many} stretches of the journal cannot be read any more")),
    }
}

fn log_id(text: &str) -> Result<LogId, String> {
    let parts = text.split_once('/');
    let id = parts.and_then(|(group, part)| Some((u128::from_str_radix(group, 16).ok()?, part.parse().ok()?)));
    let (group, part) = id.ok_or("a log is named like 00000000000000000000000000000001/0")?;
    Ok(LogId::new(LogGroup(group), part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use headwater_log::{Engine, Seq, Stamp, clock::SystemClock, disk::DiskEngine};

    #[test]
    fn a_log_is_asked_for_as_it_is_shown() {
        let log = LogId::new(LogGroup(0xabc), 7);
        assert_eq!(log_id(&log.to_string()), Ok(log));
        for bad in ["", "1", "x/1", "1/x", "1/2/3"] {
            assert!(log_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_entry_is_one_line_and_no_longer_than_asked_for() {
        let entry = Entry { stamp: Stamp { seq: Seq(3), time_ms: 5 }, bytes: Bytes::from_static(b"a\n\xff tail") };
        let line = |most_bytes| {
            let mut out = Vec::new();
            show_entry(&mut out, LogId::new(LogGroup(1), 0), &entry, most_bytes).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(line(99), "00000000000000000000000000000001/0 3 5 ms 8 bytes: a\\n\\xff tail\n");
        assert!(line(2).ends_with(": a\\n…\n"));
    }

    #[tokio::test]
    async fn a_folder_is_looked_at_as_it_is() {
        let data = tempfile::tempdir().unwrap();
        let folder = || Folder { data: Some(data.path().to_owned()) };
        assert!(folder().check().unwrap_err().starts_with(data.path().to_str().unwrap()), "there is none yet");
        let log = data.path().join(LOG_FOLDER);
        let engine = DiskEngine::open(&log, headwater_log::disk::DiskConfig::default(), SystemClock::new()).unwrap();
        engine.append(LogId::new(LogGroup(9), 0), vec![Bytes::from_static(b"x")]).await.unwrap();
        drop(engine);
        assert_eq!(folder().check(), Ok(()));
        let mut told = Vec::new();
        tell(&mut told, "it", &fsck(&DiskFiles::existing(&log).unwrap()).unwrap()).unwrap();
        let told = String::from_utf8(told).unwrap();
        assert!(
            told.starts_with("it: closed cleanly\n") && told.contains("00000000000000000000000000000009/0"),
            "{told}"
        );
    }
}
