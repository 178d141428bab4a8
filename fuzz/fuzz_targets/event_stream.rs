//! Any headers and payload as a message of an event stream, under the checksums it needs, and any bytes behind it: the
//! message comes out as it went in or is refused, and in pieces the same comes out as at once.
#![no_main]
use bytes::BytesMut;
use headwater_wire::event_stream::{FrameFault, Message, decode};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};

#[derive(Arbitrary, Debug)]
struct Stream<'a> {
    headers: &'a [u8],
    payload: &'a [u8],
    behind: &'a [u8],
    piece: u8,
}

/// What a message has beside headers and payload.
const FRAME_BYTES: usize = 16;
/// What a header has beside its name and value.
const HEADER_BYTES: usize = 4;

fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    let mut message = [length(FRAME_BYTES + headers.len() + payload.len()), length(headers.len())].concat();
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend([headers, payload].concat());
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message
}

/// Everything that comes out while it comes in by pieces of this size, and why no more does.
fn taken(stream: &[u8], piece: usize) -> (Vec<Message>, Option<FrameFault>) {
    let (mut buffer, mut messages) = (BytesMut::new(), Vec::new());
    for piece in stream.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match decode(&mut buffer) {
                Ok(None) => break,
                Ok(Some(message)) => messages.push(message),
                Err(fault) => return (messages, Some(fault)),
            }
        }
    }
    (messages, None)
}

fuzz_target!(|stream: Stream| {
    let whole = [&message(stream.headers, stream.payload), stream.behind].concat();
    let at_once = taken(&whole, whole.len());
    assert_eq!(taken(&whole, usize::from(stream.piece.max(1))), at_once);
    match at_once.0.first() {
        Some(Message { headers, payload }) => {
            let size = |(name, value): &(String, String)| HEADER_BYTES + name.len() + value.len();
            assert_eq!(headers.iter().map(size).sum::<usize>(), stream.headers.len());
            assert_eq!(payload, stream.payload);
        }
        None => assert_eq!(at_once.1, Some(FrameFault::Header)),
    }
});
