//! DescribeEndpoints: where the region's `DynamoDB` is. Clients with an endpoint of their own, as all of ours have, do not
//! ask; the answer is the name of the region's endpoint.
use crate::{DynamoDb, errors::Result};
use headwater_wire::{
    Caller,
    dynamodb::{DescribeEndpointsInput, DescribeEndpointsOutput, Endpoint},
};
use std::sync::Arc;

/// How long the answer holds.
const CACHE_MINUTES: i64 = 1440;

pub(crate) async fn run(
    _: Arc<DynamoDb>,
    caller: Caller,
    DescribeEndpointsInput {}: DescribeEndpointsInput,
) -> Result<DescribeEndpointsOutput> {
    let address = format!("dynamodb.{}.amazonaws.com", caller.region);
    Ok(DescribeEndpointsOutput { endpoints: vec![Endpoint { address, cache_period_in_minutes: CACHE_MINUTES }] })
}
