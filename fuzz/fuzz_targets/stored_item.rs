//! Any bytes as a stored item: refused, or an item that is the same when it is stored again or goes over the wire and
//! back, and nests no deeper than items may.
#![no_main]
use bytes::Bytes;
use headwater_dynamodb::value::{MAX_LEVELS, Value, decode, encode, read_item, size_bytes, write_item};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stored: &[u8]| {
    let Ok(item) = decode(Bytes::copy_from_slice(stored)) else { return };
    let mut again = Vec::new();
    encode(&item, &mut again);
    assert!(again.len() <= stored.len(), "stored in more bytes");
    assert_eq!(decode(again.into()).as_ref(), Ok(&item));
    assert!(item.values().all(|value| value.levels() <= MAX_LEVELS));
    // A type's byte stands for what every value counts at least; a digit pair takes a byte and counts one.
    assert!(size_bytes(&item) <= 4 * stored.len());
    assert_eq!(read_item(write_item(item.clone())).as_ref(), Ok(&item));
    let _ = Value::M(item).to_string();
});
