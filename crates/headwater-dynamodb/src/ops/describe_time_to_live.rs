//! DescribeTimeToLive: whether a table's items expire, and by which attribute.
use crate::{
    DynamoDb,
    errors::{self, Result},
    table::{Expiry, IndexPhase, Phase},
};
use headwater_wire::{
    Caller,
    dynamodb::{DescribeTimeToLiveInput, DescribeTimeToLiveOutput, TimeToLiveDescription, TimeToLiveStatus},
};
use std::sync::Arc;

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: DescribeTimeToLiveInput,
) -> Result<DescribeTimeToLiveOutput> {
    let table = dynamodb.any_table(&caller, &input.table_name)?;
    match table.phase {
        Phase::Creating { .. } => return Err(errors::expiry_untold("CREATING")),
        Phase::Deleting { .. } | Phase::Deleted => return Err(errors::expiry_untold("DELETING")),
        Phase::Active | Phase::Updating { .. } => {}
    }
    let live = table.expiry.as_ref().and_then(|expiry| expiry.rows.as_ref().map(|rows| (expiry, rows)));
    let status = match live {
        None => TimeToLiveStatus::Disabled,
        Some((_, IndexPhase::Filling { .. })) => TimeToLiveStatus::Enabling,
        Some((_, IndexPhase::Active)) => TimeToLiveStatus::Enabled,
        Some((_, IndexPhase::Emptying)) => TimeToLiveStatus::Disabling,
    };
    let attribute_name = live.map(|(Expiry { attribute, .. }, _)| attribute.clone());
    let description = TimeToLiveDescription { time_to_live_status: Some(status), attribute_name };
    Ok(DescribeTimeToLiveOutput { time_to_live_description: Some(description) })
}
