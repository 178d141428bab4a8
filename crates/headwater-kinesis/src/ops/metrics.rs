//! Shard-level metrics switched on and off: what the two operations share.
//!
//! Invariant: `ALL` stands for every metric there is and is never kept nor shown itself.
use super::shapes;
use crate::{
    Kinesis,
    catalog::{Address, Setting},
    errors::{self, Result},
    target::stream_arn,
};
use headwater_wire::{
    Caller, Enumeration,
    kinesis::{EnhancedMonitoringOutput, MetricsName},
};
use std::collections::BTreeSet;

/// The metrics meant.
pub(super) fn names(asked: &[MetricsName]) -> BTreeSet<String> {
    let all = asked.contains(&MetricsName::All);
    let each = MetricsName::ALL.iter().filter(|name| **name != MetricsName::All);
    each.filter(|name| all || asked.contains(name)).map(|name| name.as_str().to_owned()).collect()
}

/// Changes the stream's metrics and tells which there were and which there are to be.
///
/// # Errors
/// The service's own.
pub(super) async fn switch(
    kinesis: &Kinesis,
    caller: &Caller,
    address: Address,
    setting: Setting,
) -> Result<EnhancedMonitoringOutput> {
    let name = address.name.clone();
    let current = {
        let catalog = kinesis.catalog.read();
        let stream = catalog.stream(&address.scope.account, &address.scope.region, &name);
        stream.ok_or_else(|| errors::stream_not_found(&name, &caller.account))?.metrics.clone()
    };
    let mut desired = current.clone();
    match &setting {
        Setting::MetricsOn(names) => desired.extend(names.iter().cloned()),
        Setting::MetricsOff(names) => desired.retain(|name| !names.contains(name)),
        _ => {}
    }
    kinesis.configure(address, setting).await?;
    Ok(EnhancedMonitoringOutput {
        stream_arn: Some(stream_arn(caller, &name)),
        stream_name: Some(name),
        current_shard_level_metrics: Some(shapes::metrics(&current)),
        desired_shard_level_metrics: Some(shapes::metrics(&desired)),
    })
}
