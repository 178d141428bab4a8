//! Sequence numbers: where a record stands, as the 56 decimal digits clients keep. Encoding and decoding are arithmetic.
//!
//! Invariant: along a shard they rise with the record's place in the log, a child's lie above its parents', and all
//! have the same length, so comparing them as strings orders them too. The 186 bits, highest first (bits):
//! `2` (2), shard creation in seconds (36), low digit of the shard's index (4), place + 1 (64), zero (8), arrival in
//! seconds (36), shard index (32), version `2` (4).
use headwater_log::Seq;
use std::str;

/// The place-field of a closed shard's last sequence number: above every record's.
const END_INDEX: u64 = 0x7fff_ffff_ffff_ffff;
const VERSION: u128 = 2;
/// Every number has this many digits.
const DIGITS: usize = 56;
/// Creation times from here on are no dates (the service refuses them).
const MAX_CREATED_SECS: u64 = 16_025_175_000;
/// Where the fields of the two words begin: `low` holds the lowest 128 bits.
mod shift {
    pub(super) const SHARD: u32 = 4;
    pub(super) const TIME: u32 = 36;
    pub(super) const INDEX: u32 = 80;
    pub(super) const NIBBLE_HIGH: u32 = 144 - 128;
    pub(super) const CREATED_HIGH: u32 = 148 - 128;
    pub(super) const LEAD_HIGH: u32 = 184 - 128;
}
const TIME_MASK: u64 = (1 << 36) - 1;

/// What identifies a shard within sequence numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ShardMark {
    /// When the shard was created, in seconds since the Unix epoch.
    pub(crate) created_secs: u64,
    /// The shard's index.
    pub(crate) shard: u32,
}

/// The number of the record at `seq` that arrived at `time_ms`.
pub(crate) fn of_record(mark: ShardMark, seq: Seq, time_ms: u64) -> String {
    encode(mark, seq.0 + 1, time_ms / 1000)
}

/// A number that reading goes on behind with what stands at `next` or later, at `time_ms`.
pub(crate) fn before(mark: ShardMark, next: Seq, time_ms: u64) -> String {
    encode(mark, next.0.min(END_INDEX), time_ms / 1000)
}

/// A shard's StartingSequenceNumber: below all its records.
pub(crate) fn start(mark: ShardMark) -> String {
    encode(mark, 0, mark.created_secs)
}

/// A closed shard's EndingSequenceNumber: above all its records.
pub(crate) fn end(mark: ShardMark, closed_secs: u64) -> String {
    encode(mark, END_INDEX, closed_secs)
}

fn encode(mark: ShardMark, index: u64, secs: u64) -> String {
    let low = u128::from(index & 0xffff_ffff_ffff) << shift::INDEX
        | u128::from(secs & TIME_MASK) << shift::TIME
        | u128::from(mark.shard) << shift::SHARD
        | VERSION;
    let high = 2 << shift::LEAD_HIGH
        | (mark.created_secs & TIME_MASK) << shift::CREATED_HIGH
        | u64::from(mark.shard & 0xf) << shift::NIBBLE_HIGH
        | index >> (128 - shift::INDEX);
    decimal(high, low)
}

/// `high · 2¹²⁸ + low` in [`DIGITS`] decimal digits.
fn decimal(high: u64, low: u128) -> String {
    const CHUNK: u128 = 10_u128.pow(19);
    let divide = |words: [u64; 3]| {
        let mut rest = 0_u128;
        let quotient = words.map(|word| {
            let dividend = rest << 64 | u128::from(word);
            rest = dividend % CHUNK;
            low_word(dividend / CHUNK)
        });
        (quotient, low_word(rest))
    };
    let (quotient, last) = divide([high, low_word(low >> 64), low_word(low)]);
    let ([_, _, first], middle) = divide(quotient);
    let mut digits = [b'0'; DIGITS];
    let (head, tail) = digits.split_at_mut(DIGITS - 38);
    let (body, tail) = tail.split_at_mut(19);
    for (chunk, mut value) in [(head, first), (body, middle), (tail, last)] {
        for digit in chunk.iter_mut().rev() {
            *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
            value /= 10;
        }
    }
    str::from_utf8(&digits).unwrap_or_default().to_owned()
}

#[expect(clippy::cast_possible_truncation, reason = "the low word is what is asked for")]
const fn low_word(value: u128) -> u64 {
    value as u64
}

/// A number as somebody sent it, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Parsed {
    /// 2 is today's; 0 and 1 were Kinesis's earlier layouts.
    pub(crate) version: u8,
    /// The creation time of the shard it belongs to.
    pub(crate) created_secs: u64,
    /// The shard index; negative where bit 31 was set.
    pub(crate) shard: i64,
    /// The place-field: 0 for the start of a shard, a record's place + 1 otherwise.
    index: u64,
    /// The time of arrival encoded.
    pub(crate) secs: u64,
}

impl Parsed {
    /// Reading from here delivers the record of this number and what follows.
    pub(crate) const fn at(&self) -> Seq {
        Seq(self.index.saturating_sub(1))
    }

    /// Reading from here delivers what follows the record of this number.
    pub(crate) const fn after(&self) -> Seq {
        Seq(self.index)
    }
}

/// Takes a decimal number apart; `None` if no layout of any version fits.
pub(crate) fn parse(text: &str) -> Option<Parsed> {
    let (mut high, low) = parse_decimal(text)?;
    if high == 0 && low >> 124 <= 1 {
        return Some(parse_first_layout(low));
    }
    if high >> shift::LEAD_HIGH != 2 {
        return None;
    }
    high &= (1 << shift::LEAD_HIGH) - 1;
    let created_secs = high >> shift::CREATED_HIGH & TIME_MASK;
    let shard_bits = u32::try_from(low >> shift::SHARD & 0xffff_ffff).unwrap_or_default();
    match low & 0xf {
        2 => {
            let index = (high & 0xffff) << 48 | low_word(low >> shift::INDEX);
            let shard = if shard_bits >> 31 == 1 { -i64::from(shard_bits) } else { i64::from(shard_bits) };
            let secs = low_word(low >> shift::TIME) & TIME_MASK;
            let parsed = Parsed { version: 2, created_secs, shard, index, secs };
            Some(parsed).filter(|_| index <= END_INDEX && created_secs < MAX_CREATED_SECS)
        }
        1 => {
            let secs = (high & 0xff) << 28 | low_word(low >> 100);
            Some(Parsed { version: 1, created_secs, shard: i64::from(shard_bits), index: 0, secs })
        }
        _ => None,
    }
}

/// Version 0, 32 hexadecimal digits: `1`, creation (9), 2 and 16 of unknown meaning, shard (4).
fn parse_first_layout(low: u128) -> Parsed {
    let created_secs = low_word(low >> 88) & TIME_MASK;
    let shard = u16::try_from(low & 0xffff).unwrap_or_default();
    Parsed { version: 0, created_secs, shard: i64::from(shard), index: 0, secs: 0 }
}

/// The number as its bits from 128 up and its lowest 128 bits; `None` if it has more than 192.
fn parse_decimal(text: &str) -> Option<(u64, u128)> {
    if text.is_empty() {
        return None;
    }
    let mut words = [0_u64; 3];
    for digit in text.bytes() {
        let mut carry = u128::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        for word in words.iter_mut().rev() {
            carry += u128::from(*word) * 10;
            *word = low_word(carry);
            carry >>= 64;
        }
        if carry != 0 {
            return None;
        }
    }
    let [high, middle, low] = words;
    Some((high, u128::from(middle) << 64 | u128::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MARK: ShardMark = ShardMark { created_secs: 1_417_000_000, shard: 5 };

    #[test]
    fn the_layout_is_the_services_to_the_digit() {
        // 2|054758840|5|0000000000000001|00|054758843|00000005|2 in hexadecimal
        assert_eq!(
            of_record(ShardMark { created_secs: 0x5475_8840, shard: 5 }, Seq(0), 0x5475_8843 * 1000),
            decimal(0x0205_4758_8405_0000, 0x0000_0000_0001_0005_4758_8430_0000_0052)
        );
        assert_eq!(decimal(1 << 57, 0).len(), DIGITS);
        assert_eq!(decimal(1 << 57, 0), "49039857307708443467467104868809893875799651909875269632");
    }

    #[test]
    fn ends_enclose_every_record_and_children_lie_above() {
        let record = of_record(MARK, Seq(7), 1_417_000_009_123);
        let end = end(MARK, 1_417_000_010);
        let child = start(ShardMark { created_secs: 1_417_000_011, shard: 6 });
        assert!(start(MARK) < of_record(MARK, Seq(0), 0) && record < end && end < child);
        assert!(end.len() == DIGITS && child.len() == DIGITS);
    }

    #[test]
    fn numbers_of_no_layout_are_refused() {
        assert_eq!(parse("0").map(|parsed| (parsed.version, parsed.shard)), Some((0, 0)));
        for text in ["", "12x", "99999999999999999999999999999999999999999999999999999999", &"9".repeat(129)] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&decimal(2 << 56 | 16_025_175_000 << 20, 2)), None, "no date");
        let negative = parse(&decimal(2 << 56, 0x8000_0000 << 4 | 2)).unwrap();
        assert_eq!(negative.shard, -2_147_483_648);
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(created_secs in 0..MAX_CREATED_SECS, shard in 0..1_u32 << 31,
                                       seq in 0..END_INDEX - 1, secs in 0..TIME_MASK) {
            let text = of_record(ShardMark { created_secs, shard }, Seq(seq), secs * 1000);
            prop_assert_eq!(text.len(), DIGITS);
            let parsed = parse(&text).unwrap();
            prop_assert_eq!(parsed, Parsed { version: 2, created_secs, shard: i64::from(shard), index: seq + 1, secs });
            prop_assert_eq!((parsed.at(), parsed.after()), (Seq(seq), Seq(seq + 1)));
        }

        #[test]
        fn numbers_rise_with_the_place(low in 0..END_INDEX - 1, by in 1..1_u64 << 40, secs in 0..TIME_MASK, later in 0..TIME_MASK) {
            let high = low.saturating_add(by).min(END_INDEX - 1);
            prop_assert!(low == high || of_record(MARK, Seq(low), secs * 1000) < of_record(MARK, Seq(high), later * 1000));
        }

        #[test]
        fn no_digits_make_it_panic(text in "[0-9]{1,130}") {
            let _ = parse(&text);
        }
    }
}
