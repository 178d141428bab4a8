//! Strings of JSON: where one ends, and what it says. Invariant: what is read as text is UTF-8, and every control character in
//! it was escaped.
use std::borrow::Cow;

use memchr::memchr2;

use crate::SerializationFault;

const MALFORMED: SerializationFault = SerializationFault::MALFORMED;

/// A string without its quotes, as yet neither unescaped nor checked.
pub(super) struct Quoted<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) escapes: bool,
    /// It is known to have no control characters.
    is_printed: bool,
}

impl<'a> Quoted<'a> {
    /// The string whose first quote stands before `input`.
    pub(super) fn at(input: &'a [u8]) -> Result<Self, SerializationFault> {
        let (mut at, mut escapes) = (0, false);
        loop {
            let rest = input.get(at..).ok_or(MALFORMED)?;
            let near = near(rest);
            let found = near.or_else(|| memchr2(b'"', b'\\', rest)).ok_or(MALFORMED)?;
            match rest.get(found) {
                Some(b'"') => {
                    let bytes = input.get(..at + found).ok_or(MALFORMED)?;
                    return Ok(Self { bytes, escapes, is_printed: near.is_some() && !escapes });
                }
                Some(b'\\') => escapes = true,
                _ => return Err(MALFORMED),
            }
            at += found + 2;
        }
    }

    /// What it says.
    pub(super) fn text(&self) -> Result<Cow<'a, str>, SerializationFault> {
        // A branch per byte would be slower than looking at all of them.
        if !self.is_printed && self.bytes.iter().fold(false, |bad, byte| bad | (*byte < b' ')) {
            return Err(MALFORMED);
        }
        let text = std::str::from_utf8(self.bytes).map_err(|_| MALFORMED)?;
        if self.escapes { unescape(text).map(Cow::Owned) } else { Ok(Cow::Borrowed(text)) }
    }
}

/// Where the first quote, backslash or control character of the next sixteen bytes stands. Most strings are shorter, and
/// are at their end before a search over vectors has begun.
fn near(rest: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // The first byte with its highest bit set in what comes out is the first below `bound`; behind it there may be others.
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word & (ONES << 7);
    let equal = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let (words, _) = rest.as_chunks::<8>();
    words.iter().take(2).enumerate().find_map(|(at, word)| {
        let word = u64::from_le_bytes(*word);
        let found = equal(word, b'"') | equal(word, b'\\') | below(word, b' ');
        (found != 0).then(|| at * 8 + found.trailing_zeros() as usize / 8)
    })
}

fn unescape(text: &str) -> Result<String, SerializationFault> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut letters = escaped.chars();
        out.push(match letters.next().ok_or(MALFORMED)? {
            c @ ('"' | '\\' | '/') => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unicode_escape(&mut letters)?,
            _ => return Err(MALFORMED),
        });
        rest = letters.as_str();
    }
    out.push_str(rest);
    Ok(out)
}

/// The character of the four hexadecimal digits that come next; of twice four if they are the halves of a pair.
fn unicode_escape(letters: &mut std::str::Chars<'_>) -> Result<char, SerializationFault> {
    let unit = hex(letters)?;
    let unit = if (0xD800..0xDC00).contains(&unit) {
        if letters.next() != Some('\\') || letters.next() != Some('u') {
            return Err(MALFORMED);
        }
        let low = hex(letters)?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(MALFORMED);
        }
        0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
    } else {
        unit
    };
    char::from_u32(unit).ok_or(MALFORMED)
}

fn hex(letters: &mut std::str::Chars<'_>) -> Result<u32, SerializationFault> {
    (0..4).try_fold(0, |unit, _| {
        let digit = letters.next().and_then(|letter| letter.to_digit(16)).ok_or(MALFORMED)?;
        Ok(unit << 4 | digit)
    })
}
