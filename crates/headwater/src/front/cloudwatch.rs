//! CloudWatch's PutMetricData, in the three forms clients send it in: CBOR behind a path, JSON behind a target, a query
//! form. Clients publish with it and give up nothing if it fails; answered, they leave no errors in their logs.
//!
//! Invariant: each form is answered in its own; what a compressed body unpacks to is bounded.
use super::{
    published::{Metric, Published, Seen},
    reply::{Reply, RequestId, status},
};
use bytes::Bytes;
use flate2::read::GzDecoder;
use headwater_wire::{
    Dialect, Service, ServiceError,
    cloudwatch::{Dimension, MetricDatum, PutMetricData, StatisticSet, put_metric_data},
    encode_error,
};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use std::{collections::BTreeMap, io::Read};

/// What the service is called in a signature's scope.
pub(crate) const SCOPE: &str = "monitoring";
/// What IAM calls the operation.
pub(crate) const ACTION: &str = "cloudwatch:PutMetricData";
/// What stands before the dot in its targets, and in its paths.
const PREFIX: &str = "GraniteServiceVersion20100801";
const OPERATION: &str = "PutMetricData";
const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";
/// The largest body the service takes, unpacked.
const BODY_BYTES: u64 = 1 << 20;
/// Metrics in one call at most.
const MAX_METRICS: usize = 1000;

static PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");

/// How a call is written, and so its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Cbor,
    Json,
    Query,
}

/// A call to the service: how it is written and what it asks for, which a query says in its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) form: Form,
    operation: Option<&'a str>,
}

/// The call of a request with this head, if it is one to this service. `target` is `X-Amz-Target`, `is_form` says
/// that the body is a form.
pub(crate) fn identify<'a>(head: &'a Parts, target: &'a str, is_form: bool) -> Option<Call<'a>> {
    let path = head.uri.path().strip_prefix("/service/").and_then(|rest| rest.strip_prefix(PREFIX));
    if let Some(operation) = path.and_then(|rest| rest.strip_prefix("/operation/")) {
        return Some(Call { form: Form::Cbor, operation: Some(operation) });
    }
    if let Some(operation) = target.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('.')) {
        return Some(Call { form: Form::Json, operation: Some(operation) });
    }
    if !is_form {
        return None;
    }
    let authorization = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scope = authorization.and_then(|text| text.split('/').nth(3));
    (scope == Some(SCOPE)).then_some(Call { form: Form::Query, operation: None })
}

/// Takes in what a call publishes for `account`.
///
/// # Errors
/// The service's own.
pub(crate) fn run(
    call: Call<'_>,
    head: &Parts,
    body: &Bytes,
    account: &str,
    published: &Published,
) -> Result<(), ServiceError> {
    let body = unpacked(head, body)?;
    if let Some(operation) = call.operation
        && operation != OPERATION
    {
        return Err(ServiceError::new("UnknownOperationException", format!("There is no operation {operation}.")));
    }
    let asked = match call.form {
        Form::Cbor => put_metric_data(Dialect::Cbor11, &body)?,
        Form::Json => put_metric_data(Dialect::Json10, &body)?,
        Form::Query => of_form(&body)?,
    };
    let missing =
        |name| ServiceError::new("MissingRequiredParameterException", format!("The parameter {name} is required."));
    let namespace = asked.namespace.filter(|name| !name.is_empty()).ok_or_else(|| missing("Namespace"))?;
    let data = asked.metric_data.unwrap_or_default();
    if data.len() > MAX_METRICS {
        let text = format!("The collection MetricData must not have a size greater than {MAX_METRICS}.");
        return Err(ServiceError::new("InvalidParameterValueException", text));
    }
    let mut seen = Vec::with_capacity(data.len());
    for datum in data {
        let values = values(&datum);
        let MetricDatum { metric_name, dimensions, .. } = datum;
        let name = metric_name.ok_or_else(|| missing("MetricData.member.MetricName"))?;
        let dimensions = dimensions.unwrap_or_default().into_iter();
        let dimensions: BTreeMap<String, String> =
            dimensions.filter_map(|Dimension { name, value }| name.zip(value)).collect();
        let metric = Metric { account: account.to_owned(), namespace: namespace.clone(), name, dimensions };
        seen.extend(values.map(|values| (metric, values)));
    }
    published.take(seen);
    Ok(())
}

/// What was seen of a metric; nothing if the datum says nothing.
fn values(datum: &MetricDatum) -> Option<Seen> {
    if let Some(value) = datum.value {
        return Some(Seen { count: 1.0, sum: value, last: value });
    }
    if let Some(StatisticSet { sample_count: Some(count), sum: Some(sum), .. }) = datum.statistic_values
        && count > 0.0
    {
        return Some(Seen { count, sum, last: sum / count });
    }
    let values = datum.values.as_deref().unwrap_or_default();
    let counts = datum.counts.iter().flatten().copied().chain(std::iter::repeat(1.0));
    let (count, sum) =
        values.iter().zip(counts).fold((0.0, 0.0), |(all, sum), (value, count)| (all + count, sum + value * count));
    values.last().map(|last| Seen { count, sum, last: *last })
}

/// The body as it was before it was compressed: SDKs compress what is larger than 10 KiB.
fn unpacked(head: &Parts, body: &Bytes) -> Result<Bytes, ServiceError> {
    if head.headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding != "gzip") {
        return Ok(body.clone());
    }
    let mut plain = Vec::new();
    let read = GzDecoder::new(&body[..]).take(BODY_BYTES + 1).read_to_end(&mut plain);
    if read.is_err() || plain.len() as u64 > BODY_BYTES {
        return Err(ServiceError::new("InvalidParameterValueException", "The body cannot be unpacked."));
    }
    Ok(plain.into())
}

/// The call in a query form.
fn of_form(body: &[u8]) -> Result<PutMetricData, ServiceError> {
    let fields: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let action = fields.get("Action").map(String::as_str).unwrap_or_default();
    if action != OPERATION {
        let version = fields.get("Version").map(String::as_str).unwrap_or_default();
        let text = format!("Could not find operation {action} for version {version}");
        return Err(ServiceError::new("InvalidAction", text));
    }
    let text = |key: &str| fields.get(key).cloned();
    let number = |key: &str| fields.get(key).and_then(|value| value.parse().ok());
    let each = |list: &str| {
        let list = format!("{list}.member.");
        let is_there =
            |place: &String| fields.range(place.clone()..).next().is_some_and(|(key, _)| key.starts_with(place));
        (1..=MAX_METRICS + 1).map(move |nth| format!("{list}{nth}")).take_while(is_there).collect::<Vec<_>>()
    };
    let numbers = |list: &str| each(list).iter().filter_map(|place| number(place)).collect::<Vec<f64>>();
    let datum = |place: &String| MetricDatum {
        metric_name: text(&format!("{place}.MetricName")),
        dimensions: Some(
            each(&format!("{place}.Dimensions"))
                .iter()
                .map(|place| Dimension { name: text(&format!("{place}.Name")), value: text(&format!("{place}.Value")) })
                .collect(),
        ),
        value: number(&format!("{place}.Value")),
        statistic_values: Some(StatisticSet {
            sample_count: number(&format!("{place}.StatisticValues.SampleCount")),
            sum: number(&format!("{place}.StatisticValues.Sum")),
            ..StatisticSet::default()
        }),
        values: Some(numbers(&format!("{place}.Values"))),
        counts: Some(numbers(&format!("{place}.Counts"))),
    };
    Ok(PutMetricData {
        namespace: text("Namespace"),
        metric_data: Some(each("MetricData").iter().map(datum).collect()),
    })
}

/// The answer to a call in this form.
pub(crate) fn answer(form: Form, outcome: Result<(), ServiceError>, id: &RequestId) -> Reply {
    let (code, content_type, body) = match (form, outcome) {
        (Form::Cbor, Ok(())) => (StatusCode::OK, None, Bytes::new()),
        (Form::Json, Ok(())) => (StatusCode::OK, Some("application/x-amz-json-1.0"), Bytes::from_static(b"{}")),
        (Form::Query, Ok(())) => {
            let body = format!(
                "<PutMetricDataResponse xmlns=\"{NAMESPACE}\">\n  <ResponseMetadata>\n    <RequestId>{id}</RequestId>\n  \
                 </ResponseMetadata>\n</PutMetricDataResponse>\n"
            );
            (StatusCode::OK, Some("text/xml"), body.into())
        }
        (Form::Query, Err(error)) => return super::sts::refusal_of(NAMESPACE, &error, id),
        (form, Err(error)) => {
            let (dialect, content_type) = match form {
                Form::Cbor => (Dialect::Cbor11, "application/cbor"),
                Form::Json | Form::Query => (Dialect::Json10, "application/x-amz-json-1.0"),
            };
            let body = encode_error(dialect, Service::Kinesis, &error);
            (status(error.kind), Some(content_type), body.into())
        }
    };
    let mut reply = Reply::new(body.into());
    *reply.status_mut() = code;
    let headers = reply.headers_mut();
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if form == Form::Cbor {
        headers.insert(PROTOCOL.clone(), HeaderValue::from_static("rpc-v2-cbor"));
    }
    if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn head(path: &str, headers: &[(&str, &str)]) -> Parts {
        let request = http::Request::post(path);
        headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    fn publish(call: Call<'_>, head: &Parts, body: &[u8]) -> Result<serde_json::Value, ServiceError> {
        let published = Published::default();
        run(call, head, &Bytes::copy_from_slice(body), "1", &published)?;
        Ok(published.shown())
    }

    const JSON: &[u8] = br#"{"Namespace":"N","MetricData":[{"MetricName":"m","Dimensions":[{"Name":"d","Value":"v"}],
        "Values":[1,4],"Counts":[3,1]}]}"#;

    fn shown() -> serde_json::Value {
        serde_json::json!({
            "metrics": [{"account": "1", "namespace": "N", "name": "m", "dimensions": {"d": "v"},
                         "count": 4.0, "sum": 7.0, "last": 4.0}],
            "turned_away": 0,
        })
    }

    #[test]
    fn the_three_forms_say_the_same() {
        let cbor = head("/service/GraniteServiceVersion20100801/operation/PutMetricData", &[]);
        let call = identify(&cbor, "", false).unwrap();
        let datum = put_metric_data(Dialect::Json10, &Bytes::from_static(JSON)).unwrap();
        assert_eq!(publish(call, &cbor, &headwater_wire::encode(Dialect::Cbor11, &datum)).unwrap(), shown());
        let json = head("/", &[]);
        let call = identify(&json, "GraniteServiceVersion20100801.PutMetricData", false).unwrap();
        assert_eq!(publish(call, &json, JSON).unwrap(), shown());
        let query = head("/", &[("authorization", "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/monitoring/x")]);
        let call = identify(&query, "", true).unwrap();
        let form = "Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=m&\
            MetricData.member.1.Dimensions.member.1.Name=d&MetricData.member.1.Dimensions.member.1.Value=%76&\
            MetricData.member.1.Values.member.1=1&MetricData.member.1.Values.member.2=4&\
            MetricData.member.1.Counts.member.1=3&MetricData.member.1.Counts.member.2=1";
        assert_eq!(publish(call, &query, form.as_bytes()).unwrap(), shown());
        assert_eq!(identify(&json, "Kinesis_20131202.PutRecord", true), None);
    }

    #[test]
    fn compressed_bodies_are_unpacked_up_to_a_bound() {
        let pack = |plain: &[u8]| {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(plain).unwrap();
            packer.finish().unwrap()
        };
        let head = head("/", &[("content-encoding", "gzip")]);
        let call = identify(&head, "GraniteServiceVersion20100801.PutMetricData", false).unwrap();
        assert_eq!(publish(call, &head, &pack(JSON)).unwrap(), shown());
        for bad in [pack(&[b' '; (1 << 20) + 1]), b"no gzip".to_vec()] {
            assert_eq!(publish(call, &head, &bad).unwrap_err().code, "InvalidParameterValueException");
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_told() {
        let head = head("/", &[]);
        let code =
            |target: &str, body: &[u8]| publish(identify(&head, target, false).unwrap(), &head, body).unwrap_err().code;
        let put = "GraniteServiceVersion20100801.PutMetricData";
        assert_eq!(code(put, b"{}"), "MissingRequiredParameterException");
        assert_eq!(code(put, br#"{"Namespace":"N","MetricData":[{}]}"#), "MissingRequiredParameterException");
        assert_eq!(code("GraniteServiceVersion20100801.ListMetrics", b"{}"), "UnknownOperationException");
    }
}
