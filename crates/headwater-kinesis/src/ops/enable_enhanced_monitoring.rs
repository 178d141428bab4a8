//! EnableEnhancedMonitoring: switches shard-level metrics on, keeping the others.
use super::{metrics, named};
use crate::{Kinesis, catalog::Setting, errors::Result};
use headwater_wire::{
    Caller,
    kinesis::{EnableEnhancedMonitoringInput, EnhancedMonitoringOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: EnableEnhancedMonitoringInput,
) -> Result<EnhancedMonitoringOutput> {
    let address = kinesis.address(&caller, named!(input))?;
    let setting = Setting::MetricsOn(metrics::names(&input.shard_level_metrics));
    metrics::switch(&kinesis, &caller, address, setting).await
}
