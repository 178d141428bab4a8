//! What delivery reaches outside, in memory: a store that keeps all, a function and an endpoint that answer what they were
//! told to.
use bytes::Bytes;
use headwater_firehose::{
    outside::{Doing, Endpoints, Failure, Functions, Object, Objects, Post, Posted},
    source::{Source, SourcePage},
};
use headwater_log::{Bounds, Limits, LogError, LogId, Seq};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Everything outside.
pub struct World {
    /// Objects by key.
    pub(crate) objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// What the function and the endpoint answer: `#0` is the id of the first record of a call, or that of the request.
    pub(crate) answer: Mutex<Vec<u8>>,
    changes: watch::Sender<u64>,
    bounds: watch::Sender<Bounds>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            objects: Mutex::default(),
            answer: Mutex::default(),
            changes: watch::Sender::new(0),
            bounds: watch::Sender::new(Bounds::default()),
        }
    }
}

pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    fn answer(&self, ids: &[&str]) -> Bytes {
        let mut rest = held(&self.answer).clone();
        let mut answer = Vec::new();
        while let Some(at) = rest.windows(2).position(|pair| pair[0] == b'#' && pair[1].is_ascii_digit()) {
            let id = ids.get(usize::from(rest[at + 1] - b'0')).copied().unwrap_or_default();
            answer.extend_from_slice(&rest[..at]);
            answer.extend_from_slice(id.as_bytes());
            rest.drain(..at + 2);
        }
        answer.append(&mut rest);
        answer.into()
    }
}

impl Objects for World {
    fn put(&self, object: Object) -> Doing<'_, Result<(), Failure>> {
        held(&self.objects).insert(object.key, object.body.concat());
        Box::pin(ready(Ok(())))
    }

    fn get<'a>(&'a self, _: &'a str, _: &'a str, _: usize) -> Doing<'a, Result<Bytes, Failure>> {
        unreachable!("nobody looks at objects through the service")
    }
}

impl Functions for World {
    fn invoke<'a>(&'a self, _: &'a str, payload: Bytes) -> Doing<'a, Result<Bytes, Failure>> {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let ids: Vec<&str> =
            event["records"].as_array().unwrap().iter().flat_map(|one| one["recordId"].as_str()).collect();
        Box::pin(ready(Ok(self.answer(&ids))))
    }
}

impl Endpoints for World {
    /// An answer that begins with a bang is of another status.
    fn post(&self, post: Post) -> Doing<'_, Result<Posted, Failure>> {
        let id = post.headers.iter().find(|(name, _)| *name == "x-amz-firehose-request-id").unwrap().1.clone();
        let body = self.answer(&[&id]);
        let status = if body.starts_with(b"!") { 413 } else { 200 };
        Box::pin(ready(Ok(Posted { status, content_type: "application/json".into(), body })))
    }
}

/// There are no streams.
impl Source for World {
    fn shards(&self, _: &str) -> Option<Vec<LogId>> {
        None
    }

    fn place_at(&self, _: LogId, _: u64) -> Doing<'_, Result<Seq, LogError>> {
        Box::pin(ready(Ok(Seq::ZERO)))
    }

    fn read<'a>(&'a self, _: &'a str, _: LogId, from: Seq, _: Limits) -> Doing<'a, Result<SourcePage, LogError>> {
        Box::pin(ready(Ok(SourcePage { records: Vec::new(), next: from, is_drained: true })))
    }

    fn shard_name(&self, shard: LogId) -> String {
        shard.to_string()
    }

    fn watch(&self, _: LogId) -> watch::Receiver<Bounds> {
        self.bounds.subscribe()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
