//! Requests: how many, how they ended, and how long they took. Invariant: an operation nobody asked for has no sample.
use super::{
    super::dispatch::{Calls, OperationReading},
    Head, Labels, MICROS, Spread, counters, family,
};
use prometheus_client::{encoding::DescriptorEncoder, metrics::MetricType, registry::Unit};
use std::fmt;

/// What the services say of a rate that was exceeded. Kinesis' LimitExceededException is not among them: it also says
/// that there are too many of something.
const THROTTLES: [&str; 5] = [
    "KMSThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailableException",
    "ThrottlingException",
];

pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    services: &[(&'static str, Calls)],
    operations: &[OperationReading],
) -> fmt::Result {
    let head = Head("requests", "Requests answered, refused as the caller's fault, or failed as the server's", None);
    let of_service = services.iter().flat_map(|(service, calls)| {
        outcomes(*calls).map(|(outcome, count)| (vec![("service", *service), ("outcome", outcome)], count))
    });
    counters(encoder, head, of_service)?;
    let help = "Requests by operation, answered, refused as the caller's fault, or failed as the server's";
    let by_outcome = operations
        .iter()
        .flat_map(|it| outcomes(it.calls).map(|(outcome, count)| (labels(it, &[("outcome", outcome)]), count)));
    counters(encoder, Head("operation_requests", help, None), by_outcome)?;
    let help = "From the whole head of a request until its answer was known; of events, until they began";
    let latency = operations.iter().map(|it| (labels(it, &[]), Spread(&it.latency, MICROS)));
    family(encoder, Head("operation_latency", help, Some(Unit::Seconds)), MetricType::Histogram, latency)?;
    let help = "Errors that operations answered with, by their code";
    let by_code =
        operations.iter().flat_map(|it| it.errors.iter().map(|(code, count)| (labels(it, &[("error", code)]), *count)));
    counters(encoder, Head("operation_errors", help, None), by_code)?;
    let help = "Requests refused because a rate was exceeded";
    let throttled = operations.iter().filter_map(|it| {
        let throttles = it.errors.iter().filter(|(code, _)| THROTTLES.contains(code));
        let count = throttles.map(|(_, count)| count).sum();
        (count > 0).then(|| (labels(it, &[]), count))
    });
    counters(encoder, Head("throttled_requests", help, None), throttled)?;
    let help = "Requests for an operation whose sender could not be told, by the error's code";
    let denied = operations
        .iter()
        .flat_map(|it| it.denials.iter().map(|(code, count)| (labels(it, &[("error", code)]), *count)));
    counters(encoder, Head("authentication_failures", help, None), denied)
}

const fn outcomes(calls: Calls) -> [(&'static str, u64); 3] {
    [("answered", calls.answered), ("refused", calls.refused), ("failed", calls.failed)]
}

fn labels<'a>(operation: &OperationReading, more: &[(&'static str, &'a str)]) -> Labels<'a> {
    [&[("service", operation.service), ("operation", operation.operation)], more].concat()
}
