//! `headwater restore`: a data folder made of a backup. Invariant: nothing that is there is written over.
use super::output::{Form, progress, say};
use crate::{
    backup::{Store, from_ms, readable, restore, restore_to, told},
    serve::entropy,
    settings::data_folder,
};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::PathBuf;

pub(super) const HELP: &str = "\
Every byte is checked on its way; what is damaged is named. A restored server goes on where the backup was taken: delivery
streams deliver again what they delivered since.

With --to the server is as it was at that moment: what came later, or was deleted later, is as if it had not happened. A backup
goes back from its own moment as far as --list says; a server keeps what that takes for --history-hours.

Examples:
  headwater restore ./backups --list
  headwater restore ./backups --data ./headwater-data && headwater serve --data ./headwater-data
  headwater restore ./backups --data ./yesterday --backup backup-20261121T220315.007Z
  headwater restore ./backups --data ./before --to 2026-11-21T17:29:59Z";

/// What, and where to.
#[derive(Args)]
pub(super) struct Restore {
    /// The folder of backups
    folder: PathBuf,
    /// The data folder to make; it must be empty, or not there
    #[arg(long, value_name = "DIR", required_unless_present = "list", conflicts_with = "list")]
    data: Option<PathBuf>,
    /// Which backup [default: the newest]
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    backup: Option<String>,
    /// As it was at this moment: 2026-11-21T17:29:59Z, or seconds since 1970; to the millisecond
    #[arg(long, value_name = "TIME", conflicts_with_all = ["list", "backup"], value_parser = moment_ms)]
    to: Option<u64>,
    /// Show the backups there are, oldest first
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    form: Form,
}

impl Restore {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        let store = Store::open(&self.folder)?;
        let Some(data) = &self.data else { return self.show(&store) };
        let data = data_folder(Some(data))?;
        if let Some(to_ms) = self.to {
            let bar = progress(None, "bytes");
            let name = restore_to(&store, to_ms, &data, (entropy() >> 96) as u32, &|bytes| bar.inc(bytes)).await?;
            bar.finish_and_clear();
            return say(&format!("{}: restored to {} from {name}", told(to_ms), data.display()));
        }
        let (name, backup) = store.find(self.backup.as_deref())?;
        let bar = progress(Some(backup.size_bytes()), "bytes");
        restore(&store, &backup, &data, &|bytes| bar.inc(bytes))?;
        bar.finish_and_clear();
        say(&format!("{name}: {} bytes restored to {}", backup.size_bytes(), data.display()))
    }

    fn show(&self, store: &Store) -> Result<(), String> {
        let (mut values, mut rows): (Vec<Value>, Vec<Vec<String>>) = (Vec::new(), Vec::new());
        let all = store.list()?;
        let readable = readable(&all);
        for listed in all {
            let name = listed.file_name;
            match listed.backup {
                Ok(backup) => {
                    let (time, size_bytes) = (told(backup.time_ms), backup.size_bytes());
                    let from = from_ms(&readable, &backup).map(told);
                    values.push(json!({"name": name, "from": from, "time": time, "sizeBytes": size_bytes}));
                    rows.push(vec![name, from.unwrap_or_default(), time, size_bytes.to_string()]);
                }
                Err(why) => {
                    values.push(json!({"name": name, "error": why}));
                    rows.push(vec![name, why, String::new(), String::new()]);
                }
            }
        }
        self.form.show(&Value::from(values), &["NAME", "FROM", "TIME", "BYTES"], &rows)
    }
}

/// A moment as it is written, in milliseconds since the Unix epoch.
fn moment_ms(text: &str) -> Result<u64, String> {
    let wrong = || "write a time like 2026-11-21T17:29:59Z, or seconds since 1970".to_owned();
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !seconds.is_empty() && [seconds, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
        let millis = format!("{fraction:0<3}").get(..3).and_then(|millis| millis.parse::<u64>().ok());
        let seconds_ms = seconds.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000));
        return seconds_ms.zip(millis).and_then(|(ms, millis)| ms.checked_add(millis)).ok_or_else(wrong);
    }
    let time = text.parse::<Timestamp>().map_err(|_| wrong())?;
    u64::try_from(time.as_millisecond()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_it_is_listed_or_in_seconds() {
        for (text, expected) in [
            (&*told(1_795_298_595_007), 1_795_298_595_007),
            ("2026-11-21T23:03:15.007+01:00", 1_795_298_595_007),
            ("1795298595", 1_795_298_595_000),
            ("1795298595.0079", 1_795_298_595_007),
            ("0.5", 500),
        ] {
            assert_eq!(moment_ms(text), Ok(expected), "{text}");
        }
        for wrong in ["", ".", "yesterday", "-1", "2026-11-21", "1.2.3", "99999999999999999999", "1900-01-01T00:00:00Z"]
        {
            assert!(moment_ms(wrong).is_err(), "{wrong}");
        }
    }
}
