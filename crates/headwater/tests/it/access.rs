//! Two accounts and their policies: what is allowed, what is denied, and by whom.
use serde_json::{Value, json};

use crate::{
    calls::JSON,
    client::{Reply, exchange, request},
    sentences::arn,
    sequence::now_seconds,
    server::Server,
    signer::{Signer, date},
};

const HOST: &str = "kinesis.us-east-1.amazonaws.com";
const CREDENTIALS: &str = r#"
[[key]]
id = "OWNER"
secret = "s1"

[[key]]
id = "READER"
secret = "s2"
user = "reader"
policy = '''{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["kinesis:Get*", "kinesis:Describe*", "kinesis:List*"], "Resource": "*"},
    {"Effect": "Deny", "Action": "kinesis:*", "Resource": "arn:aws:kinesis:*:*:stream/secret-*"}]}'''

[[key]]
id = "STRANGER"
secret = "s3"
account = "111111111111"
user = "ann"
policy = '{"Statement": {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}}'
"#;

fn call(aws: &Server, key_id: &'static str, operation: &str, input: &Value) -> Reply {
    let secret = match key_id {
        "OWNER" => "s1",
        "READER" => "s2",
        _ => "s3",
    };
    let signer = Signer { key_id, secret, region: "us-east-1", service: "kinesis", date: date(now_seconds()) };
    let target = format!("Kinesis_20131202.{operation}");
    let body = input.to_string();
    let headers = [("content-type", JSON), ("host", HOST), ("x-amz-date", &signer.date), ("x-amz-target", &target)];
    let authorization = signer.authorization(&headers, body.as_bytes());
    let headers = [headers.as_slice(), &[("authorization", &authorization)]].concat();
    exchange(aws.address(), &request("POST", "/", &headers, body.as_bytes())).expect("an answer")
}

fn is_done(aws: &Server, key_id: &'static str, operation: &str, input: &Value) -> Value {
    let reply = call(aws, key_id, operation, input);
    assert_eq!(reply.status, 200, "{key_id} {operation}: {}", reply.text());
    reply.json()
}

fn is_denied(aws: &Server, key_id: &'static str, operation: &str, input: &Value, message: &str) {
    let reply = call(aws, key_id, operation, input);
    assert_eq!(reply.json(), json!({"__type": "AccessDeniedException", "message": message}), "{key_id} {operation}");
    assert_eq!(reply.status, 400);
}

#[test]
fn a_user_does_what_its_policy_allows_and_no_more() {
    let aws = Server::with_credentials(CREDENTIALS);
    for stream in ["open", "secret-1"] {
        is_done(&aws, "OWNER", "CreateStream", &json!({"StreamName": stream, "ShardCount": 1}));
    }
    is_done(&aws, "READER", "DescribeStreamSummary", &json!({"StreamName": "open"}));
    let head = "User: arn:aws:iam::000000000000:user/reader is not authorized to perform: kinesis:";
    let put = json!({"StreamName": "open", "PartitionKey": "k", "Data": ""});
    let lacks = "because no identity-based policy allows the kinesis:PutRecord action";
    is_denied(&aws, "READER", "PutRecord", &put, &format!("{head}PutRecord on resource: {} {lacks}", arn("open")));
    let denied = "with an explicit deny in an identity-based policy";
    is_denied(
        &aws,
        "READER",
        "DescribeStream",
        &json!({"StreamName": "secret-1"}),
        &format!("{head}DescribeStream on resource: {} {denied}", arn("secret-1")),
    );
}

#[test]
fn another_account_is_denied_then_allowed_then_denied() {
    let aws = Server::with_credentials(CREDENTIALS);
    is_done(&aws, "OWNER", "CreateStream", &json!({"StreamName": "s", "ShardCount": 1}));
    let put = json!({"StreamARN": arn("s"), "PartitionKey": "k", "Data": "ZA=="});
    let head = format!(
        "User: arn:aws:iam::111111111111:user/ann is not authorized to perform: kinesis:PutRecord on resource: {}",
        arn("s")
    );
    let lacks = format!("{head} because no resource-based policy allows the kinesis:PutRecord action");
    is_denied(&aws, "STRANGER", "PutRecord", &put, &lacks);

    let statement = |effect: &str, action: &str| {
        json!({"Effect": effect, "Principal": {"AWS": "arn:aws:iam::111111111111:user/ann"}, "Action": action,
            "Resource": arn("s")})
    };
    let policy = |statements: Value| {
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        json!({"ResourceARN": arn("s"), "Policy": policy})
    };
    is_done(&aws, "OWNER", "PutResourcePolicy", &policy(json!([statement("Allow", "kinesis:PutRecord")])));
    let placed = is_done(&aws, "STRANGER", "PutRecord", &put);
    assert_eq!(placed["ShardId"], "shardId-000000000000");
    assert_eq!(call(&aws, "STRANGER", "ListShards", &json!({"StreamARN": arn("s")})).status, 400);

    let both = json!([statement("Allow", "kinesis:*"), statement("Deny", "kinesis:Put*")]);
    is_done(&aws, "OWNER", "PutResourcePolicy", &policy(both));
    is_denied(&aws, "STRANGER", "PutRecord", &put, &format!("{head} with an explicit deny in a resource-based policy"));
    let from = json!({"StreamARN": arn("s"), "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = is_done(&aws, "STRANGER", "GetShardIterator", &from)["ShardIterator"].clone();
    let page = is_done(&aws, "STRANGER", "GetRecords", &json!({"ShardIterator": iterator}));
    assert_eq!(page["Records"][0]["Data"], "ZA==");

    is_done(&aws, "OWNER", "DeleteResourcePolicy", &json!({"ResourceARN": arn("s")}));
    is_denied(&aws, "STRANGER", "PutRecord", &put, &lacks);
}

#[test]
fn each_account_has_names_of_its_own() {
    let aws = Server::with_credentials(CREDENTIALS);
    is_done(&aws, "OWNER", "CreateStream", &json!({"StreamName": "s", "ShardCount": 1}));
    is_done(&aws, "STRANGER", "CreateStream", &json!({"StreamName": "s", "ShardCount": 2}));
    let summary = is_done(&aws, "STRANGER", "DescribeStreamSummary", &json!({"StreamName": "s"}));
    let summary = &summary["StreamDescriptionSummary"];
    assert_eq!(summary["StreamARN"], "arn:aws:kinesis:us-east-1:111111111111:stream/s");
    assert_eq!(summary["OpenShardCount"], 2);
}
