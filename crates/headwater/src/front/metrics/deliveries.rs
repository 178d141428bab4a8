//! The delivery streams' counts. Invariant: a delivery stream that is there has a sample in each family.
use super::{Head, Labels, counters, family, gauges, millis, number};
use headwater_firehose::{DeliveryReading, Reading};
use prometheus_client::{
    encoding::DescriptorEncoder,
    metrics::{MetricType, counter::ConstCounter},
    registry::Unit,
};
use std::fmt;

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

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, deliveries: &[DeliveryReading]) -> fmt::Result {
    for (name, help, unit, count) in COUNTS {
        let samples = deliveries.iter().map(|delivery| (labels(delivery), count(&delivery.reading)));
        counters(encoder, Head(name, help, unit), samples)?;
    }
    let help = "What answered calls of the function took together";
    let head = Head("firehose_function_calls_duration", help, Some(Unit::Seconds));
    let calls = deliveries.iter().map(|it| (labels(it), ConstCounter::new(millis(it.reading.call_ms))));
    family(encoder, head, MetricType::Counter, calls)?;
    let help = "When the youngest record delivered had arrived";
    let head = Head("firehose_delivered_arrival_timestamp", help, Some(Unit::Seconds));
    gauges(encoder, head, deliveries.iter().map(|it| (labels(it), millis(it.reading.fresh_to_ms))))?;
    let head = Head("firehose_waiting_records", "Records read and not yet written", None);
    gauges(encoder, head, deliveries.iter().map(|it| (labels(it), number(it.reading.waiting.records))))?;
    let head = Head("firehose_waiting", "Data of records read and not yet written", Some(Unit::Bytes));
    gauges(encoder, head, deliveries.iter().map(|it| (labels(it), number(it.reading.waiting.bytes))))?;
    let help = "When the oldest record that is not yet written had arrived; 0 if there is none";
    let head = Head("firehose_waiting_arrival_timestamp", help, Some(Unit::Seconds));
    gauges(encoder, head, deliveries.iter().map(|it| (labels(it), millis(it.reading.waiting.oldest_ms))))
}

fn labels(delivery: &DeliveryReading) -> Labels<'_> {
    let DeliveryReading { account, region, name, .. } = delivery;
    vec![("account", account), ("region", region), ("delivery_stream", name)]
}
