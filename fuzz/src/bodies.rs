//! One body, decoded as inputs of every make: flat, nested, recursive. Whatever it is, the answer is a value or one of
//! the two errors a body can have; and what decodes is also well formed. A structure that is kept as text comes back.
use bytes::Bytes;
use headwater_wire::{
    Dialect, Input, Service, ServiceError, Structure, cloudwatch::put_metric_data, decode, dynamodb, encode_error,
    firehose, glue, kinesis, of_text, to_text, well_formed,
};
use std::fmt::Debug;

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
    check_decoded(dialect, &body, put_metric_data(dialect, &body));
}

/// Reads `text` as what is kept of delivery streams and tables.
pub fn read_what_is_kept(text: &str) {
    check_kept::<firehose::DataFormatConversionConfiguration>(text);
    check_kept::<firehose::ProcessingConfiguration>(text);
    check_kept::<glue::TableInput>(text);
}

fn check_kept<T: Structure + PartialEq + Debug>(text: &str) {
    if let Ok(structure) = of_text::<T>(text) {
        assert_eq!(of_text(&to_text(&structure)), Ok(structure));
    }
}

fn check<I: Input>(dialect: Dialect, body: &Bytes) {
    check_decoded(dialect, body, decode::<I>(dialect, body));
}

fn check_decoded<T>(dialect: Dialect, body: &Bytes, decoded: Result<T, ServiceError>) {
    match decoded {
        Ok(_) => assert!(well_formed(dialect, body).is_ok(), "decoded, yet not well formed"),
        Err(refusal) => {
            let code = refusal.code;
            assert!(["SerializationException", "ValidationException"].contains(&code), "{refusal}");
            assert!(!encode_error(dialect, Service::Kinesis, &refusal).is_empty());
        }
    }
}
