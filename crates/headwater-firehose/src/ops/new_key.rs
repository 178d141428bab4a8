//! The data key a delivery stream is to encrypt with, by the key its caller names or the service's own.
use crate::{
    Firehose,
    catalog::{KeyOwner, NewKey},
    errors::{self, Result},
};
use headwater_log::LogGroup;
use headwater_wire::{
    Caller,
    firehose::{DeliveryStreamEncryptionConfigurationInput, KeyType},
};

/// Whose key is wanted, and its ARN.
///
/// # Errors
/// The service's own, if the key cannot be used.
pub(super) fn find(
    firehose: &Firehose,
    caller: &Caller,
    wanted: &DeliveryStreamEncryptionConfigurationInput,
) -> Result<(KeyOwner, String)> {
    match (wanted.key_type, &wanted.key_arn) {
        (KeyType::AwsOwnedCmk, None) => Ok((KeyOwner::Aws, firehose.keys.owned(caller))),
        (KeyType::AwsOwnedCmk, Some(_)) => Err(errors::key_arn_unexpected()),
        (KeyType::CustomerManagedCmk, None) => Err(errors::key_arn_missing()),
        (KeyType::CustomerManagedCmk, Some(arn)) => {
            let found = firehose.keys.find(caller, &caller.principal, arn).map_err(errors::key)?;
            Ok((KeyOwner::Customer, found))
        }
    }
}

/// The `generation`-th data key of a delivery stream under the key that [`find`] gave.
pub(super) fn create(
    firehose: &Firehose,
    (owner, key_arn): (KeyOwner, String),
    incarnation: u128,
    generation: u32,
) -> NewKey {
    let wrapped = firehose.keys.create(&key_arn, LogGroup(incarnation), generation, &*firehose.entropy);
    NewKey { owner, wrapped }
}
