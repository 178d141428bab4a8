//! Writing to a stream. Invariant: a record is answered once, with where it was put or with why it was not.
mod builder;
mod direct;
mod driver;
mod epochs;
mod lanes;
mod metrics;
mod put;
mod receipt;
mod request;
mod retry;
mod shard_map;
mod sharding;
mod unit;

pub use builder::ProducerBuilder;
pub use metrics::Metrics;
pub use put::{Put, PutAll};
pub use receipt::Receipt;
pub use retry::Retry;

use crate::{Error, Record, Result};
use aws_sdk_kinesis::Client;
use driver::Shared;
use std::sync::Arc;

/// Writes records to one stream. Its clones are the same producer.
///
/// There are two ways to write. [`put`](Self::put) and [`put_all`](Self::put_all) make requests of their own and tell the
/// result. [`send`](Self::send) is for many records: it takes a record in, gathers it with others into requests of which
/// several are under way, and promises the result. It keeps the order of the records of a partition key, tries again
/// what failed for a passing reason, bounds memory by waiting, and can pack small records into
/// [aggregates](ProducerBuilder::aggregated).
///
/// When the last clone is dropped, what was sent still goes out as long as the runtime lives; [`close`](Self::close) waits
/// for that. Debugging output goes to [`tracing`].
///
/// ```no_run
/// use headwater_client::{Producer, Record};
///
/// # async fn f(client: aws_sdk_kinesis::Client) -> headwater_client::Result<()> {
/// let producer = Producer::builder(client, "readings").build()?;
/// for temperature in 0..1000 {
///     let record = Record::json("sensor-1", &temperature)?;
///     drop(producer.send(record).await?);
/// }
/// producer.close().await;
/// println!("{} records were not written", producer.metrics().failures);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Producer(Arc<Owner>);

/// What all clones own together.
#[derive(Debug)]
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.shut();
    }
}

impl Producer {
    /// Options of a producer for the stream of this name or ARN.
    ///
    /// ```no_run
    /// # use headwater_client::{Producer, Result};
    /// # fn f(client: aws_sdk_kinesis::Client) -> Result<()> {
    /// let producer = Producer::builder(client, "arn:aws:kinesis:us-east-1:000000000000:stream/readings").build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(client: Client, stream: impl Into<String>) -> ProducerBuilder {
        ProducerBuilder::new(client, stream.into())
    }

    fn of(shared: Shared) -> Self {
        Self(Arc::new(Owner(Arc::new(shared))))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    /// Takes a record in, to be written soon, as soon as there is room for it.
    ///
    /// Records of a partition key are written in the order in which `send` returned. The runtime of the first call is
    /// that in which the requests are made.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the producer is closed, if there is no runtime, or if the record asks for a sequence number
    /// ([`Record::after`]), which only [`put`](Self::put) can. What fails later fails the receipt.
    ///
    /// ```no_run
    /// # use headwater_client::{Producer, Record, Result};
    /// # async fn f(producer: &Producer) -> Result<()> {
    /// let first = producer.send(Record::bytes("key", "first")?).await?;
    /// let second = producer.send(Record::bytes("key", "second")?).await?;
    /// println!("{:?} {:?}", first.await?, second.await?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send(&self, record: Record) -> Result<Receipt> {
        if record.after.is_some() {
            return Err(Error::Misuse("only `put` can ask for a sequence number above another".into()));
        }
        Ok(Receipt(self.shared().send(record).await?))
    }

    /// Waits until all that was sent before is answered, and makes it go out without waiting for company.
    ///
    /// ```no_run
    /// # use headwater_client::{Producer, Record, Result};
    /// # async fn f(producer: &Producer) -> Result<()> {
    /// drop(producer.send(Record::bytes("key", "data")?).await?);
    /// producer.flush().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush(&self) {
        self.shared().flush().await;
    }

    /// Waits until all that was sent is answered; what is [sent](Self::send) from now on is misuse.
    ///
    /// ```no_run
    /// # async fn f(producer: headwater_client::Producer) {
    /// producer.close().await;
    /// # }
    /// ```
    pub async fn close(&self) {
        self.shared().close().await;
    }

    /// What was counted until now.
    ///
    /// ```no_run
    /// # fn f(producer: &headwater_client::Producer) {
    /// let metrics = producer.metrics();
    /// println!("{} records by {} requests", metrics.records, metrics.requests);
    /// # }
    /// ```
    pub fn metrics(&self) -> Metrics {
        self.shared().core().metrics().clone()
    }
}
