//! DeleteStream.
use serde_json::json;

use super::common_chapters;
use crate::{
    calls::until,
    kinds::Kind,
    sentences::{arn, no_stream, no_such_shard, shard_id},
    server::{Server, shared},
};

common_chapters!(
    "DeleteStream",
    [("StreamName", Kind::Text), ("StreamARN", Kind::Text), ("EnforceConsumerDeletion", Kind::Boolean)],
    json!({})
);

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("DeleteStream", &json!({}));
}

fn vanishes(aws: &Server, stream: &str) {
    let input = json!({"StreamName": stream});
    until("it is gone", || aws.post("DescribeStream", input.to_string().as_bytes()).status == 400);
    aws.refuses("DescribeStream", input, "ResourceNotFoundException", &no_stream(stream));
}

#[test]
fn function_the_stream_its_iterators_and_its_records_go() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.put(&stream, "a", "old");
    let iterator = aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON");
    aws.done("DeleteStream", json!({"StreamName": stream}));
    vanishes(&aws, &stream);
    let read = json!({"ShardIterator": iterator});
    let gone = no_such_shard(&shard_id(0), &stream);
    aws.refuses("GetRecords", read, "ResourceNotFoundException", &gone);
    aws.done("CreateStream", json!({"StreamName": stream, "ShardCount": 1}));
    aws.settles(&stream);
    assert_eq!(aws.texts(&stream, &shard_id(0)), Vec::<String>::new(), "a new stream of the old name is empty");
    aws.put(&stream, "a", "new");
    assert_eq!(aws.texts(&stream, &shard_id(0)), ["new"]);
}

#[test]
fn function_an_iterator_of_a_deleted_stream_does_not_read_its_namesake() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.put(&stream, "a", "old");
    let iterator = aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON");
    aws.done("DeleteStream", json!({"StreamName": stream}));
    vanishes(&aws, &stream);
    aws.done("CreateStream", json!({"StreamName": stream, "ShardCount": 1}));
    aws.settles(&stream);
    let reply = aws.post("GetRecords", json!({"ShardIterator": iterator}).to_string().as_bytes());
    assert!(reply.status < 500, "{}", reply.text());
    assert!(!reply.text().contains(&crate::calls::base64(b"old")), "{}", reply.text());
}

#[test]
fn function_by_arn_and_with_consumer_deletion() {
    let aws = shared();
    let (first, second) = (aws.stream(1), aws.stream(1));
    aws.done("DeleteStream", json!({"StreamARN": arn(&first)}));
    aws.done("DeleteStream", json!({"StreamName": second, "EnforceConsumerDeletion": true}));
    vanishes(&aws, &first);
    vanishes(&aws, &second);
}
