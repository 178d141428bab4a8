//! CreateStream.
use serde_json::{Value, json};

use crate::{
    calls::{fresh, list, text, until},
    kinds::Kind,
    sentences::{ACCOUNT, NAME_PATTERN, REGION, less, longer, matching, more, not_null, one_of, shard_id, shorter},
    sequence::{Sequence, now_seconds},
    server::{Server, shared},
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [
        ("StreamName", Kind::Text),
        ("ShardCount", Kind::Integer),
        ("StreamModeDetails", Kind::Structure(&[("StreamMode", Kind::Text)])),
        ("Tags", Kind::Map(&Kind::Text)),
        ("MaxRecordSizeInKiB", Kind::Integer),
    ];
    shared().refuses_other_kinds("CreateStream", &members);
}

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(129);
    let name = |value: &str| json!({"StreamName": value, "ShardCount": 1});
    let with = |member: &str, value: Value| json!({"StreamName": "x", "ShardCount": 1, member: value});
    let empty = [matching("", "streamName", NAME_PATTERN), longer("", "streamName", 1)];
    aws.violates("CreateStream", json!({}), &[not_null("streamName")]);
    aws.violates("CreateStream", name(""), &empty);
    aws.violates("CreateStream", name("a;b"), &[matching("a;b", "streamName", NAME_PATTERN)]);
    aws.violates("CreateStream", name(&long), &[shorter(&long, "streamName", 128)]);
    aws.violates("CreateStream", with("ShardCount", json!(0)), &[more(0, "shardCount", 1)]);
    aws.violates("CreateStream", with("ShardCount", json!(-1)), &[more(-1, "shardCount", 1)]);
    aws.violates("CreateStream", with("MaxRecordSizeInKiB", json!(1023)), &[more(1023, "maxRecordSizeInKiB", 1024)]);
    aws.violates("CreateStream", with("MaxRecordSizeInKiB", json!(10241)), &[less(10241, "maxRecordSizeInKiB", 10240)]);
    let modes = "PROVISIONED, ON_DEMAND";
    let mode = json!({"StreamMode": "SOMETIMES"});
    let wrong = one_of("SOMETIMES", "streamModeDetails.streamMode", modes);
    let (_, body) = aws.error("CreateStream", &with("StreamModeDetails", mode.clone()));
    let message = text(&body["message"]);
    // The order of that set is not on record.
    assert!(
        message == format!("1 validation error detected: {wrong}") || message.contains("[ON_DEMAND, PROVISIONED]"),
        "{message}"
    );
    aws.violates("CreateStream", with("StreamModeDetails", json!({})), &[not_null("streamModeDetails.streamMode")]);
}

#[test]
fn validation_reports_everything_at_once() {
    let input = json!({"StreamName": "", "ShardCount": 0, "MaxRecordSizeInKiB": 1});
    let broken = [
        matching("", "streamName", NAME_PATTERN),
        longer("", "streamName", 1),
        more(0, "shardCount", 1),
        more(1, "maxRecordSizeInKiB", 1024),
    ];
    shared().violates("CreateStream", input, &broken);
}

#[test]
fn function_a_name_is_taken_once() {
    let aws = shared();
    let stream = aws.stream(1);
    let message = format!("Stream {stream} under account {ACCOUNT} already exists.");
    let again = json!({"StreamName": stream, "ShardCount": 1});
    aws.refuses("CreateStream", again, "ResourceInUseException", &message);
}

#[test]
fn function_the_shard_limit_of_the_account() {
    let aws = Server::start(&["--shard-limit", "50"]);
    aws.stream(3);
    let message = format!(
        "This request would exceed the shard limit for the account {ACCOUNT} in {REGION}. Current shard count for the \
         account: 3. Limit: 50. Number of additional shards that would have resulted from this request: 1000. Refer to \
         the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current \
         limits and how to request higher limits."
    );
    let input = json!({"StreamName": "many", "ShardCount": 1000});
    aws.refuses("CreateStream", input, "LimitExceededException", &message);
    let stream = aws.stream(47);
    let one = json!({"StreamName": "many", "ShardCount": 1});
    assert_eq!(aws.error("CreateStream", &one).0, "LimitExceededException", "none is left");
    aws.done("DeleteStream", json!({"StreamName": stream}));
    until("deleted shards count no more", || aws.ok("DescribeLimits", json!({}))["OpenShardCount"] == 3);
    aws.done("CreateStream", one);
}

#[test]
fn function_three_shards_share_the_key_space() {
    let aws = shared();
    let before = now_seconds();
    let stream = aws.stream(3);
    let shards = aws.shards(&stream);
    let ranges = [
        ("0", "113427455640312821154458202477256070484"),
        ("113427455640312821154458202477256070485", "226854911280625642308916404954512140969"),
        ("226854911280625642308916404954512140970", "340282366920938463463374607431768211455"),
    ];
    assert_eq!(shards.len(), ranges.len());
    for ((index, shard), (start, end)) in (0..).zip(&shards).zip(ranges) {
        let first = text(&shard["SequenceNumberRange"]["StartingSequenceNumber"]);
        let expected = json!({
            "ShardId": shard_id(index),
            "HashKeyRange": {"StartingHashKey": start, "EndingHashKey": end},
            "SequenceNumberRange": {"StartingSequenceNumber": first},
        });
        assert_eq!(*shard, expected);
        let first = Sequence::of(&first);
        assert_eq!((first.shard, first.order, first.seconds), (index, 0, first.born_seconds));
        assert!(first.born_seconds.abs_diff(before) <= 10, "born now: {first:?}");
    }
}

#[test]
fn function_without_a_shard_count_it_is_on_demand_with_four() {
    let aws = shared();
    let stream = fresh("on-demand");
    aws.done("CreateStream", json!({"StreamName": stream}));
    aws.settles(&stream);
    let summary = aws.summary(&stream);
    assert_eq!(summary["StreamModeDetails"], json!({"StreamMode": "ON_DEMAND"}));
    assert_eq!(summary["OpenShardCount"], 4);
}

#[test]
fn function_modes_can_be_named() {
    let aws = shared();
    let (provisioned, on_demand) = (fresh("provisioned"), fresh("on-demand"));
    let mode = |mode: &str| json!({"StreamMode": mode});
    aws.done(
        "CreateStream",
        json!({"StreamName": provisioned, "ShardCount": 2, "StreamModeDetails": mode("PROVISIONED")}),
    );
    aws.done("CreateStream", json!({"StreamName": on_demand, "StreamModeDetails": mode("ON_DEMAND")}));
    aws.settles(&provisioned);
    aws.settles(&on_demand);
    assert_eq!(aws.summary(&provisioned)["StreamModeDetails"], mode("PROVISIONED"));
    assert_eq!(aws.summary(&on_demand)["StreamModeDetails"], mode("ON_DEMAND"));
    assert_eq!(aws.summary(&on_demand)["OpenShardCount"], 4);
    let none = json!({"StreamName": fresh("none"), "StreamModeDetails": mode("PROVISIONED")});
    aws.refuses_as("CreateStream", none, &["InvalidArgumentException", "ValidationException"]);
}

#[test]
fn function_tags_and_record_size_come_with_it() {
    let aws = shared();
    let stream = fresh("tagged");
    let input = json!({"StreamName": stream, "ShardCount": 1, "Tags": {"a": "b"}, "MaxRecordSizeInKiB": 2048});
    aws.done("CreateStream", input);
    aws.settles(&stream);
    let tags = aws.ok("ListTagsForStream", json!({"StreamName": stream}));
    assert_eq!(list(&tags["Tags"]), [json!({"Key": "a", "Value": "b"})]);
    assert_eq!(aws.summary(&stream)["MaxRecordSizeInKiB"], 2048);
}

#[test]
fn function_fractions_are_cut_off_and_strange_names_kept() {
    let aws = shared();
    let stream = format!("{}_.-{}", fresh("A"), "z".repeat(100));
    aws.done("CreateStream", json!({"StreamName": stream, "ShardCount": 2.9}));
    aws.settles(&stream);
    assert_eq!(aws.shards(&stream).len(), 2);
    assert_eq!(aws.summary(&stream)["StreamName"], stream.as_str());
}
