//! Delivery streams at work, on a clock that is moved on until all that was put is delivered.
use crate::{
    outside::{World, held},
    services::{call, clock, entropy, keys, runtime},
};
use base64_simd::STANDARD;
use headwater_firehose::{
    Firehose, FirehoseParts, FirehoseSettings, Share,
    glue::{self, Glue, GlueParts},
    operations, run_deliveries,
};
use headwater_log::{Engine, clock::ManualClock, memory::MemoryEngine};
use headwater_wire::{Everybody, ServiceError};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Runtime, sync::watch, task::yield_now};

/// A delivery stream that is not done by then stands still.
const TURNS: usize = 10_000;
/// Twice as long as the longest that buffers wait here.
const TURN_MS: u64 = 120_000;
/// Where objects of errors are, whatever a stream does.
const ERRORS: &str = "errors/";

/// Delivery streams, and all they need.
pub struct Works {
    runtime: Runtime,
    clock: ManualClock,
    world: Arc<World>,
    firehose: Arc<Firehose>,
    glue: Arc<Glue>,
    _share: watch::Sender<Share>,
}

/// What became of records.
#[derive(Debug)]
pub struct Delivered {
    /// Objects, by key.
    pub objects: Vec<(String, Vec<u8>)>,
    /// The data of records in objects of errors.
    pub failed: Vec<Vec<u8>>,
}

impl Delivered {
    /// What stands in the objects, one behind the other.
    pub fn body(&self) -> Vec<u8> {
        self.objects.iter().flat_map(|(_, body)| body.clone()).collect()
    }

    /// Whether what failed is of these, none of them twice.
    pub fn failed_of(&self, records: &[Vec<u8>]) -> bool {
        let mut rest: Vec<&Vec<u8>> = records.iter().collect();
        self.failed.iter().all(|failed| {
            let at = rest.iter().position(|record| *record == failed);
            at.map(|at| rest.swap_remove(at)).is_some()
        })
    }
}

impl Works {
    /// Without any delivery stream.
    pub fn open() -> Self {
        let (runtime, clock, world) = (runtime(), clock(), Arc::new(World::default()));
        let engine: Arc<dyn Engine> = MemoryEngine::new(Arc::new(clock.clone()));
        let (share, shared) = watch::channel(Share::whole());
        let (firehose, glue) = runtime.block_on(async {
            let (access, clock) = (Arc::new(Everybody), Arc::new(clock.clone()));
            let parts = GlueParts { engine: engine.clone(), clock: clock.clone(), access: access.clone() };
            let glue = Glue::open(parts).await.unwrap();
            let parts = FirehoseParts {
                engine,
                clock,
                entropy: entropy(),
                keys: keys(),
                access,
                settings: FirehoseSettings::default(),
                source: world.clone(),
                objects: world.clone(),
                functions: world.clone(),
                endpoints: world.clone(),
                glue: glue.clone(),
            };
            let firehose = Firehose::open(parts).await.unwrap();
            tokio::spawn(run_deliveries(firehose.clone(), shared));
            (firehose, glue)
        });
        Self { runtime, clock, world, firehose, glue, _share: share }
    }

    /// Calls an operation of Firehose's.
    pub fn call(&self, name: &str, input: Value) -> Result<Value, ServiceError> {
        self.runtime.block_on(call(operations(), &self.firehose, name, &input))
    }

    /// Makes a delivery stream to a bucket, with these settings.
    pub fn create(&self, name: &str, settings: Value) -> Result<Value, ServiceError> {
        let mut bucket = bucket();
        let (held, Value::Object(more)) = (bucket.as_object_mut().unwrap(), settings) else {
            unreachable!("an object")
        };
        held.extend(more);
        self.call(
            "CreateDeliveryStream",
            json!({"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": bucket}),
        )
    }

    /// Makes one to an endpoint.
    pub fn create_to_endpoint(&self, name: &str) {
        let destination = json!({
            "EndpointConfiguration": {"Url": "https://example.com/in"}, "RetryOptions": {"DurationInSeconds": 1},
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}, "S3Configuration": bucket(),
        });
        let input = json!({"DeliveryStreamName": name, "HttpEndpointDestinationConfiguration": destination});
        self.call("CreateDeliveryStream", input).unwrap();
    }

    /// Makes a table of a data catalog's database `d`.
    pub fn table(&self, name: &str, columns: &[(&str, &str)]) {
        let columns: Vec<Value> = columns.iter().map(|(name, kind)| json!({"Name": name, "Type": kind})).collect();
        let table = json!({"Name": name, "StorageDescriptor": {"Columns": columns}, "TableType": "EXTERNAL_TABLE"});
        for (operation, input) in [
            ("CreateDatabase", json!({"DatabaseInput": {"Name": "d"}})),
            ("CreateTable", json!({"DatabaseName": "d", "TableInput": table})),
        ] {
            // The database may be there.
            let _ = self.runtime.block_on(call(glue::operations(), &self.glue, operation, &input));
        }
    }

    /// What the function and the endpoint answer from now on.
    pub fn answer(&self, answer: &[u8]) {
        *held(&self.world.answer) = answer.to_vec();
    }

    /// Puts records into a delivery stream and has all of them delivered.
    pub fn deliver(&self, name: &str, records: &[Vec<u8>]) -> Delivered {
        let before = self.reading(name).0;
        let entries: Vec<Value> = records.iter().map(|data| json!({"Data": STANDARD.encode_to_string(data)})).collect();
        self.call("PutRecordBatch", json!({"DeliveryStreamName": name, "Records": entries})).unwrap();
        self.runtime.block_on(async {
            for turn in 0.. {
                for _ in 0..30 {
                    yield_now().await;
                }
                match self.reading(name) {
                    (read, 0) if read == before + records.len() as u64 => return,
                    _ => assert!(turn < TURNS, "{name} stands still"),
                }
                self.clock.advance(TURN_MS);
                // Something may be done on a thread of its own.
                if turn > 3 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        });
        let objects = std::mem::take(&mut *held(&self.world.objects));
        let (errors, objects): (Vec<_>, Vec<_>) = objects.into_iter().partition(|(key, _)| key.starts_with(ERRORS));
        Delivered { objects, failed: errors.iter().flat_map(|(_, body)| raw_data(body)).collect() }
    }

    /// How many records were read, and how many wait.
    fn reading(&self, name: &str) -> (u64, u64) {
        let reading = self.firehose.readings().into_iter().find(|reading| reading.name == name);
        reading.map_or((0, 0), |reading| (reading.reading.read_records, reading.reading.waiting.records))
    }
}

fn bucket() -> Value {
    json!({
        "RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::b",
        "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 1}, "ErrorOutputPrefix": ERRORS,
    })
}

/// The data of an object's lines.
fn raw_data(lines: &[u8]) -> Vec<Vec<u8>> {
    let lines = serde_json::Deserializer::from_slice(lines).into_iter::<Value>();
    lines.map(|line| STANDARD.decode_to_vec(line.unwrap()["rawData"].as_str().unwrap()).unwrap()).collect()
}
