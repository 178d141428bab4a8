//! The NextToken of lists: what was asked, and behind which item to go on.
//!
//! Invariant: a token is taken for 300,000 ms, by the account and in the region it was made for.
use crate::{
    Kinesis,
    errors::{self, Result},
};
use headwater_wire::{Caller, Purpose};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

const PURPOSE: Purpose = Purpose("kinesis page");
/// How long a token is taken, in milliseconds.
const LIFE_MS: u64 = 300_000;

/// The token for `page`, issued now.
pub(super) fn seal(kinesis: &Kinesis, caller: &Caller, page: &impl Serialize) -> Result<String> {
    let sealed = (kinesis.clock.now_ms(), &*caller.account, &*caller.region, page);
    let plain = serde_json::to_vec(&sealed).map_err(|_| errors::internal_failure())?;
    Ok(kinesis.sealer.seal(PURPOSE, &plain))
}

/// Account, region and stream that a client's token is about, whoever's it is; pages of streams say `stream`.
pub(crate) fn stream_of(kinesis: &Kinesis, token: &str) -> Option<(String, String, String)> {
    let plain = kinesis.sealer.open(PURPOSE, token)?;
    let (_, account, region, page): (u64, String, String, Value) = serde_json::from_slice(&plain).ok()?;
    let of_kind = page.as_object()?.values().next()?;
    Some((account, region, of_kind.get("stream")?.as_str()?.to_owned()))
}

/// The page a client's token asks for.
///
/// # Errors
/// The service's own, if it is no such token or has outlived its time.
pub(super) fn open<T: DeserializeOwned>(kinesis: &Kinesis, caller: &Caller, token: &str) -> Result<T> {
    let now_ms = kinesis.clock.now_ms();
    let plain = kinesis.sealer.open(PURPOSE, token).ok_or_else(errors::next_token_invalid)?;
    let parsed: std::result::Result<(u64, String, String, T), _> = serde_json::from_slice(&plain);
    let (issued_ms, account, region, page) = parsed.map_err(|_| errors::next_token_invalid())?;
    if (&*account, &*region) != (&*caller.account, &*caller.region) {
        return Err(errors::next_token_invalid());
    }
    if now_ms.saturating_sub(issued_ms) > LIFE_MS {
        return Err(errors::next_token_expired(issued_ms, now_ms));
    }
    Ok(page)
}
