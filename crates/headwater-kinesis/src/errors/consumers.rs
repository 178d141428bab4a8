//! The sentences about consumers and their subscriptions.
//!
//! Invariant: as for all of the service's sentences, each is built here and nowhere else.
use super::{in_use, invalid_argument, limit_exceeded, not_found};
use crate::{
    catalog::{Address, shard_id},
    target,
};
use headwater_wire::{ErrorKind, ServiceError};

pub(crate) fn consumer_not_found(name: &str, account: &str) -> ServiceError {
    not_found(format!("Consumer {name}, account {account} not found."))
}

pub(crate) fn consumer_exists(name: &str, address: &Address) -> ServiceError {
    let (stream, account) = (&address.name, &address.scope.account);
    in_use(format!("Consumer {name} under stream {stream}, account {account} already exists."))
}

pub(crate) fn consumer_not_active(name: &str, created_secs: u64, address: &Address) -> ServiceError {
    let (stream, account) = (&address.name, &address.scope.account);
    in_use(format!(
        "Consumer {name} with creation timestamp {created_secs} under stream {stream} and account {account} is not in \
         ACTIVE status."
    ))
}

pub(crate) fn consumer_limit(limit: usize, address: &Address) -> ServiceError {
    let (stream, account) = (&address.name, &address.scope.account);
    limit_exceeded(format!(
        "You have reached the maximum number of registered consumers ({limit}) for stream {stream} under account \
         {account}."
    ))
}

pub(crate) fn creating_consumer_limit(limit: usize) -> ServiceError {
    limit_exceeded(format!("No more than {limit} consumers can be in the CREATING state at a time."))
}

pub(crate) fn consumers_registered(address: &Address) -> ServiceError {
    let name = &address.name;
    let arn = target::arn(&address.scope.account, &address.scope.region, name);
    in_use(format!(
        "DeleteStream can't delete {arn} because there are consumers associated with this data stream. To delete {name} \
         anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the consumers that are \
         associated with it."
    ))
}

/// Said to who comes too early, and to who has to give way.
pub(crate) fn subscription_held(consumer: &str, created_secs: u64, address: &Address, shard: u32) -> ServiceError {
    let (stream, account, shard) = (&address.name, &address.scope.account, shard_id(shard));
    in_use(format!(
        "Another active subscription exists for this consumer: {account}:{stream}:{created_secs}:{shard}:{consumer}"
    ))
}

pub(crate) fn no_consumer_named() -> ServiceError {
    invalid_argument("Either ConsumerARN or both StreamARN and ConsumerName must be provided.")
}

pub(crate) fn consumer_names_differ() -> ServiceError {
    invalid_argument("ConsumerARN does not name the consumer that StreamARN and ConsumerName name.")
}

/// What is said inside a subscription when the log fails: the reason is told to the operator alone.
pub(crate) fn subscription_failed() -> ServiceError {
    let code = "InternalFailureException";
    ServiceError { kind: ErrorKind::Receiver, ..ServiceError::new(code, super::INTERNAL_FAILURE_TEXT) }
}

pub(crate) fn subscription_rate(shard: u32, name: &str, account: &str) -> ServiceError {
    limit_exceeded(super::shard_rate_text(shard, name, account))
}
