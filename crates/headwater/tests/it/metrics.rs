//! CloudWatch's PutMetricData, as clients of Kinesis send it beside their work.
use crate::{
    client::{exchange, request},
    server::Server,
};

const AUTHORIZATION: (&str, &str) = (
    "Authorization",
    "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=0",
);
const DATE: (&str, &str) = ("X-Amz-Date", "20260101T000000Z");

fn post(aws: &Server, path: &str, headers: &[(&str, &str)], body: &[u8]) -> crate::client::Reply {
    let headers = [&[AUTHORIZATION, DATE], headers].concat();
    exchange(aws.address(), &request("POST", path, &headers, body)).expect("an answer")
}

#[test]
fn each_form_is_answered_in_its_own_and_all_are_kept() {
    let aws = Server::start(&[]);
    let form = b"Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=m&\
        MetricData.member.1.Value=2";
    let reply = post(&aws, "/", &[("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")], form);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/xml")));
    assert!(reply.text().starts_with("<PutMetricDataResponse "), "{}", reply.text());

    let json = br#"{"Namespace":"N","MetricData":[{"MetricName":"m","Value":3}]}"#;
    let target = ("X-Amz-Target", "GraniteServiceVersion20100801.PutMetricData");
    let reply = post(&aws, "/", &[("Content-Type", "application/x-amz-json-1.0"), target], json);
    assert_eq!((reply.status, reply.text()), (200, "{}"));

    let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
    // {"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": 5.0}]}
    let mut cbor = b"\xa2\x69Namespace\x61N\x6aMetricData\x81\xa2\x6aMetricName\x61m\x65Value\xfb".to_vec();
    cbor.extend_from_slice(&5.0_f64.to_be_bytes());
    let headers = [("Content-Type", "application/cbor"), ("Smithy-Protocol", "rpc-v2-cbor")];
    let reply = post(&aws, path, &headers, &cbor);
    assert_eq!((reply.status, reply.header("smithy-protocol"), reply.body.len()), (200, Some("rpc-v2-cbor"), 0));
    assert_eq!(post(&aws, path, &headers, b"\xa0").status, 400);

    let local = [("Host", "localhost")];
    let shown =
        exchange(aws.address(), &request("GET", "/_headwater/published", &local, b"")).expect("an answer").json();
    let metric = &shown["metrics"][0];
    assert_eq!((&metric["count"], &metric["sum"], &metric["last"]), (&3.0.into(), &10.0.into(), &5.0.into()));
    assert_eq!(shown["metrics"].as_array().map(Vec::len), Some(1));
}
