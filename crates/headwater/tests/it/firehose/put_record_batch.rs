//! PutRecordBatch.
use serde_json::{Value, json};

use super::{delivery_stream, target, wants_a_name};
use crate::{kinds::Kind, server::shared};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members =
        [("DeliveryStreamName", Kind::Text), ("Records", Kind::List(&Kind::Structure(&[("Data", Kind::Blob)])))];
    shared().refuses_other_kinds(&target("PutRecordBatch"), &members);
}

#[test]
fn validation_of_the_name_and_of_the_number_of_records() {
    let aws = shared();
    wants_a_name(&aws, "PutRecordBatch", &json!({"Records": [{"Data": ""}]}));
    for count in [0, 501] {
        let records: Vec<Value> = (0..count).map(|_| json!({"Data": ""})).collect();
        let input = json!({"DeliveryStreamName": "x", "Records": records});
        let (code, body) = aws.error(&target("PutRecordBatch"), &input);
        assert_eq!(code, "ValidationException", "{body}");
        assert!(body["message"].as_str().is_some_and(|text| text.contains("at 'records' failed")), "{body}");
    }
}

#[test]
fn function_an_answer_for_each_record_in_order() {
    let aws = shared();
    let name = delivery_stream(&aws);
    let records: Vec<Value> = (0..500).map(|_| json!({"Data": "YQ=="})).collect();
    let put = aws.ok(&target("PutRecordBatch"), json!({"DeliveryStreamName": name, "Records": records}));
    assert_eq!((&put["FailedPutCount"], &put["Encrypted"]), (&json!(0), &json!(false)));
    let answers = put["RequestResponses"].as_array().expect("a list");
    assert_eq!(answers.len(), 500);
    let mut ids: Vec<&str> = answers.iter().filter_map(|answer| answer["RecordId"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 500);
}

#[test]
fn function_four_mebibytes_and_no_more() {
    let aws = shared();
    let name = delivery_stream(&aws);
    let data = base64_simd::STANDARD.encode_to_string(vec![b'x'; 1_000_000]);
    let of = |count: usize| json!({"DeliveryStreamName": name, "Records": vec![json!({"Data": data}); count]});
    aws.ok(&target("PutRecordBatch"), of(4));
    let sentence = "Records size exceeds 4 MB limit";
    aws.refuses(&target("PutRecordBatch"), of(5), "InvalidArgumentException", sentence);
}
