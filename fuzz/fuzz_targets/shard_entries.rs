//! Any bytes among the entries of a shard's log: records are read as they were put, in order, up to the first marker;
//! what is none is passed over or is a record of its own bytes.
#![no_main]
use bytes::Bytes;
use headwater_fuzz::services::{Recorder, call, kinesis, runtime};
use headwater_kinesis::{Kinesis, operations};
use headwater_log::{Engine, LogId};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Arbitrary, Debug)]
struct Shard<'a> {
    is_encrypted: bool,
    entries: Vec<&'a [u8]>,
    page: u8,
}

/// The first byte of the marker behind which nothing belongs to the shard.
const MARKER: u8 = 2;
/// What of an entry is not of its data at least.
const HEAD_BYTES: usize = 4;

async fn put(kinesis: &Arc<Kinesis>, number: usize) -> Value {
    let data = base64_simd::STANDARD.encode_to_string(number.to_string());
    let input = json!({"StreamName": "s", "PartitionKey": "k", "Data": data});
    call(operations(), kinesis, "PutRecord", &input).await.unwrap();
    data.into()
}

/// The data of all that is read, and whether the shard has ended.
async fn read(kinesis: &Arc<Kinesis>, limit: u8) -> (Vec<Value>, bool) {
    let start = json!({"StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"});
    let mut at = call(operations(), kinesis, "GetShardIterator", &start).await.unwrap()["ShardIterator"].take();
    let mut found = Vec::new();
    loop {
        let mut page =
            call(operations(), kinesis, "GetRecords", &json!({"ShardIterator": at, "Limit": limit})).await.unwrap();
        found.extend(page["Records"].as_array_mut().unwrap().iter_mut().map(|record| record["Data"].take()));
        at = page["NextShardIterator"].take();
        if at.is_null() || page["MillisBehindLatest"] == 0 {
            return (found, at.is_null());
        }
    }
}

async fn check(shard: &Shard<'_>) {
    let engine = Recorder::new();
    let kinesis = kinesis(engine.clone()).await.unwrap();
    call(operations(), &kinesis, "CreateStream", &json!({"StreamName": "s", "ShardCount": 1})).await.unwrap();
    if shard.is_encrypted {
        let input = json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"});
        call(operations(), &kinesis, "StartStreamEncryption", &input).await.unwrap();
    }
    let mut genuine = vec![put(&kinesis, 0).await];
    let log: LogId = engine.entries().last().unwrap().0;
    let (mut strange, mut is_over) = (Vec::new(), false);
    for (number, entry) in shard.entries.iter().take(30).enumerate() {
        engine.append(log, vec![Bytes::copy_from_slice(entry)]).await.unwrap();
        is_over |= entry.first() == Some(&MARKER);
        if !is_over {
            strange.push(*entry);
            genuine.push(put(&kinesis, number + 1).await);
        }
    }
    let (found, has_ended) = read(&kinesis, shard.page.max(1)).await;
    let mut rest = strange.into_iter();
    let mut next = genuine.into_iter().peekable();
    for data in found {
        if next.next_if_eq(&data).is_some() {
            continue;
        }
        let data = base64_simd::STANDARD.decode_to_vec(data.as_str().unwrap()).unwrap();
        let is_of =
            |entry: &[u8]| entry.len() >= data.len() + HEAD_BYTES && (shard.is_encrypted || entry.ends_with(&data));
        assert!(rest.any(is_of), "nobody wrote it, or out of order");
    }
    assert_eq!((next.next(), has_ended), (None, is_over && has_ended));
}

fuzz_target!(|shard: Shard| runtime().block_on(check(&shard)));
