//! Made-up and meddled-with iterators, page tokens and sequence numbers: AWS's own refusals, and no token but the genuine
//! one opens.
#![no_main]
use headwater_fuzz::services::{call, clock, kinesis, runtime};
use headwater_kinesis::{Kinesis, operations};
use headwater_log::memory::MemoryEngine;
use headwater_wire::ServiceError;
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;

#[derive(Arbitrary, Debug)]
enum Attempt {
    Token(Kind, String),
    Meddled { kind: Kind, at: u16, letter: u8, cut: u16 },
    Number(String),
    Digits(u128, u64),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Iterator,
    Shards,
    Consumers,
}

struct World {
    kinesis: Arc<Kinesis>,
    runtime: Runtime,
}

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = runtime();
    let kinesis = runtime.block_on(kinesis(MemoryEngine::new(Arc::new(clock())))).unwrap();
    let world = World { kinesis, runtime };
    world.call("CreateStream", json!({"StreamName": "s", "ShardCount": 2})).unwrap();
    world.call("PutRecord", json!({"StreamName": "s", "Data": "aGk=", "PartitionKey": "k"})).unwrap();
    for name in ["a", "b"] {
        world.call("RegisterStreamConsumer", json!({"StreamARN": ARN, "ConsumerName": name})).unwrap();
    }
    world
});

/// A token of each kind.
static GENUINE: LazyLock<[String; 3]> = LazyLock::new(|| {
    let horizon = json!({"StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"});
    [
        ("GetShardIterator", horizon, "ShardIterator"),
        ("ListShards", json!({"StreamName": "s", "MaxResults": 1}), "NextToken"),
        ("ListStreamConsumers", json!({"StreamARN": ARN, "MaxResults": 1}), "NextToken"),
    ]
    .map(|(name, input, token)| WORLD.call(name, input).unwrap()[token].as_str().unwrap().to_owned())
});

impl World {
    fn call(&self, name: &str, input: Value) -> Result<Value, ServiceError> {
        self.runtime.block_on(call(operations(), &self.kinesis, name, &input))
    }
}

impl Kind {
    fn genuine(self) -> &'static str {
        &GENUINE[self as usize]
    }

    fn open(self, token: &str) -> Result<Value, ServiceError> {
        match self {
            Self::Iterator => WORLD.call("GetRecords", json!({"ShardIterator": token})),
            Self::Shards => WORLD.call("ListShards", json!({"NextToken": token})),
            Self::Consumers => WORLD.call("ListStreamConsumers", json!({"StreamARN": ARN, "NextToken": token})),
        }
    }
}

/// What a caller may be told about a token or a sequence number of no worth.
const REFUSALS: [&str; 6] = [
    "ExpiredIteratorException",
    "ExpiredNextTokenException",
    "InvalidArgumentException",
    "ResourceNotFoundException",
    "SerializationException",
    "ValidationException",
];

fn read(kind: Kind, token: &str) {
    let genuine = kind.genuine();
    match kind.open(token) {
        Ok(_) => assert_eq!(token, genuine, "a token that was never handed out opens"),
        Err(refusal) => assert!(token != genuine && REFUSALS.contains(&refusal.code), "{refusal}"),
    }
}

fn iterate(number: &str) {
    let input = json!({
        "StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": number,
    });
    if let Err(refusal) = WORLD.call("GetShardIterator", input) {
        // AWS itself answers the number 0 with a fault of its own making.
        assert!(REFUSALS.contains(&refusal.code) || number == "0", "{refusal}");
    }
}

fuzz_target!(|attempt: Attempt| match attempt {
    Attempt::Token(kind, token) => read(kind, &token),
    Attempt::Meddled { kind, at, letter, cut } => {
        let mut token = kind.genuine().to_owned().into_bytes();
        let at = at as usize % token.len();
        token[at] = letter & 0x7f;
        token.truncate(token.len() - cut as usize % 8);
        read(kind, &String::from_utf8_lossy(&token));
    }
    Attempt::Number(number) => iterate(&number),
    Attempt::Digits(high, low) => iterate(&format!("{high}{low:018}")),
});
