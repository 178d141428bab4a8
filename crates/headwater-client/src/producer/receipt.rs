//! The promise of a record's result. Invariant: it is kept, or the runtime is gone.
use super::put::Put;
use crate::{Error, Result};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// A future of what became of a record that was sent. Dropping it changes nothing but that nobody hears of it; the
/// producer's [metrics](crate::Producer::metrics) count it all the same.
///
/// ```no_run
/// # use headwater_client::{Producer, Record, Result};
/// # async fn f(producer: &Producer) -> Result<()> {
/// let receipt = producer.send(Record::bytes("key", "data")?).await?;
/// let put = receipt.await?;
/// println!("{} {}", put.shard_id(), put.sequence_number());
/// # Ok(())
/// # }
/// ```
#[must_use = "a record may fail later than it is sent: await the receipt, or drop it and watch the metrics"]
#[derive(Debug)]
pub struct Receipt(pub(super) oneshot::Receiver<Result<Put>>);

impl Future for Receipt {
    type Output = Result<Put>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or_else(|_| Err(gone())))
    }
}

/// The error of a producer whose runtime was shut down.
fn gone() -> Error {
    Error::Misuse("the producer's runtime was shut down before the record was answered".into())
}
