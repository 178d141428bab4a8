//! Reading: what stands in a log's own partition, and before it what the log brought from elsewhere, as long as that is not
//! trimmed.
//!
//! Invariant: who would read what was trimmed hears where the log begins; everybody else is given every entry.
use crate::{
    client::{Answer, Client, ClientError},
    core::{Core, learn, stamp},
    logs::Log,
    moved,
    names::Partition,
    topics::Home,
};
use headwater_log::{Batch, Entry, Limits, LogError, LogId, Seq};

impl<C: Client> Core<C> {
    pub(crate) async fn read(&self, id: LogId, from: Seq, limits: Limits) -> Result<Batch, LogError> {
        let mut nothing = Batch { entries: Vec::new(), next: from };
        let Some(home) = self.find(id).await? else { return Ok(nothing) };
        let log = self.log(id);
        let base = Seq(home.life.base);
        log.learn(home.first(0), base);
        let first = log.bounds.borrow().first;
        if from < first {
            return Err(LogError::Trimmed(first));
        }
        if let Some(moved) = home.moved.as_ref().filter(|_| from < base) {
            let batch = self.read_moved(&log, &home, moved, from, limits).await?;
            if !batch.entries.is_empty() {
                return Ok(batch);
            }
            nothing.next = base;
        }
        let from = nothing.next;
        match self.client.fetch(&home.partition, home.life.offset(from), limits).await {
            Ok(page) => {
                learn(&log, &home, page.ends);
                let entries = page
                    .records
                    .into_iter()
                    .map(|record| Entry { stamp: stamp(home.life, record.place), bytes: record.value });
                Ok(batch(entries, from, limits))
            }
            Err(ClientError::OutOfRange) => {
                self.learn_ends(&log, &home).await?;
                let first = log.bounds.borrow().first;
                if from < first { Err(LogError::Trimmed(first)) } else { Ok(nothing) }
            }
            Err(ClientError::Missing) => {
                self.topics.forget(id.group);
                Ok(nothing)
            }
            Err(error) => Err(LogError::Io(format!("log {id} cannot be read: {error}"))),
        }
    }

    /// What stands before the first place of its life; nothing if nothing is left from `from` on.
    async fn read_moved(
        &self,
        log: &Log,
        home: &Home,
        moved: &Partition,
        from: Seq,
        limits: Limits,
    ) -> Result<Batch, LogError> {
        loop {
            match moved::read(&self.client, moved, &log.signs, from, limits).await {
                Ok(page) => {
                    let (count, is_last) = (page.entries.len(), page.is_last);
                    let mut batch = batch(page.entries.into_iter(), from, limits);
                    if is_last && batch.entries.len() == count {
                        batch.next = Seq(home.life.base);
                    }
                    return Ok(batch);
                }
                Err(ClientError::OutOfRange) => {
                    self.learn_trimmed(log, home).await?;
                    let first = log.bounds.borrow().first;
                    if from < first {
                        return Err(LogError::Trimmed(first));
                    }
                }
                Err(ClientError::Missing) => return Ok(Batch { entries: Vec::new(), next: from }),
                Err(error) => return Err(LogError::Io(format!("log {} cannot be read: {error}", log.id))),
            }
        }
    }

    /// Lets go of what a log brought from elsewhere, up to a place.
    pub(crate) async fn trim_moved(
        &self,
        log: &Log,
        home: &Home,
        moved: &Partition,
        before: Seq,
    ) -> Result<(), LogError> {
        while before > log.bounds.borrow().first {
            match moved::trim(&self.client, moved, &log.signs, before).await {
                Ok(()) | Err(ClientError::Missing) => log.learn(before, before),
                Err(ClientError::OutOfRange) => self.learn_trimmed(log, home).await?,
                Err(error) => return Err(LogError::Io(format!("log {} cannot be trimmed: {error}", log.id))),
            }
        }
        Ok(())
    }

    /// Somebody else has trimmed what a log brought from elsewhere.
    async fn learn_trimmed(&self, log: &Log, home: &Home) -> Result<(), LogError> {
        let learned = self.learn_moved(log, home).await;
        learned.map_err(|error| LogError::Io(format!("where log {} begins is unknown: {error}", log.id)))
    }

    /// Finds where a log begins of which nothing has been trimmed but, perhaps, of what it brought from elsewhere.
    pub(crate) async fn learn_moved(&self, log: &Log, home: &Home) -> Answer<()> {
        let Some(moved) = &home.moved else { return Ok(()) };
        let base = Seq(home.life.base);
        let first = match moved::first(&self.client, moved, &log.signs).await {
            Ok(first) => first.unwrap_or(base),
            Err(ClientError::Missing) => base,
            Err(error) => return Err(error),
        };
        log.learn(first, base);
        Ok(())
    }
}

/// As much of a page as the limits let through. Reading goes on behind what is delivered, never behind the tail: after a
/// leader's loss the next one's may lag for a moment behind what is acknowledged.
fn batch(page: impl Iterator<Item = Entry>, from: Seq, limits: Limits) -> Batch {
    let mut batch = Batch { entries: Vec::new(), next: from };
    let mut size_bytes = 0;
    for entry in page {
        size_bytes += entry.bytes.len();
        let full = batch.entries.len() >= limits.entries || size_bytes > limits.bytes;
        if full && !batch.entries.is_empty() {
            break;
        }
        batch.next = entry.stamp.seq.next();
        batch.entries.push(entry);
    }
    batch
}
