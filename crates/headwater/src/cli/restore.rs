//! `headwater restore`: a data folder made of a backup. Invariant: nothing that is there is written over.
use super::output::{Form, progress, say};
use crate::{
    backup::{Store, restore},
    settings::data_folder,
};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::PathBuf;

pub(super) const HELP: &str = "\
Every byte is checked on its way; what is damaged is named. A restored server goes on where the backup was taken: delivery
streams deliver again what they delivered since.

Examples:
  headwater restore ./backups --list
  headwater restore ./backups --data ./headwater-data && headwater serve --data ./headwater-data
  headwater restore ./backups --data ./yesterday --backup backup-20261121T220315.007Z";

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
    pub(super) fn run(self) -> Result<(), String> {
        let store = Store::open(&self.folder)?;
        let Some(data) = &self.data else { return self.show(&store) };
        let data = data_folder(Some(data))?;
        let (name, backup) = store.find(self.backup.as_deref())?;
        let bar = progress(Some(backup.size_bytes()), "bytes");
        restore(&store, &backup, &data, &|bytes| bar.inc(bytes))?;
        bar.finish_and_clear();
        say(&format!("{name}: {} bytes restored to {}", backup.size_bytes(), data.display()))
    }

    fn show(&self, store: &Store) -> Result<(), String> {
        let (mut values, mut rows): (Vec<Value>, Vec<Vec<String>>) = (Vec::new(), Vec::new());
        for listed in store.list()? {
            let name = listed.file_name;
            match listed.backup {
                Ok(backup) => {
                    let (time, size_bytes) = (time(backup.time_ms), backup.size_bytes());
                    values.push(json!({"name": name, "time": time, "sizeBytes": size_bytes}));
                    rows.push(vec![name, time, size_bytes.to_string()]);
                }
                Err(why) => {
                    values.push(json!({"name": name, "error": why}));
                    rows.push(vec![name, why, String::new()]);
                }
            }
        }
        self.form.show(&Value::from(values), &["NAME", "TIME", "BYTES"], &rows)
    }
}

/// A moment as people write it.
fn time(time_ms: u64) -> String {
    let time = i64::try_from(time_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.unwrap_or_default().to_string()
}
