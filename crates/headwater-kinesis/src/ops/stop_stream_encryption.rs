//! StopStreamEncryption: what is written from then on is not encrypted; what is, stays so and readable.
use super::named;
use crate::{
    Kinesis,
    catalog::Setting,
    errors::{self, Result},
};
use headwater_wire::{
    Caller,
    kinesis::{EncryptionType, StopStreamEncryptionInput},
};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: StopStreamEncryptionInput) -> Result<()> {
    let address = kinesis.address(&caller, named!(input))?;
    kinesis.known(&address)?;
    if input.encryption_type != EncryptionType::Kms {
        return Err(errors::encryption_type_none());
    }
    kinesis.keys.find(&caller, &caller.principal, &input.key_id)?;
    kinesis.configure(address, Setting::Encryption(None)).await?;
    Ok(())
}
