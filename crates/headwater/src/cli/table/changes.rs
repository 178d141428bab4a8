//! `headwater table tail`: the changes of a table, as its stream tells them. Invariant: the changes of a shard come in
//! their order, and a shard's children after it.
use super::{advised, described, item};
use crate::cli::{
    connection::{Caller, Service::DynamoDbStreams as Streams},
    output::{Form, cell, say, tell},
};
use clap::Args;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Between two looks at a shard in which nothing is new …
const POLL_MS: u64 = 500;
/// … and how many of them pass before new shards are looked for.
const POLLS: u32 = 10;

/// Which table.
#[derive(Args)]
pub(super) struct Tail {
    name: String,
    /// Begin with the oldest change that is kept, not with the next
    #[arg(long)]
    from_start: bool,
    /// End when there is nothing new, instead of waiting
    #[arg(long)]
    no_follow: bool,
}

impl Tail {
    pub(super) async fn run(self, caller: &Caller, form: Form) -> Result<(), String> {
        let table = described(caller, &self.name).await.map_err(advised)?;
        let stream = table["LatestStreamArn"].as_str().map(str::to_owned).ok_or_else(|| {
            format!("{} has no stream; a table made with --stream has one, and UpdateTable gives it one", self.name)
        })?;
        if !self.no_follow && !form.is_json() {
            tell(&format!("the changes of {}; Ctrl-C ends it", self.name));
        }
        let mut reader = Reader { caller, stream, places: BTreeMap::new(), done: BTreeSet::new() };
        reader.find(if self.from_start { "TRIM_HORIZON" } else { "LATEST" }).await?;
        let mut idle = 0;
        loop {
            if reader.round(form).await? {
                idle = 0;
                continue;
            }
            if self.no_follow {
                let held = reader.places.len();
                reader.find("TRIM_HORIZON").await?;
                if reader.places.len() == held {
                    return Ok(());
                }
                continue;
            }
            idle += 1;
            if idle % POLLS == 0 {
                reader.find("TRIM_HORIZON").await?;
            }
            caller.clock().sleep(POLL_MS).await;
        }
    }
}

/// Reads a stream's shards.
struct Reader<'a> {
    caller: &'a Caller,
    stream: String,
    /// The iterators of the shards that are read.
    places: BTreeMap<String, Value>,
    /// Shards read to their ends, or passed over because they had ended before.
    done: BTreeSet<String>,
}

impl Reader<'_> {
    /// Begins to read the shards that are not read yet and whose parents are.
    async fn find(&mut self, from: &str) -> Result<(), String> {
        let mut input = json!({"StreamArn": self.stream});
        let mut shards = Vec::new();
        loop {
            let mut page = self.caller.call(Streams, "DescribeStream", &input).await?["StreamDescription"].take();
            if let Value::Array(found) = page["Shards"].take() {
                shards.extend(found);
            }
            match page["LastEvaluatedShardId"].take() {
                Value::Null => break,
                last => input["ExclusiveStartShardId"] = last,
            }
        }
        let listed: BTreeSet<String> = shards.iter().map(|shard| cell(&shard["ShardId"])).collect();
        for shard in &shards {
            let id = cell(&shard["ShardId"]);
            let parent = cell(&shard["ParentShardId"]);
            let is_closed = shard["SequenceNumberRange"]["EndingSequenceNumber"].is_string();
            if from == "LATEST" && is_closed {
                self.done.insert(id);
                continue;
            }
            let is_ready = !listed.contains(&parent) || self.done.contains(&parent);
            if !is_ready || self.done.contains(&id) || self.places.contains_key(&id) {
                continue;
            }
            let input = json!({"StreamArn": self.stream, "ShardId": id, "ShardIteratorType": from});
            let place = self.caller.call(Streams, "GetShardIterator", &input).await?["ShardIterator"].take();
            self.places.insert(id, place);
        }
        Ok(())
    }

    /// Shows what is new in each shard; `true` if something was, or a shard ended.
    async fn round(&mut self, form: Form) -> Result<bool, String> {
        let mut is_new = false;
        for (id, place) in std::mem::take(&mut self.places) {
            let mut page = self.caller.call(Streams, "GetRecords", &json!({"ShardIterator": place})).await?;
            for record in page["Records"].as_array().into_iter().flatten() {
                is_new = true;
                say(&if form.is_json() { record.to_string() } else { line(record) })?;
            }
            match page["NextShardIterator"].take() {
                Value::Null => {
                    is_new = true;
                    self.done.insert(id);
                }
                next => drop(self.places.insert(id, next)),
            }
        }
        if is_new && self.places.is_empty() {
            self.find("TRIM_HORIZON").await?;
        }
        Ok(is_new)
    }
}

/// A change in a line, for people.
fn line(record: &Value) -> String {
    let change = &record["dynamodb"];
    let image = |member: &str| change[member].as_object().map(|item| item::plain(item).to_string());
    let by_expiry = if record["userIdentity"].is_object() { " (expired)" } else { "" };
    let (before, after) = (image("OldImage"), image("NewImage"));
    let what = match (before, after) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (before, after) => after.or(before).or_else(|| image("Keys")).unwrap_or_default(),
    };
    format!("{:<6}{by_expiry} {what}", cell(&record["eventName"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_shows_before_and_after() {
        let image = |n: u8| json!({"k": {"S": "a"}, "n": {"N": n.to_string()}});
        let record = json!({"eventName": "MODIFY", "dynamodb": {"OldImage": image(1), "NewImage": image(2)}});
        let line = line(&record);
        let (before, after) = line.split_once(" → ").unwrap();
        assert!(before.starts_with("MODIFY") && before.contains("1") && after.contains("2"), "{line}");
    }

    #[test]
    fn a_removal_of_the_expiry_says_so() {
        let by = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
        let record = json!({"eventName": "REMOVE", "userIdentity": by, "dynamodb": {"Keys": {"k": {"S": "a"}}}});
        assert_eq!(line(&record), r#"REMOVE (expired) {"k":"a"}"#);
    }
}
