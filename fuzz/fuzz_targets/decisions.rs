//! Logs of decisions, of snapshots, and rows with changed entries: who opens them says that they cannot be read, or serves
//! what they say – the same to whoever opens them again – and is fit for use.
#![no_main]
use bytes::Bytes;
use headwater_dynamodb::DynamoDb;
use headwater_fuzz::services::{Recorder, call, clock, dynamodb, kinesis, runtime};
use headwater_kinesis::Kinesis;
use headwater_log::{
    Engine, LogId,
    kv::{Batch, Kv, MemoryKv, Space},
    memory::MemoryEngine,
};
use headwater_wire::Row;
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

#[derive(Arbitrary, Debug)]
struct Attempt<'a> {
    is_kinesis: bool,
    harms: Vec<Harm<'a>>,
}

/// What befalls the entry with the given number, or the rows.
#[derive(Arbitrary, Debug)]
enum Harm<'a> {
    Set { entry: u8, at: u16, byte: u8 },
    Cut { entry: u8, at: u16 },
    Write { entry: u8, bytes: &'a [u8] },
    Twice { entry: u8 },
    Gone { entry: u8 },
    Row { space: u8, key: &'a [u8], value: &'a [u8] },
}

type History = Vec<(LogId, Bytes)>;
/// Spaces of rows.
const SPACES: u8 = 4;
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
        let dynamodb = dynamodb(engine.clone(), Arc::new(MemoryKv::new())).await.unwrap();
        let answers = ask(headwater_dynamodb::operations, &dynamodb, TABLES).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    });
    engine.entries()
});

/// The history with all harm done, on an engine.
async fn written(history: &History, harms: &[Harm<'_>]) -> Arc<dyn Engine> {
    let mut history = history.clone();
    for harm in harms {
        if history.is_empty() {
            break;
        }
        let len = history.len();
        let place = |entry: u8| usize::from(entry) % len;
        match *harm {
            Harm::Set { entry, at, byte } => {
                let held = &mut history[place(entry)].1;
                let mut bytes = held.to_vec();
                let count = bytes.len().max(1);
                bytes.iter_mut().skip(usize::from(at) % count).take(1).for_each(|b| *b = byte);
                *held = bytes.into();
            }
            Harm::Cut { entry, at } => {
                let held = &mut history[place(entry)].1;
                held.truncate(usize::from(at) % held.len().max(1));
            }
            Harm::Write { entry, bytes } => history[place(entry)].1 = Bytes::copy_from_slice(bytes),
            Harm::Twice { entry } => history.push(history[place(entry)].clone()),
            Harm::Gone { entry } => drop(history.remove(place(entry))),
            Harm::Row { .. } => {}
        }
    }
    let engine: Arc<dyn Engine> = MemoryEngine::new(Arc::new(clock()));
    for (log, entry) in history {
        engine.append(log, vec![entry]).await.unwrap();
    }
    engine
}

/// Whatever is used after what made it could be made, does its work.
fn assert_fit(answers: &[Result<Value, &'static str>]) {
    assert!(answers[0].is_err() || answers.iter().all(Result::is_ok), "{answers:?}");
}

async fn streams(history: &History, harms: &[Harm<'_>]) {
    let engine = written(history, harms).await;
    let rows: fn() -> Vec<Row<Kinesis>> = headwater_kinesis::operations;
    let Ok(one) = kinesis(engine.clone()).await else { return };
    let shown = ask(rows, &one, STREAMS_SHOWN).await;
    drop(one);
    let other = kinesis(engine).await.unwrap();
    assert_eq!(ask(rows, &other, STREAMS_SHOWN).await, shown);
    assert_fit(&ask(rows, &other, STREAMS_USED).await);
}

async fn tables(history: &History, harms: &[Harm<'_>]) {
    let engine = written(history, harms).await;
    let rows: fn() -> Vec<Row<DynamoDb>> = headwater_dynamodb::operations;
    let kv = Arc::new(MemoryKv::new());
    let Ok(one) = dynamodb(engine.clone(), kv.clone()).await else { return };
    let shown = ask(rows, &one, TABLES_SHOWN).await;
    drop(one);
    let anew = dynamodb(engine.clone(), Arc::new(MemoryKv::new())).await.unwrap();
    assert_eq!(ask(rows, &anew, TABLES_SHOWN).await, shown);
    drop(anew);
    let mut batch = Batch::default();
    for harm in harms {
        if let Harm::Row { space, key, value } = harm
            && !key.is_empty()
        {
            batch.put(Space(space % SPACES), key.to_vec(), Bytes::copy_from_slice(value));
        }
    }
    kv.write(batch).unwrap();
    let Ok(other) = dynamodb(engine, kv).await else { return };
    let answers = ask(rows, &other, TABLES_SHOWN).await;
    if !harms.iter().any(|harm| matches!(harm, Harm::Row { .. })) {
        assert_eq!(answers, shown);
        assert_fit(&ask(rows, &other, TABLES_USED).await);
    }
}

fuzz_target!(|attempt: Attempt| {
    let harms = &attempt.harms[..attempt.harms.len().min(8)];
    // A history is made by a runtime of its own.
    if attempt.is_kinesis {
        runtime().block_on(streams(LazyLock::force(&OF_STREAMS), harms));
    } else {
        runtime().block_on(tables(LazyLock::force(&OF_TABLES), harms));
    }
});
