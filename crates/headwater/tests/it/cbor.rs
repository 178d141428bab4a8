//! CBOR by the tests' own hand: every form a client may send, and a strict reading of what comes back.

/// A CBOR value; maps keep their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cbor {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(Vec<u8>),
    Text(String),
    List(Vec<Cbor>),
    Map(Vec<(String, Cbor)>),
    Tag(u64, Box<Cbor>),
}

use Cbor::{Bool, Bytes, Float, Int, List, Map, Null, Tag, Text};

impl Cbor {
    /// The member of a map.
    pub(crate) fn get(&self, member: &str) -> Option<&Self> {
        let Map(members) = self else { panic!("a map: {self:?}") };
        members.iter().find(|(name, _)| name == member).map(|(_, value)| value)
    }

    /// The text of a member that must be there.
    pub(crate) fn text(&self, member: &str) -> String {
        let Some(Text(text)) = self.get(member) else { panic!("text at {member}: {self:?}") };
        text.clone()
    }

    /// The list of a member that must be there.
    pub(crate) fn list(&self, member: &str) -> Vec<Self> {
        let Some(List(items)) = self.get(member) else { panic!("a list at {member}: {self:?}") };
        items.clone()
    }

    /// The shortest encoding, every length known.
    pub(crate) fn definite(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes, false);
        bytes
    }

    /// As Java's SDK writes it: maps and lists of unknown length, ended by a break.
    pub(crate) fn indefinite(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes, true);
        bytes
    }

    fn write(&self, out: &mut Vec<u8>, open: bool) {
        match self {
            Null => out.push(0xf6),
            Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
            Int(value) if *value >= 0 => head(out, 0, value.unsigned_abs()),
            Int(value) => head(out, 1, (value + 1).unsigned_abs()),
            Float(value) => {
                out.push(0xfb);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Bytes(bytes) => {
                head(out, 2, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Text(text) => {
                head(out, 3, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            List(items) => {
                start(out, 4, items.len(), open);
                items.iter().for_each(|item| item.write(out, open));
                end(out, open);
            }
            Map(members) => {
                start(out, 5, members.len(), open);
                for (name, value) in members {
                    Text(name.clone()).write(out, open);
                    value.write(out, open);
                }
                end(out, open);
            }
            Tag(tag, value) => {
                head(out, 6, *tag);
                value.write(out, open);
            }
        }
    }

    /// The one value `bytes` hold, and nothing after it.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let value = read(&mut rest).unwrap_or_else(|| panic!("no CBOR: {bytes:02x?}"));
        assert!(rest.is_empty(), "something after the value: {rest:02x?}");
        value
    }
}

/// A map from its members.
pub(crate) fn map<const N: usize>(members: [(&str, Cbor); N]) -> Cbor {
    Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

impl From<&str> for Cbor {
    fn from(text: &str) -> Self {
        Text(text.to_owned())
    }
}

fn start(out: &mut Vec<u8>, major: u8, length: usize, open: bool) {
    if open { out.push(major << 5 | 31) } else { head(out, major, length as u64) }
}

fn end(out: &mut Vec<u8>, open: bool) {
    if open {
        out.push(0xff);
    }
}

fn head(out: &mut Vec<u8>, major: u8, value: u64) {
    let bytes = value.to_be_bytes();
    let (code, width) = match value {
        0..24 => return out.push(major << 5 | bytes[7]),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | code);
    out.extend_from_slice(&bytes[8 - width..]);
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn argument(rest: &mut &[u8], low: u8) -> Option<u64> {
    let width = match low {
        0..24 => return Some(u64::from(low)),
        24..28 => 1 << (low - 24),
        _ => return None,
    };
    Some(take(rest, width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn is_break(rest: &mut &[u8]) -> bool {
    let found = rest.first() == Some(&0xff);
    if found {
        *rest = &rest[1..];
    }
    found
}

/// Up to `length` values, or as many as stand before the break.
fn several<T>(rest: &mut &[u8], length: Option<u64>, mut one: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let mut values = Vec::new();
    while length.map_or_else(|| !is_break(rest), |length| (values.len() as u64) < length) {
        values.push(one(rest)?);
    }
    Some(values)
}

fn read(rest: &mut &[u8]) -> Option<Cbor> {
    let first = *take(rest, 1)?.first()?;
    let (major, low) = (first >> 5, first & 31);
    if major == 7 {
        return match low {
            20 => Some(Bool(false)),
            21 => Some(Bool(true)),
            22 => Some(Null),
            26 => Some(Float(f64::from(f32::from_be_bytes(take(rest, 4)?.try_into().ok()?)))),
            27 => Some(Float(f64::from_be_bytes(take(rest, 8)?.try_into().ok()?))),
            _ => None,
        };
    }
    let length = if low == 31 { None } else { Some(argument(rest, low)?) };
    match major {
        0 => Some(Int(i64::try_from(length?).ok()?)),
        1 => Some(Int(-1 - i64::try_from(length?).ok()?)),
        2 => Some(Bytes(take(rest, usize::try_from(length?).ok()?)?.to_vec())),
        3 => Some(Text(String::from_utf8(take(rest, usize::try_from(length?).ok()?)?.to_vec()).ok()?)),
        4 => several(rest, length, read).map(List),
        5 => several(rest, length, |rest| {
            let Text(name) = read(rest)? else { return None };
            Some((name, read(rest)?))
        })
        .map(Map),
        _ => Some(Tag(length?, Box::new(read(rest)?))),
    }
}

#[test]
fn both_encodings_read_back() {
    let value = map([
        ("a", Int(-1_000_000)),
        ("b", Bytes(vec![7; 300])),
        ("c", List(vec![Null, Bool(true), Float(1.5), Tag(1, Box::new(Int(1)))])),
        ("d", map([("e", "text".into())])),
    ]);
    assert_eq!(Cbor::of(&value.definite()), value);
    assert_eq!(Cbor::of(&value.indefinite()), value);
}
