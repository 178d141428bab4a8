//! Spans of requests: whose trace a request belongs to, whether it is sampled, and what its span says.
//!
//! Invariant: who asks is followed – a trace that is not sampled there is not sampled here –; a span that there is no
//! room for is dropped and counted, and nothing waits for one.
use super::{
    Exchange,
    chance::Draw,
    observe::{Seen, Spent},
};
use crate::outward::{Attribute, Span, SpanSink};
use headwater_wire::Service;
use http::request::Parts;

const TRACE_PARENT: &str = "traceparent";
const AMAZON_TRACE: &str = "x-amzn-trace-id";

/// The part of a trace's id that is compared, by OpenTelemetry's rule.
const LAST_63_BITS: u128 = (1 << 63) - 1;

/// Where spans go, and how many.
pub(crate) struct Traces {
    sink: SpanSink,
    /// A trace that begins here is sampled if the last 63 bits of its id are below this.
    threshold: u64,
}

/// Where a span stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Context {
    trace: u128,
    span: u64,
    parent: Option<u64>,
}

/// What a request says of the trace it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Parent {
    trace: u128,
    span: Option<u64>,
    /// Nothing where it is left to us.
    is_sampled: Option<bool>,
}

impl Traces {
    /// Spans of `ratio` of the traces that begin here, and of all that are sampled elsewhere.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a ratio is between 0 and 1")]
    pub(crate) fn new(sink: SpanSink, ratio: f64) -> Self {
        Self { sink, threshold: (ratio * (1_u64 << 63) as f64) as u64 }
    }

    /// Where the span of a request stands, if it is to have one.
    pub(super) fn sample(&self, head: &Parts, draw: &mut Draw) -> Option<Context> {
        let parent = Parent::of(head);
        let trace = parent.map_or_else(|| u128::from(draw.number()) << 64 | u128::from(draw.number()), |it| it.trace);
        let falls_below = || trace & LAST_63_BITS < u128::from(self.threshold);
        let is_sampled = parent.and_then(|parent| parent.is_sampled).unwrap_or_else(falls_below);
        let span = || draw.number().max(1);
        is_sampled.then(span).map(|span| Context { trace, span, parent: parent.and_then(|parent| parent.span) })
    }

    /// Hands on the span of a request that ended at `now_ms`.
    pub(super) fn tell(&self, context: &Context, seen: &Seen<'_>, exchange: &Exchange<'_>, now_ms: u64) {
        let end_ns = now_ms * 1_000_000;
        let service = seen.target.map_or(seen.service, service_id);
        let operation = seen.operation.unwrap_or("unknown");
        self.sink.put(Span {
            trace: context.trace,
            span: context.span,
            parent: context.parent,
            name: format!("{service}/{operation}"),
            begin_ns: end_ns.saturating_sub(seen.latency_us * 1000),
            end_ns,
            is_failed: seen.status >= 500,
            attributes: attributes(seen, exchange, service, operation),
        });
    }
}

/// What a span says, by the names that OpenTelemetry gives it.
fn attributes(
    seen: &Seen<'_>,
    exchange: &Exchange<'_>,
    service: &str,
    operation: &str,
) -> Vec<(&'static str, Attribute)> {
    let text = |name, value: &str| (name, Attribute::Text(value.to_owned()));
    let count = |name, value: u64| (name, Attribute::Count(value));
    let Spent { body_us, admission_us, work_us, wait_us, .. } = seen.spent;
    let mut all = vec![
        text("rpc.system", "aws-api"),
        text("rpc.service", service),
        text("rpc.method", operation),
        text("aws.request_id", &exchange.id.to_string()),
        count("http.response.status_code", seen.status.into()),
        count("http.request.body.size", seen.bytes_in as u64),
        count("headwater.body_us", body_us),
        count("headwater.admission_us", admission_us),
        count("headwater.work_us", work_us),
        count("headwater.wait_us", wait_us),
    ];
    all.extend(seen.bytes_out.map(|bytes| count("http.response.body.size", bytes)));
    all.extend(exchange.address().map(|address| text("client.address", &address)));
    let failed = (seen.status >= 500).then(|| seen.status.to_string());
    all.extend(seen.error.map(str::to_owned).or(failed).map(|error| ("error.type", Attribute::Text(error))));
    let about = seen.resource.as_deref().map(|resource| match seen.target {
        Some(Service::Kinesis) => text("aws.kinesis.stream_name", resource),
        Some(Service::DynamoDb | Service::DynamoDbStreams) => {
            ("aws.dynamodb.table_names", Attribute::Texts(resource.split(',').map(str::to_owned).collect()))
        }
        _ => text("headwater.resource", resource),
    });
    all.extend(about);
    all
}

/// A service by the id that SDKs know it by.
const fn service_id(service: Service) -> &'static str {
    match service {
        Service::Kinesis => "Kinesis",
        Service::DynamoDb => "DynamoDB",
        Service::DynamoDbStreams => "DynamoDB Streams",
        Service::Firehose => "Firehose",
        Service::Glue => "Glue",
    }
}

impl Parent {
    /// What a request says: in W3C's header, or else in Amazon's. What cannot be read says nothing.
    fn of(head: &Parts) -> Option<Self> {
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        text(TRACE_PARENT).and_then(Self::of_w3c).or_else(|| text(AMAZON_TRACE).and_then(Self::of_amazon))
    }

    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`
    fn of_w3c(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let version: u8 = hex(version, 2)?.try_into().ok()?;
        // A later version may say more behind the flags.
        if version == u8::MAX || (version == 0 && fields.next().is_some()) {
            return None;
        }
        let span: u64 = hex(span, 16)?.try_into().ok()?;
        let trace = hex(trace, 32)?;
        let is_sampled = hex(flags, 2)? & 1 == 1;
        (trace != 0 && span != 0).then_some(Self { trace, span: Some(span), is_sampled: Some(is_sampled) })
    }

    /// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`
    fn of_amazon(text: &str) -> Option<Self> {
        let field = |name| text.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
        let (seconds, rest) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        let trace = hex(seconds, 8)? << 96 | hex(rest, 24)?;
        let span = field("Parent").and_then(|span| u64::try_from(hex(span, 16)?).ok());
        let is_sampled = match field("Sampled") {
            Some("1") => Some(true),
            Some("0") => Some(false),
            _ => None,
        };
        (trace != 0).then_some(Self { trace, span: span.filter(|span| *span != 0), is_sampled })
    }
}

/// A number of exactly so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let fits = text.len() == digits && text.bytes().all(is_digit);
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::chance::Chance;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(http::Request::post("/"), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

    #[test]
    fn the_trace_of_the_request_is_read_in_either_form_and_nonsense_is_passed_over() {
        let w3c = |text| Parent::of(&head(&[(TRACE_PARENT, text)]));
        let parent = Parent { trace: TRACE, span: Some(0x00f0_67aa_0ba9_02b7), is_sampled: Some(true) };
        assert_eq!(w3c("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), Some(parent));
        assert_eq!(w3c("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what"), Some(parent));
        let unsampled = w3c("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        assert_eq!(unsampled, Some(Parent { is_sampled: Some(false), ..parent }));
        for nonsense in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f35-00f067aa0ba902b7-01",
            "",
        ] {
            assert_eq!(w3c(nonsense), None, "{nonsense}");
        }
        let amazon = |text| Parent::of(&head(&[(AMAZON_TRACE, text)]));
        let named = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";
        assert_eq!(amazon(named), Some(parent));
        let bare = Parent { span: None, is_sampled: None, ..parent };
        assert_eq!(amazon("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736"), Some(bare));
        assert_eq!(amazon("Root=2-4bf92f35-77b34da6a3ce929d0e0e4736"), None);
        let both =
            head(&[(AMAZON_TRACE, named), (TRACE_PARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")]);
        assert_eq!(Parent::of(&both), unsampled);
    }

    #[test]
    fn who_asks_decides_and_else_the_ratio() {
        let chance = Chance::new(5);
        let of = |ratio, headers: &[(&str, &str)]| {
            let traces = Traces::new(SpanSink::closed(), ratio);
            (0..1000).filter(|_| traces.sample(&head(headers), &mut chance.draw()).is_some()).count()
        };
        let sampled = [(TRACE_PARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")];
        let unsampled = [(TRACE_PARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")];
        assert_eq!((of(0.0, &sampled), of(1.0, &unsampled)), (1000, 0));
        assert_eq!((of(0.0, &[]), of(1.0, &[])), (0, 1000));
        assert!((200..300).contains(&of(0.25, &[])));
    }
}
