//! Any entries of the logs that decisions and rows are kept in, and any rows: who opens them says that they cannot be read,
//! or serves what they say – the same to whoever opens them again – and is fit for use. The pieces of an input are whose
//! logs they are, then entries behind the digits of their logs, and rows behind an r and the digits of their spaces.
#![no_main]
use bytes::Bytes;
use headwater_dynamodb::{DynamoDb, LOG, SPACES, take_snapshot, write_snapshot};
use headwater_fuzz::{
    pieces,
    services::{Recorder, call, clock, dynamodb, kinesis, runtime},
};
use headwater_kinesis::Kinesis;
use headwater_log::{
    Engine, LogId,
    kv::{Batch, Kv, MemoryKv, Space},
    memory::MemoryEngine,
};
use headwater_wire::Row;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::{Arc, LazyLock};

type History = Vec<(LogId, Bytes)>;
/// Operations and what they are asked.
type Asked = &'static [(&'static str, &'static str)];

const STREAMS: Asked = &[
    ("CreateStream", r#"{"StreamName":"s","ShardCount":2,"Tags":{"a":"b"}}"#),
    ("PutRecord", r#"{"StreamName":"s","Data":"aGk=","PartitionKey":"k"}"#),
    ("SplitShard", r#"{"StreamName":"s","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"7"}"#),
    ("StartStreamEncryption", r#"{"StreamName":"s","EncryptionType":"KMS","KeyId":"alias/aws/kinesis"}"#),
    ("PutRecord", r#"{"StreamName":"s","Data":"aG8=","PartitionKey":"k"}"#),
    ("RegisterStreamConsumer", r#"{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s","ConsumerName":"c"}"#),
    ("IncreaseStreamRetentionPeriod", r#"{"StreamName":"s","RetentionPeriodHours":48}"#),
    ("CreateStream", r#"{"StreamName":"t","StreamModeDetails":{"StreamMode":"ON_DEMAND"}}"#),
    ("DeleteStream", r#"{"StreamName":"t"}"#),
];
const STREAMS_SHOWN: Asked = &[
    ("ListStreams", "{}"),
    ("DescribeStream", r#"{"StreamName":"s"}"#),
    ("DescribeStreamSummary", r#"{"StreamName":"s"}"#),
    ("ListShards", r#"{"StreamName":"s"}"#),
    ("ListTagsForStream", r#"{"StreamName":"s"}"#),
    ("ListStreamConsumers", r#"{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s"}"#),
    ("DescribeAccountSettings", "{}"),
];
const STREAMS_USED: Asked = &[
    ("CreateStream", r#"{"StreamName":"new","ShardCount":1}"#),
    ("PutRecord", r#"{"StreamName":"new","Data":"aGk=","PartitionKey":"k"}"#),
];
const TABLES: Asked = &[
    (
        "CreateTable",
        r#"{"TableName":"tab","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"h","KeyType":"HASH"},
        {"AttributeName":"r","KeyType":"RANGE"}],"AttributeDefinitions":[{"AttributeName":"h","AttributeType":"S"},
        {"AttributeName":"r","AttributeType":"N"},{"AttributeName":"g","AttributeType":"S"}],
        "GlobalSecondaryIndexes":[{"IndexName":"idx","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],
        "Projection":{"ProjectionType":"ALL"}}],"StreamSpecification":{"StreamEnabled":true,
        "StreamViewType":"NEW_AND_OLD_IMAGES"}}"#,
    ),
    ("UpdateTimeToLive", r#"{"TableName":"tab","TimeToLiveSpecification":{"Enabled":true,"AttributeName":"e"}}"#),
    ("PutItem", r#"{"TableName":"tab","Item":{"h":{"S":"a"},"r":{"N":"1"},"g":{"S":"x"},"e":{"N":"9"}}}"#),
    ("PutItem", r#"{"TableName":"tab","Item":{"h":{"S":"a"},"r":{"N":"2"},"m":{"M":{"a":{"L":[{"SS":["b"]}]}}}}}"#),
    ("UpdateItem", r#"{"TableName":"tab","Key":{"h":{"S":"a"},"r":{"N":"2"}},"UpdateExpression":"SET n = m.a[0]"}"#),
    ("DeleteItem", r#"{"TableName":"tab","Key":{"h":{"S":"a"},"r":{"N":"1"}}}"#),
    (
        "TagResource",
        r#"{"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/tab","Tags":[{"Key":"a","Value":"b"}]}"#,
    ),
];
const TABLES_SHOWN: Asked = &[
    ("ListTables", "{}"),
    ("DescribeTable", r#"{"TableName":"tab"}"#),
    ("DescribeTimeToLive", r#"{"TableName":"tab"}"#),
    ("Scan", r#"{"TableName":"tab"}"#),
    ("Scan", r#"{"TableName":"tab","IndexName":"idx"}"#),
    ("GetItem", r#"{"TableName":"tab","Key":{"h":{"S":"a"},"r":{"N":"2"}}}"#),
    ("ListStreams", "{}"),
];
const TABLES_USED: Asked = &[
    (
        "CreateTable",
        r#"{"TableName":"new","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],
        "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}]}"#,
    ),
    ("PutItem", r#"{"TableName":"new","Item":{"k":{"S":"a"}}}"#),
    ("GetItem", r#"{"TableName":"new","Key":{"k":{"S":"a"}}}"#),
];

/// What operations answer, but for the sentences of refusals.
async fn ask<S>(rows: fn() -> Vec<Row<S>>, service: &Arc<S>, asked: Asked) -> Vec<Result<Value, &'static str>> {
    let mut answers = Vec::new();
    for (name, body) in asked {
        let input: Value = serde_json::from_str(body).unwrap();
        answers.push(call(rows(), service, name, &input).await.map_err(|refusal| refusal.code));
    }
    answers
}

static OF_STREAMS: LazyLock<History> = LazyLock::new(|| {
    let engine = Recorder::new();
    runtime().block_on(async {
        let kinesis = kinesis(engine.clone()).await.unwrap();
        let answers = ask(headwater_kinesis::operations, &kinesis, STREAMS).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    });
    engine.entries()
});

static OF_TABLES: LazyLock<History> = LazyLock::new(|| {
    let engine = Recorder::new();
    runtime().block_on(async {
        let kv = Arc::new(MemoryKv::new());
        let dynamodb = dynamodb(engine.clone(), kv.clone()).await.unwrap();
        let answers = ask(headwater_dynamodb::operations, &dynamodb, TABLES).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        write_snapshot(&*engine, kv).await.unwrap();
    });
    engine.entries()
});

/// The logs that services write their entries to, and that of snapshots, which stands beside that of decisions.
fn logs(history: &History) -> Vec<LogId> {
    let mut logs: Vec<LogId> = history.iter().map(|(log, _)| *log).collect();
    logs.push(LogId::new(history[0].0.group, 1));
    logs.sort();
    logs.dedup();
    logs
}

/// The number that a piece begins with, below a bound, and what stands behind it.
fn numbered(piece: &[u8], bound: usize) -> Option<(usize, &[u8])> {
    let (digit, rest) = piece.split_first()?;
    Some((usize::from(digit.wrapping_sub(b'0')) % bound, rest))
}

/// The entries on an engine.
async fn written(history: &History, pieces: &[&[u8]]) -> Arc<dyn Engine> {
    let (engine, logs): (Arc<dyn Engine>, _) = (MemoryEngine::new(Arc::new(clock())), logs(history));
    for piece in pieces.iter().filter(|piece| !piece.starts_with(b"r")) {
        if let Some((log, entry)) = numbered(piece, logs.len()) {
            engine.append(logs[log], vec![Bytes::copy_from_slice(entry)]).await.unwrap();
        }
    }
    engine
}

/// The rows; no store takes one without a key.
fn rows(pieces: &[&[u8]]) -> Batch {
    let mut batch = Batch::default();
    for piece in pieces.iter().filter_map(|piece| piece.strip_prefix(b"r")) {
        let Some((space, row)) = numbered(piece, SPACES.len()) else { continue };
        let at = row.iter().position(|byte| *byte == b'=').unwrap_or(row.len());
        if at > 0 {
            let value = row.get(at + 1..).unwrap_or_default();
            batch.put(Space(space as u8), row[..at].to_vec(), Bytes::copy_from_slice(value));
        }
    }
    batch
}

/// Whatever is used after what made it could be made, does its work.
fn assert_fit(answers: &[Result<Value, &'static str>]) {
    assert!(answers[0].is_err() || answers.iter().all(Result::is_ok), "{answers:?}");
}

async fn streams(history: &History, pieces: &[&[u8]]) {
    let engine = written(history, pieces).await;
    let all: fn() -> Vec<Row<Kinesis>> = headwater_kinesis::operations;
    let Ok(one) = kinesis(engine.clone()).await else { return };
    let shown = ask(all, &one, STREAMS_SHOWN).await;
    drop(one);
    let other = kinesis(engine).await.unwrap();
    assert_eq!(ask(all, &other, STREAMS_SHOWN).await, shown);
    assert_fit(&ask(all, &other, STREAMS_USED).await);
}

async fn tables(history: &History, pieces: &[&[u8]]) {
    let engine = written(history, pieces).await;
    let all: fn() -> Vec<Row<DynamoDb>> = headwater_dynamodb::operations;
    let kv = Arc::new(MemoryKv::new());
    if dynamodb(engine.clone(), kv.clone()).await.is_err() {
        return;
    }
    kv.write(rows(pieces)).unwrap();
    let Ok(one) = dynamodb(engine.clone(), kv.clone()).await else { return };
    let shown = ask(all, &one, TABLES_SHOWN).await;
    drop(one);
    let other = dynamodb(engine, kv).await.unwrap();
    assert_eq!(ask(all, &other, TABLES_SHOWN).await, shown);
    if pieces.iter().all(|piece| !piece.starts_with(b"r")) {
        assert_fit(&ask(all, &other, TABLES_USED).await);
    }
}

/// A log that begins behind its first entry, and the snapshot that stands for it.
async fn snapshot(history: &History, pieces: &[&[u8]]) {
    let (engine, kv) = (written(history, pieces).await, Arc::new(MemoryKv::new()));
    engine.trim(LOG, engine.bounds(LOG).first.next()).await.unwrap();
    if take_snapshot(&*engine, &*kv).await.is_ok()
        && let Ok(dynamodb) = dynamodb(engine, kv).await
    {
        let _ = ask(headwater_dynamodb::operations, &dynamodb, TABLES_SHOWN).await;
    }
}

fuzz_target!(|input: &[u8]| {
    let pieces = pieces(input);
    // A history is made by a runtime of its own.
    match pieces[0] {
        b"streams" => runtime().block_on(streams(LazyLock::force(&OF_STREAMS), &pieces[1..])),
        b"tables" => runtime().block_on(tables(LazyLock::force(&OF_TABLES), &pieces[1..])),
        b"snapshot" => runtime().block_on(snapshot(LazyLock::force(&OF_TABLES), &pieces[1..])),
        _ => {}
    }
});
