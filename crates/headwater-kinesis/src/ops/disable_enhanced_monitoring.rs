//! DisableEnhancedMonitoring: switches shard-level metrics off, keeping the others.
use super::{metrics, named};
use crate::{Kinesis, catalog::Setting, errors::Result};
use headwater_wire::{
    Caller,
    kinesis::{DisableEnhancedMonitoringInput, EnhancedMonitoringOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: DisableEnhancedMonitoringInput,
) -> Result<EnhancedMonitoringOutput> {
    let address = kinesis.address(&caller, named!(input))?;
    let setting = Setting::MetricsOff(metrics::names(&input.shard_level_metrics));
    metrics::switch(&kinesis, &caller, address, setting).await
}
