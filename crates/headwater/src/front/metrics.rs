//! `/_headwater/metrics`: what the server counts, in the form Prometheus reads. Counts are taken from where they are kept
//! when somebody asks; nothing is counted twice and nobody pays for it in between.
//!
//! Invariant: units are base units – bytes, seconds –, and a name that stood once keeps its meaning.
use super::dispatch::{Calls, Table};
use headwater_firehose::{DeliveryReading, Reading};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use std::fmt;

/// What the form is called.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics now.
pub(super) fn page(table: &Table, deliveries: Vec<DeliveryReading>) -> String {
    let mut registry = Registry::with_prefix("headwater");
    registry.register_collector(Box::new(Requests(requests(table))));
    registry.register_collector(Box::new(Operations(table.operations())));
    registry.register_collector(Box::new(Deliveries(deliveries)));
    let mut text = String::new();
    // Writing to memory does not fail.
    let _ = text::encode(&mut text, &registry);
    text
}

/// A service's name, an outcome, and how many requests ended so.
#[derive(Debug)]
struct Requests(Vec<(&'static str, &'static str, u64)>);

fn requests(table: &Table) -> Vec<(&'static str, &'static str, u64)> {
    let counts = table
        .calls()
        .into_iter()
        .flat_map(|(service, calls)| outcomes(calls).map(|(outcome, count)| (service, outcome, count)));
    counts.collect()
}

const fn outcomes(calls: Calls) -> [(&'static str, u64); 3] {
    [("answered", calls.answered), ("refused", calls.refused), ("failed", calls.failed)]
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests answered, refused as the caller's fault, or failed as the server's";
        let counter = ConstCounter::new(0_u64);
        let mut family = encoder.encode_descriptor("requests", help, None, counter.metric_type())?;
        for (service, outcome, count) in &self.0 {
            let labels = [("service", *service), ("outcome", *outcome)];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// A service's name, an operation's, and how requests for it ended. Operations nobody asked for are left out.
#[derive(Debug)]
struct Operations(Vec<(&'static str, &'static str, Calls)>);

impl Collector for Operations {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests by operation, answered, refused as the caller's fault, or failed as the server's";
        let counter = ConstCounter::new(0_u64);
        let mut family = encoder.encode_descriptor("operation_requests", help, None, counter.metric_type())?;
        for (service, operation, calls) in &self.0 {
            for (outcome, count) in outcomes(*calls) {
                let labels = [("service", *service), ("operation", *operation), ("outcome", outcome)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// The delivery streams there are.
#[derive(Debug)]
struct Deliveries(Vec<DeliveryReading>);

/// A count of a delivery stream: its name, what it means, its unit, and where it stands.
type Count = (&'static str, &'static str, Option<Unit>, fn(&Reading) -> u64);

const COUNTS: [Count; 9] = [
    ("firehose_read_records", "Records read from the source", None, |it| it.read_records),
    ("firehose_read", "Data of the records read from the source", Some(Unit::Bytes), |it| it.read_bytes),
    ("firehose_objects", "Objects written, those of errors and backups too", None, |it| it.objects),
    ("firehose_objects_written", "Objects' bodies, as written", Some(Unit::Bytes), |it| it.object_bytes),
    ("firehose_delivered_records", "Records that stand in objects or at an endpoint", None, |it| it.delivered_records),
    ("firehose_refused_writes", "Tries of writing that the destination refused", None, |it| it.refused_writes),
    ("firehose_failed_records", "Records that went to the errors", None, |it| it.failed_records),
    ("firehose_lost_records", "Records given up after a day", None, |it| it.lost_records),
    ("firehose_function_calls", "Calls of the function that were answered", None, |it| it.calls),
];

impl Collector for Deliveries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, unit, count) in COUNTS {
            let counter = ConstCounter::new(0_u64);
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), counter.metric_type())?;
            for delivery in &self.0 {
                ConstCounter::new(count(&delivery.reading)).encode(family.encode_family(&labels(delivery))?)?;
            }
        }
        let counter = ConstCounter::new(0.0_f64);
        let (name, help) = ("firehose_function_calls_duration", "What answered calls of the function took together");
        let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), counter.metric_type())?;
        for delivery in &self.0 {
            let seconds = seconds(delivery.reading.call_ms);
            ConstCounter::new(seconds).encode(family.encode_family(&labels(delivery))?)?;
        }
        let gauge = ConstGauge::new(0.0_f64);
        let (name, help) = ("firehose_delivered_arrival_timestamp", "When the youngest record delivered had arrived");
        let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), gauge.metric_type())?;
        for delivery in &self.0 {
            let seconds = seconds(delivery.reading.fresh_to_ms);
            ConstGauge::new(seconds).encode(family.encode_family(&labels(delivery))?)?;
        }
        Ok(())
    }
}

fn labels(delivery: &DeliveryReading) -> [(&'static str, &str); 3] {
    let DeliveryReading { account, region, name, .. } = delivery;
    [("account", account), ("region", region), ("delivery_stream", name)]
}

#[expect(clippy::cast_precision_loss, reason = "a time of day in milliseconds has 41 bits")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
