//! Made-up and meddled-with iterators and sequence numbers: AWS's own refusals, and no token but the genuine one opens.
#![no_main]
use bytes::Bytes;
use headwater_keys::{KeyStore, MasterKey};
use headwater_kinesis::{Kinesis, KinesisParts, KinesisSettings, operations};
use headwater_log::{clock::ManualClock, memory::MemoryEngine};
use headwater_wire::{Answer, Caller, Dialect, Everybody, ServiceError};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use std::sync::{Arc, LazyLock};
use tokio::runtime::{Builder, Runtime};

#[derive(Arbitrary, Debug)]
enum Attempt {
    Token(String),
    Meddled { at: u16, letter: u8, cut: u16 },
    Number(String),
    Digits(u128, u64),
}

struct World {
    kinesis: Arc<Kinesis>,
    runtime: Runtime,
    genuine: String,
}

/// 32 zeros.
const MASTER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().unwrap();
    let clock = Arc::new(ManualClock::at(1_767_225_600_000));
    let parts = KinesisParts {
        engine: MemoryEngine::new(clock.clone()),
        clock,
        entropy: Arc::new(|| 0x5eed_5eed_5eed_5eed_5eed_5eed_5eed_5eed),
        keys: Arc::new(KeyStore::new(&MasterKey::parse(MASTER_KEY).unwrap(), Vec::new()).unwrap()),
        access: Arc::new(Everybody),
        settings: KinesisSettings::default(),
    };
    let kinesis = runtime.block_on(Kinesis::open(parts)).unwrap();
    let mut world = World { kinesis, runtime, genuine: String::new() };
    world.call("CreateStream", r#"{"StreamName":"s","ShardCount":1}"#).unwrap();
    world.call("PutRecord", r#"{"StreamName":"s","Data":"aGk=","PartitionKey":"k"}"#).unwrap();
    let horizon = r#"{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}"#;
    let reply = world.call("GetShardIterator", horizon).unwrap();
    world.genuine = reply.split('"').nth(3).unwrap().to_owned();
    world
});

impl World {
    fn call(&self, name: &str, body: &str) -> Result<String, ServiceError> {
        let row = operations().into_iter().find(|row| row.name == name).unwrap();
        let caller = Caller::root("000000000000", "us-east-1", "AKIDEXAMPLE");
        let body = Bytes::copy_from_slice(body.as_bytes());
        let reply = (row.call)(self.kinesis.clone(), caller, Dialect::Json11, &body);
        self.runtime.block_on(reply).map(|answer| match answer {
            Answer::Whole(body) => String::from_utf8(body).unwrap(),
            Answer::Events(_) => unreachable!("{name} answers at once"),
        })
    }
}

/// What a caller may be told about an iterator or a sequence number of no worth.
const REFUSALS: [&str; 5] = [
    "ExpiredIteratorException",
    "InvalidArgumentException",
    "ResourceNotFoundException",
    "SerializationException",
    "ValidationException",
];

fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|letter| match letter {
        '"' | '\\' => format!("\\{letter}"),
        letter if letter.is_control() => format!("\\u{:04x}", u32::from(letter)),
        letter => letter.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn read(token: &str) {
    let genuine = &WORLD.genuine;
    match WORLD.call("GetRecords", &format!(r#"{{"ShardIterator":{}}}"#, quoted(token))) {
        Ok(_) => assert_eq!(token, genuine, "a token that was never handed out opens"),
        Err(refusal) => assert!(token != genuine && REFUSALS.contains(&refusal.code), "{refusal}"),
    }
}

fn iterate(number: &str) {
    let head = r#"{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"AT_SEQUENCE_NUMBER""#;
    let reply = WORLD.call("GetShardIterator", &format!(r#"{head},"StartingSequenceNumber":{}}}"#, quoted(number)));
    if let Err(refusal) = reply {
        // AWS itself answers the number 0 with a fault of its own making.
        assert!(REFUSALS.contains(&refusal.code) || number == "0", "{refusal}");
    }
}

fuzz_target!(|attempt: Attempt| match attempt {
    Attempt::Token(token) => read(&token),
    Attempt::Meddled { at, letter, cut } => {
        let mut token = WORLD.genuine.clone().into_bytes();
        let at = at as usize % token.len();
        token[at] = letter & 0x7f;
        token.truncate(token.len() - cut as usize % 8);
        read(&String::from_utf8_lossy(&token));
    }
    Attempt::Number(number) => iterate(&number),
    Attempt::Digits(high, low) => iterate(&format!("{high}{low:018}")),
});
