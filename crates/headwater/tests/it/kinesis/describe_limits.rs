//! DescribeLimits.
use serde_json::json;

use crate::server::Server;

#[test]
fn function_counts_open_shards_and_streams_on_demand() {
    let aws = Server::start(&["--shard-limit", "30"]);
    let limits = aws.ok("DescribeLimits", json!({}));
    for (member, value) in [("ShardLimit", 30), ("OpenShardCount", 0), ("OnDemandStreamCount", 0)] {
        assert_eq!(limits[member], value, "{member}: {limits}");
    }
    assert!(limits["OnDemandStreamCountLimit"].as_u64().is_some_and(|limit| limit > 0), "{limits}");
    let stream = aws.stream(3);
    let shard = json!({
        "StreamName": stream,
        "ShardToSplit": "shardId-000000000000",
        "NewStartingHashKey": "170141183460469231731687303715884",
    });
    aws.done("SplitShard", shard);
    aws.settles(&stream);
    aws.done("CreateStream", json!({"StreamName": "on-demand"}));
    aws.settles("on-demand");
    let limits = aws.ok("DescribeLimits", json!({"Unknown": 1}));
    assert_eq!(limits["OnDemandStreamCount"], 1, "{limits}");
    let open = limits["OpenShardCount"].as_u64().expect("a count");
    assert!(open == 4 || open == 8, "the four of the provisioned stream, with or without the others: {limits}");
}
