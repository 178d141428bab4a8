//! The AWS SDK for Rust, unmodified, as a fan-out consumer: `follow ENDPOINT CONSUMER_ARN SHARDS follow|once
//! PAUSE_SECONDS`. What it prints and does is told in ../../python/follow.py.
use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::{DisplayErrorContext, ProvideErrorMetadata},
    types::{ChildShard, ShardIteratorType, StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream},
};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

struct Consumer {
    client: Client,
    arn: String,
    once: bool,
    pause: Mutex<Option<Duration>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    started: HashSet<String>,
    closed: HashSet<String>,
}

fn refusal<E: ProvideErrorMetadata + std::error::Error>(error: &E) -> String {
    error.code().map_or_else(|| DisplayErrorContext(error).to_string(), str::to_owned)
}

fn say(shard: &str, event: &SubscribeToShardEvent) {
    let first_line = |data: &[u8]| String::from_utf8_lossy(data.split(|&byte| byte == b'\n').next().unwrap()).into_owned();
    let records: Vec<Value> =
        event.records().iter().map(|record| json!([record.sequence_number(), first_line(record.data().as_ref())])).collect();
    let children: Vec<Value> =
        event.child_shards().iter().map(|child| json!([child.shard_id(), child.parent_shards()])).collect();
    // An empty number is how this SDK shows one that is not there.
    let continuation = Some(event.continuation_sequence_number()).filter(|number| !number.is_empty());
    let behind = event.millis_behind_latest();
    let line = json!({"shard": shard, "records": records, "continuation": continuation, "behind": behind, "children": children});
    println!("{line}");
}

impl Consumer {
    /// Prints the events of one subscription; gives the last one.
    async fn events(&self, shard: &str, position: StartingPosition) -> Result<Option<SubscribeToShardEvent>, String> {
        let call = self.client.subscribe_to_shard().consumer_arn(&self.arn).shard_id(shard).starting_position(position);
        let mut answer = call.send().await.map_err(|error| refusal(&error))?;
        println!("{}", json!({"shard": shard, "subscribed": true}));
        let mut last = None;
        while let Some(told) = answer.event_stream.recv().await.map_err(|error| refusal(&error))? {
            let SubscribeToShardEventStream::SubscribeToShardEvent(event) = told else { continue };
            say(shard, &event);
            let pause = if event.records().is_empty() { None } else { self.pause.lock().unwrap().take() };
            last = Some(event);
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(last)
    }

    async fn follow(self: Arc<Self>, shard: String) {
        let mut position = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon).build().unwrap();
        loop {
            let last = match self.events(&shard, position).await {
                Ok(last) => last,
                Err(code) => return println!("{}", json!({"shard": shard, "end": code})),
            };
            println!("{}", json!({"shard": shard, "end": "clean"}));
            let Some(last) = last.filter(|_| !self.once) else { return };
            if !last.child_shards().is_empty() {
                return self.all(self.ready(&shard, last.child_shards())).await;
            }
            position = StartingPosition::builder()
                .r#type(ShardIteratorType::AfterSequenceNumber)
                .sequence_number(last.continuation_sequence_number())
                .build()
                .unwrap();
        }
    }

    /// The children whose parents have all ended.
    fn ready(&self, shard: &str, children: &[ChildShard]) -> Vec<String> {
        let mut known = self.known.lock().unwrap();
        known.closed.insert(shard.to_owned());
        let Known { started, closed } = &mut *known;
        let is_ready = |child: &&ChildShard| child.parent_shards().iter().all(|parent| closed.contains(parent));
        let ready = children.iter().filter(is_ready).map(|child| child.shard_id().to_owned());
        ready.filter(|child| started.insert(child.clone())).collect()
    }

    /// Follows all of them at once.
    fn all(self: &Arc<Self>, shards: Vec<String>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let followers: Vec<_> = shards.into_iter().map(|shard| tokio::spawn(Arc::clone(self).follow(shard))).collect();
        Box::pin(async move {
            for follower in followers {
                follower.await.unwrap();
            }
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&arguments[1])
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "suite"))
        .retry_config(RetryConfig::disabled())
        .build();
    let seconds: f64 = arguments[5].parse().unwrap();
    let consumer = Arc::new(Consumer {
        client: Client::from_conf(config),
        arn: arguments[2].clone(),
        once: arguments[4] == "once",
        pause: Mutex::new(Some(Duration::from_secs_f64(seconds)).filter(|pause| !pause.is_zero())),
        known: Mutex::default(),
    });
    consumer.all(arguments[3].split(',').map(str::to_owned).collect()).await;
}
