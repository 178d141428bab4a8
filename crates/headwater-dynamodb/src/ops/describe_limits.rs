//! DescribeLimits: the throughput an account and a table may have.
use crate::{DynamoDb, errors::Result};
use headwater_wire::{
    Caller,
    dynamodb::{DescribeLimitsInput, DescribeLimitsOutput},
};
use std::sync::Arc;

/// Units of an account in a region, as AWS gives them without asking.
const ACCOUNT_UNITS: i64 = 80_000;
/// Units of a table.
const TABLE_UNITS: i64 = 40_000;

pub(crate) async fn run(
    _: Arc<DynamoDb>,
    _: Caller,
    DescribeLimitsInput {}: DescribeLimitsInput,
) -> Result<DescribeLimitsOutput> {
    Ok(DescribeLimitsOutput {
        account_max_read_capacity_units: Some(ACCOUNT_UNITS),
        account_max_write_capacity_units: Some(ACCOUNT_UNITS),
        table_max_read_capacity_units: Some(TABLE_UNITS),
        table_max_write_capacity_units: Some(TABLE_UNITS),
    })
}
