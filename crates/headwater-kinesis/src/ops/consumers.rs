//! Consumers as requests name them and as replies show them.
//!
//! Invariant: an ARN means the one consumer that was registered in the second it ends in; a later one of the same name
//! is another.
use crate::{
    Kinesis,
    catalog::{Address, Consumer, ConsumerPhase},
    errors::{self, Result},
    target::{self, Target},
};
use headwater_wire::{Caller, kinesis as shape};

/// How a request names a consumer: by its ARN, or by its stream and name.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) consumer_arn: Option<&'a str>,
    pub(super) consumer_name: Option<&'a str>,
    pub(super) stream_arn: Option<&'a str>,
}

/// A consumer that is there.
pub(super) struct Found {
    pub(super) address: Address,
    pub(super) name: String,
    pub(super) consumer: Consumer,
}

/// The consumer meant.
///
/// # Errors
/// The service's own, if nothing is meant or it is not there.
pub(super) fn find(kinesis: &Kinesis, caller: &Caller, named: Named<'_>) -> Result<Found> {
    let catalog = kinesis.catalog.read();
    let parsed = named.consumer_arn.map(|arn| {
        let unknown = || errors::consumer_not_found(arn, &caller.account);
        parse_arn(arn).ok_or_else(unknown)
    });
    let (arn, name, secs) = match (parsed.transpose()?, named.consumer_name) {
        (Some((stream_arn, name, secs)), asked) => {
            let other_name = asked.is_some_and(|asked| asked != name);
            if other_name || named.stream_arn.is_some_and(|asked| asked != stream_arn) {
                return Err(errors::consumer_names_differ());
            }
            (Some(stream_arn), name, Some(secs))
        }
        (None, Some(name)) if named.stream_arn.is_some() => (named.stream_arn, name, None),
        (None, _) => return Err(errors::no_consumer_named()),
    };
    let (stream_name, stream) = Target { name: None, arn }.find(&catalog, caller)?;
    let address = target::address(caller, stream_name);
    let held = stream.consumers.get(name).filter(|held| secs.is_none_or(|secs| secs == held.created_secs()));
    let consumer = held.cloned().ok_or_else(|| errors::consumer_not_found(name, &address.scope.account))?;
    Ok(Found { address, name: name.to_owned(), consumer })
}

/// An ARN as its stream's, the consumer's name and the seconds of its registration.
fn parse_arn(arn: &str) -> Option<(&str, &str, u64)> {
    let (stream_arn, consumer) = arn.split_once("/consumer/")?;
    let (name, secs) = consumer.rsplit_once(':')?;
    Some((stream_arn, name, secs.parse().ok()?))
}

impl Found {
    pub(super) fn stream_arn(&self) -> String {
        stream_arn(&self.address)
    }
}

fn stream_arn(address: &Address) -> String {
    target::arn(&address.scope.account, &address.scope.region, &address.name)
}

/// As lists and registrations show it.
pub(super) fn shown(address: &Address, name: &str, consumer: &Consumer) -> shape::Consumer {
    shape::Consumer {
        consumer_name: name.to_owned(),
        consumer_arn: format!("{}/consumer/{name}:{}", stream_arn(address), consumer.created_secs()),
        consumer_status: match consumer.phase {
            ConsumerPhase::Creating { .. } => shape::ConsumerStatus::Creating,
            ConsumerPhase::Active => shape::ConsumerStatus::Active,
            ConsumerPhase::Deleting { .. } => shape::ConsumerStatus::Deleting,
        },
        consumer_creation_timestamp: super::shapes::timestamp(consumer.created_secs() * 1000),
    }
}
