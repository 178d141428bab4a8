//! `/_headwater/metrics`: what the server counts, in the form Prometheus reads. Counts are taken from where they are kept
//! when somebody asks; nothing is counted twice and nobody pays for it in between.
//!
//! Invariant: units are base units – bytes, seconds –, and a name that stood once keeps its meaning. `docs/metrics.md`
//! has a line for each name, and a test holds the two together.
mod deliveries;
mod journal;
mod nodes;
mod process;
mod requests;
mod streams;

use super::{Readings, dispatch::Table};
use headwater_log::histogram::Distribution;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use std::fmt;

/// What the form is called.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics now.
pub(super) fn page(table: &Table, readings: Readings) -> String {
    let mut own = Registry::with_prefix("headwater");
    let (requests, operations) = (table.calls(), table.operations());
    own.register_collector(Box::new(Own { requests, operations, readings }));
    // What every process has goes by the names it has everywhere.
    let mut of_process = Registry::default();
    of_process.register_collector(Box::new(process::Process::look()));
    let mut text = String::new();
    // Writing to memory does not fail.
    let _ = text::encode_registry(&mut text, &own)
        .and_then(|()| text::encode_registry(&mut text, &of_process))
        .and_then(|()| text::encode_eof(&mut text));
    text
}

/// Everything that is Headwater's own.
#[derive(Debug)]
struct Own {
    requests: Vec<(&'static str, super::dispatch::Calls)>,
    operations: Vec<super::dispatch::OperationReading>,
    readings: Readings,
}

impl Collector for Own {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self { requests, operations, readings } = self;
        requests::encode(&mut encoder, requests, operations)?;
        journal::encode(&mut encoder, readings.journal.as_ref())?;
        streams::encode(&mut encoder, &readings.streams)?;
        deliveries::encode(&mut encoder, &readings.deliveries)?;
        nodes::encode(&mut encoder, &readings.nodes)?;
        state(&mut encoder, readings)
    }
}

/// What there is one of in a server.
fn state(encoder: &mut DescriptorEncoder<'_>, readings: &Readings) -> fmt::Result {
    let Readings { connections, recovery_us, trim_lag_ms, .. } = readings;
    let head = Head("connections", "Connections that are open", None);
    gauges(encoder, head, [(Vec::new(), number(*connections))])?;
    let head = Head("recovery_duration", "From the start of the server until it took requests", Some(Unit::Seconds));
    gauges(encoder, head, [(Vec::new(), micros(*recovery_us))])?;
    let help = "Since all that was past retention in Kinesis' streams was last trimmed";
    let head = Head("kinesis_trim_lag", help, Some(Unit::Seconds));
    gauges(encoder, head, trim_lag_ms.map(|ms| (Vec::new(), millis(ms))))?;
    let help = "Spans of requests that a collector took, or that were dropped";
    let outcomes = readings.spans.into_iter().flat_map(|(sent, dropped)| [("sent", sent), ("dropped", dropped)]);
    counters(encoder, Head("spans", help, None), outcomes.map(|(outcome, count)| (vec![("outcome", outcome)], count)))
}

/// A metric's name, what it means, and its unit.
struct Head(&'static str, &'static str, Option<Unit>);

/// The labels of a sample.
type Labels<'a> = Vec<(&'static str, &'a str)>;

fn counters<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    head: Head,
    samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
) -> fmt::Result {
    let samples = samples.into_iter().map(|(labels, count)| (labels, ConstCounter::new(count)));
    family(encoder, head, MetricType::Counter, samples)
}

fn gauges<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    head: Head,
    samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
) -> fmt::Result {
    let samples = samples.into_iter().map(|(labels, value)| (labels, ConstGauge::new(value)));
    family(encoder, head, MetricType::Gauge, samples)
}

fn family<'a, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    Head(name, help, unit): Head,
    kind: MetricType,
    samples: impl IntoIterator<Item = (Labels<'a>, M)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
    for (labels, metric) in samples {
        if labels.is_empty() {
            return metric.encode(family);
        }
        metric.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// A distribution, so many of whose values are one unit of the metric.
struct Spread<'a>(&'a Distribution, f64);

impl EncodeMetric for Spread<'_> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Self(Distribution { bounds, counts, sum }, values) = self;
        let bounds = bounds.iter().map(|bound| number(*bound) / values).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts.iter().copied()).collect();
        encoder.encode_histogram::<NoLabelSet>(number(*sum) / values, counts.iter().sum(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// Microseconds of a second. Dividing by it gives the number one would write; multiplying by its inverse does not.
const MICROS: f64 = 1_000_000.0;

fn micros(us: u64) -> f64 {
    number(us) / MICROS
}

fn millis(ms: u64) -> f64 {
    number(ms) / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "what is counted is far below 2⁵³, or need not be exact")]
const fn number(count: u64) -> f64 {
    count as f64
}
