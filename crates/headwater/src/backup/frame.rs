//! A backup on its way: frames, one behind the other. Pure.
//!
//! Invariant: every frame stands under a checksum, and the last one says what all of them make together; so a stream that was
//! cut is never taken for a whole.
//!
//! A stream begins with [`MAGIC`]. A frame: checksum of all that follows in it (CRC32, 4 bytes), kind (1), length of the name
//! (2), a number (8), length of the bytes (4), the name, the bytes; numbers are little endian.
use super::{
    chunk::{Chunk, Name},
    reach::Before,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// What a stream begins with.
pub(crate) const MAGIC: [u8; 8] = *b"HWbacku1";
/// What it is called in HTTP.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.headwater.backup";
/// More than any frame has: a piece of a file, or a row and what stands before it.
const MAX_BYTES: usize = 64 << 20;
const HEAD: usize = 19;

/// One thing told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Frame {
    /// Bytes of a file from a place on; they follow those that were told of before or are known.
    Piece { file: String, at: u64, bytes: Bytes },
    /// The next piece of a space's rows.
    Rows { space: String, bytes: Bytes },
    /// The same, where whoever listens has it already.
    KnownRows { space: String, chunk: Chunk },
    /// All was told.
    End(Whole),
    /// No more will be told, and why.
    Broken(String),
}

/// What a backup consists of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Whole {
    /// All that was acknowledged before this time is in it; in milliseconds since the Unix epoch.
    pub(crate) time_ms: u64,
    /// Every file, and its length in bytes.
    pub(crate) files: Vec<(String, u64)>,
    /// Pieces of rows, over all spaces.
    pub(crate) row_chunks: u64,
    /// Of the time before, if the server keeps it.
    #[serde(default)]
    pub(crate) before: Option<Before>,
}

/// The bytes of a frame.
pub(crate) fn encode(frame: &Frame) -> Bytes {
    let json = |whole: &Whole| Bytes::from(serde_json::to_vec(whole).unwrap_or_default());
    let (kind, name, number, bytes) = match frame {
        Frame::Piece { file, at, bytes } => (1, file.as_str(), *at, bytes.clone()),
        Frame::Rows { space, bytes } => (2, space.as_str(), 0, bytes.clone()),
        Frame::KnownRows { space, chunk } => (3, space.as_str(), chunk.length, chunk.sha256.to_string().into()),
        Frame::End(whole) => (4, "", 0, json(whole)),
        Frame::Broken(why) => (5, "", 0, Bytes::copy_from_slice(why.as_bytes())),
    };
    let mut out = Vec::with_capacity(HEAD + name.len() + bytes.len());
    out.put_u32_le(0);
    out.put_u8(kind);
    // Names are those of files and spaces: a few letters.
    out.put_u16_le(u16::try_from(name.len()).unwrap_or(u16::MAX));
    out.put_u64_le(number);
    out.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put_slice(name.as_bytes());
    out.put_slice(&bytes);
    let checksum = crc32fast::hash(&out[4..]);
    out[..4].copy_from_slice(&checksum.to_le_bytes());
    out.into()
}

/// Takes a stream in, in whatever pieces it comes.
#[derive(Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
    has_begun: bool,
}

impl Decoder {
    /// Takes in what came next.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, if all of it is there.
    ///
    /// # Errors
    /// A sentence if it is damaged.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, String> {
        if !self.has_begun {
            let Some(magic) = self.buffer.first_chunk() else { return Ok(None) };
            if *magic != MAGIC {
                return Err("what came is no backup that this version can read".into());
            }
            self.buffer.advance(MAGIC.len());
            self.has_begun = true;
        }
        let Some(mut head) = self.buffer.get(..HEAD) else { return Ok(None) };
        let (checksum, kind, name_len) = (head.get_u32_le(), head.get_u8(), usize::from(head.get_u16_le()));
        let (number, bytes_len) = (head.get_u64_le(), head.get_u32_le() as usize);
        if bytes_len > MAX_BYTES {
            return Err(damaged());
        }
        let len = HEAD + name_len + bytes_len;
        if self.buffer.len() < len {
            self.buffer.reserve(len - self.buffer.len());
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(len).freeze();
        if crc32fast::hash(&frame[4..]) != checksum {
            return Err(damaged());
        }
        frame.advance(HEAD);
        let name = String::from_utf8(frame.split_to(name_len).into()).map_err(|_| damaged())?;
        read(kind, name, number, frame).map(Some).ok_or_else(damaged)
    }
}

fn damaged() -> String {
    "what came was damaged on its way".into()
}

fn read(kind: u8, name: String, number: u64, bytes: Bytes) -> Option<Frame> {
    let text = |bytes: Bytes| String::from_utf8(bytes.into()).ok();
    Some(match kind {
        1 => Frame::Piece { file: name, at: number, bytes },
        2 => Frame::Rows { space: name, bytes },
        3 => {
            let sha256 = Name::try_from(text(bytes)?).ok()?;
            Frame::KnownRows { space: name, chunk: Chunk { sha256, length: number } }
        }
        4 => Frame::End(serde_json::from_slice(&bytes).ok()?),
        5 => Frame::Broken(text(bytes)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from);
        let frame = prop_oneof![
            ("[a-z/]{0,20}", any::<u64>(), bytes()).prop_map(|(file, at, bytes)| Frame::Piece { file, at, bytes }),
            ("[a-z]{1,9}", bytes()).prop_map(|(space, bytes)| Frame::Rows { space, bytes }),
            ("[a-z]{1,9}", bytes()).prop_map(|(space, bytes)| Frame::KnownRows { space, chunk: Chunk::of(&bytes) }),
            (any::<u64>(), proptest::collection::vec(("[a-z]{1,9}", any::<u64>()), 0..4), any::<u64>()).prop_map(
                |(time_ms, files, row_chunks)| {
                    let before =
                        Some(Before { line: "a".into(), reaches_ms: time_ms / 2, tells_rows: time_ms % 2 == 0 });
                    Frame::End(Whole { time_ms, files, row_chunks, before: before.filter(|_| row_chunks % 2 == 0) })
                }
            ),
            ".{0,20}".prop_map(Frame::Broken),
        ];
        proptest::collection::vec(frame, 1..6)
    }

    fn stream(frames: &[Frame]) -> Vec<u8> {
        [&MAGIC[..], &frames.iter().map(encode).collect::<Vec<_>>().concat()].concat()
    }

    fn decode(stream: &[u8], step: usize) -> Result<Vec<Frame>, String> {
        let (mut decoder, mut found) = (Decoder::default(), Vec::new());
        for bytes in stream.chunks(step) {
            decoder.push(bytes);
            while let Some(frame) = decoder.next()? {
                found.push(frame);
            }
        }
        Ok(found)
    }

    proptest! {
        #[test]
        fn frames_come_back_in_whatever_pieces(frames in frames(), step in 1..700_usize) {
            prop_assert_eq!(decode(&stream(&frames), step), Ok(frames));
        }

        #[test]
        fn a_stream_that_is_cut_or_damaged_gives_no_frame_too_many(
            frames in frames(),
            at in any::<proptest::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let whole = stream(&frames);
            let at = at.index(whole.len());
            let cut = decode(&whole[..at], 64).unwrap();
            prop_assert!(cut.len() < frames.len() && frames.starts_with(&cut));
            let mut damaged = whole;
            damaged[at] ^= 1 << bit;
            if let Ok(found) = decode(&damaged, 64) {
                prop_assert!(found.len() < frames.len() && frames.starts_with(&found));
            }
        }
    }
}
