//! What a delivery stream has done since the process began, for whoever watches it.
//!
//! Invariant: counts only rise; what waits rises and falls.
use super::{
    waiting::{Backlog, Waiting},
    written::{Objects, Written},
};
use crate::{
    Firehose,
    catalog::{DeliveryStream, Scope},
    ledger::Stretch,
    outside::Object,
    record::Record,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// The meters of all delivery streams, by incarnation.
#[derive(Debug, Default)]
pub(crate) struct Meters(Mutex<HashMap<u128, Arc<Meter>>>);

impl Meters {
    /// The meter of a delivery stream, whatever the version of its settings.
    pub(crate) fn of(&self, incarnation: u128) -> Arc<Meter> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(incarnation).or_default())
    }
}

/// Counts of one delivery stream.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    read_records: AtomicU64,
    read_bytes: AtomicU64,
    objects: AtomicU64,
    object_bytes: AtomicU64,
    delivered_records: AtomicU64,
    refused_writes: AtomicU64,
    failed_records: AtomicU64,
    lost_records: AtomicU64,
    calls: AtomicU64,
    call_ms: AtomicU64,
    fresh_to_ms: AtomicU64,
    waiting: Waiting,
    last: Objects,
}

/// What a meter shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// Records read from the source.
    pub read_records: u64,
    /// Their bytes.
    pub read_bytes: u64,
    /// Objects written, those of errors and backups too.
    pub objects: u64,
    /// Their bytes, as written.
    pub object_bytes: u64,
    /// Records that are in objects or at an endpoint.
    pub delivered_records: u64,
    /// Writes and posts that were refused, each try counted.
    pub refused_writes: u64,
    /// Records that went to the errors.
    pub failed_records: u64,
    /// Records given up after a day.
    pub lost_records: u64,
    /// Calls of the function that were answered.
    pub calls: u64,
    /// How long they took together, in milliseconds.
    pub call_ms: u64,
    /// When the youngest record delivered had arrived, in milliseconds since the Unix epoch; 0 if none is.
    pub fresh_to_ms: u64,
    /// What was read and is not yet written.
    pub waiting: Backlog,
}

/// One delivery stream's reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryReading {
    /// Whose it is.
    pub account: String,
    /// Where it is.
    pub region: String,
    /// What it is called.
    pub name: String,
    /// What it has done.
    pub reading: Reading,
}

impl Meter {
    pub(super) fn take(&self, stretch: &Stretch, records: &[Record]) {
        self.waiting.take(stretch, records);
        self.read_records.fetch_add(count(records.len()), Relaxed);
        self.read_bytes.fetch_add(count(records.iter().map(|record| record.data.len()).sum()), Relaxed);
    }

    pub(super) fn settle(&self, stretch: &Stretch) {
        self.waiting.settle(stretch);
    }

    pub(super) fn stop(&self) {
        self.waiting.stop();
    }

    pub(super) fn put(&self, object: &Object, records: usize, error_type: Option<&'static str>, at_ms: u64) {
        let bytes = count(object.body.iter().map(bytes::Bytes::len).sum());
        self.objects.fetch_add(1, Relaxed);
        self.object_bytes.fetch_add(bytes, Relaxed);
        let (bucket, key) = (object.bucket.clone(), object.key.clone());
        self.last.note(Written { bucket, key, bytes, records: count(records), at_ms, error_type });
    }

    pub(super) fn delivered(&self, records: usize, youngest_ms: u64) {
        self.delivered_records.fetch_add(count(records), Relaxed);
        self.fresh_to_ms.fetch_max(youngest_ms, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused_writes.fetch_add(1, Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed_records.fetch_add(1, Relaxed);
    }

    pub(super) fn lost(&self, records: usize) {
        self.lost_records.fetch_add(count(records), Relaxed);
    }

    pub(super) fn called(&self, took_ms: u64) {
        self.calls.fetch_add(1, Relaxed);
        self.call_ms.fetch_add(took_ms, Relaxed);
    }

    /// What it shows now.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            read_records: self.read_records.load(Relaxed),
            read_bytes: self.read_bytes.load(Relaxed),
            objects: self.objects.load(Relaxed),
            object_bytes: self.object_bytes.load(Relaxed),
            delivered_records: self.delivered_records.load(Relaxed),
            refused_writes: self.refused_writes.load(Relaxed),
            failed_records: self.failed_records.load(Relaxed),
            lost_records: self.lost_records.load(Relaxed),
            calls: self.calls.load(Relaxed),
            call_ms: self.call_ms.load(Relaxed),
            fresh_to_ms: self.fresh_to_ms.load(Relaxed),
            waiting: self.waiting.backlog(),
        }
    }

    /// The objects written last, the newest first: those of errors, or the others.
    pub(crate) fn last(&self, is_errors: bool) -> Vec<Written> {
        self.last.last(is_errors)
    }
}

impl Firehose {
    /// What every delivery stream has done since the process began.
    #[must_use]
    pub fn readings(&self) -> Vec<DeliveryReading> {
        let catalog = self.catalog.read();
        let reading = |(scope, name, stream): (&Scope, &String, &DeliveryStream)| DeliveryReading {
            account: scope.account.clone(),
            region: scope.region.clone(),
            name: name.clone(),
            reading: self.meters.of(stream.incarnation).reading(),
        };
        catalog.all().map(reading).collect()
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
