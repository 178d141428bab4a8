//! A stream, or one shard of it, as a `Stream` of records. Invariant: what a parent held is handed out before anything of
//! its children, because both go through one queue and the parent's end is queued first.
use super::{
    Consumer,
    reader::ShardReader,
    shard::{Arrived, Place, Start},
    tree::Tree,
};
use crate::{
    error::{Error, Result},
    received::Received,
};
use futures_core::Stream;
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    vec,
};
use tokio::{sync::mpsc, task::JoinSet};

/// Batches that wait to be taken, of 10 MB each at most. Every shard has one more in hand.
const QUEUED: usize = 8;

/// Records as they are read. It ends where a closed shard does, or the last of a stream's shards; after an error too,
/// since an error is what waiting would not mend. Dropping it stops the reading.
///
/// It is a `Stream`, for whoever works with those, and has [`next`](Self::next) of its own for whoever does not.
#[derive(Debug)]
pub struct Reading {
    queue: mpsc::Receiver<Result<Arrived>>,
    current: vec::IntoIter<Received>,
    /// Keeps the reading going: it is aborted with this.
    _tasks: JoinSet<()>,
}

impl Reading {
    pub(super) fn of_shard(consumer: Consumer, shard_id: &str, start: Start) -> Self {
        let shard_id = shard_id.into();
        Self::of(|queue| async move { read_shard(consumer, shard_id, start, queue).await.map(drop) })
    }

    pub(super) fn of_stream(consumer: Consumer, places: BTreeMap<String, Place>, start: Start) -> Self {
        Self::of(|queue| follow(consumer, places, start, queue))
    }

    fn of<F>(reads: impl FnOnce(mpsc::Sender<Result<Arrived>>) -> F) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (sender, queue) = mpsc::channel(QUEUED);
        let reading = reads(sender.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if let Err(error) = reading.await {
                // Whoever listened may be gone.
                let _ = sender.send(Err(error)).await;
            }
        });
        Self { queue, current: Vec::new().into_iter(), _tasks: tasks }
    }

    /// The next record; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Received>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// What comes next of any shard, also when it brings no records: that is how one learns that a shard is read up to
    /// its tip, or ended. Records that were in a batch of which [`next`](Self::next) has given the first are skipped.
    ///
    /// ```no_run
    /// # async fn read(consumer: headwater_client::Consumer) -> Result<(), headwater_client::Error> {
    /// # use headwater_client::Start;
    /// let mut reading = consumer.read(Start::TrimHorizon);
    /// while let Some(arrived) = reading.next_batch().await {
    ///     let arrived = arrived?;
    ///     println!("{}: {} records, {} ms behind", arrived.shard_id, arrived.records.len(), arrived.millis_behind);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next_batch(&mut self) -> Option<Result<Arrived>> {
        self.current = Vec::new().into_iter();
        self.queue.recv().await
    }
}

impl Stream for Reading {
    type Item = Result<Received>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(record) = self.current.next() {
                return Poll::Ready(Some(Ok(record)));
            }
            match ready!(self.queue.poll_recv(context)) {
                Some(Ok(arrived)) => self.current = arrived.records.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// Reads a shard into the queue. Gives the last that came of it; `None` if nobody listens any more.
async fn read_shard(
    consumer: Consumer,
    shard_id: Arc<str>,
    start: Start,
    queue: mpsc::Sender<Result<Arrived>>,
) -> Result<Option<Arrived>> {
    let mut reader = ShardReader::new(consumer, shard_id, start);
    loop {
        let arrived = reader.next().await?;
        let last = arrived.ended.then(|| Arrived { records: Vec::new(), ..arrived.clone() });
        if queue.send(Ok(arrived)).await.is_err() || last.is_some() {
            return Ok(last);
        }
    }
}

/// Reads all shards into the queue, parents first.
async fn follow(
    consumer: Consumer,
    places: BTreeMap<String, Place>,
    start: Start,
    queue: mpsc::Sender<Result<Arrived>>,
) -> Result<()> {
    if matches!(start, Start::AtSequenceNumber(_) | Start::AfterSequenceNumber(_)) {
        return Err(Error::Misuse("a sequence number is a place in one shard: read that one with `read_shard`".into()));
    }
    let mut shards = consumer.shards().await?;
    let first: BTreeSet<String> = shards.iter().map(|shard| shard.id.clone()).collect();
    let mut tree = Tree::default();
    tree.list(&shards);
    for shard in &shards {
        let is_read = match places.get(&shard.id) {
            Some(place) => *place == Place::Ended,
            None => start == Start::Latest && shard.is_closed(),
        };
        if is_read {
            tree.ended(&shard.id);
        }
    }
    let mut readers = JoinSet::new();
    loop {
        for id in tree.ready() {
            let start = match places.get(&id) {
                Some(Place::After(number)) => Start::AfterSequenceNumber(number.clone()),
                _ if first.contains(&id) => start.clone(),
                _ => Start::TrimHorizon,
            };
            let shard_id: Arc<str> = id.as_str().into();
            let (consumer, queue) = (consumer.clone(), queue.clone());
            tracing::debug!(shard = id, ?start, "is read");
            readers.spawn(async move { (id, read_shard(consumer, shard_id, start, queue).await) });
        }
        let Some(joined) = readers.join_next().await else { return Ok(()) };
        let (id, outcome) = joined.map_err(|error| Error::Unexpected(format!("reading a shard ended: {error}")))?;
        match outcome {
            Ok(Some(last)) => shards = consumer.shards_with(&last.child_shards).await?,
            Ok(None) => return Ok(()),
            // Gone with its last record, which is its end; unless it is still listed.
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                shards = consumer.shards_with(&[]).await?;
                if shards.iter().any(|shard| shard.id == id) {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        tracing::debug!(shard = id, "was read to its end");
        tree.ended(&id);
        tree.list(&shards);
    }
}
