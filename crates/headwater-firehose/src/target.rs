//! Where a delivery stream is found, and what it is called.
use crate::catalog::{Address, Scope};
use headwater_wire::{Caller, partition};

/// Where the delivery stream called `name` is kept for `caller`.
pub(crate) fn address(caller: &Caller, name: &str) -> Address {
    let scope = Scope { account: caller.account.to_string(), region: caller.region.to_string() };
    Address { scope, name: name.to_owned() }
}

/// The ARN of the delivery stream called `name`.
pub(crate) fn arn(account: &str, region: &str, name: &str) -> String {
    format!("arn:{}:firehose:{region}:{account}:deliverystream/{name}", partition(region))
}
