//! One subscription: what a subscriber has not had yet, from its place to the tip, and then whatever arrives.
//!
//! Invariant: every record from its place on comes once and in order; there is an event at once and then at least every
//! [`HEARTBEAT_MS`]; it ends after [`LIFE_MS`]. However slowly its subscriber reads, it holds [`QUEUED`] event besides
//! the one it waits to hand on, and it is gone once its subscriber is.
use super::{
    Watched, event, heartbeat,
    seats::Seat,
    tip::{self, Listener},
};
use crate::{
    Kinesis,
    catalog::Consumer,
    delivery::{self, Page, Source},
    errors::{self, Result},
    meter::Handed,
};
use headwater_log::{Limits, Seq, clock::Sleep};
use headwater_wire::{Event, Events, Heard, ServiceError, kinesis::SubscribeToShardEvent};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::{broadcast::error::RecvError, mpsc, oneshot, watch};

/// How long a subscription lasts.
const LIFE_MS: u64 = 300_000;
/// A subscriber that there is nothing to tell is told so this often.
const HEARTBEAT_MS: u64 = 5_000;
/// What one event holds at most; a record larger than that comes alone.
const EVENT: Limits = Limits { entries: 10_000, bytes: 1 << 20 };
/// Events that wait for the subscriber.
const QUEUED: usize = 1;

type Told = std::result::Result<Arc<Event<SubscribeToShardEvent>>, ServiceError>;

/// The events of one subscription, as its subscriber takes them.
#[derive(Debug)]
pub(crate) struct Subscription(mpsc::Receiver<Told>);

impl Events for Subscription {
    type Shape = SubscribeToShardEvent;

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Heard<SubscribeToShardEvent>> {
        self.0.poll_recv(context)
    }
}

/// What serves a subscription.
pub(in crate::ops) struct Publisher {
    pub(in crate::ops) kinesis: Arc<Kinesis>,
    pub(in crate::ops) watched: Watched,
    /// The consumer's name and what it was when it subscribed.
    pub(in crate::ops) name: String,
    pub(in crate::ops) consumer: Consumer,
    /// Everything before this has been delivered.
    pub(in crate::ops) next: Seq,
}

/// Why a publisher does not follow the tip any longer.
enum Lost {
    /// The catalog has changed: the shard may have ended, the consumer may be gone.
    Catalog,
    /// It has fallen behind, or there is nobody to listen to, or something may stand in between.
    Tip,
}

impl Publisher {
    /// Takes the consumer's seat and begins to deliver.
    ///
    /// # Errors
    /// The service's own, if another subscription of the consumer is too young to be taken over.
    pub(in crate::ops) fn subscribe(self) -> Result<Subscription> {
        let Watched { incarnation, shard, .. } = self.watched;
        let seat: Seat = (incarnation, shard, self.name.clone(), self.consumer.created_ms);
        let now_us = self.kinesis.clock.steady_us();
        let taken_over = self.kinesis.fan_out.seats.take(seat, now_us).ok_or_else(|| self.held())?;
        let (out, events) = mpsc::channel(QUEUED);
        tokio::spawn(self.run(out, taken_over));
        Ok(Subscription(events))
    }

    fn held(&self) -> ServiceError {
        let Watched { address, shard, .. } = &self.watched;
        errors::subscription_held(&self.name, self.consumer.created_secs(), address, *shard)
    }

    async fn run(mut self, out: mpsc::Sender<Told>, taken_over: oneshot::Receiver<()>) {
        let end_of_life = self.kinesis.clock.sleep(LIFE_MS);
        let ended = tokio::select! {
            biased;
            () = out.closed() => return,
            () = end_of_life => Ok(()),
            Ok(()) = taken_over => Err(self.held()),
            ended = self.deliver(&out) => ended,
        };
        if let Err(refusal) = ended {
            if let Some(cause) = refusal.cause() {
                tracing::warn!(consumer = %self.name, cause, "a subscription to a shard has ended early");
            }
            // Nobody may be there to hear it.
            let _ = out.send(Err(refusal)).await;
        }
    }

    /// Delivers until the shard has ended and its last record is out.
    async fn deliver(&mut self, out: &mpsc::Sender<Told>) -> Result<()> {
        let mut version = self.kinesis.catalog.watch();
        let (mut is_first, mut tip) = (true, None);
        loop {
            version.borrow_and_update();
            let now_ms = self.kinesis.clock.now_ms();
            let source = self.look(now_ms)?;
            let read = delivery::read(&*self.kinesis.engine, source, self.next, EVENT, now_ms).await;
            let page = read.map_err(|error| errors::subscription_failed().because(&error))?;
            self.next = page.next;
            let (has_records, drained) = (!page.records.is_empty(), page.drained);
            if has_records || drained || is_first {
                is_first = false;
                let told = self.told(source, page, now_ms).await?;
                self.send(out, told).await;
            }
            if drained {
                return Ok(());
            }
            if has_records {
                continue;
            }
            match &mut tip {
                // Listening from here on, look again: what arrived in between is not missed.
                None => tip = Some(tip::listen(&self.kinesis, &self.watched, source.log)),
                Some(listener) => {
                    if let Lost::Tip = self.follow(listener, &mut version, source, out).await {
                        tip = None;
                    }
                }
            }
        }
    }

    /// The shard as it is now, if the consumer is still there to be served.
    fn look(&self, now_ms: u64) -> Result<Source> {
        let gone = || errors::consumer_not_found(&self.name, &self.watched.address.scope.account);
        {
            let catalog = self.kinesis.catalog.read();
            let held = self.watched.stream(&catalog)?.consumers.get(&self.name);
            held.filter(|held| held.created_ms == self.consumer.created_ms && held.is_active()).ok_or_else(gone)?;
        }
        self.watched.source(&self.kinesis, now_ms)
    }

    /// What a page is told as. The shard's last event has no continuation but the children.
    async fn told(&self, source: Source, page: Page, now_ms: u64) -> Result<Arc<Event<SubscribeToShardEvent>>> {
        let drained = page.drained;
        let mut said = event(&self.kinesis, source, page, now_ms).await?;
        if drained {
            said.continuation_sequence_number = None;
            said.child_shards = Some(self.watched.children(&self.kinesis)?);
        }
        Ok(Arc::new(Event::new(said)))
    }

    /// Hands on what the reader at the tip hands out.
    async fn follow(
        &mut self,
        listener: &mut Listener,
        version: &mut watch::Receiver<u64>,
        source: Source,
        out: &mpsc::Sender<Told>,
    ) -> Lost {
        let mut silence = self.silence();
        loop {
            let told = tokio::select! {
                biased;
                _ = version.changed() => return Lost::Catalog,
                piece = listener.recv() => match piece {
                    Ok(piece) if piece.next <= self.next => continue,
                    Ok(piece) if piece.from == self.next => {
                        self.next = piece.next;
                        Arc::clone(&piece.event)
                    }
                    // Where a piece begins behind this place, what stands between may be what a read did not find yet.
                    Ok(_) | Err(RecvError::Lagged(_) | RecvError::Closed) => return Lost::Tip,
                },
                () = &mut silence => {
                    Arc::new(Event::new(heartbeat(source.mark, self.next, self.kinesis.clock.now_ms())))
                }
            };
            self.send(out, told).await;
            silence = self.silence();
        }
    }

    fn silence(&self) -> Sleep {
        self.kinesis.clock.sleep(HEARTBEAT_MS)
    }

    /// Waits until there is room. A subscriber that is gone ends its publisher, not this.
    async fn send(&self, out: &mpsc::Sender<Told>, event: Arc<Event<SubscribeToShardEvent>>) {
        let said = event.said();
        let handed = Handed {
            records: said.records.len(),
            bytes: said.records.iter().map(|record| record.data.len()).sum(),
            behind_ms: u64::try_from(said.millis_behind_latest).unwrap_or_default(),
            now_us: self.kinesis.clock.steady_us(),
        };
        let _ = out.send(Ok(event)).await;
        self.kinesis.meters.handed((self.watched.incarnation, self.watched.shard), &self.name, handed);
    }
}
