//! Shard iterators: where a reader stands in a shard, sealed behind the stream's ARN.
//!
//! Invariant: an iterator is taken for exactly 15 minutes, for the stream it was made for. It is `<arn>|1|<token>`; what
//! is sealed (little endian): issue time, stream, shard, decision (8 each), change (2).
use crate::{
    errors::{self, Result},
    stream::Place,
};
use bytes::{Buf, BufMut};
use headwater_wire::{Purpose, Sealer};

const PURPOSE: Purpose = Purpose("dynamodb streams iterator");
/// How long an iterator is taken, in milliseconds.
const LIFE_MS: u64 = 900_000;
const SEPARATOR: &str = "|1|";

/// A reader's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Position {
    /// The stream's id.
    pub(super) stream: u64,
    /// The shard's first decision.
    pub(super) shard: u64,
    /// The next read begins here.
    pub(super) place: Place,
}

/// The ARN that `iterator` begins with, if it is one.
pub(super) fn arn(iterator: &str) -> &str {
    iterator.split('|').next().unwrap_or_default()
}

/// The iterator for a position in the stream with this ARN, issued now.
pub(super) fn seal(sealer: &Sealer, arn: &str, position: Position, now_ms: u64) -> String {
    let mut plain = Vec::with_capacity(34);
    plain.put_u64_le(now_ms);
    plain.put_u64_le(position.stream);
    plain.put_u64_le(position.shard);
    plain.put_u64_le(position.place.decision);
    plain.put_u16_le(position.place.change);
    [arn, SEPARATOR, &sealer.seal(PURPOSE, &plain)].concat()
}

/// Opens what a client sent as an iterator: the stream's ARN, and where its reader stands.
///
/// # Errors
/// The service's own, if it is none or has outlived its time.
pub(super) fn open<'a>(sealer: &Sealer, iterator: &'a str, now_ms: u64) -> Result<(&'a str, Position)> {
    let (arn, token) = iterator.split_once(SEPARATOR).ok_or_else(errors::iterator_invalid)?;
    let plain = sealer.open(PURPOSE, token).ok_or_else(errors::iterator_invalid)?;
    let (issued_ms, position) = parse(&plain).ok_or_else(errors::iterator_invalid)?;
    if now_ms.saturating_sub(issued_ms) > LIFE_MS {
        return Err(errors::iterator_expired());
    }
    Ok((arn, position))
}

fn parse(mut plain: &[u8]) -> Option<(u64, Position)> {
    let issued_ms = plain.try_get_u64_le().ok()?;
    let stream = plain.try_get_u64_le().ok()?;
    let shard = plain.try_get_u64_le().ok()?;
    let decision = plain.try_get_u64_le().ok()?;
    let change = plain.try_get_u16_le().ok()?;
    Some((issued_ms, Position { stream, shard, place: Place { decision, change } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/abc/stream/2015-05-20T20:51:10.252";

    #[test]
    fn an_iterator_lives_exactly_fifteen_minutes_behind_its_streams_arn() {
        let sealer = Sealer::new([1; 32], 2);
        let position = Position { stream: 7, shard: 3, place: Place { decision: 1 << 40, change: 999 } };
        let iterator = seal(&sealer, ARN, position, 1_000);
        assert!(iterator.starts_with(&format!("{ARN}|1|AAAAAAAAAA")), "{iterator}");
        assert_eq!(arn(&iterator), ARN);
        assert_eq!(open(&sealer, &iterator, 1_000 + LIFE_MS), Ok((ARN, position)));
        assert_eq!(open(&sealer, &iterator, 1_001 + LIFE_MS), Err(errors::iterator_expired()));
        for bad in ["", ARN, "a|1|b", &iterator[..iterator.len() - 4], &iterator.replace("|1|", "|2|")] {
            assert_eq!(open(&sealer, bad, 1_000), Err(errors::iterator_invalid()), "{bad}");
        }
    }
}
