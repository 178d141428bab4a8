//! Enhanced fan-out: the registered consumer, and its subscriptions. Invariant: who registered it, and nobody else,
//! deregisters it.
use super::{Consumer, shard::ChildShard};
use crate::{
    backoff::persist,
    clock,
    error::{Error, Failed, Result},
    received::Received,
};
use aws_sdk_kinesis::{
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::subscribe_to_shard::SubscribeToShardOutput,
    primitives::DateTime,
    types::{ConsumerStatus, StartingPosition, SubscribeToShardEventStream},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;

/// The pause between two looks whether the consumer is active.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Looks until it should be: five minutes.
const LOOKS: u32 = 600;
/// The service sends an event every five seconds, if only an empty one. Silence for so long is a broken connection.
const SILENCE: Duration = Duration::from_secs(35);

const REGISTER: &str = "RegisterStreamConsumer";
const DESCRIBE: &str = "DescribeStreamConsumer";
const SUBSCRIBE: &str = "SubscribeToShard";

/// The fan-out consumer, once it is known.
#[derive(Debug)]
pub(super) struct Registration {
    /// Its name or ARN, as it was given.
    given: String,
    known: OnceCell<Registered>,
}

#[derive(Debug)]
struct Registered {
    arn: String,
    /// It was not registered before.
    ours: bool,
}

impl Registration {
    pub(super) fn new(given: String) -> Self {
        Self { given, known: OnceCell::new() }
    }

    /// The ARN of the consumer, which is active; it is registered if it was not.
    async fn arn(&self, consumer: &Consumer) -> Result<&str> {
        let known = self.known.get_or_try_init(|| self.make(consumer)).await?;
        Ok(&known.arn)
    }

    async fn make(&self, consumer: &Consumer) -> Result<Registered> {
        let registered = if self.given.starts_with("arn:") {
            Registered { arn: self.given.clone(), ours: false }
        } else {
            self.register(consumer).await?
        };
        for _ in 0..LOOKS {
            if persist(true, || status(consumer, &registered.arn)).await? == ConsumerStatus::Active {
                return Ok(registered);
            }
            clock::pause(LOOK_INTERVAL).await;
        }
        Err(Error::Unexpected(format!("{DESCRIBE}: {} did not become active", registered.arn)))
    }

    async fn register(&self, consumer: &Consumer) -> Result<Registered> {
        let stream = match consumer.arn() {
            Some(arn) => arn,
            None => stream_arn(consumer).await?,
        };
        let request = consumer.client.register_stream_consumer().stream_arn(&stream).consumer_name(&self.given);
        match request.send().await.map_err(|error| Error::of_sdk(REGISTER, error)) {
            Ok(answer) => {
                let made = answer.consumer.ok_or_else(|| Error::Unexpected(format!("{REGISTER}: no consumer")))?;
                Ok(Registered { arn: made.consumer_arn, ours: true })
            }
            Err(error) if error.code() == Some("ResourceInUseException") => {
                let request = consumer.client.describe_stream_consumer().stream_arn(&stream).consumer_name(&self.given);
                let answer = request.send().await.map_err(|error| Error::of_sdk(DESCRIBE, error))?;
                let known = answer.consumer_description;
                let known = known.ok_or_else(|| Error::Unexpected(format!("{DESCRIBE}: no description")))?;
                Ok(Registered { arn: known.consumer_arn, ours: false })
            }
            Err(error) => Err(error),
        }
    }

    /// Deregisters what was registered here.
    pub(super) async fn undo(&self, consumer: &Consumer) -> Result<()> {
        let Some(Registered { arn, ours: true }) = self.known.get() else { return Ok(()) };
        let request = consumer.client.deregister_stream_consumer().consumer_arn(arn);
        request.send().await.map_err(|error| Error::of_sdk("DeregisterStreamConsumer", error))?;
        Ok(())
    }
}

async fn stream_arn(consumer: &Consumer) -> Result<String> {
    const OPERATION: &str = "DescribeStreamSummary";
    let request = consumer.client.describe_stream_summary().set_stream_name(consumer.name());
    let answer = request.send().await.map_err(|error| Error::of_sdk(OPERATION, error))?;
    let summary = answer.stream_description_summary;
    Ok(summary.ok_or_else(|| Error::Unexpected(format!("{OPERATION}: no summary")))?.stream_arn)
}

async fn status(consumer: &Consumer, arn: &str) -> Result<ConsumerStatus> {
    let request = consumer.client.describe_stream_consumer().consumer_arn(arn);
    let answer = request.send().await.map_err(|error| Error::of_sdk(DESCRIBE, error))?;
    let known = answer.consumer_description.ok_or_else(|| Error::Unexpected(format!("{DESCRIBE}: no description")))?;
    Ok(known.consumer_status)
}

/// What one event of a subscription says.
pub(super) struct Event {
    pub(super) records: Vec<Received>,
    /// Where to go on behind this event; `None` at the shard's end.
    pub(super) continuation: Option<String>,
    pub(super) millis_behind: u64,
    pub(super) child_shards: Vec<ChildShard>,
}

/// A subscription to one shard, which the service ends after five minutes.
pub(super) struct Subscription(SubscribeToShardOutput);

impl Subscription {
    /// Subscribes to what is in and behind `start`.
    pub(super) async fn begin(
        consumer: &Consumer,
        registration: &Registration,
        shard_id: &str,
        start: &super::Start,
    ) -> Result<Self> {
        let (kind, number, time) = start.parts();
        let position = StartingPosition::builder().r#type(kind).set_sequence_number(number.map(Into::into));
        let position = position.set_timestamp(time.map(DateTime::from)).build();
        let position = position.map_err(|error| Error::Misuse(format!("{SUBSCRIBE}: {error}")))?;
        let request = consumer.client.subscribe_to_shard().consumer_arn(registration.arn(consumer).await?);
        let answer = request.shard_id(shard_id).starting_position(position).send().await;
        Ok(Self(answer.map_err(|error| Error::of_sdk(SUBSCRIBE, error))?))
    }

    /// The next event; `None` when the subscription is over.
    pub(super) async fn event(&mut self, shard_id: &Arc<str>, taken_apart: bool) -> Result<Option<Event>> {
        loop {
            let told = match tokio::time::timeout(SILENCE, self.0.event_stream.recv()).await {
                Ok(told) => told.map_err(broken)?,
                Err(_) => None,
            };
            match told {
                Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) => {
                    let mut records = Vec::with_capacity(event.records.len());
                    for record in event.records {
                        Received::append(record, shard_id, taken_apart, &mut records);
                    }
                    let children = event.child_shards.unwrap_or_default();
                    return Ok(Some(Event {
                        records,
                        // The SDK shows a number that is not there as an empty one.
                        continuation: Some(event.continuation_sequence_number).filter(|number| !number.is_empty()),
                        millis_behind: event.millis_behind_latest.try_into().unwrap_or(0),
                        child_shards: children.into_iter().map(ChildShard::of_sdk).collect::<Result<_>>()?,
                    }));
                }
                // An event of a kind this SDK does not know.
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }
}

/// Makes an error within an event stream this library's: the service's, or a connection that broke.
fn broken<E, R>(error: SdkError<E, R>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    let said =
        error.as_service_error().map(|refused| (refused.code().map(Into::into), refused.message().map(Into::into)));
    let (code, message) = said.unwrap_or_default();
    let message = message.unwrap_or_else(|| DisplayErrorContext(&error).to_string());
    Error::Failed(Failed { operation: SUBSCRIBE, status: None, code, message })
}
