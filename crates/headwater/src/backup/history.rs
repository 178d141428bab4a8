//! How far back a data folder goes: a small file in it says since when its server drops nothing that a moment of the past
//! needs.
//!
//! Invariant: what it says is durable before a server that keeps less begins, and it never claims more than was kept.
use headwater_kinesis::Entropy;
use headwater_log::disk::files::{DiskFiles, Files, read_whole, write_whole};
use serde::{Deserialize, Serialize};
use std::{io, path::Path};

const FILE: &str = "history.json";
/// An hour of the setting.
pub(crate) const HOUR_MS: u64 = 3_600_000;

/// See above.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct History {
    /// A name for the folder and its past. A folder that is restored begins with another one: it goes on differently.
    pub(super) line: String,
    /// When the setting came to be, everything was there that moments from this one on need; in milliseconds since the
    /// Unix epoch.
    since_ms: u64,
    /// The setting: what was needed within so many hours stays.
    hours: u32,
}

impl History {
    /// What is said in the folder `data`.
    ///
    /// # Errors
    /// A sentence with the file if it cannot be read.
    pub(crate) fn of(data: &Path) -> Result<Option<Self>, String> {
        let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", data.join(FILE).display());
        match DiskFiles::existing(data).and_then(|files| read_whole(&files, FILE)) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| failed(&error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Says it in the folder `data` for a server that begins now and keeps so many hours.
    ///
    /// # Errors
    /// A sentence with the file if it cannot be read or written.
    pub(crate) fn go_on(data: &Path, hours: u32, now_ms: u64, entropy: &Entropy) -> Result<Option<Self>, String> {
        let held = Self::of(data)?;
        if held.is_none() && hours == 0 {
            return Ok(None);
        }
        let next = follow(held.clone(), hours, now_ms, || format!("{:032x}", entropy()));
        if held.as_ref() != Some(&next) {
            let text = serde_json::to_vec(&next).unwrap_or_default();
            let written = DiskFiles::existing(data).and_then(|files| {
                write_whole(&files, FILE, &text)?;
                files.sync_dir()
            });
            written.map_err(|error| format!("{}: {error}", data.join(FILE).display()))?;
        }
        Ok(Some(next))
    }

    /// The earliest moment that is still whole at `now_ms`, if there is one.
    pub(super) fn reaches_ms(&self, now_ms: u64) -> Option<u64> {
        let kept_ms = u64::from(self.hours) * HOUR_MS;
        (kept_ms > 0).then(|| self.since_ms.max(now_ms.saturating_sub(kept_ms)))
    }
}

/// What is true once a server begins that keeps so many hours.
fn follow(held: Option<History>, hours: u32, now_ms: u64, line: impl FnOnce() -> String) -> History {
    match held {
        Some(held) if held.hours == hours => held,
        Some(held) => History { since_ms: held.reaches_ms(now_ms).unwrap_or(now_ms), hours, ..held },
        None => History { line: line(), since_ms: now_ms, hours },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        /// A server that keeps `hours` may have dropped, at any time, whatever was last needed longer ago.
        #[test]
        fn it_never_reaches_behind_what_was_dropped_and_always_to_what_a_steady_setting_kept(
            turns in proptest::collection::vec((0_u32..4, 0..6 * HOUR_MS), 1..8),
        ) {
            let (mut now_ms, mut dropped_ms, mut history) = (100 * HOUR_MS, 0, None);
            for (hours, passes_ms) in turns {
                let next = follow(history.take(), hours, now_ms, String::new);
                let began_ms = now_ms;
                now_ms += passes_ms;
                dropped_ms = dropped_ms.max(now_ms - u64::from(hours) * HOUR_MS);
                match next.reaches_ms(now_ms) {
                    None => prop_assert_eq!(hours, 0),
                    Some(reaches_ms) => {
                        prop_assert!((dropped_ms..=now_ms).contains(&reaches_ms));
                        let steady_ms = began_ms.max(now_ms - u64::from(hours) * HOUR_MS);
                        prop_assert!(reaches_ms <= steady_ms);
                    }
                }
                history = Some(next);
            }
        }
    }

    #[test]
    fn it_is_kept_in_the_folder_and_only_where_somebody_asked_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let entropy: Entropy = Arc::new(|| 7);
        let go_on = |hours, now_ms| History::go_on(folder.path(), hours, now_ms, &entropy).unwrap();
        assert_eq!((go_on(0, 5), History::of(folder.path())), (None, Ok(None)));
        let begun = go_on(2, 10).unwrap();
        assert_eq!((begun.reaches_ms(20), begun.reaches_ms(2 * HOUR_MS + 20)), (Some(10), Some(20)));
        assert_eq!(go_on(2, 900), Some(begun.clone()));
        assert_eq!(go_on(0, 1000).and_then(|ended| ended.reaches_ms(2000)), None);
        let again = go_on(2, 3000).unwrap();
        assert_eq!((again.reaches_ms(4000), &again.line), (Some(3000), &begun.line));
        assert_eq!(History::of(folder.path()), Ok(Some(again)));
    }
}
