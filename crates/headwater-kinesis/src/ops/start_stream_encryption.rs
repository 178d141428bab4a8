//! StartStreamEncryption: what is written from then on is encrypted under a key of the caller's choice.
use super::named;
use crate::{
    Kinesis,
    catalog::{NewKey, Setting},
    errors::{self, Result},
};
use headwater_log::LogGroup;
use headwater_wire::{
    Caller,
    kinesis::{EncryptionType, StartStreamEncryptionInput},
};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: StartStreamEncryptionInput) -> Result<()> {
    let address = kinesis.address(&caller, named!(input))?;
    let (incarnation, generation) = {
        let catalog = kinesis.catalog.read();
        let (_, stream) = named!(input).find(&catalog, &caller)?;
        let used = stream.encryption.as_ref().is_some_and(|used| used.key_id == input.key_id);
        if used && stream.is_active() {
            return Ok(());
        }
        (stream.incarnation, stream.keys.last().map_or(1, |last| last.generation + 1))
    };
    if input.encryption_type != EncryptionType::Kms {
        return Err(errors::encryption_type_none());
    }
    let key_arn = kinesis.keys.find(&caller, &caller.principal, &input.key_id)?;
    let wrapped = kinesis.keys.create(&key_arn, LogGroup(incarnation), generation, &*kinesis.entropy);
    let key = NewKey { key_id: input.key_id, wrapped };
    kinesis.configure_for(Some(incarnation), address, Setting::Encryption(Some(key))).await?;
    Ok(())
}
