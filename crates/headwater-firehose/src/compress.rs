//! The codecs of objects: what their bytes are framed in, and how the store is told.
//!
//! Invariant: what comes out, opened by any reader of the format, is the parts one after the other.
use bytes::Bytes;
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use headwater_wire::firehose::CompressionFormat;
use snap::raw::{Decoder, Encoder, max_compress_len};
use std::io::{self, Cursor, Read, Write};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// Of zlib's levels. On JSON records of 1 KiB, one core of a small cloud machine did 230 MB/s at level 1 (to 1/2.7 of
/// the size), 123 at 2 (1/3.6), 83 at 3 (1/3.8), 56 at 4 (1/4.1) and 19 at 6 (1/4.7): from 3 on each step costs more
/// than it saves, and an object must be made faster than records come in.
const DEFLATE_LEVEL: u32 = 2;
/// Bytes of a block of both framings of Snappy: what snappy-java takes where nothing else is said.
const SNAPPY_BLOCK: usize = 32 * 1024;
/// Compressed bytes are gathered in so many.
const CHUNK: usize = 256 * 1024;
/// What snappy-java begins with: a magic number, its version, and the oldest version that can read it.
const SNAPPY_JAVA_HEADER: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";

/// How an object is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Codec {
    /// As it is.
    Uncompressed,
    /// One member of RFC 1952.
    Gzip,
    /// An archive with one deflated entry.
    Zip,
    /// Blocks of Snappy as snappy-java frames them; not Snappy's own framing.
    Snappy,
    /// Blocks of Snappy as Hadoop frames them.
    HadoopSnappy,
}

impl From<CompressionFormat> for Codec {
    fn from(format: CompressionFormat) -> Self {
        match format {
            CompressionFormat::Uncompressed => Self::Uncompressed,
            CompressionFormat::Gzip => Self::Gzip,
            CompressionFormat::Zip => Self::Zip,
            CompressionFormat::Snappy => Self::Snappy,
            CompressionFormat::HadoopSnappy => Self::HadoopSnappy,
        }
    }
}

impl Codec {
    /// What keys end with, unless a destination has an extension of its own.
    #[must_use]
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Uncompressed => "",
            Self::Gzip => ".gz",
            Self::Zip => ".zip",
            // Both, whatever the documentation says of `.hsnappy`.
            Self::Snappy | Self::HadoopSnappy => ".snappy",
        }
    }

    /// What the store is told.
    #[must_use]
    pub(crate) const fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Uncompressed => None,
            Self::Gzip => Some("gzip"),
            Self::Zip => Some("zip"),
            Self::Snappy => Some("snappy-java"),
            Self::HadoopSnappy => Some("hadoop-snappy"),
        }
    }

    /// The parts one after the other, compressed, again in parts; the entry's name is for archives alone. Each part is let
    /// go as soon as it is compressed, so that both together take little more than the parts did.
    ///
    /// # Errors
    /// A codec's own; none is known for what fits into memory.
    pub(crate) fn compress(self, parts: Vec<Bytes>, entry_name: &str) -> io::Result<Vec<Bytes>> {
        match self {
            Self::Uncompressed => Ok(parts),
            Self::Gzip => {
                let encoder = GzEncoder::new(Chunks::default(), Compression::new(DEFLATE_LEVEL));
                Ok(written(encoder, parts)?.finish()?.end())
            }
            Self::Zip => {
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Deflated)
                    .compression_level(Some(DEFLATE_LEVEL.into()));
                let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
                archive.start_file(entry_name, options)?;
                Ok(vec![written(archive, parts)?.finish()?.into_inner().into()])
            }
            Self::Snappy => snappy(parts, SNAPPY_JAVA_HEADER, false),
            Self::HadoopSnappy => snappy(parts, b"", true),
        }
    }
}

/// Bytes in chunks, none of which is ever moved to make room for more.
#[derive(Default)]
struct Chunks {
    full: Vec<Bytes>,
    last: Vec<u8>,
}

impl Chunks {
    fn end(mut self) -> Vec<Bytes> {
        self.full.push(self.last.into());
        self.full
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.last.len() + bytes.len() > CHUNK {
            self.full.push(std::mem::take(&mut self.last).into());
        }
        if self.last.capacity() == 0 {
            self.last.reserve_exact(CHUNK.max(bytes.len()));
        }
        self.last.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written<W: Write>(mut writer: W, parts: Vec<Bytes>) -> io::Result<W> {
    for part in parts {
        writer.write_all(&part)?;
    }
    Ok(writer)
}

/// Blocks, each with its compressed length before it, and before that, if it is to be told, its length as it was.
fn snappy(parts: Vec<Bytes>, header: &[u8], tells_length: bool) -> io::Result<Vec<Bytes>> {
    let mut out = Chunks::default();
    out.write_all(header)?;
    let mut encoder = Encoder::new();
    let mut compressed = vec![0; max_compress_len(SNAPPY_BLOCK)];
    let mut push_block = |block: &[u8]| {
        let len = encoder.compress(block, &mut compressed)?;
        if tells_length {
            out.write_all(&be_len(block.len()))?;
        }
        out.write_all(&be_len(len))?;
        out.write_all(&compressed[..len])
    };
    let mut block = Vec::with_capacity(SNAPPY_BLOCK);
    for part in parts {
        let mut rest = part.as_ref();
        while !rest.is_empty() {
            let (taken, left) = rest.split_at(rest.len().min(SNAPPY_BLOCK - block.len()));
            block.extend_from_slice(taken);
            rest = left;
            if block.len() == SNAPPY_BLOCK {
                push_block(&block)?;
                block.clear();
            }
        }
    }
    if !block.is_empty() {
        push_block(&block)?;
    }
    Ok(out.end())
}

/// What was compressed, of lines of JSON: they begin with a brace, which none of the codecs' forms does.
///
/// # Errors
/// The codec's, and one of its own for what is larger than `most_bytes`.
pub(crate) fn open(packed: &[u8], most_bytes: usize) -> io::Result<Vec<u8>> {
    let bounded = |reader: &mut dyn Read| {
        let mut out = Vec::new();
        reader.take(most_bytes as u64 + 1).read_to_end(&mut out)?;
        if out.len() > most_bytes { Err(too_large()) } else { Ok(out) }
    };
    match packed {
        [] => Ok(Vec::new()),
        [b'{', ..] => bounded(&mut &*packed),
        [0x1f, 0x8b, ..] => bounded(&mut MultiGzDecoder::new(packed)),
        [b'P', b'K', ..] => bounded(&mut ZipArchive::new(Cursor::new(packed))?.by_index(0)?),
        _ => match packed.strip_prefix(SNAPPY_JAVA_HEADER) {
            Some(blocks) => unsnap(blocks, false, most_bytes),
            None => unsnap(packed, true, most_bytes),
        },
    }
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "what was compressed is too large to be opened here")
}

/// The way back from [`snappy`].
fn unsnap(mut blocks: &[u8], tells_length: bool, most_bytes: usize) -> io::Result<Vec<u8>> {
    let torn = || io::Error::new(io::ErrorKind::InvalidData, "the object is torn, or of a form that is not known");
    let mut out = Vec::new();
    while !blocks.is_empty() {
        if tells_length {
            blocks = blocks.get(4..).ok_or_else(torn)?;
        }
        let (len, rest) = blocks.split_first_chunk().ok_or_else(torn)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| torn())?;
        let (block, rest) = rest.split_at_checked(len).ok_or_else(torn)?;
        // What a block says that it holds is looked at before room is made for it.
        if out.len() + snap::raw::decompress_len(block)? > most_bytes {
            return Err(too_large());
        }
        out.extend(Decoder::new().decompress_vec(block)?);
        blocks = rest;
    }
    Ok(out)
}

/// No block comes near the bound.
fn be_len(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    const CODECS: [Codec; 5] = [Codec::Uncompressed, Codec::Gzip, Codec::Zip, Codec::Snappy, Codec::HadoopSnappy];

    fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(len);
        *bytes = rest;
        taken
    }

    fn take_len(bytes: &mut &[u8]) -> usize {
        u32::from_be_bytes(take(bytes, 4).try_into().unwrap()).try_into().unwrap()
    }

    fn take_block(bytes: &mut &[u8]) -> Vec<u8> {
        let len = take_len(bytes);
        snap::raw::Decoder::new().decompress_vec(take(bytes, len)).unwrap()
    }

    /// As snappy-java's `SnappyInputStream` reads.
    fn snappy_java(mut bytes: &[u8]) -> Vec<u8> {
        assert_eq!(take(&mut bytes, 8), b"\x82SNAPPY\0");
        assert_eq!((take_len(&mut bytes), take_len(&mut bytes)), (1, 1));
        let mut out = Vec::new();
        while !bytes.is_empty() {
            out.extend(take_block(&mut bytes));
        }
        out
    }

    /// As Hadoop's `BlockDecompressorStream` reads: a block is as many chunks as its length needs.
    fn hadoop_snappy(mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let end = out.len() + take_len(&mut bytes);
            while out.len() < end {
                out.extend(take_block(&mut bytes));
            }
            assert_eq!(out.len(), end);
        }
        out
    }

    fn opened(codec: Codec, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match codec {
            Codec::Uncompressed => out.extend(bytes),
            Codec::Gzip => drop(GzDecoder::new(bytes).read_to_end(&mut out).unwrap()),
            Codec::Zip => {
                let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
                assert_eq!(archive.len(), 1);
                let mut entry = archive.by_name("an-entry").unwrap();
                assert_eq!(entry.compression(), CompressionMethod::Deflated);
                entry.read_to_end(&mut out).unwrap();
            }
            Codec::Snappy => out = snappy_java(bytes),
            Codec::HadoopSnappy => out = hadoop_snappy(bytes),
        }
        out
    }

    fn parts() -> impl Strategy<Value = Vec<Bytes>> {
        let part = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            (any::<u8>(), 0..3 * SNAPPY_BLOCK).prop_map(|(byte, len)| vec![byte; len]),
        ];
        proptest::collection::vec(part.prop_map(Bytes::from), 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_opened_is_the_parts_one_after_the_other(parts in parts()) {
            for codec in CODECS {
                let compressed = codec.compress(parts.clone(), "an-entry").unwrap().concat();
                prop_assert_eq!(opened(codec, &compressed), parts.concat());
            }
        }
    }

    #[test]
    fn lines_are_opened_whatever_their_codec_and_never_beyond_a_size() {
        let lines = Bytes::from("{\"rawData\": \"eA==\"}\n".repeat(5_000));
        for codec in CODECS {
            let packed = codec.compress(vec![lines.clone()], "an-entry").unwrap().concat();
            assert_eq!(super::open(&packed, lines.len()).unwrap(), lines, "{codec:?}");
            assert!(super::open(&packed, lines.len() - 1).is_err(), "{codec:?}");
        }
        // A block that says it holds 4 GiB.
        let bomb = [&SNAPPY_JAVA_HEADER[..], &[0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
        assert!(super::open(&bomb, 1 << 20).is_err());
    }

    proptest! {
        #[test]
        fn noise_is_never_a_panic(noise in any::<Vec<u8>>()) {
            let _ = super::open(&noise, 1 << 20);
            let _ = super::open(&[&SNAPPY_JAVA_HEADER[..], &noise].concat(), 1 << 20);
        }
    }

    #[test]
    fn a_full_block_is_closed_and_none_is_empty() {
        let blocks = |len: usize| {
            let packed = snappy(vec![Bytes::from(vec![7; len])], b"", false).unwrap().concat();
            let mut bytes = &packed[..];
            let mut lens = Vec::new();
            while !bytes.is_empty() {
                lens.push(take_block(&mut bytes).len());
            }
            lens
        };
        assert!(blocks(0).is_empty());
        assert_eq!(blocks(SNAPPY_BLOCK), [SNAPPY_BLOCK]);
        assert_eq!(blocks(2 * SNAPPY_BLOCK + 1), [SNAPPY_BLOCK, SNAPPY_BLOCK, 1]);
    }

    #[test]
    fn the_store_is_told_what_the_service_tells_it() {
        let told = CODECS.map(|codec| (codec.extension(), codec.content_encoding()));
        let [plain, gzip, zip, snappy, hadoop] = told;
        assert_eq!(plain, ("", None));
        assert_eq!(gzip, (".gz", Some("gzip")));
        assert_eq!(zip, (".zip", Some("zip")));
        assert_eq!(snappy, (".snappy", Some("snappy-java")));
        assert_eq!(hadoop, (".snappy", Some("hadoop-snappy")));
    }
}
