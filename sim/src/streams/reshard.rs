//! Splitting, merging and scaling, by what the shards are when that is asked for.
use super::{Admin, Saw, Shard, ask, list_shards, shard_id};
use headwater_kinesis::Kinesis;
use headwater_wire::ErrorKind;
use serde_json::json;
use std::sync::Arc;

/// Most open shards that are aimed at.
const SHARDS: usize = 6;

pub async fn split(kinesis: Arc<Kinesis>, name: String, chance: u64) -> Saw {
    let (mut what, mut outcome) = (Admin::Other, Err(ErrorKind::Sender));
    if let Ok(shards) = list_shards(&kinesis, &name).await {
        let open: Vec<&Shard> = shards.iter().filter(|shard| shard.end.is_none()).collect();
        if !open.is_empty() && open.len() < SHARDS {
            let shard = open[chance as usize % open.len()];
            let at = shard.from + (shard.to - shard.from) / 2;
            let input = json!({"StreamName": name, "ShardToSplit": shard_id(shard.index), "NewStartingHashKey": at.to_string()});
            what = Admin::Close(name, vec![shard.index]);
            outcome = ask(&kinesis, "SplitShard", input).await.map(drop).map_err(|error| error.kind);
        }
    }
    Saw::Admin { what, outcome }
}

pub async fn merge(kinesis: Arc<Kinesis>, name: String, chance: u64) -> Saw {
    let (mut what, mut outcome) = (Admin::Other, Err(ErrorKind::Sender));
    if let Ok(shards) = list_shards(&kinesis, &name).await {
        let mut open: Vec<&Shard> = shards.iter().filter(|shard| shard.end.is_none()).collect();
        open.sort_by_key(|shard| shard.from);
        if open.len() > 1 {
            let at = chance as usize % (open.len() - 1);
            let (lower, upper) = (open[at].index, open[at + 1].index);
            let input =
                json!({"StreamName": name, "ShardToMerge": shard_id(lower), "AdjacentShardToMerge": shard_id(upper)});
            what = Admin::Close(name, vec![lower, upper]);
            outcome = ask(&kinesis, "MergeShards", input).await.map(drop).map_err(|error| error.kind);
        }
    }
    Saw::Admin { what, outcome }
}

pub async fn scale(kinesis: Arc<Kinesis>, name: String, chance: u64) -> Saw {
    let input = json!({"StreamName": name, "TargetShardCount": 1 + chance % 4, "ScalingType": "UNIFORM_SCALING"});
    let outcome = ask(&kinesis, "UpdateShardCount", input).await.map(drop).map_err(|error| error.kind);
    Saw::Admin { what: Admin::Other, outcome }
}
