//! Delivery: what is read arrives, whatever happens on the way.
use super::{
    House, NOW_MS, STREAM, bucket, plus, with,
    world::{shard, trouble},
};
use crate::{Backlog, FirehoseSettings, Share, run_deliveries, run_duties};
use headwater_log::{LogId, Seq};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::{sync::watch, task::JoinSet};

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// Until what has arrived is read.
const LINGER_MS: u64 = 100;

/// A house whose one delivery stream is at work.
struct Works {
    house: House,
    /// How it shares the work with others.
    share: watch::Sender<Share>,
    _tasks: JoinSet<()>,
}

impl Works {
    fn of(house: House) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(run_duties(Arc::clone(&house.firehose)));
        let share = watch::Sender::new(Share::whole());
        tasks.spawn(run_deliveries(Arc::clone(&house.firehose), share.subscribe()));
        Self { house, share, _tasks: tasks }
    }

    async fn direct(settings: Value) -> Self {
        let house = House::new(FirehoseSettings::default()).await;
        house.ok("CreateDeliveryStream", with("ExtendedS3DestinationConfiguration", plus(bucket(), settings))).await;
        Self::of(house)
    }

    async fn on_stream(settings: Value) -> Self {
        let house = House::new(FirehoseSettings::default()).await;
        let source = json!({
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": {"KinesisStreamARN": STREAM, "RoleARN": bucket()["RoleARN"]},
        });
        let input = plus(with("ExtendedS3DestinationConfiguration", plus(bucket(), settings)), source);
        house.ok("CreateDeliveryStream", input).await;
        Self::of(house)
    }

    /// The process ends; another one goes on.
    async fn killed(self) -> Self {
        drop(self._tasks);
        Self::of(self.house.reopened().await)
    }

    async fn put(&self, texts: &[&str]) {
        self.rest().await;
        let data = |text: &&str| json!({"Data": base64_simd::STANDARD.encode_to_string(text)});
        let records: Vec<Value> = texts.iter().map(data).collect();
        self.house.ok("PutRecordBatch", with("Records", json!(records))).await;
        self.pass(LINGER_MS).await;
    }

    /// Whatever can go on without time passing has gone on.
    async fn rest(&self) {
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
        }
    }

    async fn pass(&self, ms: u64) {
        self.rest().await;
        self.house.clock.advance(ms);
        self.rest().await;
    }

    fn under(&self, prefix: &str) -> String {
        self.house.world.under(prefix)
    }

    fn progress(&self) -> BTreeMap<LogId, Seq> {
        let catalog = self.house.firehose.catalog.read();
        catalog.all().flat_map(|(_, _, stream)| stream.progress.clone()).collect()
    }
}

fn function() -> Value {
    let parameters = json!([
        {"ParameterName": "LambdaArn", "ParameterValue": ARN},
        {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "1"},
        {"ParameterName": "BufferSizeInMBs", "ParameterValue": "1"},
        {"ParameterName": "NumberOfRetries", "ParameterValue": "1"},
    ]);
    json!({"ProcessingConfiguration": {"Enabled": true, "Processors": [{"Type": "Lambda", "Parameters": parameters}]}})
}

fn hints(mib: u64, seconds: u64) -> Value {
    json!({"BufferingHints": {"SizeInMBs": mib, "IntervalInSeconds": seconds}})
}

#[tokio::test]
async fn records_arrive_together_once_the_first_has_waited_long_enough() {
    let works = Works::direct(plus(hints(1, 60), json!({"Prefix": "p/"}))).await;
    works.put(&["a", "b"]).await;
    works.pass(59_899).await;
    works.put(&["c"]).await;
    assert_eq!(works.house.world.keys(), Vec::<String>::new());
    works.pass(1).await;
    assert_eq!(works.under("p/2020/09/13/12/d-1-2020-09-13-12-26-40-"), "abc");
}

#[tokio::test]
async fn what_is_anothers_is_left_to_it_and_what_it_had_begun_is_gone_on_with() {
    let works = Works::direct(plus(hints(1, 60), json!({"Prefix": "p/"}))).await;
    works.put(&["a"]).await;
    works.share.send_replace(Share::among(vec![1], 2, false));
    works.pass(60_000).await;
    works.put(&["b"]).await;
    works.pass(60_000).await;
    assert_eq!(works.house.world.keys(), Vec::<String>::new());
    works.share.send_replace(Share::among(vec![2], 2, false));
    works.pass(60_000).await;
    assert_eq!(works.under("p/"), "ab");
}

#[tokio::test]
async fn a_full_buffer_does_not_wait() {
    let works = Works::direct(hints(1, 900)).await;
    let text = "x".repeat(700_000);
    works.put(&[&text]).await;
    works.put(&[&text]).await;
    works.rest().await;
    assert_eq!(works.under("").len(), text.len());
}

#[tokio::test]
async fn what_was_gathered_when_the_process_ended_arrives_with_the_next_one() {
    let works = Works::direct(hints(1, 60)).await;
    works.put(&["a", "b"]).await;
    works.pass(30_000).await;
    let works = works.killed().await;
    works.put(&["c"]).await;
    works.pass(60_000).await;
    assert_eq!(works.under(""), "abc");
    let works = works.killed().await;
    works.pass(600_000).await;
    assert_eq!(works.under(""), "abc", "what is put down as delivered is not delivered again");
}

#[tokio::test]
async fn what_is_delivered_is_trimmed_from_the_direct_log() {
    let works = Works::direct(hints(1, 1)).await;
    works.put(&["a", "b"]).await;
    works.pass(1_000).await;
    let (log, place) = works.progress().into_iter().next().unwrap();
    assert_eq!(works.house.engine.bounds(log).first, place);
}

#[tokio::test]
async fn a_store_that_is_down_is_waited_for_and_told_of() {
    let works = Works::direct(hints(1, 1)).await;
    *works.house.world.trouble.lock().unwrap() = Some(trouble());
    works.put(&["a"]).await;
    works.pass(1_000).await;
    let failure = works.house.described().await["FailureDescription"].clone();
    assert_eq!(failure["Details"], "S3.AccessDenied: Access Denied");
    for _ in 0..10 {
        works.pass(10_000).await;
    }
    assert_eq!((works.progress().len(), works.under("").len()), (0, 0));
    *works.house.world.trouble.lock().unwrap() = None;
    works.pass(10_000).await;
    assert_eq!(works.under(""), "a");
    assert_eq!(works.house.described().await["FailureDescription"], Value::Null);
}

#[tokio::test]
async fn after_a_day_a_record_is_given_up() {
    let works = Works::direct(hints(1, 1)).await;
    *works.house.world.trouble.lock().unwrap() = Some(trouble());
    works.put(&["a"]).await;
    works.pass(24 * 3_600_000).await;
    works.pass(10_000).await;
    assert_eq!(works.progress().len(), 1);
    assert_eq!(works.house.firehose.readings()[0].reading.lost_records, 1);
}

#[tokio::test]
async fn every_shard_is_read_from_when_the_delivery_stream_was_made() {
    let works = Works::on_stream(hints(1, 10)).await;
    works.house.world.put(0, NOW_MS - 1, "before;");
    works.house.world.put(0, NOW_MS, "one;");
    works.rest().await;
    works.house.world.close(0);
    works.house.world.add_shard(1);
    works.house.world.put(1, NOW_MS, "two;");
    works.pass(LINGER_MS).await;
    works.pass(10_000).await;
    let arrived = works.under("");
    assert!(arrived == "one;two;" || arrived == "two;one;", "{arrived}");
    assert_eq!(works.progress(), [(shard(0), Seq(2)), (shard(1), Seq(1))].into());
}

#[tokio::test]
async fn shards_that_are_silent_do_not_keep_others_from_being_read() {
    let works = Works::on_stream(hints(1, 10)).await;
    (1..40).for_each(|part| works.house.world.add_shard(part));
    works.rest().await;
    works.house.world.put(39, NOW_MS, "last;");
    works.pass(LINGER_MS).await;
    works.pass(10_000).await;
    assert_eq!(works.under(""), "last;");
}

#[tokio::test]
async fn another_version_takes_over_without_losing_anything() {
    let works = Works::on_stream(plus(hints(1, 10), json!({"Prefix": "old/"}))).await;
    works.house.world.put(0, NOW_MS, "a");
    works.pass(LINGER_MS).await;
    works.pass(5_000).await;
    let update = json!({
        "DeliveryStreamName": "d", "CurrentDeliveryStreamVersionId": "1", "DestinationId": "destinationId-000000000001",
        "ExtendedS3DestinationUpdate": {"Prefix": "new/"},
    });
    works.house.ok("UpdateDestination", update).await;
    works.rest().await;
    works.house.world.put(0, NOW_MS, "b");
    works.pass(LINGER_MS).await;
    works.pass(10_000).await;
    assert_eq!((works.under("old/"), works.under("new/")), (String::new(), "ab".into()));
    assert!(works.house.world.keys()[0].contains("/d-2-"));
}

#[tokio::test]
async fn a_backup_has_what_came_and_the_destination_what_a_function_made_of_it() {
    let backup = json!({"S3BackupMode": "Enabled", "S3BackupConfiguration": plus(bucket(), plus(hints(1, 1), json!({"Prefix": "raw/"})))});
    let works = Works::direct(plus(plus(hints(1, 1), plus(function(), backup)), json!({"Prefix": "good/"}))).await;
    *works.house.world.function.lock().unwrap() = Box::new(|event| {
        let transformed = |record: &Value| {
            let data = base64_simd::STANDARD.decode_to_vec(record["data"].as_str().unwrap()).unwrap();
            match data.as_slice() {
                b"drop;" => json!({"recordId": record["recordId"], "result": "Dropped"}),
                b"fail;" => json!({"recordId": record["recordId"], "result": "ProcessingFailed"}),
                data => {
                    let data = base64_simd::STANDARD.encode_to_string(data.to_ascii_uppercase());
                    json!({"recordId": record["recordId"], "result": "Ok", "data": data})
                }
            }
        };
        Ok(json!({"records": event["records"].as_array().unwrap().iter().map(transformed).collect::<Vec<_>>()}))
    });
    works.put(&["keep;", "drop;", "fail;"]).await;
    for _ in 0..3 {
        works.pass(1_000).await;
    }
    assert_eq!((works.under("good/2"), works.under("raw/")), ("KEEP;".into(), "keep;drop;fail;".into()));
    let failed: Value = serde_json::from_str(&works.under("good/processing-failed/")).unwrap();
    assert_eq!(failed["rawData"], base64_simd::STANDARD.encode_to_string("fail;"));
    assert_eq!(works.progress().len(), 1, "dropped, failed or delivered: all of it is done with");
}

#[tokio::test]
async fn a_call_that_fails_is_made_again_and_then_its_records_go_to_the_errors() {
    let works = Works::direct(plus(hints(1, 1), function())).await;
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    *works.house.world.function.lock().unwrap() = Box::new(move |_| {
        *counted.lock().unwrap() += 1;
        Err(crate::outside::Failure { code: "Lambda.FunctionError".into(), message: "m".into(), is_permanent: false })
    });
    works.put(&["a"]).await;
    for _ in 0..4 {
        works.pass(1_000).await;
    }
    assert_eq!(*calls.lock().unwrap(), 2);
    let failed: Value = serde_json::from_str(&works.under("processing-failed/")).unwrap();
    assert_eq!(
        (failed["attemptsMade"].clone(), failed["errorCode"].clone()),
        (json!(2), json!("Lambda.FunctionError"))
    );
}

#[tokio::test]
async fn records_go_by_their_keys_and_those_without_to_the_errors() {
    let processors = json!([{"Type": "MetadataExtraction", "Parameters": [
        {"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{c: .c}"},
        {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
    ]}]);
    let works = Works::direct(plus(
        hints(64, 60),
        json!({
            "Prefix": "!{partitionKeyFromQuery:c}/", "ErrorOutputPrefix": "e/!{firehose:error-output-type}/",
            "DynamicPartitioningConfiguration": {"Enabled": true},
            "ProcessingConfiguration": {"Enabled": true, "Processors": processors},
        }),
    ))
    .await;
    works.put(&[r#"{"c":"x"}"#, r#"{"c":"y"}"#, r#"{"c":"x","n":2}"#, "no json"]).await;
    works.pass(60_000).await;
    assert_eq!(works.under("x/"), r#"{"c":"x"}{"c":"x","n":2}"#);
    assert_eq!(works.under("y/"), r#"{"c":"y"}"#);
    assert!(works.under("e/metadata-extraction-failed/").contains("DynamicPartitioning.MetadataExtractionFailed"));
}

#[tokio::test]
async fn an_endpoint_is_tried_for_its_time_and_then_its_backup_has_the_records() {
    let house = House::new(FirehoseSettings::default()).await;
    let destination = json!({
        "EndpointConfiguration": {"Url": "https://example.com/in"}, "RetryOptions": {"DurationInSeconds": 2},
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1},
        "S3Configuration": plus(bucket(), hints(1, 1)),
    });
    house.ok("CreateDeliveryStream", with("HttpEndpointDestinationConfiguration", destination)).await;
    let works = Works::of(house);
    *works.house.world.statuses.lock().unwrap() = vec![200, 503];
    works.put(&["a"]).await;
    works.pass(1_000).await;
    works.pass(500).await;
    let posts = works.house.world.posts.lock().unwrap().clone();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0], posts[1], "the same request again");
    assert_eq!(works.house.world.keys(), Vec::<String>::new());
    *works.house.world.statuses.lock().unwrap() = vec![503; 9];
    works.put(&["b"]).await;
    for _ in 0..5 {
        works.pass(1_000).await;
    }
    let failed: Value = serde_json::from_str(&works.under("http-endpoint-failed/")).unwrap();
    assert_eq!(failed["rawData"], base64_simd::STANDARD.encode_to_string("b"));
}

#[tokio::test]
async fn what_waits_is_told_and_what_was_written_and_the_records_behind_errors() {
    let places = json!({"Prefix": "p/", "ErrorOutputPrefix": "e/"});
    let works = Works::direct(plus(plus(hints(1, 10), places), function())).await;
    *works.house.world.function.lock().unwrap() = Box::new(|event| {
        let records = event["records"].as_array().unwrap();
        let fail =
            |record: &Value| json!({"recordId": record["recordId"], "result": "ProcessingFailed", "data": "eA=="});
        Ok(json!({"records": records.iter().map(fail).collect::<Vec<_>>()}))
    });
    let caller = headwater_wire::Caller::root("123456789012", "us-east-1", "k");
    let (firehose, waiting) = (&works.house.firehose, || works.house.firehose.readings()[0].reading.waiting);
    works.put(&["one", "three"]).await;
    assert_eq!(waiting(), Backlog { records: 2, bytes: 8, oldest_ms: NOW_MS });
    works.pass(1_000).await;
    assert_eq!(waiting().records, 2, "what goes to the errors waits for its object too");
    works.pass(10_000).await;
    assert_eq!(waiting(), Backlog::default());
    let delivered = firehose.delivered(&caller, "d").unwrap();
    let [written] = &delivered.errors[..] else { panic!("{delivered:?}") };
    assert_eq!((written.records, written.error_type, delivered.objects.len()), (2, Some("processing-failed"), 0));
    let object = firehose.error_object(&caller, "d", &written.key).unwrap();
    assert_eq!(object.arn(), format!("arn:aws:s3:::b/{}", written.key));
    let lines = firehose.open_errors(&object).await.unwrap();
    let lines: Vec<Value> = lines.split(|byte| *byte == b'\n').flat_map(serde_json::from_slice).collect();
    assert_eq!((lines.len(), &lines[1]["rawData"]), (2, &json!("dGhyZWU=")));
    for strange in ["p/2020/09/13/12/d-1-x", "../secret", "e/"] {
        assert!(firehose.error_object(&caller, "d", strange).is_err(), "{strange}");
    }
    // Another process remembers nothing, and knows the key by its form.
    let (key, works) = (written.key.clone(), works.killed().await);
    let object = works.house.firehose.error_object(&caller, "d", &key).unwrap();
    assert_eq!(works.house.firehose.open_errors(&object).await.unwrap().len(), lines_len(&lines));
}

fn lines_len(lines: &[Value]) -> usize {
    lines.iter().map(|line| line.to_string().len() + 1).sum()
}
