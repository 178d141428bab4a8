//! One body, decoded as inputs of every make: flat, nested, recursive. Whatever it is, the answer is a value or one of
//! the two errors a body can have; and what decodes is also well formed.
use bytes::Bytes;
use headwater_wire::{Dialect, Input, Service, decode, dynamodb, encode_error, firehose, kinesis, well_formed};

/// Decodes `body` as every input here.
pub fn decode_every_input(dialect: Dialect, body: &[u8]) {
    let body = Bytes::copy_from_slice(body);
    check::<kinesis::PutRecordInput>(dialect, &body);
    check::<kinesis::PutRecordsInput>(dialect, &body);
    check::<kinesis::GetRecordsInput>(dialect, &body);
    check::<kinesis::GetShardIteratorInput>(dialect, &body);
    check::<kinesis::ListShardsInput>(dialect, &body);
    check::<kinesis::CreateStreamInput>(dialect, &body);
    check::<kinesis::AddTagsToStreamInput>(dialect, &body);
    check::<dynamodb::PutItemInput>(dialect, &body);
    check::<firehose::CreateDeliveryStreamInput>(dialect, &body);
}

fn check<I: Input>(dialect: Dialect, body: &Bytes) {
    match decode::<I>(dialect, body) {
        Ok(_) => assert!(well_formed(dialect, body).is_ok(), "decoded, yet not well formed"),
        Err(refusal) => {
            let code = refusal.code;
            assert!(["SerializationException", "ValidationException"].contains(&code), "{refusal}");
            assert!(!encode_error(dialect, Service::Kinesis, &refusal).is_empty());
        }
    }
}
