//! PutRecord: one record, durable when its id is told.
use super::put_record_batch::{Offered, offer, stored};
use crate::{
    Firehose, direct,
    errors::{self, Result},
};
use headwater_wire::{
    Caller,
    firehose::{PutRecordInput, PutRecordOutput},
};
use std::{slice, sync::Arc};

pub(crate) async fn run(firehose: Arc<Firehose>, caller: Caller, input: PutRecordInput) -> Result<PutRecordOutput> {
    let records = slice::from_ref(&input.record);
    let Offered { log, commit, is_encrypted, .. } = offer(&firehose, &caller, &input.delivery_stream_name, records)?;
    let commit = commit.ok_or_else(errors::slow_down)?;
    let stamps = stored(&firehose, &caller, &input.delivery_stream_name, log, commit).await?;
    let stamp = stamps.first().ok_or_else(errors::internal_failure)?;
    Ok(PutRecordOutput { record_id: direct::record_id(log, stamp.seq), encrypted: Some(is_encrypted) })
}
