//! The `application/x-amz-cbor-1.1` dialect of Java's Kinesis clients: blobs are byte strings, timestamps tag 1 with
//! milliseconds.
mod reader;
mod writer;

pub(crate) use reader::CborReader;
pub(crate) use writer::CborWriter;

/// RFC 8949's major types, as the upper three bits of an item's first byte.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const LIST: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const TAG: u8 = 6;
    pub(super) const SIMPLE: u8 = 7;
}

/// The lower five bits of a first byte whose item has no length, and of the byte that ends it.
const INDEFINITE: u8 = 31;
/// Ends an item without a length.
const BREAK: u8 = 0xff;
/// Simple values.
const FALSE: u8 = 20;
const TRUE: u8 = 21;
const NULL: u8 = 22;
const UNDEFINED: u8 = 23;
const HALF: u8 = 25;
const SINGLE: u8 = 26;
const DOUBLE: u8 = 27;
/// The tag of a point in time.
const TAG_TIME: u64 = 1;
