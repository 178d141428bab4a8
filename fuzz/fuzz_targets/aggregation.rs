//! Any bytes as the message of an aggregate, under the digest it needs: a plain record, or user records that are slices
//! of it, no more than it has room for – and put together again they are the same.
#![no_main]
use bytes::Bytes;
use headwater_aggregation::{Aggregate, aggregate, deaggregate};
use libfuzzer_sys::fuzz_target;
use md5::{Digest, Md5};

/// What a record takes at least: its field, its length, the index of its key, its data.
const RECORD_BYTES: usize = 6;

fuzz_target!(|message: &[u8]| {
    let data = Bytes::from([b"\xf3\x89\x9a\xc2", message, Md5::digest(message).as_slice()].concat());
    let Some(records) = deaggregate(&data) else { return };
    assert!(!records.is_empty() && records.len() * RECORD_BYTES <= message.len());
    let inside = data.as_ptr_range();
    let mut again = Aggregate::default();
    for record in &records {
        let tags = record.tags.iter().flat_map(|(key, value)| [Some(key), value.as_ref()]).flatten();
        for part in tags.chain([&record.partition_key, &record.data]).filter(|part| !part.is_empty()) {
            assert!(inside.contains(&part.as_ptr()), "a copy");
        }
        let expected = again.size_bytes() + again.growth_bytes(record);
        again.push(record);
        assert_eq!(again.size_bytes(), expected);
    }
    assert_eq!(again.finish(), aggregate(&records));
    assert_eq!(deaggregate(&aggregate(&records)), Some(records));
});
