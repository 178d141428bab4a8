//! `headwater stream`: streams made, looked at, resharded and ended. Invariant: a command ends when the stream is as it was
//! asked to be, unless it was told not to wait.
use super::{
    connection::{Caller, Connection, Failure, Service::Kinesis},
    output::{Form, cell, shard_number, tell},
    status,
};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

pub(super) const HELP: &str = "\
Examples:
  headwater stream create orders --shards 4 --endpoint http://127.0.0.1:4566
  headwater stream describe orders
  headwater stream split orders shardId-000000000000";

/// Streams, and where.
#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Stream {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    form: Form,
    /// Come back at once, before the stream is as it is to be
    #[arg(long, global = true)]
    no_wait: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Makes a stream
    Create {
        name: String,
        /// How many shards it begins with; without a number it is on demand
        #[arg(long, value_name = "COUNT")]
        shards: Option<u64>,
        /// A tag; may be repeated
        #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair)]
        tags: Vec<(String, String)>,
    },
    /// Lists streams
    List,
    /// Shows a stream and its shards
    Describe { name: String },
    /// Splits a shard in two
    Split {
        name: String,
        shard: String,
        /// The hash key at which the second half begins [default: the middle]
        #[arg(long, value_name = "HASH_KEY")]
        at: Option<u128>,
    },
    /// Makes one shard of two that adjoin
    Merge { name: String, shard: String, adjacent: String },
    /// Splits and merges until a stream has so many shards
    Scale { name: String, shards: u64 },
    /// Keeps records so many hours
    Retain { name: String, hours: u64 },
    /// Tags a stream
    Tag {
        name: String,
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = pair)]
        tags: Vec<(String, String)>,
    },
    /// Takes tags away
    Untag {
        name: String,
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Lists a stream's tags
    Tags { name: String },
    /// Lists those who have registered for fan-out
    Consumers { name: String },
    /// Deletes a stream with everything in it, and its registered consumers
    Delete { name: String },
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.into(), value.into()))
}

impl Stream {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        let caller = self.connection.open().await?;
        let (form, waits) = (self.form, !self.no_wait);
        match self.action {
            Action::Create { name, shards, tags } => create(&caller, &name, shards, tags, waits).await,
            Action::List => list(&caller, form).await,
            Action::Describe { name } => describe(&caller, &name, form).await,
            Action::Split { name, shard, at } => {
                let at = match at {
                    Some(at) => at,
                    None => middle(&caller, &name, &shard).await?,
                };
                let input = json!({"StreamName": name, "ShardToSplit": shard, "NewStartingHashKey": at.to_string()});
                change(&caller, "SplitShard", &input, &name, waits).await
            }
            Action::Merge { name, shard, adjacent } => {
                let input = json!({"StreamName": name, "ShardToMerge": shard, "AdjacentShardToMerge": adjacent});
                change(&caller, "MergeShards", &input, &name, waits).await
            }
            Action::Scale { name, shards } => scale(&caller, &name, shards, waits).await,
            Action::Retain { name, hours } => retain(&caller, &name, hours, waits).await,
            Action::Tag { name, tags } => {
                let tags: Map<String, Value> = tags.into_iter().map(|(key, value)| (key, value.into())).collect();
                let input = json!({"StreamName": name, "Tags": tags});
                change(&caller, "AddTagsToStream", &input, &name, false).await
            }
            Action::Untag { name, keys } => {
                let input = json!({"StreamName": name, "TagKeys": keys});
                change(&caller, "RemoveTagsFromStream", &input, &name, false).await
            }
            Action::Tags { name } => tags(&caller, &name, form).await,
            Action::Consumers { name } => consumers(&caller, &name, form).await,
            Action::Delete { name } => {
                let input = json!({"StreamName": name, "EnforceConsumerDeletion": true});
                caller.call(Kinesis, "DeleteStream", &input).await?;
                if waits { wait(&caller, &name, None).await } else { Ok(()) }
            }
        }
    }
}

async fn create(
    caller: &Caller,
    name: &str,
    shards: Option<u64>,
    tags: Vec<(String, String)>,
    waits: bool,
) -> Result<(), String> {
    let mut input = match shards {
        Some(count) => json!({"StreamName": name, "ShardCount": count}),
        None => json!({"StreamName": name, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}),
    };
    if !tags.is_empty() {
        let tags: Map<String, Value> = tags.into_iter().map(|(key, value)| (key, value.into())).collect();
        input["Tags"] = tags.into();
    }
    change(caller, "CreateStream", &input, name, waits).await
}

/// Asks for a change and waits until the stream is active again.
async fn change(caller: &Caller, operation: &str, input: &Value, name: &str, waits: bool) -> Result<(), String> {
    caller.call(Kinesis, operation, input).await.map_err(advised)?;
    if waits { wait(caller, name, Some("ACTIVE")).await } else { Ok(()) }
}

/// Waits until the stream has this status; `None`: until it is gone.
async fn wait(caller: &Caller, name: &str, wanted: Option<&str>) -> Result<(), String> {
    status::wait(caller, name, wanted, async || Ok(summary(caller, name).await?["StreamStatus"].take())).await
}

async fn summary(caller: &Caller, name: &str) -> Result<Value, Failure> {
    let mut answer = caller.call(Kinesis, "DescribeStreamSummary", &json!({"StreamName": name})).await?;
    Ok(answer["StreamDescriptionSummary"].take())
}

async fn list(caller: &Caller, form: Form) -> Result<(), String> {
    let found = pages(caller, "ListStreams", &json!({}), "StreamSummaries").await?;
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|stream| {
            let mode = cell(&stream["StreamModeDetails"]["StreamMode"]);
            vec![cell(&stream["StreamName"]), cell(&stream["StreamStatus"]), mode, cell(&stream["StreamARN"])]
        })
        .collect();
    if rows.is_empty() && !form.is_json() {
        tell("There are no streams; `headwater stream create NAME` makes one.");
    }
    form.show(&Value::Array(found), &["NAME", "STATUS", "MODE", "ARN"], &rows)
}

async fn describe(caller: &Caller, name: &str, form: Form) -> Result<(), String> {
    let summary = summary(caller, name).await.map_err(advised)?;
    let shards = shards(caller, name).await?;
    if form.is_json() {
        let mut whole = summary;
        whole["Shards"] = shards.into();
        return form.show(&whole, &[], &[]);
    }
    let members = ["StreamName", "StreamARN", "StreamStatus", "OpenShardCount", "RetentionPeriodHours"];
    let mut about: Vec<Vec<String>> = members.iter().map(|name| vec![(*name).into(), cell(&summary[name])]).collect();
    about.push(vec!["StreamMode".into(), cell(&summary["StreamModeDetails"]["StreamMode"])]);
    about.push(vec!["EncryptionType".into(), cell(&summary["EncryptionType"])]);
    form.show(&summary, &["", ""], &about)?;
    let rows: Vec<Vec<String>> = shards
        .iter()
        .map(|shard| {
            let (range, sequence) = (&shard["HashKeyRange"], &shard["SequenceNumberRange"]);
            let is_open = sequence["EndingSequenceNumber"].is_null();
            let parents = ["ParentShardId", "AdjacentParentShardId"].map(|parent| shard[parent].as_str());
            let parents: Vec<&str> = parents.into_iter().flatten().map(shard_number).collect();
            let state = if is_open { "open" } else { "closed" };
            let begins = cell(&range["StartingHashKey"]);
            vec![cell(&shard["ShardId"]), state.into(), parents.join(" "), share(range), begins]
        })
        .collect();
    form.show(&Value::Null, &["SHARD", "STATE", "PARENTS", "SHARE", "HASH KEYS FROM"], &rows)
}

/// How much of all hash keys a range holds.
fn share(range: &Value) -> String {
    /// A part in 10,000 of all of them.
    const UNIT: u128 = u128::MAX / 10_000;
    let bound = |member: &str| cell(&range[member]).parse::<u128>().unwrap_or_default();
    let parts = bound("EndingHashKey").saturating_sub(bound("StartingHashKey")).saturating_add(UNIT / 2) / UNIT;
    format!("{}.{:02} %", parts / 100, parts % 100)
}

async fn shards(caller: &Caller, name: &str) -> Result<Vec<Value>, String> {
    pages(caller, "ListShards", &json!({"StreamName": name}), "Shards").await
}

/// All pages of a list.
async fn pages(caller: &Caller, operation: &str, input: &Value, member: &str) -> Result<Vec<Value>, String> {
    let (mut all, mut input) = (Vec::new(), input.clone());
    loop {
        let mut page = caller.call(Kinesis, operation, &input).await.map_err(advised)?;
        if let Value::Array(found) = page[member].take() {
            all.extend(found);
        }
        match page["NextToken"].take() {
            Value::Null => return Ok(all),
            // A token of ListShards and ListStreamConsumers stands for the name it was asked with.
            token if operation == "ListShards" => input = json!({"NextToken": token}),
            token => input["NextToken"] = token,
        }
    }
}

/// Where the second half of a shard begins.
async fn middle(caller: &Caller, name: &str, shard: &str) -> Result<u128, String> {
    let shards = shards(caller, name).await?;
    let found = shards.iter().find(|held| held["ShardId"] == shard);
    let range = found.map(|held| &held["HashKeyRange"]);
    let bound = |member: &str| range.and_then(|range| cell(&range[member]).parse::<u128>().ok());
    match (bound("StartingHashKey"), bound("EndingHashKey")) {
        (Some(start), Some(end)) if end > start => Ok(start + (end - start) / 2 + 1),
        (Some(_), Some(_)) => Err(format!("{shard} has one hash key and cannot be split")),
        _ => Err(format!("{name} has no {shard}; `headwater stream describe {name}` lists its shards")),
    }
}

async fn scale(caller: &Caller, name: &str, target: u64, waits: bool) -> Result<(), String> {
    // The service halves or doubles at most: further goes by several steps, which only whoever waits can take.
    loop {
        let open = summary(caller, name).await.map_err(advised)?["OpenShardCount"].as_u64().unwrap_or_default();
        let step = if waits { target.clamp(open.div_ceil(2), (2 * open).max(1)) } else { target };
        let input = json!({"StreamName": name, "TargetShardCount": step, "ScalingType": "UNIFORM_SCALING"});
        change(caller, "UpdateShardCount", &input, name, waits).await?;
        if step == target {
            return Ok(());
        }
    }
}

async fn retain(caller: &Caller, name: &str, hours: u64, waits: bool) -> Result<(), String> {
    let held = summary(caller, name).await.map_err(advised)?["RetentionPeriodHours"].as_u64().unwrap_or_default();
    let operation = if hours < held { "DecreaseStreamRetentionPeriod" } else { "IncreaseStreamRetentionPeriod" };
    let input = json!({"StreamName": name, "RetentionPeriodHours": hours});
    change(caller, operation, &input, name, waits).await
}

async fn tags(caller: &Caller, name: &str, form: Form) -> Result<(), String> {
    let (mut found, mut input) = (Vec::new(), json!({"StreamName": name}));
    loop {
        let mut page = caller.call(Kinesis, "ListTagsForStream", &input).await.map_err(advised)?;
        if let Value::Array(tags) = page["Tags"].take() {
            found.extend(tags);
        }
        match found.last().filter(|_| page["HasMoreTags"] == true) {
            Some(last) => input["ExclusiveStartTagKey"] = last["Key"].clone(),
            None => break,
        }
    }
    let rows: Vec<Vec<String>> = found.iter().map(|tag| vec![cell(&tag["Key"]), cell(&tag["Value"])]).collect();
    form.show(&Value::Array(found), &["KEY", "VALUE"], &rows)
}

async fn consumers(caller: &Caller, name: &str, form: Form) -> Result<(), String> {
    let stream = summary(caller, name).await.map_err(advised)?["StreamARN"].take();
    let found = pages(caller, "ListStreamConsumers", &json!({"StreamARN": stream}), "Consumers").await?;
    let columns = ["ConsumerName", "ConsumerStatus", "ConsumerARN"];
    let rows: Vec<Vec<String>> =
        found.iter().map(|consumer| columns.iter().map(|name| cell(&consumer[name])).collect()).collect();
    form.show(&Value::Array(found), &["NAME", "STATUS", "ARN"], &rows)
}

/// A failure, and what to do next.
fn advised(failure: Failure) -> String {
    failure.told("headwater stream list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_the_hash_keys_add_up() {
        let range =
            |from: u128, to: u128| json!({"StartingHashKey": from.to_string(), "EndingHashKey": to.to_string()});
        assert_eq!(share(&range(0, u128::MAX)), "100.00 %");
        assert_eq!(share(&range(u128::MAX / 4 + 1, u128::MAX / 2)), "25.00 %");
        assert_eq!(share(&range(0, u128::MAX / 3)), "33.33 %");
    }
}
