//! Shard iterators: where a reader stands in a shard, sealed.
//!
//! Invariant: an iterator is taken for exactly 300,000 ms, for the stream's life it was made in, wherever it was made.
//! Its length is the service's: 152 bytes and 16 more for each 16 characters of the stream's name (at most 512
//! characters of base64). What is sealed (little endian): issue time (8), incarnation (16), shard (4), place (8), then
//! name, account and region, each behind its length (1), then zeros.
use crate::errors::{self, Result};
use headwater_log::Seq;
use headwater_wire::{Purpose, Sealer, TOKEN_OVERHEAD_BYTES};

/// A reader's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Position<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) incarnation: u128,
    pub(crate) shard: u32,
    /// The next read begins here.
    pub(crate) seq: Seq,
}

const PURPOSE: Purpose = Purpose("kinesis iterator");
/// How long an iterator is taken, in milliseconds.
const LIFE_MS: u64 = 300_000;
const LEAST_BYTES: usize = 152;

/// The iterator for `position`, issued now.
pub(crate) fn seal(sealer: &Sealer, position: &Position<'_>, now_ms: u64) -> String {
    let mut plain = Vec::with_capacity(LEAST_BYTES + position.stream.len());
    plain.extend_from_slice(&now_ms.to_le_bytes());
    plain.extend_from_slice(&position.incarnation.to_le_bytes());
    plain.extend_from_slice(&position.shard.to_le_bytes());
    plain.extend_from_slice(&position.seq.0.to_le_bytes());
    for text in [position.stream, position.account, position.region] {
        // Names, accounts and regions are far shorter than 256 bytes.
        plain.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        plain.extend_from_slice(text.as_bytes());
    }
    let whole = LEAST_BYTES + (position.stream.len() + 2) / 16 * 16;
    let whole = whole.max((plain.len() + TOKEN_OVERHEAD_BYTES).next_multiple_of(16) + LEAST_BYTES % 16);
    plain.resize(whole - TOKEN_OVERHEAD_BYTES, 0);
    sealer.seal(PURPOSE, &plain)
}

/// An iterator opened; `position` tells where its reader stands.
pub(crate) struct Opened {
    plain: Vec<u8>,
}

/// Opens what a client sent as an iterator.
///
/// # Errors
/// The service's own, if it is none or has outlived its time.
pub(crate) fn open(sealer: &Sealer, token: &str, now_ms: u64) -> Result<Opened> {
    let plain = sealer.open(PURPOSE, token).ok_or_else(errors::iterator_invalid)?;
    let opened = Opened { plain };
    let (issued_ms, _) = opened.parse().ok_or_else(errors::iterator_invalid)?;
    if now_ms.saturating_sub(issued_ms) > LIFE_MS {
        return Err(errors::iterator_expired(issued_ms, now_ms));
    }
    Ok(opened)
}

impl Opened {
    /// Where its reader stands.
    ///
    /// # Errors
    /// None for what `open` returned; the compiler cannot know.
    pub(crate) fn position(&self) -> Result<Position<'_>> {
        self.parse().map(|(_, position)| position).ok_or_else(errors::iterator_invalid)
    }

    fn parse(&self) -> Option<(u64, Position<'_>)> {
        let (issued_ms, rest) = self.plain.split_first_chunk::<8>()?;
        let (incarnation, rest) = rest.split_first_chunk::<16>()?;
        let (shard, rest) = rest.split_first_chunk::<4>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let (stream, rest) = text(rest)?;
        let (account, rest) = text(rest)?;
        let (region, _) = text(rest)?;
        let position = Position {
            account,
            region,
            stream,
            incarnation: u128::from_le_bytes(*incarnation),
            shard: u32::from_le_bytes(*shard),
            seq: Seq(u64::from_le_bytes(*seq)),
        };
        Some((u64::from_le_bytes(*issued_ms), position))
    }
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealer() -> Sealer {
        Sealer::new([1; 32], 2)
    }

    fn position(stream: &str) -> Position<'_> {
        let (account, region) = ("000000000000", "us-gov-northeast-1");
        Position { account, region, stream, incarnation: u128::MAX - 5, shard: 17, seq: Seq(1 << 40) }
    }

    #[test]
    fn an_iterator_lives_exactly_five_minutes() {
        let sealer = sealer();
        let token = seal(&sealer, &position("s"), 1_421_889_722_000);
        let last = open(&sealer, &token, 1_421_889_722_000 + LIFE_MS);
        assert_eq!(last.unwrap().position(), Ok(position("s")));
        let Err(refusal) = open(&sealer, &token, 1_421_889_722_000 + LIFE_MS + 1) else { panic!("expired") };
        assert_eq!(refusal.code, "ExpiredIteratorException");
        assert_eq!(
            refusal.message.unwrap(),
            "Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 UTC 2015 while right now it is Thu \
             Jan 22 01:27:02 UTC 2015 which is further in the future than the tolerated delay of 300000 milliseconds."
        );
    }

    #[test]
    fn what_is_no_iterator_is_refused() {
        let Err(refusal) = open(&sealer(), "AAAAAAAAAAE=", 0) else { panic!("garbage") };
        assert_eq!(refusal, errors::iterator_invalid());
    }

    proptest! {
        #[test]
        fn iterators_are_shaped_like_the_services(stream in "[a-zA-Z0-9_.-]{1,128}") {
            let sealer = sealer();
            let token = seal(&sealer, &position(&stream), 5);
            let bytes = base64_simd::STANDARD.decode_to_vec(&token).unwrap();
            prop_assert_eq!(bytes.len(), 152 + (stream.len() + 2) / 16 * 16);
            prop_assert!(token.len() <= 512 && bytes.starts_with(&[0, 0, 0, 0, 0, 0, 0, 1]));
            let opened = open(&sealer, &token, 5).unwrap();
            prop_assert_eq!(opened.position(), Ok(position(&stream)));
        }
    }
}
