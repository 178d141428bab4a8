//! A model beside the machine: random commands over few keys, told to the service and to a map. Whatever is asked
//! afterwards – of the table, of its indexes, of its stream – the map says the same, also after a reopening, with the
//! rows or without, and of whichever of two processes with one log.
use super::*;
use headwater_wire::ErrorKind;
use proptest::{collection::vec, option, prelude::*};
use serde_json::json;
use std::collections::BTreeMap;

/// Hash and range key.
type Key = (u8, u8);

/// An item's attributes besides its key; those that are not there leave it out of an index.
#[derive(Clone, PartialEq, Debug)]
struct Body {
    /// 0: not there.
    count: i64,
    group: Option<u8>,
    rank: Option<u8>,
}

/// What must hold of the item before it is changed.
#[derive(Clone, Copy, Debug)]
enum If {
    Anything,
    Absent,
    CountBelow(i64),
}

/// A change of one item.
#[derive(Clone, Debug)]
enum Change {
    Put(Body),
    /// Adds to the count and sets the group.
    Add(i64, u8),
    /// Takes the rank away.
    Remove,
    Delete,
}

#[derive(Clone, Debug)]
enum Command {
    Change(Key, Change, If),
    Transact(BTreeMap<Key, (Change, If)>),
    /// `None`: deleted.
    Batch(BTreeMap<Key, Option<Body>>),
    Stream(bool),
    Reopen {
        with_rows: bool,
    },
    /// What follows is asked of the other process, if there is one.
    Move,
    Check,
}

type Items = BTreeMap<Key, Body>;

impl If {
    fn holds(self, held: Option<&Body>) -> bool {
        match self {
            Self::Anything => true,
            Self::Absent => held.is_none(),
            Self::CountBelow(most) => held.is_some_and(|body| (1..most).contains(&body.count)),
        }
    }
}

impl Change {
    fn apply(&self, items: &mut Items, key: Key) {
        let held = items.get(&key).cloned();
        let absent = Body { count: 0, group: None, rank: None };
        let after = match self {
            Self::Put(body) => Some(body.clone()),
            Self::Add(by, group) => {
                let held = held.unwrap_or(absent);
                Some(Body { count: held.count + by, group: Some(*group), ..held })
            }
            Self::Remove => Some(Body { rank: None, ..held.unwrap_or(absent) }),
            Self::Delete => None,
        };
        match after {
            Some(body) => items.insert(key, body),
            None => items.remove(&key),
        };
    }
}

fn keys(key: Key) -> serde_json::Value {
    json!({"p": {"S": key.0.to_string()}, "q": {"N": key.1.to_string()}})
}

/// The item as the service shows it.
fn shown(key: Key, body: &Body) -> serde_json::Value {
    let mut item = keys(key);
    if body.count != 0 {
        item["c"] = json!({"N": body.count.to_string()});
    }
    if let Some(group) = body.group {
        item["g"] = json!({"S": group.to_string()});
    }
    if let Some(rank) = body.rank {
        item["r"] = json!({"N": rank.to_string()});
    }
    item
}

/// The operation of TransactWriteItems and what it is asked.
fn request(key: Key, change: &Change, condition: If) -> (&'static str, serde_json::Value) {
    let mut request = json!({"TableName": "model"});
    let (mut names, mut values) = (json!({}), json!({}));
    let operation = match change {
        Change::Put(body) => {
            request["Item"] = shown(key, body);
            "Put"
        }
        Change::Add(by, group) => {
            request["UpdateExpression"] = json!("ADD c :by SET g = :g");
            values[":by"] = json!({"N": by.to_string()});
            values[":g"] = json!({"S": group.to_string()});
            "Update"
        }
        Change::Remove => {
            request["UpdateExpression"] = json!("REMOVE r");
            "Update"
        }
        Change::Delete => "Delete",
    };
    if operation != "Put" {
        request["Key"] = keys(key);
    }
    match condition {
        If::Anything => {}
        If::Absent => {
            request["ConditionExpression"] = json!("attribute_not_exists(#p)");
            names["#p"] = json!("p");
        }
        If::CountBelow(most) => {
            request["ConditionExpression"] = json!("c < :most");
            values[":most"] = json!({"N": most.to_string()});
        }
    }
    for (member, held) in [("ExpressionAttributeNames", names), ("ExpressionAttributeValues", values)] {
        if held.as_object().is_some_and(|held| !held.is_empty()) {
            request[member] = held;
        }
    }
    (operation, request)
}

/// The service and what it must be equal to.
struct Pair {
    house: House,
    /// Another process with the same log.
    other: Option<House>,
    items: Items,
    is_streaming: bool,
    /// The items when the stream was turned on, carried on by its records.
    replayed: BTreeMap<Key, serde_json::Value>,
    read_up_to: Option<String>,
}

impl Pair {
    async fn new(is_shared: bool) -> Self {
        let (house, other) = if is_shared {
            let (house, other) = House::two().await;
            (house, Some(other))
        } else {
            (House::new(DynamoDbSettings::default()).await, None)
        };
        let part = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let index = |name: &str, hash: &str| {
            let schema = [part(hash, "HASH"), part("r", "RANGE")];
            json!({"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}})
        };
        let kinds = [("p", "S"), ("q", "N"), ("g", "S"), ("r", "N")];
        let definitions = kinds.map(|(name, kind)| json!({"AttributeName": name, "AttributeType": kind}));
        let table = json!({"TableName": "model", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": definitions,
            "KeySchema": [part("p", "HASH"), part("q", "RANGE")],
            "GlobalSecondaryIndexes": [index("by-group", "g")], "LocalSecondaryIndexes": [index("by-rank", "p")]});
        house.call("CreateTable", &table.to_string()).await.unwrap();
        Self { house, other, items: Items::new(), is_streaming: false, replayed: BTreeMap::new(), read_up_to: None }
    }

    async fn call(&self, operation: &str, body: serde_json::Value) -> Result<serde_json::Value, ServiceError> {
        loop {
            match self.house.call(operation, &body.to_string()).await {
                // The other has decided since, so nothing was done.
                Err(error) if error.kind == ErrorKind::Unavailable && self.other.is_some() => {}
                told => return told,
            }
        }
    }

    async fn run(mut self, command: Command) -> Self {
        match command {
            Command::Change(key, change, condition) => {
                let (operation, request) = request(key, &change, condition);
                let told = self.call(&format!("{operation}Item"), request).await;
                let holds = condition.holds(self.items.get(&key));
                assert_eq!(
                    told.err().map(|refusal| refusal.code),
                    (!holds).then_some("ConditionalCheckFailedException")
                );
                if holds {
                    change.apply(&mut self.items, key);
                }
            }
            Command::Transact(changes) => {
                let requests: Vec<_> = changes
                    .iter()
                    .map(|(key, (change, condition))| {
                        let (operation, request) = request(*key, change, *condition);
                        json!({operation: request})
                    })
                    .collect();
                let told = self.call("TransactWriteItems", json!({"TransactItems": requests})).await;
                let holds = changes.iter().all(|(key, (_, condition))| condition.holds(self.items.get(key)));
                assert_eq!(told.err().map(|refusal| refusal.code), (!holds).then_some("TransactionCanceledException"));
                for (key, (change, _)) in changes.iter().filter(|_| holds) {
                    change.apply(&mut self.items, *key);
                }
            }
            Command::Batch(writes) => {
                let request = |(key, body): (&Key, &Option<Body>)| match body {
                    Some(body) => json!({"PutRequest": {"Item": shown(*key, body)}}),
                    None => json!({"DeleteRequest": {"Key": keys(*key)}}),
                };
                let requests: Vec<_> = writes.iter().map(request).collect();
                self.call("BatchWriteItem", json!({"RequestItems": {"model": requests}})).await.unwrap();
                for (key, body) in writes {
                    body.map_or(Change::Delete, Change::Put).apply(&mut self.items, key);
                }
            }
            Command::Stream(enable) => self.stream(enable).await,
            Command::Reopen { with_rows } => {
                if !with_rows {
                    self.house.kv = Arc::new(MemoryKv::new());
                }
                self.house = self.house.reopened().await;
            }
            Command::Move => {
                if let Some(other) = &mut self.other {
                    std::mem::swap(&mut self.house, other);
                    self.house.dynamodb.database.catch_up().await.unwrap();
                }
            }
            Command::Check => self.check().await,
        }
        self
    }

    async fn stream(&mut self, enable: bool) {
        if enable == self.is_streaming {
            return;
        }
        let specification = if enable {
            // Two streams made in one millisecond would bear one name.
            self.house.clock.advance(1);
            json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        } else {
            json!({"StreamEnabled": false})
        };
        self.call("UpdateTable", json!({"TableName": "model", "StreamSpecification": specification})).await.unwrap();
        self.is_streaming = enable;
        self.replayed = self.items.iter().map(|(key, body)| (*key, shown(*key, body))).collect();
        self.read_up_to = None;
    }

    /// Everything that can be read is what the map holds.
    async fn check(&mut self) {
        let everything: Vec<_> = self.items.iter().map(|(key, body)| shown(*key, body)).collect();
        let is_in = |attributes: &'static [&str]| {
            let has = move |item: &&serde_json::Value| attributes.iter().all(|name| item.get(name).is_some());
            sorted(everything.iter().filter(has).cloned().collect())
        };
        let scan = |more: serde_json::Value| self.whole("Scan", more);
        assert_eq!(sorted(scan(json!({})).await), is_in(&[]));
        assert_eq!(sorted(scan(json!({"IndexName": "by-group"})).await), is_in(&["g", "r"]));
        assert_eq!(sorted(scan(json!({"IndexName": "by-rank"})).await), is_in(&["r"]));
        for hash in 0..HASHES {
            let query = json!({"KeyConditionExpression": "p = :p AND q >= :q", "ScanIndexForward": false,
                "ExpressionAttributeValues": {":p": {"S": hash.to_string()}, ":q": {"N": "1"}}});
            let expected = self.items.range((hash, 1)..=(hash, u8::MAX)).rev();
            let expected: Vec<_> = expected.map(|(key, body)| shown(*key, body)).collect();
            assert_eq!(self.whole("Query", query).await, expected);
        }
        let described = self.call("DescribeTable", json!({"TableName": "model"})).await.unwrap();
        assert_eq!(described["Table"]["ItemCount"], self.items.len());
        assert_eq!(described["Table"]["GlobalSecondaryIndexes"][0]["ItemCount"], is_in(&["g", "r"]).len());
        if self.is_streaming {
            self.replay(described["Table"]["LatestStreamArn"].clone()).await;
            let expected: BTreeMap<_, _> = self.items.iter().map(|(key, body)| (*key, shown(*key, body))).collect();
            assert_eq!(self.replayed, expected, "the stream tells of other items");
        }
    }

    /// All pages of a Scan or Query of two items each.
    async fn whole(&self, operation: &str, mut request: serde_json::Value) -> Vec<serde_json::Value> {
        let mut items = Vec::new();
        (request["TableName"], request["Limit"]) = (json!("model"), json!(2));
        loop {
            let page = self.call(operation, request.clone()).await.unwrap();
            items.extend(page["Items"].as_array().unwrap().iter().cloned());
            let Some(last) = page.get("LastEvaluatedKey") else { return items };
            request["ExclusiveStartKey"] = last.clone();
        }
    }

    async fn replay(&mut self, arn: serde_json::Value) {
        let described = self.call("DescribeStream", json!({"StreamArn": arn})).await.unwrap();
        let shard = described["StreamDescription"]["Shards"][0]["ShardId"].clone();
        let place = match &self.read_up_to {
            None => json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}),
            Some(last) => json!({"StreamArn": arn, "ShardId": shard, "SequenceNumber": last,
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}),
        };
        let iterator = self.call("GetShardIterator", place).await.unwrap()["ShardIterator"].clone();
        let page = self.call("GetRecords", json!({"ShardIterator": iterator})).await.unwrap();
        for record in page["Records"].as_array().unwrap() {
            let change = &record["dynamodb"];
            let sequence = change["SequenceNumber"].as_str().unwrap().to_owned();
            assert!(self.read_up_to.as_ref().is_none_or(|last| *last < sequence), "{sequence} does not rise");
            let text = |name: &str, kind: &str| change["Keys"][name][kind].as_str().unwrap().parse::<u8>().unwrap();
            let key = (text("p", "S"), text("q", "N"));
            let (old, new) = (change.get("OldImage"), change.get("NewImage").cloned());
            assert_eq!(self.replayed.remove(&key).as_ref(), old);
            assert_ne!(old, new.as_ref(), "a record of a change that changes nothing");
            self.replayed.extend(new.map(|new| (key, new)));
            self.read_up_to = Some(sequence);
        }
    }
}

/// The items in one order, whatever the order of their attributes.
fn sorted(items: Vec<serde_json::Value>) -> Vec<BTreeMap<String, String>> {
    let attributes = |item: &serde_json::Value| {
        let attributes = item.as_object().unwrap().iter();
        attributes.map(|(name, value)| (name.clone(), value.to_string())).collect()
    };
    let mut items: Vec<BTreeMap<_, _>> = items.iter().map(attributes).collect();
    items.sort();
    items
}

const HASHES: u8 = 3;

fn key() -> impl Strategy<Value = Key> {
    (0..HASHES, 0..4_u8)
}

fn body() -> impl Strategy<Value = Body> {
    (1..4_i64, option::of(0..2_u8), option::of(0..3_u8)).prop_map(|(count, group, rank)| Body { count, group, rank })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => body().prop_map(Change::Put),
        3 => (1..4_i64, 0..2_u8).prop_map(|(by, group)| Change::Add(by, group)),
        1 => Just(Change::Remove),
        2 => Just(Change::Delete),
    ]
}

fn condition() -> impl Strategy<Value = If> {
    prop_oneof![3 => Just(If::Anything), 1 => Just(If::Absent), 1 => (1..9_i64).prop_map(If::CountBelow)]
}

fn command() -> impl Strategy<Value = Command> {
    let changes = vec((key(), change(), condition()), 1..5);
    let changes = changes.prop_map(|made| made.into_iter().map(|(key, change, when)| (key, (change, when))).collect());
    prop_oneof![
        8 => (key(), change(), condition()).prop_map(|(key, change, when)| Command::Change(key, change, when)),
        3 => changes.prop_map(Command::Transact),
        2 => vec((key(), option::of(body())), 1..6).prop_map(|writes| Command::Batch(writes.into_iter().collect())),
        1 => any::<bool>().prop_map(Command::Stream),
        1 => any::<bool>().prop_map(|with_rows| Command::Reopen { with_rows }),
        2 => Just(Command::Move),
        2 => Just(Command::Check),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_service_and_a_map_agree(commands in vec(command(), 1..60), is_shared in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new(is_shared).await;
            for command in commands {
                pair = pair.run(command).await;
            }
            pair.check().await;
        });
    }
}
