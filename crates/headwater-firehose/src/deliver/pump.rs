//! The middle of a pipeline: what was read goes through processing into buffers, and from there into writes; when a write
//! is through, progress moves. One task a delivery stream; what takes long – calls, compression, uploads – runs beside it.
//!
//! Invariant: records are gathered in the order they were read; memory is bounded, as nothing is read while too much is
//! gathered or being written.
use super::{
    Delivery, call,
    reader::{self, Page},
    write,
};
use crate::{
    Firehose,
    buffer::{Buffer, Buffers, Goal},
    catalog::Action,
    failure,
    ledger::{Ledger, Stretch},
    record::{Failed, PartitionKeys, Record},
};
use headwater_log::{LogId, Seq, engine::trim_done};
use std::{collections::VecDeque, sync::Arc};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

/// Batches processed at the same time.
const PROCESSED: usize = 4;
/// Buffers written at the same time.
const WRITTEN: usize = 4;
/// How long a pipeline that is to stop waits for what is being written.
const STOPPED_AFTER_MS: u64 = 5_000;
/// What may be gathered and written besides what buffers are to hold.
const SLACK_BYTES: usize = 8 << 20;
/// Partitions that may be gathered at the same time, and the output type of what would begin another.
const PARTITIONS: usize = 500;
const PARTITIONS_EXCEEDED: &str = "activePartitionExceeded";

/// What holds progress back: a stretch of the source, shared by whatever has records of it.
#[derive(Clone, Debug)]
struct Held(Arc<Stretch>);

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What became of a batch.
pub(super) struct Processed {
    pub(super) good: Vec<Record>,
    pub(super) failed: Vec<Failed>,
}

/// What was written, or which records could not be.
struct Written {
    failed: Vec<Failed>,
    held: Vec<Held>,
    weight: usize,
}

enum Done {
    Written(Written),
    Told,
}

/// Records that wait for there being enough of them for a call.
#[derive(Default)]
struct Waiting {
    records: Vec<Record>,
    held: Vec<Held>,
    bytes: usize,
    since_ms: u64,
}

struct Pump {
    delivery: Arc<Delivery>,
    ledger: Ledger,
    buffers: Buffers<Held>,
    waiting: Waiting,
    /// In the order they were begun, which is the one they are gathered in.
    processing: VecDeque<(JoinHandle<Processed>, Vec<Held>)>,
    /// Cut and not begun to be written.
    ready: VecDeque<(Goal, Buffer<Held>)>,
    writing: JoinSet<Done>,
    written_weight: usize,
    is_telling: bool,
    /// Places that have moved and are not put down.
    moved: Vec<(LogId, Seq)>,
    capacity: usize,
}

/// Runs until told to stop; then what is being written is waited for.
pub(super) async fn run(delivery: Arc<Delivery>, mut stop: watch::Receiver<bool>) {
    let (mut pages, readers) = reader::start(&delivery);
    let plan = &delivery.plan;
    let raw = plan.raw.as_ref().map_or(plan.hints, |(_, hints)| *hints);
    let hinted = plan.hints.bytes + plan.raw.as_ref().map_or(0, |(_, hints)| hints.bytes);
    let mut pump = Pump {
        ledger: Ledger::default(),
        buffers: Buffers::new(plan.hints, raw),
        waiting: Waiting::default(),
        processing: VecDeque::new(),
        ready: VecDeque::new(),
        writing: JoinSet::new(),
        written_weight: 0,
        is_telling: false,
        moved: Vec::new(),
        capacity: hinted + SLACK_BYTES,
        delivery: Arc::clone(&delivery),
    };
    while !*stop.borrow() {
        pump.step(&mut pages, &mut stop).await;
    }
    drop(readers);
    pump.processing.iter().for_each(|(job, _)| job.abort());
    // A store that is down must not keep its successor's settings from being tried: what is cut off here is read again.
    let give_up = delivery.firehose.clock.sleep(STOPPED_AFTER_MS);
    tokio::select! {
        () = pump.finish() => {}
        () = give_up => {}
    }
    delivery.meter.stop();
}

impl Pump {
    /// Waits for what is being written, and puts down how far that is.
    async fn finish(&mut self) {
        while let Some(done) = self.writing.join_next().await {
            self.done(done);
            self.tell();
        }
    }

    async fn step(&mut self, pages: &mut mpsc::Receiver<Page>, stop: &mut watch::Receiver<bool>) {
        let now_ms = self.now_ms();
        self.call_if_due(now_ms);
        self.cut_due(now_ms);
        self.begin_writing();
        self.tell();
        let rest = self.next_due_ms().map(|due_ms| self.delivery.firehose.clock.sleep(due_ms.saturating_sub(now_ms)));
        let (takes, is_due_some_time) = (self.takes_pages(), rest.is_some());
        tokio::select! {
            _ = stop.changed() => {}
            Some(done) = self.writing.join_next(), if !self.writing.is_empty() => self.done(done),
            processed = first(&mut self.processing), if !self.processing.is_empty() => self.gather(processed),
            Some(page) = pages.recv(), if takes => self.take(page),
            () = async { if let Some(rest) = rest { rest.await } }, if is_due_some_time => {}
        }
    }

    fn now_ms(&self) -> u64 {
        self.delivery.firehose.clock.now_ms()
    }

    /// What is gathered and being written.
    const fn weight(&self) -> usize {
        self.buffers.weight() + self.written_weight + self.waiting.bytes
    }

    fn takes_pages(&self) -> bool {
        self.processing.len() < PROCESSED && self.weight() < self.capacity
    }

    /// Takes up what was read.
    fn take(&mut self, page: Page) {
        let Page { stretch, records, .. } = page;
        self.ledger.take(&stretch);
        self.delivery.meter.take(&stretch, &records);
        let held = Held(Arc::new(stretch));
        let now_ms = self.now_ms();
        if self.delivery.plan.raw.is_some() {
            for record in &records {
                self.put(&Goal::Raw, record.clone(), std::slice::from_ref(&held), now_ms);
            }
        }
        let mut processed = Processed { good: Vec::with_capacity(records.len()), failed: Vec::new() };
        for record in records {
            self.delivery.plan.steps.before(record, &mut processed.good, &mut processed.failed, now_ms);
        }
        let Processed { good, failed } = processed;
        self.fail(failed, std::slice::from_ref(&held), now_ms);
        let steps = &self.delivery.plan.steps;
        if steps.function().is_some() {
            if self.waiting.held.is_empty() {
                self.waiting.since_ms = now_ms;
            }
            self.waiting.bytes += good.iter().map(|record| record.data.len()).sum::<usize>();
            self.waiting.records.extend(good);
            self.waiting.held.push(held);
        } else if !steps.has_after() && self.processing.is_empty() {
            self.sort(good, std::slice::from_ref(&held), now_ms);
            self.release(held);
        } else {
            let delivery = Arc::clone(&self.delivery);
            let job = tokio::spawn(async move { call::finish(&delivery, good) });
            self.processing.push_back((job, vec![held]));
        }
    }

    /// Has the function called once enough records wait, or for long enough.
    fn call_if_due(&mut self, now_ms: u64) {
        let Some(step) = self.delivery.plan.steps.function() else { return };
        let is_due = self.waiting.bytes >= step.batch_bytes || now_ms >= self.waiting.since_ms + step.batch_ms;
        if self.waiting.held.is_empty() || !is_due || self.processing.len() >= PROCESSED {
            return;
        }
        let Waiting { records, held, .. } = std::mem::take(&mut self.waiting);
        let delivery = Arc::clone(&self.delivery);
        let job = tokio::spawn(async move { call::transform(&delivery, records).await });
        self.processing.push_back((job, held));
    }

    /// Gathers a processed batch.
    fn gather(&mut self, (processed, held): (Processed, Vec<Held>)) {
        let now_ms = self.now_ms();
        self.sort(processed.good, &held, now_ms);
        self.fail(processed.failed, &held, now_ms);
        held.into_iter().for_each(|held| self.release(held));
    }

    /// Puts good records into the buffers they belong to.
    fn sort(&mut self, good: Vec<Record>, held: &[Held], now_ms: u64) {
        if !self.delivery.plan.is_partitioned {
            let goal = Goal::Good(PartitionKeys::default());
            return good.into_iter().for_each(|record| self.put(&goal, record, held, now_ms));
        }
        let mut failed = Vec::new();
        for mut record in good {
            let goal = Goal::Good(std::mem::take(&mut record.keys));
            match self.refusal(&goal) {
                // What waits in one of many buffers must not keep everything alive that was read with it.
                None => {
                    let data = bytes::Bytes::copy_from_slice(&record.data);
                    self.put(&goal, Record { data, ..record }, held, now_ms);
                }
                Some((output_type, code, message)) => failed.push(Failed {
                    record,
                    output_type,
                    code: code.to_owned(),
                    message,
                    attempts: 1,
                    ended_ms: now_ms,
                    function_arn: None,
                }),
            }
        }
        self.fail(failed, held, now_ms);
    }

    /// Why a record with these keys has no partition to go to: its output type, the service's word, and a sentence.
    fn refusal(&self, goal: &Goal) -> Option<(&'static str, &'static str, String)> {
        let Goal::Good(keys) = goal else { return None };
        if let Some(name) = self.delivery.plan.bucket.prefix.missing(keys) {
            let message = format!("partitionKeys values must not be null or empty: {name}");
            return Some((
                failure::METADATA_EXTRACTION_FAILED,
                "DynamicPartitioning.MetadataExtractionFailed",
                message,
            ));
        }
        let is_new = !self.buffers.has_partition(goal);
        (is_new && self.buffers.partitions() >= PARTITIONS).then(|| {
            let message = format!("The delivery stream has {PARTITIONS} active partitions, which is its limit.");
            (PARTITIONS_EXCEEDED, "DynamicPartitioning.ActivePartitionLimitExceeded", message)
        })
    }

    /// Puts failed records where errors are gathered.
    fn fail(&mut self, failed: Vec<Failed>, held: &[Held], now_ms: u64) {
        for failed in failed {
            self.delivery.meter.failed();
            tracing::debug!(delivery_stream = self.delivery.name(), code = failed.code, "a record goes to the errors");
            let line = failure::line(&failed, self.delivery.plan.schema());
            let Failed { record, output_type, .. } = failed;
            self.put(&Goal::Failed(output_type), Record { data: line.into(), ..record }, held, now_ms);
        }
    }

    fn put(&mut self, goal: &Goal, record: Record, held: &[Held], now_ms: u64) {
        if let Some(full) = self.buffers.put(goal, record, held, now_ms) {
            self.line_up(goal.clone(), full);
        }
    }

    /// Has a buffer written as soon as it is its turn.
    fn line_up(&mut self, goal: Goal, buffer: Buffer<Held>) {
        self.written_weight += self.written_weight_of(&goal, &buffer);
        self.ready.push_back((goal, buffer));
    }

    /// What a buffer takes while it is written: what is converted is there as records, as columns, and as a file.
    fn written_weight_of(&self, goal: &Goal, buffer: &Buffer<Held>) -> usize {
        let is_converted = matches!(goal, Goal::Good(_)) && self.delivery.plan.schema().is_some();
        if is_converted { buffer.weight() * 3 } else { buffer.weight() }
    }

    fn cut(&mut self, goal: Goal) {
        if let Some(buffer) = self.buffers.cut(&goal) {
            self.line_up(goal, buffer);
        }
    }

    /// Settles a stretch if nobody else has records of it.
    fn release(&mut self, held: Held) {
        if let Some(stretch) = Arc::into_inner(held.0) {
            self.ledger.settle(&stretch);
            self.delivery.meter.settle(&stretch);
        }
    }

    /// Cuts the buffers that are due; one more if there is no room left and nothing on its way that would make some.
    fn cut_due(&mut self, now_ms: u64) {
        while self.ready.is_empty() && self.writing.len() < WRITTEN {
            let Some(goal) = self.buffers.due(now_ms) else { break };
            self.cut(goal);
            self.begin_writing();
        }
        if self.weight() >= self.capacity
            && self.writing.is_empty()
            && self.ready.is_empty()
            && let Some(goal) = self.buffers.heaviest()
        {
            self.cut(goal);
        }
    }

    fn begin_writing(&mut self) {
        while self.writing.len() < WRITTEN
            && let Some((goal, buffer)) = self.ready.pop_front()
        {
            let (delivery, weight) = (Arc::clone(&self.delivery), self.written_weight_of(&goal, &buffer));
            self.writing.spawn(async move {
                let Buffer { records, held, .. } = buffer;
                let failed = write::write(&delivery, &goal, records).await;
                Done::Written(Written { failed, held, weight })
            });
        }
    }

    fn done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Written(Written { failed, held, weight })) => {
                let now_ms = self.now_ms();
                self.written_weight -= weight;
                self.fail(failed, &held, now_ms);
                held.into_iter().for_each(|held| self.release(held));
            }
            Ok(Done::Told) => self.is_telling = false,
            // A panic ends the process; a task that was cancelled is one of a runtime that is going.
            Err(_) => {}
        }
    }

    /// Puts down how far it has come, one decision at a time.
    fn tell(&mut self) {
        self.moved.extend(self.ledger.moved());
        if self.is_telling || self.moved.is_empty() {
            return;
        }
        self.is_telling = true;
        let (delivery, places) = (Arc::clone(&self.delivery), std::mem::take(&mut self.moved));
        self.writing.spawn(async move {
            let direct = places.iter().find(|(log, _)| *log == delivery.direct_log).map(|(_, place)| *place);
            delivery.submit(Action::Progress { incarnation: delivery.incarnation, places }).await;
            if let Some(place) = direct {
                let Firehose { engine, clock, .. } = &*delivery.firehose;
                if let Err(error) = trim_done(&**engine, delivery.direct_log, place, clock.now_ms()).await {
                    tracing::warn!(%error, delivery_stream = delivery.name(), "what is delivered could not be trimmed");
                }
            }
            Done::Told
        });
    }

    fn next_due_ms(&self) -> Option<u64> {
        let call = self.delivery.plan.steps.function().filter(|_| !self.waiting.held.is_empty());
        let call_ms = call.map(|step| self.waiting.since_ms + step.batch_ms);
        let buffer_ms = self.buffers.next_due_ms().filter(|_| self.writing.len() < WRITTEN);
        call_ms.filter(|_| self.processing.len() < PROCESSED).into_iter().chain(buffer_ms).min()
    }
}

/// The batch that was begun first, once it is done. Cancelling loses nothing.
async fn first(processing: &mut VecDeque<(JoinHandle<Processed>, Vec<Held>)>) -> (Processed, Vec<Held>) {
    let Some((job, _)) = processing.front_mut() else { return std::future::pending().await };
    // A panic ends the process; a task that was cancelled is one of a runtime that is going.
    let Ok(processed) = job.await else { return std::future::pending().await };
    (processed, processing.pop_front().map(|(_, held)| held).unwrap_or_default())
}
