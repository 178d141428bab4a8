//! What a server tells of its delivery streams and streams beside the public API: to whom, and how much.
use serde_json::{Value, json};

use crate::{
    calls::{AUTHORIZATION, DATE, base64, until},
    client::{Reply, exchange, request},
    console::{HOST, OWN, session},
    server::Server,
};

const CREDENTIALS: &str = r#"
[[key]]
id = "OWNER"
secret = "s1"

[[key]]
id = "LOOKER"
secret = "s2"
user = "looker"
policy = '{"Statement": {"Effect": "Allow", "Action": "firehose:Describe*", "Resource": "*"}}'

[[key]]
id = "READER"
secret = "s3"
user = "reader"
policy = '{"Statement": {"Effect": "Allow", "Action": ["firehose:Describe*", "s3:GetObject"], "Resource": ["*", "arn:aws:s3:::it/e/*"]}}'

[[key]]
id = "OTHER"
secret = "s4"
account = "111111111111"
"#;
const PATH: &str = "/_headwater/deliveries/d";

fn get(aws: &Server, path: &str, headers: &[(&str, &str)]) -> Reply {
    exchange(aws.address(), &request("GET", path, &[&[HOST], headers].concat(), b"")).expect("an answer")
}

fn call(aws: &Server, headers: &[(&str, &str)], operation: &str, input: &Value) -> Reply {
    let target = format!("Firehose_20150804.{operation}");
    let own = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", &target)];
    let reply = exchange(
        aws.address(),
        &request("POST", "/", &[&[HOST], headers, &own].concat(), input.to_string().as_bytes()),
    );
    reply.expect("an answer")
}

/// A delivery stream that unpacks what it is given, and two records that are not packed; the key of their object.
fn failed(aws: &Server, headers: &[(&str, &str)]) -> String {
    let parameters = json!([{"ParameterName": "CompressionFormat", "ParameterValue": "GZIP"}]);
    let processing = json!({"Enabled": true, "Processors": [{"Type": "Decompression", "Parameters": parameters}]});
    let created = call(
        aws,
        headers,
        "CreateDeliveryStream",
        &json!({"DeliveryStreamName": "d", "ExtendedS3DestinationConfiguration": {
            "RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::it", "ErrorOutputPrefix": "e/",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}, "CompressionFormat": "ZIP",
            "ProcessingConfiguration": processing,
        }}),
    );
    assert_eq!(created.status, 200, "{}", created.text());
    let records = json!([{"Data": base64(b"<b>one</b>")}, {"Data": base64(b"two\0")}]);
    let put = call(aws, headers, "PutRecordBatch", &json!({"DeliveryStreamName": "d", "Records": records}));
    assert_eq!(put.status, 200, "{}", put.text());
    let mut key = String::new();
    until("the object of errors", || {
        let told = get(aws, PATH, headers).json();
        key = told["errors"][0]["key"].as_str().unwrap_or_default().to_owned();
        !key.is_empty()
    });
    key
}

fn errors(key: &str) -> String {
    let key = key.replace('/', "%2F");
    format!("{PATH}/errors?key={key}")
}

#[test]
fn the_records_behind_errors_are_told_whatever_they_were_compressed_by_and_can_be_put_again() {
    let aws = Server::start(&[]);
    let signed = [("Authorization", AUTHORIZATION), ("X-Amz-Date", DATE)];
    let key = failed(&aws, &signed);
    assert!(key.starts_with("e/decompression-failed/") && key.ends_with(".zip"), "{key}");
    let told = &get(&aws, PATH, &signed).json()["errors"][0];
    assert_eq!(
        (&told["records"], &told["bucket"], &told["errorType"]),
        (&json!(2), &json!("it"), &json!("decompression-failed"))
    );
    let reply = get(&aws, &errors(&key), &signed);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/x-ndjson")), "{}", reply.text());
    assert_eq!((reply.header("x-content-type-options"), reply.header("x-headwater-next")), (Some("nosniff"), None));
    let lines: Vec<Value> = reply.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[0]["rawData"]), (2, &json!(base64(b"<b>one</b>"))));
    assert_eq!(lines[0]["errorCode"], "DecompressionFailed", "{}", lines[0]);
}

#[test]
fn no_path_leads_out_of_the_errors_of_a_delivery_stream() {
    let aws = Server::start(&[]);
    let signed = [("Authorization", AUTHORIZATION), ("X-Amz-Date", DATE)];
    let key = failed(&aws, &signed);
    let name = key.rsplit('/').next().expect("a name");
    for strange in [
        "",
        "e/",
        "../../etc/passwd",
        "e/../../../etc/passwd",
        "/etc/passwd",
        name,
        &key.replace("e/", "f/"),
        &key.replace("/d-1-", "/other-1-"),
        &format!("{key}/x"),
    ] {
        let reply = get(&aws, &errors(strange), &signed);
        assert_eq!((reply.status, &reply.json()["__type"]), (400, &json!("InvalidArgumentException")), "{strange}");
    }
    let reply = get(&aws, &errors(&key.replace(".zip", ".gone.zip")), &signed);
    assert!(reply.status == 400 && reply.text().contains("S3.NoSuchKey"), "{}", reply.text());
    assert_eq!(get(&aws, "/_headwater/deliveries/none", &signed).status, 404);
    assert_eq!(get(&aws, "/_headwater/deliveries/..%2f..", &signed).status, 404);
}

#[test]
fn looking_inside_takes_a_session_or_a_signature_and_the_rights_to_it() {
    let aws = Server::with_credentials(CREDENTIALS);
    let cookies = [("OWNER", "s1"), ("LOOKER", "s2"), ("READER", "s3"), ("OTHER", "s4")];
    let cookies = cookies.map(|(id, secret)| session(&aws, id, secret));
    let [owner, looker, reader, other] = cookies.each_ref().map(|cookie| [OWN, ("Cookie", cookie.as_str())]);
    let key = failed(&aws, &owner);
    let status = |path: &str, headers: &[(&str, &str)]| get(&aws, path, headers).status;
    assert_eq!([&owner, &looker, &reader].map(|who| status(PATH, who)), [200; 3]);
    assert_eq!(status(&errors(&key), &owner), 200);
    assert_eq!(status(&errors(&key), &reader), 200);
    let denied = get(&aws, &errors(&key), &looker);
    assert_eq!(denied.status, 403);
    let resource = format!("user/looker is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::it/{key}");
    assert!(denied.text().contains(&resource), "{}", denied.text());
    // Another account has another delivery stream of this name, or none.
    assert_eq!(status(PATH, &other), 404);
    // Nobody, a cookie as a foreign page would send it, a foreign page, a foreign name.
    let cookie = owner[1];
    for headers in [
        &[][..],
        &[cookie],
        &[OWN],
        &[OWN, cookie, ("Sec-Fetch-Site", "cross-site")],
        &[OWN, cookie, ("Origin", "http://evil.example")],
        &[("Authorization", AUTHORIZATION), ("X-Amz-Date", DATE)],
    ] {
        assert!(matches!(status(PATH, headers), 400 | 403), "{headers:?}");
        assert!(matches!(status(&errors(&key), headers), 400 | 403), "{headers:?}");
    }
    let rebound = request("GET", PATH, &[("Host", "evil.example"), OWN, cookie], b"");
    assert_eq!(exchange(aws.address(), &rebound).expect("an answer").status, 403);
    let posted = request("POST", PATH, &[HOST, OWN, cookie], b"");
    assert_eq!(exchange(aws.address(), &posted).expect("an answer").status, 405);
}

#[test]
fn each_shard_is_counted_for_who_may_list_them_and_the_page_of_metrics_stays_small() {
    let aws = Server::start(&[]);
    let signed = [("Authorization", AUTHORIZATION), ("X-Amz-Date", DATE)];
    let stream = aws.stream(2);
    let path = format!("/_headwater/streams/{stream}/shards");
    assert_eq!(get(&aws, &path, &signed).json(), json!({"shards": []}));
    let upper = "340282366920938463463374607431768211455";
    let put = json!({"StreamName": stream, "PartitionKey": "key", "Data": "ZGF0YQ==", "ExplicitHashKey": upper});
    let shard = aws.ok("PutRecord", put.clone())["ShardId"].clone();
    aws.ok("PutRecords", json!({"StreamName": stream, "Records": [
        {"PartitionKey": "k", "Data": "MTIz", "ExplicitHashKey": upper}, {"PartitionKey": "k", "Data": "MTIz", "ExplicitHashKey": "0"},
    ]}));
    let start = json!({"StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    aws.ok("GetRecords", json!({"ShardIterator": aws.ok("GetShardIterator", start)["ShardIterator"]}));
    let told = get(&aws, &path, &signed).json();
    let [lower, upper] = &told["shards"].as_array().expect("a list")[..] else { panic!("two shards: {told}") };
    assert_eq!((&lower["incomingRecords"], &lower["behindMs"]), (&json!(1), &Value::Null));
    let counted = json!({
        "shardId": shard, "incomingRecords": 2, "incomingBytes": 11, "outgoingRecords": 2, "outgoingBytes": 7, "behindMs": 0,
    });
    assert_eq!(*upper, counted);
    assert!(!get(&aws, "/_headwater/metrics", &[]).text().contains("shardId-"), "shards are not told there");
    assert_eq!(get(&aws, "/_headwater/streams/none/shards", &signed).status, 404);
    assert!(matches!(get(&aws, &path, &[]).status, 400 | 403));

    let aws = Server::with_credentials(CREDENTIALS);
    let cookie = session(&aws, "LOOKER", "s2");
    let denied = get(&aws, "/_headwater/streams/s/shards", &[OWN, ("Cookie", &cookie)]);
    assert_eq!(denied.status, 403);
    assert!(denied.text().contains("kinesis:ListShards"), "{}", denied.text());
}
