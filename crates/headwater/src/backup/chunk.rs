//! Pieces of bytes, each known by the SHA-256 of what it is, and rows cut into such pieces.
//!
//! Invariant: whether a piece of rows ends behind a row depends on that row alone, so that what changes in one place leaves
//! all other pieces what they were.
use bytes::{Buf, BufMut, Bytes};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, mem};

/// How large a piece of rows is on average …
const ROWS_BYTES: u64 = 256 << 10;
/// … and at most, but for one row.
const MAX_ROWS_BYTES: usize = 4 << 20;
/// The two lengths before a row.
const ROW_HEAD: usize = 8;
/// Spreads a checksum's bits; the odd number next to 2⁶⁴ divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a piece is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Name([u8; 32]);

impl Name {
    /// The name of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no SHA-256: 64 hexadecimal digits in small letters");
        let mut name = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != name.len() || !rest.is_empty() {
            return Err(wrong());
        }
        for (byte, pair) in name.iter_mut().zip(pairs) {
            let digit = |at: u8| char::from(at).to_digit(16).filter(|_| !at.is_ascii_uppercase());
            let value = digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high * 16 + low);
            *byte = value.and_then(|value| u8::try_from(value).ok()).ok_or_else(wrong)?;
        }
        Ok(Self(name))
    }
}

/// A piece that is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Chunk {
    pub(crate) sha256: Name,
    /// In bytes.
    pub(crate) length: u64,
}

impl Chunk {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { sha256: Name::of(bytes), length: bytes.len() as u64 }
    }
}

/// Rows on their way into pieces.
#[derive(Default)]
pub(crate) struct Cutter(Vec<u8>);

impl Cutter {
    /// Adds a row; the piece that ends with it, if one does.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> Option<Bytes> {
        let (Ok(key_len), Ok(value_len)) = (u32::try_from(key.len()), u32::try_from(value.len())) else {
            return None; // no store has such rows
        };
        self.0.put_u32_le(key_len);
        self.0.put_u32_le(value_len);
        self.0.put_slice(key);
        self.0.put_slice(value);
        let row_bytes = (ROW_HEAD + key.len() + value.len()) as u64;
        let draw = u64::from(crc32fast::hash(key)).wrapping_mul(SPREAD) >> 32;
        // The larger the row, the likelier: so pieces are as large whether rows are small or not.
        let ends = draw * ROWS_BYTES < row_bytes << 32 || self.0.len() >= MAX_ROWS_BYTES;
        ends.then(|| mem::take(&mut self.0).into())
    }

    /// What is left.
    pub(crate) fn finish(self) -> Option<Bytes> {
        (!self.0.is_empty()).then(|| self.0.into())
    }
}

/// The rows of a piece, key and value; nothing if it is none.
pub(crate) fn rows(mut piece: Bytes) -> Option<Vec<(Bytes, Bytes)>> {
    let mut rows = Vec::new();
    while !piece.is_empty() {
        let key_len = piece.try_get_u32_le().ok()? as usize;
        let value_len = piece.try_get_u32_le().ok()? as usize;
        if piece.len() < key_len.checked_add(value_len)? {
            return None;
        }
        rows.push((piece.split_to(key_len), piece.split_to(value_len)));
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn cut(rows: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<Bytes> {
        let mut cutter = Cutter::default();
        let mut pieces: Vec<Bytes> = rows.filter_map(|(key, value)| cutter.push(&key, &value)).collect();
        pieces.extend(cutter.finish());
        pieces
    }

    fn table(count: u64, value_bytes: usize) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        (0..count).map(move |number| (number.to_be_bytes().to_vec(), number.to_le_bytes().repeat(value_bytes / 8)))
    }

    #[test]
    fn rows_come_back_in_pieces_of_about_the_same_size() {
        for (count, value_bytes) in [(100_000, 100), (20_000, 1_000), (200, 200_000)] {
            let pieces = cut(table(count, value_bytes));
            let bytes: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
            let mean = bytes / pieces.len() as u64;
            assert!((ROWS_BYTES / 3..ROWS_BYTES * 3).contains(&mean), "{value_bytes}: {mean} bytes a piece");
            let back: Vec<_> = pieces.into_iter().flat_map(|piece| rows(piece).unwrap()).collect();
            assert!(back.into_iter().eq(table(count, value_bytes).map(|(key, value)| (key.into(), value.into()))));
        }
        assert_eq!(rows(Bytes::from_static(b"\x01\0\0\0\xff\xff\xff\xffk")), None);
    }

    #[test]
    fn a_change_touches_its_own_piece_alone() {
        let names = |rows: &mut dyn Iterator<Item = (Vec<u8>, Vec<u8>)>| -> BTreeSet<Name> {
            cut(rows).iter().map(|piece| Name::of(piece)).collect()
        };
        let before = names(&mut table(50_000, 200));
        let changed = names(&mut table(50_000, 200).map(|(key, value)| {
            let value = if key == 30_000_u64.to_be_bytes() { vec![7; 200] } else { value };
            (key, value)
        }));
        let removed = names(&mut table(50_000, 200).skip(1));
        assert!(before.len() > 20);
        assert_eq!((changed.difference(&before).count(), removed.difference(&before).count()), (1, 1));
    }

    #[test]
    fn a_name_is_written_in_one_way() {
        let name = Name::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(name.to_string(), text);
        assert_eq!(Name::try_from(text.to_owned()), Ok(name));
        for wrong in ["", "../../etc", &text.to_uppercase(), &text[1..], &format!("{text}00")] {
            assert!(Name::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
