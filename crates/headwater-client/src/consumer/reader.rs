//! Reading one shard. Invariant: the place is that of the last record handed out, whatever happened since, so that no
//! record is lost or repeated.
use super::{
    Consumer,
    fan_out::{Registration, Subscription},
    shard::{Arrived, Next, Start},
};
use crate::{
    backoff::Backoff,
    clock,
    error::{Error, Result},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// The service refuses a second subscription to a shard within so long of the first.
const SUBSCRIPTION_INTERVAL: Duration = Duration::from_secs(5);
/// About so long after such a refusal, it is tried again.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// One shard, read from a place on.
pub(crate) struct ShardReader {
    consumer: Consumer,
    shard_id: Arc<str>,
    /// Where to start anew if what is in hand is of no use any more.
    place: Start,
    /// The time before which there should be no other request.
    not_before: Instant,
    backoff: Backoff,
    hand: Hand,
}

/// What reading goes on with.
enum Hand {
    Polling(Option<Next>),
    FanOut(Arc<Registration>, Option<Box<Subscription>>),
}

impl ShardReader {
    pub(crate) fn new(consumer: Consumer, shard_id: Arc<str>, start: Start) -> Self {
        let hand = match &consumer.fan_out {
            Some(registration) => Hand::FanOut(Arc::clone(registration), None),
            None => Hand::Polling(None),
        };
        Self { consumer, shard_id, place: start, not_before: clock::now(), backoff: Backoff::default(), hand }
    }

    /// What comes next, perhaps nothing. Must not be called after the shard's end.
    ///
    /// # Errors
    /// What waiting would not mend.
    pub(crate) async fn next(&mut self) -> Result<Arrived> {
        loop {
            let attempt = match self.hand {
                Hand::Polling(_) => self.poll().await,
                Hand::FanOut(..) => self.listen().await,
            };
            match attempt {
                Ok(Some(arrived)) => {
                    self.backoff.succeeded();
                    return Ok(arrived);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(shard = %self.shard_id, %error, "reading failed");
                    self.backoff.wait(error).await?;
                }
            }
        }
    }

    /// From a shard's tip means from the tip as it was when reading started, however often it must start anew.
    fn stay(&mut self, since: std::time::SystemTime) {
        if self.place == Start::Latest {
            self.place = Start::AtTimestamp(since);
        }
    }

    /// One request for records; nothing if the iterator had expired.
    async fn poll(&mut self) -> Result<Option<Arrived>> {
        let Hand::Polling(next) = &mut self.hand else { return Ok(None) };
        let (next, fresh) = match next.take() {
            Some(next) => (next, false),
            None => {
                let date = clock::date();
                let next = self.consumer.iterator_of(&self.shard_id, &self.place).await?;
                self.stay(date);
                (next, true)
            }
        };
        clock::until(self.not_before).await;
        self.not_before = clock::now() + self.consumer.poll_interval;
        match self.consumer.records(next.clone()).await {
            Ok(batch) => {
                if let Some(last) = batch.records.last() {
                    self.place = Start::AfterSequenceNumber(last.sequence_number.clone());
                }
                let ended = batch.next.is_none();
                self.hand = Hand::Polling(batch.next);
                Ok(Some(Arrived {
                    shard_id: Arc::clone(&self.shard_id),
                    records: batch.records,
                    millis_behind: batch.millis_behind,
                    ended,
                    child_shards: batch.child_shards,
                }))
            }
            Err(error) if is_stale(&error, fresh) => {
                tracing::debug!(shard = %self.shard_id, "the iterator is renewed");
                Ok(None)
            }
            Err(error) => {
                self.hand = Hand::Polling(Some(next));
                Err(error)
            }
        }
    }

    /// One event of the subscription; nothing if it is over.
    async fn listen(&mut self) -> Result<Option<Arrived>> {
        let Hand::FanOut(registration, current) = &mut self.hand else { return Ok(None) };
        let mut subscription = match current.take() {
            Some(subscription) => subscription,
            None => {
                clock::until(self.not_before).await;
                let date = clock::date();
                let begun = Subscription::begin(&self.consumer, registration, &self.shard_id, &self.place).await;
                let subscription = match begun {
                    // Another one is still there: it must have ended, or be old enough to be taken over.
                    Err(error) if error.code() == Some("ResourceInUseException") => {
                        tracing::debug!(shard = %self.shard_id, %error, "subscribed elsewhere");
                        self.not_before = clock::now() + REFUSED_PAUSE.mul_f64(0.5 + clock::chance());
                        return Ok(None);
                    }
                    begun => begun?,
                };
                self.not_before = clock::now() + SUBSCRIPTION_INTERVAL;
                self.stay(date);
                Box::new(subscription)
            }
        };
        let Some(event) = subscription.event(&self.shard_id, self.consumer.taken_apart).await? else { return Ok(None) };
        let ended = event.continuation.is_none() && !event.child_shards.is_empty();
        if let Some(number) = event.continuation {
            self.place = Start::AfterSequenceNumber(number);
        }
        if let Hand::FanOut(_, current) = &mut self.hand {
            *current = Some(subscription);
        }
        Ok(Some(Arrived {
            shard_id: Arc::clone(&self.shard_id),
            records: event.records,
            millis_behind: event.millis_behind,
            ended,
            child_shards: event.child_shards,
        }))
    }
}

/// Whether another iterator will do better: this one is too old, or was made by a server that was started anew since.
fn is_stale(error: &Error, fresh: bool) -> bool {
    match error.code() {
        Some("ExpiredIteratorException") => true,
        Some("InvalidArgumentException") => !fresh,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failed;

    #[test]
    fn an_iterator_that_was_refused_at_once_is_not_renewed() {
        let refused = |code: &str| {
            let code = Some(code.to_owned());
            Error::Failed(Failed { operation: "GetRecords", status: Some(400), code, message: String::new() })
        };
        assert!(is_stale(&refused("ExpiredIteratorException"), true));
        assert!(is_stale(&refused("InvalidArgumentException"), false));
        assert!(!is_stale(&refused("InvalidArgumentException"), true));
        assert!(!is_stale(&refused("ResourceNotFoundException"), false));
    }
}
