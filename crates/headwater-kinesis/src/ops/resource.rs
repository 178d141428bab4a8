//! What an operation is about that names a resource by its ARN: a stream or a consumer of one.
//!
//! Invariant: both have tags and a policy, and nothing about either is known to the operations but that.
use super::consumers::{self, Found};
use crate::{
    Kinesis,
    catalog::{Action, Address, ConsumerAction, ConsumerChange, Setting},
    errors::{self, Result},
    target::Target,
};
use headwater_wire::Caller;
use std::collections::BTreeMap;

/// A resource that is there.
pub(super) enum Resource {
    Stream(Address),
    Consumer(Found),
}

impl Resource {
    /// The resource of `arn`.
    ///
    /// # Errors
    /// The service's own, if it is not there.
    pub(super) fn find(kinesis: &Kinesis, caller: &Caller, arn: &str) -> Result<Self> {
        if arn.contains("/consumer/") {
            let named = consumers::Named { consumer_arn: Some(arn), consumer_name: None, stream_arn: None };
            return consumers::find(kinesis, caller, named).map(Self::Consumer);
        }
        let address = kinesis.address(caller, Target::arn(arn))?;
        kinesis.known(&address)?;
        Ok(Self::Stream(address))
    }

    /// The name that sentences say.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Stream(address) => &address.name,
            Self::Consumer(found) => &found.name,
        }
    }

    /// What is kept with it: tags and policy.
    ///
    /// # Errors
    /// The service's own, if it has vanished meanwhile.
    pub(super) fn kept(&self, kinesis: &Kinesis) -> Result<(BTreeMap<String, String>, Option<String>)> {
        match self {
            Self::Consumer(found) => Ok((found.consumer.tags.clone(), found.consumer.policy.clone())),
            Self::Stream(address) => {
                let catalog = kinesis.catalog.read();
                let stream = catalog.stream(&address.scope.account, &address.scope.region, &address.name);
                let missing = || errors::stream_not_found(&address.name, &address.scope.account);
                stream.map(|stream| (stream.tags.clone(), stream.policy.clone())).ok_or_else(missing)
            }
        }
    }

    /// Has the catalog change it.
    ///
    /// # Errors
    /// The service's own.
    pub(super) async fn change(self, kinesis: &Kinesis, change: ConsumerChange) -> Result<()> {
        let (address, action) = match self {
            Self::Consumer(Found { address, name, consumer }) => {
                let created_secs = consumer.created_secs();
                (address, Action::Consumer(ConsumerAction::Change { name, created_secs, change }))
            }
            Self::Stream(address) => match change {
                ConsumerChange::Tag(tags) => (address, Action::Tag { tags }),
                ConsumerChange::Untag(keys) => (address, Action::Untag { keys }),
                ConsumerChange::Policy(policy) => {
                    return kinesis.configure(address, Setting::Policy(policy)).await.map(drop);
                }
            },
        };
        kinesis.submit(address, action).await?;
        Ok(())
    }
}
