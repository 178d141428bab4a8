//! `headwater instructions`, for `cargo xtask instructions`: does again and again what is done for requests, for a tool that
//! counts instructions while [`counted`] runs, and says what it did. Invariant: the same is done each time – the clock stands,
//! chance counts up, and there is one thread and no network.
mod cases;
mod journal;

use super::{Services, Tables, open_outward, store};
use crate::{
    front::{Backups, Behind, Front, Observer, Readings, Signer, whole},
    settings::Raw,
};
use bytes::Bytes;
use cases::{Ask, Case};
use headwater_kinesis::Entropy;
use headwater_log::clock::{Clock, ManualClock};
use std::{
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::{runtime::Builder, sync::watch};

/// 2026-01-01T00:00:00Z.
const NOW_MS: u64 = 1_767_225_600_000;
const SIGNER: Signer<'_> = Signer {
    access_key: "AKIDEXAMPLE",
    secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    moment: "20260101T000000Z",
    region: "us-east-1",
};

/// Makes what some cases need, and says what they are.
type Cases = fn(&dyn Fn(&Ask) -> Result<Bytes, String>) -> Result<Vec<Case>, String>;

/// Does everything that is counted, and writes a line for each: what it is, and how often it was done.
///
/// # Errors
/// A sentence if something is not done as it should be.
pub(crate) fn run(folder: &Path) -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    for (key, cases) in [(None, cases::open as Cases), (Some(SIGNER), cases::signed as Cases)] {
        let front = runtime.block_on(front(key))?;
        let told = |ask: &Ask| {
            let signed = ask.signed(&SIGNER)?;
            runtime.block_on(async { Ok(whole(front.answer_to(&signed).await?).await) })
        };
        for Case { name, times, ask, least_bytes } in cases(&told)? {
            let bytes = told(&ask)?.len();
            if bytes < least_bytes {
                return Err(format!("{name}: an answer of {bytes} bytes, and not of {least_bytes} or more"));
            }
            let signed = ask.signed(&SIGNER)?;
            tell(name, times, &mut || runtime.block_on(front.answer_to(&signed)).map(drop))?;
        }
    }
    journal::run(folder, &runtime)
}

/// Does something as often as is said. Its end ends a part of what the tool tells.
#[inline(never)]
fn tell(name: &str, times: u32, deed: &mut dyn FnMut() -> Result<(), String>) -> Result<(), String> {
    counted(times, deed)?;
    writeln!(io::stdout(), "{name} {times}").map_err(|error| error.to_string())
}

/// What is done in here is counted; it is known by its name.
#[inline(never)]
fn counted(times: u32, deed: &mut dyn FnMut() -> Result<(), String>) -> Result<(), String> {
    (0..times).try_for_each(|_| deed())
}

/// Everything that answers requests, in memory; of whoever has a key, if one is given.
async fn front(key: Option<Signer<'_>>) -> Result<Arc<Front>, String> {
    let key = key.map(|key| (key.access_key.to_owned(), key.secret.to_owned()));
    let settings = Raw { ephemeral: Some(true), ..Raw::default() }.check(key)?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW_MS));
    let drawn = AtomicU64::new(1);
    let entropy: Entropy = Arc::new(move || {
        // Spread over all bits, as ids are cut from the upper ones.
        u128::from(drawn.fetch_add(1, Relaxed)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    });
    let opened = store::open(&settings, &clock, &entropy).await?;
    let outward = open_outward(&settings, &entropy)?;
    let tables = Tables { kv: opened.kv, leads: watch::channel(true).1 };
    let Services { table, functions, .. } =
        Services::open(&settings, &opened.engine, tables, outward, &clock, &entropy).await?;
    let nothing_read = || Readings {
        deliveries: Vec::new(),
        streams: Vec::new(),
        journal: None,
        trim_lag_ms: None,
        connections: 0,
        recovery_us: 0,
        spans: None,
        nodes: Vec::new(),
    };
    let observer = Observer::new(Arc::new(nothing_read), None, None);
    let behind = Behind { table, functions, backups: Backups::of(None), relay: None, inside: None };
    Ok(Front::new(behind, observer, &settings, clock, entropy))
}
