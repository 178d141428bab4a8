//! The tip of a shard: one reader takes up what arrives and hands it to everybody who is waiting for it.
//!
//! Invariant: pieces follow each other without a gap, from where the shard ended when the reader began; a shard has a
//! reader exactly as long as somebody listens. A listener that falls behind misses pieces and is told so: it then reads
//! for itself. What a shard's pieces may hold for laggards is bounded by their number and size.
use super::{Watched, event};
use crate::{Kinesis, delivery};
use headwater_log::{Bounds, Limits, LogId, Seq};
use headwater_wire::{Event, kinesis::SubscribeToShardEvent};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{broadcast, watch};

/// Pieces kept for listeners that are not as quick as the reader.
const PIECES: usize = 8;
/// What one piece holds at most; a record larger than that comes alone.
const PIECE: Limits = Limits { entries: 10_000, bytes: 256 << 10 };

/// Part of a shard, read once for all.
pub(super) struct Piece {
    /// Where it begins.
    pub(super) from: Seq,
    /// Where what follows it begins.
    pub(super) next: Seq,
    pub(super) event: Arc<Event<SubscribeToShardEvent>>,
}

/// What a listener holds.
pub(super) type Listener = broadcast::Receiver<Arc<Piece>>;

type Readers = HashMap<LogId, broadcast::Sender<Arc<Piece>>>;

/// The readers there are.
#[derive(Default)]
pub(super) struct Tips(Mutex<Readers>);

impl Tips {
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.readers().len()
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens at the tip of a shard whose log is `log`. Everything durable by now has to be read by other means.
pub(super) fn listen(kinesis: &Arc<Kinesis>, watched: &Watched, log: LogId) -> Listener {
    let mut readers = kinesis.fan_out.tips.readers();
    if let Some(pieces) = readers.get(&log) {
        return pieces.subscribe();
    }
    let (pieces, listener) = broadcast::channel(PIECES);
    readers.insert(log, pieces.clone());
    let mut bounds = kinesis.engine.watch(log);
    let from = bounds.borrow_and_update().tail;
    let reader = Reader { kinesis: Arc::clone(kinesis), watched: watched.clone(), log, pieces, bounds, from };
    tokio::spawn(reader.run());
    listener
}

/// Reads one shard for all its listeners.
struct Reader {
    kinesis: Arc<Kinesis>,
    watched: Watched,
    log: LogId,
    pieces: broadcast::Sender<Arc<Piece>>,
    bounds: watch::Receiver<Bounds>,
    from: Seq,
}

impl Reader {
    /// Runs until nobody listens, or until there is nothing left to read together: its listeners find out why.
    async fn run(mut self) {
        loop {
            tokio::select! {
                changed = self.bounds.changed() => if changed.is_err() || self.publish().await.is_none() { break },
                () = self.pieces.closed() => {
                    let mut readers = self.kinesis.fan_out.tips.readers();
                    // Somebody may have come in before the door was locked.
                    if self.pieces.receiver_count() == 0 {
                        readers.remove(&self.log);
                        return;
                    }
                }
            }
        }
        self.kinesis.fan_out.tips.readers().remove(&self.log);
    }

    /// Hands out what is there; `None` if the shard has ended or cannot be read.
    async fn publish(&mut self) -> Option<()> {
        loop {
            let now_ms = self.kinesis.clock.now_ms();
            let source = self.watched.source(&self.kinesis, now_ms).ok()?;
            let page = delivery::read(&*self.kinesis.engine, source, self.from, PIECE, now_ms).await.ok()?;
            if page.drained {
                return None;
            }
            let (from, next) = (self.from, page.next);
            self.from = next;
            if page.records.is_empty() {
                return Some(());
            }
            let event = Arc::new(Event::new(event(&self.kinesis, source, page, now_ms).await.ok()?));
            // Without listeners it is nobody's loss.
            let _ = self.pieces.send(Arc::new(Piece { from, next, event }));
        }
    }
}
