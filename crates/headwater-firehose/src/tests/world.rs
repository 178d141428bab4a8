//! What is outside, in tests: streams, a store, a function and an endpoint that do as they are told.
use crate::{
    outside::{Doing, Endpoints, Failure, Functions, Object, Objects, Post, Posted},
    source::{Source, SourcePage, SourceRecord},
};
use bytes::Bytes;
use headwater_log::{Bounds, Limits, LogError, LogGroup, LogId, Seq};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// The one stream there is.
pub(super) const STREAM: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/s";

pub(super) const fn shard(part: u32) -> LogId {
    LogId::new(LogGroup(9 << 64), part)
}

/// What a function does with what it is sent.
type Function = Box<dyn FnMut(Value) -> Result<Value, Failure> + Send>;

/// Everything outside.
pub(super) struct World {
    pub(super) objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Why nothing can be written, if it cannot.
    pub(super) trouble: Mutex<Option<Failure>>,
    pub(super) function: Mutex<Function>,
    pub(super) posts: Mutex<Vec<Post>>,
    /// The statuses the endpoint answers with, then 200.
    pub(super) statuses: Mutex<Vec<u16>>,
    shards: Mutex<BTreeMap<LogId, Shard>>,
    changes: watch::Sender<u64>,
}

struct Shard {
    records: Vec<(u64, Bytes)>,
    is_closed: bool,
    bounds: watch::Sender<Bounds>,
}

pub(super) fn trouble() -> Failure {
    Failure { code: "S3.AccessDenied".into(), message: "Access Denied".into(), is_permanent: false }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new() -> Self {
        let world = Self {
            objects: Mutex::default(),
            trouble: Mutex::default(),
            function: Mutex::new(Box::new(|_| panic!("no function is called here"))),
            posts: Mutex::default(),
            statuses: Mutex::default(),
            shards: Mutex::default(),
            changes: watch::Sender::new(0),
        };
        world.add_shard(0);
        world
    }

    pub(super) fn add_shard(&self, part: u32) {
        let shard_of = Shard { records: Vec::new(), is_closed: false, bounds: watch::Sender::new(Bounds::default()) };
        held(&self.shards).insert(shard(part), shard_of);
        self.changes.send_modify(|number| *number += 1);
    }

    /// Puts a record into a shard.
    pub(super) fn put(&self, part: u32, time_ms: u64, data: &str) {
        let mut shards = held(&self.shards);
        let shard = shards.get_mut(&shard(part)).unwrap();
        shard.records.push((time_ms, Bytes::copy_from_slice(data.as_bytes())));
        let tail = Seq(shard.records.len() as u64);
        shard.bounds.send_modify(|bounds| bounds.tail = tail);
    }

    pub(super) fn close(&self, part: u32) {
        held(&self.shards).get_mut(&shard(part)).unwrap().is_closed = true;
        self.changes.send_modify(|number| *number += 1);
    }

    /// What stands under a prefix, one object after the other.
    pub(super) fn under(&self, prefix: &str) -> String {
        let objects = held(&self.objects);
        let bodies = objects.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, body)| body.as_slice());
        String::from_utf8(bodies.collect::<Vec<_>>().concat()).unwrap()
    }

    pub(super) fn keys(&self) -> Vec<String> {
        held(&self.objects).keys().cloned().collect()
    }
}

impl Source for World {
    fn shards(&self, stream_arn: &str) -> Option<Vec<LogId>> {
        (stream_arn == STREAM).then(|| held(&self.shards).keys().copied().collect())
    }

    fn place_at(&self, shard: LogId, time_ms: u64) -> Doing<'_, Result<Seq, LogError>> {
        let shards = held(&self.shards);
        let before = shards[&shard].records.iter().take_while(|(arrived, _)| *arrived < time_ms).count();
        Box::pin(ready(Ok(Seq(before as u64))))
    }

    fn read<'a>(
        &'a self,
        _: &'a str,
        shard: LogId,
        from: Seq,
        limits: Limits,
    ) -> Doing<'a, Result<SourcePage, LogError>> {
        let shards = held(&self.shards);
        let read = &shards[&shard];
        let begin = usize::try_from(from.0).unwrap();
        let taken = read.records.iter().enumerate().skip(begin).take(limits.entries.min(3));
        let records: Vec<SourceRecord> = taken
            .map(|(place, (time_ms, data))| SourceRecord {
                place: Seq(place as u64),
                time_ms: *time_ms,
                data: data.clone(),
                partition_key: Some(Bytes::from_static(b"k")),
                sequence_number: format!("49{place}"),
            })
            .collect();
        let next = begin + records.len();
        let is_drained = read.is_closed && next == read.records.len();
        Box::pin(ready(Ok(SourcePage { records, next: Seq(next as u64), is_drained })))
    }

    fn shard_name(&self, shard: LogId) -> String {
        format!("shardId-{:012}", shard.part)
    }

    fn watch(&self, shard: LogId) -> watch::Receiver<Bounds> {
        held(&self.shards)[&shard].bounds.subscribe()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Objects for World {
    fn put(&self, object: Object) -> Doing<'_, Result<(), Failure>> {
        let outcome = match held(&self.trouble).clone() {
            Some(failure) => Err(failure),
            None => {
                held(&self.objects).insert(object.key, object.body.concat());
                Ok(())
            }
        };
        Box::pin(ready(outcome))
    }

    fn get<'a>(&'a self, _: &'a str, key: &'a str, _: usize) -> Doing<'a, Result<Bytes, Failure>> {
        let body = held(&self.objects).get(key).cloned();
        Box::pin(ready(body.map(Bytes::from).ok_or_else(trouble)))
    }
}

impl Functions for World {
    fn invoke<'a>(&'a self, _: &'a str, payload: Bytes) -> Doing<'a, Result<Bytes, Failure>> {
        let event = serde_json::from_slice(&payload).unwrap();
        let reply = (*held(&self.function))(event).map(|reply| Bytes::from(reply.to_string()));
        Box::pin(ready(reply))
    }
}

impl Endpoints for World {
    fn post(&self, post: Post) -> Doing<'_, Result<Posted, Failure>> {
        let status = held(&self.statuses).pop().unwrap_or(200);
        let id = post.headers.iter().find(|(name, _)| *name == "x-amz-firehose-request-id").unwrap().1.clone();
        held(&self.posts).push(post);
        let body = Bytes::from(json!({"requestId": id, "timestamp": 1}).to_string());
        Box::pin(ready(Ok(Posted { status, content_type: "application/json".into(), body })))
    }
}
