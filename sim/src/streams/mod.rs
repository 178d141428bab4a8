//! Kinesis on several processes: streams are made, split, merged, scaled and deleted, put to and read, on all of them at
//! once, while hours pass and records get old; consumers come and go, and shards are pushed to them.
mod fan_out;
mod reshard;
mod told;

use crate::{
    ask,
    asked::Outcome,
    cast::{Cast, Doing, Parts},
    chance::Chance,
};
use fan_out::{Shown, consumers, deregister, push, push_all, register};
use headwater_keys::{KeyStore, MasterKey};
use headwater_kinesis::{Entropy, Kinesis, KinesisParts, KinesisSettings, run_duties};
use headwater_log::{LogError, clock::Clock, shared::Shared};
use headwater_wire::{Dialect, ErrorKind, Everybody, Row, ServiceError};
use reshard::{merge, scale, split};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use told::{Put, Read, Shard, Told, View};

/// Partition keys, each with a hash key of its own.
const KEYS: u64 = 6;
/// The consumer that is registered in peace.
const LAST: &str = "last";

/// The operations, as they are served where others change what there is.
static ROWS: LazyLock<Vec<Row<Kinesis>>> = LazyLock::new(|| {
    // Where that cannot be read, they answer by what is known.
    let catch_up = |kinesis: Arc<Kinesis>| async move { kinesis.catch_up().await.unwrap_or_default() };
    headwater_kinesis::operations().into_iter().map(|row| row.among_others(catch_up)).collect()
});

/// A process: the service, and its clock.
#[derive(Clone)]
pub struct Service {
    kinesis: Arc<Kinesis>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
pub struct Streams {
    told: Told,
    /// How many names of streams were given.
    names: u64,
    puts: u64,
}

/// What came of a call.
pub enum Saw {
    Puts(Vec<(u64, Outcome<(u32, String)>)>),
    Admin { what: Admin, outcome: Outcome<()> },
    Read(Option<Read>),
    Pushed(Read, Vec<(u64, Outcome<(u32, String)>)>),
    Registered(u64, Outcome<String>),
    Deregistered(u64, Outcome),
    End(View),
}

/// What is done to streams.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admin {
    Create(String),
    Delete(String),
    Close(String, Vec<u32>),
    Other,
}

impl Cast for Streams {
    type Service = Service;
    type Saw = Saw;

    /// Once in a while hours: neither two nor three times as many are near to what records are kept for.
    const PASSES_MS: &[u64] = &[1, 100, 1000, 1000, 1500, 9 * 3_600_000];

    fn open(&mut self, Parts { engine, clock, chance, .. }: Parts) -> Doing<Result<Self::Service, LogError>> {
        let drawn = AtomicU64::new(0);
        let entropy: Entropy =
            Arc::new(move || u128::from(chance) << 64 | u128::from(chance ^ drawn.fetch_add(1, Relaxed)) | 1 << 127);
        let master = MasterKey::parse(&format!("{}=", "A".repeat(43))).expect("a key");
        let keys = Arc::new(KeyStore::new(&master, Vec::new()).expect("a store"));
        let (access, settings) = (Arc::new(Everybody), KinesisSettings::default());
        let parts = KinesisParts { engine, clock: Arc::clone(&clock), entropy, keys, access, settings };
        Box::pin(async move { Ok(Service { kinesis: Kinesis::open(parts).await?, clock }) })
    }

    fn duties(&self, service: &Self::Service) -> Vec<Doing<()>> {
        vec![Box::pin(run_duties(Arc::clone(&service.kinesis)))]
    }

    fn call(&mut self, chance: &mut Chance, service: &Self::Service, now: u64) -> Doing<Saw> {
        let kinesis = Arc::clone(&service.kinesis);
        let Some(name) = self.pick_stream(chance) else { return self.create(chance, kinesis) };
        match chance.below(100) {
            0..45 => {
                let count = chance.pick(&[1, 1, 2, 4]);
                self.put(chance, kinesis, name, count, now)
            }
            45..56 => self.fan_out(chance, service, name, now),
            56..65 => {
                let (limit, pages) = (chance.pick(&[1, 2, 5, 1000]), 1 + chance.below(40));
                let service = service.clone();
                Box::pin(async move { Saw::Read(read(&service, &name, limit, pages).await.ok()) })
            }
            65..76 => Box::pin(split(kinesis, name, chance.next())),
            76..87 => Box::pin(merge(kinesis, name, chance.next())),
            87..92 => Box::pin(scale(kinesis, name, chance.next())),
            92..98 => self.create(chance, kinesis),
            _ => {
                self.told.deleting(&name);
                let what = Admin::Delete(name.clone());
                Box::pin(async move {
                    let input = json!({"StreamName": name, "EnforceConsumerDeletion": true});
                    let outcome = ask(&kinesis, "DeleteStream", input).await;
                    Saw::Admin { what, outcome: outcome.map(drop).map_err(|error| error.kind) }
                })
            }
        }
    }

    fn saw(&mut self, saw: Saw, now: u64) -> String {
        match saw {
            Saw::Puts(puts) => {
                let told = format!("puts {puts:?}");
                puts.into_iter().for_each(|(id, outcome)| self.told.put(id, outcome, now));
                told
            }
            Saw::Admin { what, outcome } => {
                let told = format!("{what:?}: {outcome:?}");
                self.told.admin(what, outcome);
                told
            }
            Saw::Read(read) => {
                let told = format!("reads {read:?}");
                self.told.reads.extend(read);
                told
            }
            Saw::Pushed(read, puts) => {
                let told = format!("is pushed {read:?}, and puts {puts:?}");
                puts.into_iter().for_each(|(id, outcome)| self.told.put(id, outcome, now));
                self.told.reads.push(read);
                told
            }
            Saw::Registered(id, outcome) => {
                let told = format!("registers {outcome:?}");
                self.told.consumers.is_registered(id, outcome, now);
                told
            }
            Saw::Deregistered(id, outcome) => {
                let told = format!("deregisters {outcome:?}");
                self.told.consumers.is_deregistered(id, outcome, now);
                told
            }
            Saw::End(view) => {
                let told = format!("ends {view:?}");
                self.told.reads.extend(view.pushed.iter().cloned());
                self.told.ends.push(view);
                told
            }
        }
    }

    fn look(&mut self, service: &Self::Service, now: u64) -> Doing<Result<Saw, String>> {
        let (service, kinesis) = (service.clone(), Arc::clone(&service.kinesis));
        let names = self.told.names();
        let put = names.first().map(|name| (name.clone(), self.new_put(name, 0, now)));
        Box::pin(async move {
            let mut view = View::default();
            if let Some((name, (id, record))) = put
                && settled(&kinesis, &name).await
            {
                view.last_put = put_records(&kinesis, &name, vec![(id, record)]).await.into_iter().next();
            }
            for name in &names {
                if settled(&kinesis, name).await {
                    drop(register(&kinesis, name, LAST).await);
                    let seen = look_at(&service, name).await;
                    let (shards, read, consumers) =
                        seen.map_err(|error| format!("in peace {name} is not shown: {error}"))?;
                    let arn = consumers.get(LAST).ok_or("in peace no consumer can be registered")?;
                    view.pushed.push(push_all(&service, &read, arn).await?);
                    view.streams.insert(name.clone(), (shards, read));
                    view.consumers.insert(name.clone(), consumers);
                }
            }
            Ok(Saw::End(view))
        })
    }

    fn check(&mut self, shared: &Shared) -> Result<(), String> {
        self.told.check(shared)
    }
}

impl Streams {
    fn pick_stream(&self, chance: &mut Chance) -> Option<String> {
        // The newest may not be there yet, which is worth a try.
        (self.names > 0).then(|| format!("s{}", chance.below(self.names)))
    }

    fn create(&mut self, chance: &mut Chance, kinesis: Arc<Kinesis>) -> Doing<Saw> {
        // Sometimes one that is there, or is just being made.
        if self.names == 0 || (self.names < 3 && chance.once_in(2)) {
            self.names += 1;
        }
        let (name, shards) = (format!("s{}", self.names - 1), chance.pick(&[1, 2, 3]));
        let what = Admin::Create(name.clone());
        self.told.creating(&name);
        Box::pin(async move {
            let outcome = ask(&kinesis, "CreateStream", json!({"StreamName": name, "ShardCount": shards})).await;
            Saw::Admin { what, outcome: outcome.map(drop).map_err(|error| error.kind) }
        })
    }

    /// A consumer comes, goes, or has a stream pushed.
    fn fan_out(&mut self, chance: &mut Chance, service: &Service, stream: String, now: u64) -> Doing<Saw> {
        let (service, consumer) = (service.clone(), chance.pick(&["c0", "c1"]));
        match chance.below(12) {
            0..5 => {
                let id = self.told.consumers.register(&stream, consumer, now);
                Box::pin(async move { Saw::Registered(id, register(&service.kinesis, &stream, consumer).await) })
            }
            5 => {
                let id = self.told.consumers.deregister(&stream, consumer, now);
                Box::pin(async move { Saw::Deregistered(id, deregister(&service.kinesis, &stream, consumer).await) })
            }
            _ => {
                let pushed = (1 + chance.below(4), chance.pick(&[1, 2, 4, 8, 16]));
                let puts =
                    (0..chance.pick(&[0, 2, 6])).map(|_| self.new_put(&stream, chance.below(KEYS), now)).collect();
                Box::pin(async move {
                    let (read, puts) = push(&service, &stream, pushed, puts).await;
                    Saw::Pushed(read, puts)
                })
            }
        }
    }

    fn put(&mut self, chance: &mut Chance, kinesis: Arc<Kinesis>, name: String, count: u64, now: u64) -> Doing<Saw> {
        let records: Vec<(u64, Value)> = (0..count).map(|_| self.new_put(&name, chance.below(KEYS), now)).collect();
        Box::pin(async move { Saw::Puts(put_records(&kinesis, &name, records).await) })
    }

    fn new_put(&mut self, name: &str, key: u64, now: u64) -> (u64, Value) {
        self.puts += 1;
        let id = self.puts;
        self.told.puts.insert(id, Put::new(name, key, now));
        let hash_key = u128::MAX / u128::from(KEYS) * u128::from(key) + 7;
        let record = json!({"PartitionKey": id.to_string(), "ExplicitHashKey": hash_key.to_string(), "Data": "AAAA"});
        (id, record)
    }
}

/// One record as PutRecord, several as PutRecords.
async fn put_records(
    kinesis: &Arc<Kinesis>,
    name: &str,
    mut records: Vec<(u64, Value)>,
) -> Vec<(u64, Outcome<(u32, String)>)> {
    if let [(id, record)] = &mut records[..] {
        record["StreamName"] = json!(name);
        let outcome = ask(kinesis, "PutRecord", record.take()).await;
        return vec![(*id, outcome.map(|output| placed(&output)).map_err(|error| error.kind))];
    }
    let ids: Vec<u64> = records.iter().map(|(id, _)| *id).collect();
    let records: Vec<Value> = records.into_iter().map(|(_, record)| record).collect();
    match ask(kinesis, "PutRecords", json!({"StreamName": name, "Records": records})).await {
        Err(error) => ids.into_iter().map(|id| (id, Err(error.kind))).collect(),
        Ok(output) => {
            let results = output["Records"].as_array().cloned().unwrap_or_default();
            let outcome = |result: &Value| match result["ErrorCode"].as_str() {
                None => Ok(placed(result)),
                Some(_) => Err(ErrorKind::Receiver),
            };
            ids.into_iter().zip(results.iter().map(outcome)).collect()
        }
    }
}

fn placed(output: &Value) -> (u32, String) {
    (index(&output["ShardId"]), text(&output["SequenceNumber"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn index(shard: &Value) -> u32 {
    shard.as_str().and_then(|shard| shard.strip_prefix("shardId-")?.parse().ok()).unwrap_or(u32::MAX)
}

fn shard_id(index: u32) -> String {
    format!("shardId-{index:012}")
}

/// What an operation answers.
async fn ask(kinesis: &Arc<Kinesis>, operation: &str, input: Value) -> Result<Value, ServiceError> {
    ask::ask(&ROWS, kinesis, Dialect::Json11, operation, input).await
}

async fn list_shards(kinesis: &Arc<Kinesis>, name: &str) -> Result<Vec<Shard>, ServiceError> {
    let output = ask(kinesis, "ListShards", json!({"StreamName": name})).await?;
    Ok(output["Shards"].as_array().into_iter().flatten().map(Shard::of).collect())
}

/// Reads a stream from its beginning, through children, as far as so many pages go.
async fn read(
    Service { kinesis, clock }: &Service,
    name: &str,
    limit: u64,
    mut pages: u64,
) -> Result<Read, ServiceError> {
    let mut read = Read { name: name.to_owned(), began_ms: clock.now_ms(), ..Read::default() };
    let mut shards: Vec<u32> = list_shards(kinesis, name).await?.into_iter().map(|shard| shard.index).collect();
    let mut at = 0;
    while let Some(shard) = shards.get(at).copied() {
        at += 1;
        let input = json!({"StreamName": name, "ShardId": shard_id(shard), "ShardIteratorType": "TRIM_HORIZON"});
        let Ok(output) = ask(kinesis, "GetShardIterator", input).await else { continue };
        let mut iterator = text(&output["ShardIterator"]);
        let mut got = Vec::new();
        let mut is_drained = false;
        while pages > 0 && !is_drained {
            pages -= 1;
            let Ok(page) = ask(kinesis, "GetRecords", json!({"ShardIterator": iterator, "Limit": limit})).await else {
                break;
            };
            let records = page["Records"].as_array().into_iter().flatten();
            let count = got.len();
            got.extend(records.map(|record| (text(&record["PartitionKey"]), text(&record["SequenceNumber"]))));
            match page["NextShardIterator"].as_str() {
                None => {
                    let children =
                        page["ChildShards"].as_array().into_iter().flatten().map(|child| index(&child["ShardId"]));
                    let told: BTreeSet<u32> = children.collect();
                    let unknown: Vec<u32> = told.iter().copied().filter(|child| !shards.contains(child)).collect();
                    shards.extend(unknown);
                    read.children.insert(shard, told);
                    is_drained = true;
                }
                Some(_) if got.len() == count && page["MillisBehindLatest"] == 0 => break,
                Some(next) => iterator = next.to_owned(),
            }
        }
        read.shards.insert(shard, (got, is_drained));
    }
    read.ended_ms = clock.now_ms();
    Ok(read)
}

/// Waits until nothing is under way any more; false if there is no such stream.
async fn settled(kinesis: &Arc<Kinesis>, name: &str) -> bool {
    loop {
        match ask(kinesis, "DescribeStreamSummary", json!({"StreamName": name})).await {
            Ok(output) if output["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" => return true,
            Err(error) if error.code == "ResourceNotFoundException" => return false,
            _ => {}
        }
    }
}

/// All there is of a stream: its shards, what is read of each, and its consumers.
async fn look_at(service: &Service, name: &str) -> Result<(Vec<Shard>, Read, Shown), ServiceError> {
    let shards = list_shards(&service.kinesis, name).await?;
    let read = read(service, name, 3, u64::MAX).await?;
    Ok((shards, read, consumers(&service.kinesis, name).await?))
}
