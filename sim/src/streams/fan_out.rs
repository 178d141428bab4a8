//! Fan-out: consumers come and go, and shards are pushed to them, a subscription after the other.
//!
//! What must be true of records is what must be of those that GetRecords gives; of consumers, that those that were
//! acknowledged are shown by all, under the ARN they were told by, until they are deregistered.
use super::{ROWS, Service, ask, index, list_shards, put_records, shard_id, text, told::Read};
use crate::{
    ask::{listen, next},
    asked::{Asked, Outcome},
};
use headwater_kinesis::Kinesis;
use headwater_wire::{Dialect, ServiceError};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A consumer may not subscribe to a shard again earlier.
const HELD_MS: u64 = 5_000;
/// In peace everything is pushed in this time.
const PATIENCE_MS: u64 = 60_000;

/// By name the ARNs of a stream's consumers.
pub type Shown = BTreeMap<String, String>;

/// A stream's name and a consumer's.
type Names = (String, String);

/// What was told of consumers.
#[derive(Default)]
pub struct Consumers {
    registered: BTreeMap<u64, (Names, Asked<String>)>,
    deregistered: BTreeMap<u64, (Names, Asked)>,
    given: u64,
}

impl Consumers {
    /// One is to be registered.
    pub fn register(&mut self, stream: &str, name: &str, now: u64) -> u64 {
        self.given += 1;
        self.registered.insert(self.given, ((stream.to_owned(), name.to_owned()), Asked::at(now)));
        self.given
    }

    pub fn deregister(&mut self, stream: &str, name: &str, now: u64) -> u64 {
        self.given += 1;
        self.deregistered.insert(self.given, ((stream.to_owned(), name.to_owned()), Asked::at(now)));
        self.given
    }

    pub fn is_registered(&mut self, id: u64, outcome: Outcome<String>, now: u64) {
        self.registered.entry(id).and_modify(|(_, asked)| asked.answer(outcome, now));
    }

    pub fn is_deregistered(&mut self, id: u64, outcome: Outcome, now: u64) {
        self.deregistered.entry(id).and_modify(|(_, asked)| asked.answer(outcome, now));
    }

    /// # Errors
    /// A consumer that is missing, or is there and should not be.
    pub fn check(&self, stream: &str, shown: &Shown) -> Result<(), String> {
        let names: BTreeSet<&Names> = self.registered.values().map(|(names, _)| names).collect();
        for names in names.into_iter().filter(|names| names.0 == stream) {
            let registered = || self.registered.values().filter(|(held, _)| held == names).map(|(_, asked)| asked);
            let deregistered = || self.deregistered.values().filter(|(held, _)| held == names).map(|(_, asked)| asked);
            let arn = shown.get(&names.1);
            let lasting = registered().find(|asked| {
                let ends = |gone: &Asked| !gone.is_refused() && gone.ended >= asked.began;
                asked.is_done() && !deregistered().any(ends)
            });
            if let Some(lasting) = lasting
                && lasting.outcome.as_ref().and_then(|outcome| outcome.as_ref().ok()) != arn
            {
                return Err(format!("{names:?} was registered, as {lasting:?}, and is shown as {arn:?}"));
            }
            let may_be = registered().any(|asked| {
                let ends = |gone: &Asked| gone.is_done() && gone.began > asked.ended;
                !asked.is_refused() && !deregistered().any(ends)
            });
            if arn.is_some() && !may_be {
                return Err(format!("{names:?} was deregistered, or never registered, and is shown as {arn:?}"));
            }
        }
        Ok(())
    }
}

fn stream_arn(name: &str) -> String {
    format!("arn:aws:kinesis:us-east-1:000000000000:stream/{name}")
}

pub async fn register(kinesis: &Arc<Kinesis>, stream: &str, name: &str) -> Outcome<String> {
    let input = json!({"StreamARN": stream_arn(stream), "ConsumerName": name});
    let output = ask(kinesis, "RegisterStreamConsumer", input).await;
    output.map(|output| text(&output["Consumer"]["ConsumerARN"])).map_err(|error| error.kind)
}

pub async fn deregister(kinesis: &Arc<Kinesis>, stream: &str, name: &str) -> Outcome {
    let input = json!({"StreamARN": stream_arn(stream), "ConsumerName": name});
    ask(kinesis, "DeregisterStreamConsumer", input).await.map(drop).map_err(|error| error.kind)
}

/// The consumers of a stream; each is described as it is listed.
pub async fn consumers(kinesis: &Arc<Kinesis>, stream: &str) -> Result<Shown, ServiceError> {
    let output = ask(kinesis, "ListStreamConsumers", json!({"StreamARN": stream_arn(stream)})).await?;
    let mut shown = Shown::new();
    for consumer in output["Consumers"].as_array().into_iter().flatten() {
        let (name, arn) = (text(&consumer["ConsumerName"]), text(&consumer["ConsumerARN"]));
        let described = ask(kinesis, "DescribeStreamConsumer", json!({"ConsumerARN": arn})).await?;
        assert_eq!(described["ConsumerDescription"]["ConsumerName"], json!(name), "another is described");
        shown.insert(name, arn);
    }
    Ok(shown)
}

/// What came of puts, by their numbers.
type Puts = Vec<(u64, Outcome<(u32, String)>)>;

/// Has a stream pushed by some subscriptions, of some events each, from its beginning and through children; after each event
/// one of `puts` is put, so that something arrives while somebody listens. What was pushed, and what came of the puts.
pub async fn push(
    service: &Service,
    name: &str,
    (subscriptions, events): (u64, u64),
    puts: Vec<(u64, Value)>,
) -> (Read, Puts) {
    let Service { kinesis, clock } = service;
    let mut read = Read { name: name.to_owned(), began_ms: clock.now_ms(), ..Read::default() };
    let (mut puts, mut put) = (puts.into_iter(), Vec::new());
    let consumers = consumers(kinesis, name).await.unwrap_or_default();
    let shards = list_shards(kinesis, name).await.unwrap_or_default();
    let mut shards: Vec<u32> = shards.into_iter().map(|shard| shard.index).collect();
    let (mut at, mut left) = (0, subscriptions);
    while let (Some(shard), Some(arn)) = (shards.get(at).copied(), consumers.values().next()) {
        at += 1;
        let mut ear = Ear::at(shard);
        while left > 0 && ear.children.is_none() {
            left -= 1;
            let mut heard = 0;
            let enough = async |_: &Ear| {
                heard += 1;
                if let Some(next) = puts.next() {
                    put.extend(put_records(kinesis, name, vec![next]).await);
                }
                heard >= events
            };
            if ear.subscribe(kinesis, arn, enough).await.is_err() {
                break;
            }
            clock.sleep(HELD_MS).await;
        }
        let children = ear.put_down(&mut read);
        let unknown: Vec<u32> = children.into_iter().filter(|child| !shards.contains(child)).collect();
        shards.extend(unknown);
    }
    read.ended_ms = clock.now_ms();
    (read, put)
}

/// Has everything pushed that was read of a stream.
///
/// # Errors
/// What is not.
pub async fn push_all(service: &Service, read: &Read, arn: &str) -> Result<Read, String> {
    let Service { kinesis, clock } = service;
    let mut pushed = Read { name: read.name.clone(), began_ms: clock.now_ms(), ..Read::default() };
    for (shard, (records, is_drained)) in &read.shards {
        let mut ear = Ear::at(*shard);
        let has_all = async |ear: &Ear| {
            let has_last = records.last().is_none_or(|last| ear.got.contains(last));
            has_last && ear.children.is_some() == *is_drained
        };
        let heard = tokio::select! {
            biased;
            heard = ear.subscribe(kinesis, arn, has_all) => heard.map_err(|error| format!("a subscription fails: {error}")),
            () = clock.sleep(PATIENCE_MS) => Err("not all is pushed".to_owned()),
        };
        heard.map_err(|why| format!("in peace {why}, of shard {shard}: {:?} where {records:?} is read", ear.got))?;
        ear.put_down(&mut pushed);
    }
    pushed.ended_ms = clock.now_ms();
    Ok(pushed)
}

/// What was pushed of a shard, by one subscription after the other.
struct Ear {
    shard: u32,
    /// Where the last event said to go on.
    place: Option<String>,
    got: Vec<(String, String)>,
    /// Those that were told at the end.
    children: Option<Vec<u32>>,
}

impl Ear {
    const fn at(shard: u32) -> Self {
        Self { shard, place: None, got: Vec::new(), children: None }
    }

    /// Hears events until there are enough, or no more.
    async fn subscribe(
        &mut self,
        kinesis: &Arc<Kinesis>,
        arn: &str,
        mut enough: impl AsyncFnMut(&Self) -> bool,
    ) -> Result<(), ServiceError> {
        let position = match &self.place {
            None => json!({"Type": "TRIM_HORIZON"}),
            Some(number) => json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}),
        };
        let input = json!({"ConsumerARN": arn, "ShardId": shard_id(self.shard), "StartingPosition": position});
        let mut events = listen(&ROWS, kinesis, Dialect::Json11, "SubscribeToShard", input).await?;
        while let Some((name, said)) = next(&mut events).await {
            match name.as_str() {
                "SubscribeToShardEvent" => self.hear(&said),
                "initial-response" => continue,
                // It goes on where it was.
                _ => return Ok(()),
            }
            if enough(self).await {
                return Ok(());
            }
        }
        Ok(())
    }

    fn hear(&mut self, said: &Value) {
        let records = said["Records"].as_array().into_iter().flatten();
        self.got.extend(records.map(|record| (text(&record["PartitionKey"]), text(&record["SequenceNumber"]))));
        self.place = said["ContinuationSequenceNumber"].as_str().map(str::to_owned).or(self.place.take());
        let children = said["ChildShards"].as_array();
        self.children = children.map(|children| children.iter().map(|child| index(&child["ShardId"])).collect());
    }

    /// Puts it down with what was read; the children that were told.
    fn put_down(self, read: &mut Read) -> Vec<u32> {
        read.shards.insert(self.shard, (self.got, self.children.is_some()));
        let children = self.children.unwrap_or_default();
        read.children.insert(self.shard, children.iter().copied().collect());
        children
    }
}
