//! What a backup consists of, made up: frames under the checksums they need come out in pieces as they do at once, and
//! are the same when they are told again; a manifest is believed only if all its names may be; rows are all of a piece or
//! none of it. The server is a program, so its modules are taken in by their paths.
#![no_main]
use bytes::Bytes;
use chunk::rows;
use frame::{Decoder, Frame, MAGIC, encode};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use manifest::{Backup, is_file};

#[allow(dead_code)]
#[path = "../../crates/headwater/src/backup/chunk.rs"]
mod chunk;
#[allow(dead_code)]
#[path = "../../crates/headwater/src/backup/frame.rs"]
mod frame;
#[allow(dead_code)]
#[path = "../../crates/headwater/src/backup/manifest.rs"]
mod manifest;
#[allow(dead_code)]
#[path = "../../crates/headwater/src/backup/reach.rs"]
mod reach;

#[derive(Arbitrary, Debug)]
enum Attempt<'a> {
    Frame { kind: u8, number: u64, name: &'a [u8], bytes: &'a [u8], behind: &'a [u8], piece: u8 },
    Manifest(&'a [u8]),
    Rows(&'a [u8]),
}

fn taken(stream: &[u8], piece: usize) -> (Vec<Frame>, Option<String>) {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    for piece in stream.chunks(piece) {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(None) => break,
                Ok(Some(frame)) => frames.push(frame),
                Err(why) => return (frames, Some(why)),
            }
        }
    }
    (frames, None)
}

fn framed(kind: u8, number: u64, name: &[u8], bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let name_length = u16::try_from(name.len()).unwrap().to_le_bytes();
    let rest = [&[kind][..], &name_length, &number.to_le_bytes(), &length, name, bytes].concat();
    [&crc32fast::hash(&rest).to_le_bytes()[..], &rest].concat()
}

fn manifest_of(text: &[u8]) {
    let Ok(backup) = serde_json::from_slice::<Backup>(text) else { return };
    let is_sound = backup.files.iter().all(|kept| is_file(&kept.name));
    match Backup::decode(&backup.encode()) {
        Ok(read) => assert!(is_sound && read == backup),
        Err(why) => assert!(!is_sound || why.contains("format"), "{why}"),
    }
    assert!(backup.files.iter().filter(|kept| is_file(&kept.name)).all(|kept| !kept.name.contains("..")));
}

fuzz_target!(|attempt: Attempt| match attempt {
    Attempt::Frame { kind, number, name, bytes, behind, piece } => {
        let stream = [&MAGIC[..], &framed(kind % 7, number, &name[..name.len().min(300)], bytes), behind].concat();
        let at_once = taken(&stream, stream.len());
        assert_eq!(taken(&stream, usize::from(piece.max(1))), at_once);
        let again: Vec<Bytes> = at_once.0.iter().map(encode).collect();
        assert_eq!(taken(&[&MAGIC[..], &again.concat()].concat(), 64), (at_once.0, None));
    }
    Attempt::Manifest(text) => manifest_of(text),
    Attempt::Rows(piece) => {
        if let Some(rows) = rows(Bytes::copy_from_slice(piece)) {
            let length = |part: &Bytes| u32::try_from(part.len()).unwrap().to_le_bytes();
            let row = |(key, value): &(Bytes, Bytes)| [&length(key)[..], &length(value), key, value].concat();
            assert_eq!(rows.iter().flat_map(row).collect::<Vec<_>>(), piece);
        }
    }
});
