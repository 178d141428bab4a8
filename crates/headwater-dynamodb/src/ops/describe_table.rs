//! DescribeTable: what a table is and holds.
use crate::{DynamoDb, errors::Result};
use headwater_wire::{
    Caller,
    dynamodb::{DescribeTableInput, DescribeTableOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: DescribeTableInput,
) -> Result<DescribeTableOutput> {
    let table = dynamodb.any_table(&caller, &input.table_name)?;
    Ok(DescribeTableOutput { table: Some(dynamodb.describe(&table)) })
}
