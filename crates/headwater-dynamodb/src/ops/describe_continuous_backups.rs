//! DescribeContinuousBackups: there are none, of any table.
use crate::{
    DynamoDb,
    errors::{self, Result},
    target,
};
use headwater_wire::{
    Caller,
    dynamodb::{
        ContinuousBackupsDescription, ContinuousBackupsStatus, DescribeContinuousBackupsInput,
        DescribeContinuousBackupsOutput, PointInTimeRecoveryDescription, PointInTimeRecoveryStatus,
    },
};
use std::sync::Arc;

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: DescribeContinuousBackupsInput,
) -> Result<DescribeContinuousBackupsOutput> {
    let (scope, name) = target::named(&caller, &input.table_name)?;
    if dynamodb.database.tables().find(&scope, name).is_none() {
        return Err(errors::no_such_table(name));
    }
    let recovery = PointInTimeRecoveryDescription {
        point_in_time_recovery_status: Some(PointInTimeRecoveryStatus::Disabled),
        ..PointInTimeRecoveryDescription::default()
    };
    let description = ContinuousBackupsDescription {
        continuous_backups_status: ContinuousBackupsStatus::Disabled,
        point_in_time_recovery_description: Some(recovery),
    };
    Ok(DescribeContinuousBackupsOutput { continuous_backups_description: Some(description) })
}
