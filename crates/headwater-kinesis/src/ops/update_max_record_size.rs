//! UpdateMaxRecordSize: how large a record may be from now on; larger ones that are there stay.
use crate::{Kinesis, catalog::Setting, errors::Result, target::Target};
use headwater_wire::{Caller, kinesis::UpdateMaxRecordSizeInput};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: UpdateMaxRecordSizeInput) -> Result<()> {
    let target = Target { name: None, arn: input.stream_arn.as_deref() };
    let address = kinesis.address(&caller, target)?;
    kinesis.configure(address, Setting::MaxRecordSize { kib: input.max_record_size_in_kib.unsigned_abs() }).await?;
    Ok(())
}
