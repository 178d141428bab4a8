//! Every operation asks before it runs, and what is allowed across accounts is done in the resource's account.
use super::*;
use headwater_wire::{Access, Answer, Ask, Dialect};
use std::sync::Mutex;

/// Notes what it is asked, and allows what it is told to.
#[derive(Default)]
struct Doorkeeper {
    asked: Mutex<Vec<String>>,
    is_strict: std::sync::atomic::AtomicBool,
}

impl Access for Doorkeeper {
    fn is_open(&self) -> bool {
        false
    }

    fn check_policy(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn decide(&self, ask: &Ask<'_>) -> Result<(), ServiceError> {
        let Ask { operation, resource, policy, .. } = ask;
        let tags = ask.request_tags.len() * 10 + ask.resource_tags.len();
        self.asked.lock().unwrap().push(format!("{operation} {resource} {policy:?} {tags}"));
        if self.is_strict.load(Ordering::Relaxed) {
            return Err(ServiceError::new("AccessDeniedException", "no"));
        }
        Ok(())
    }
}

struct Guarded {
    doorkeeper: Arc<Doorkeeper>,
    kinesis: Arc<Kinesis>,
}

impl Guarded {
    async fn new() -> Self {
        let clock = ManualClock::at(NOW_MS);
        let engine: Arc<dyn Engine> = MemoryEngine::new(Arc::new(clock.clone()));
        let doorkeeper = Arc::new(Doorkeeper::default());
        let (entropy, settings): (Entropy, _) = (Arc::new(|| 5), KinesisSettings::default());
        let (keys, access) = (Arc::new(key_store()), Arc::clone(&doorkeeper) as Arc<dyn Access>);
        let parts = KinesisParts { engine, clock: Arc::new(clock), entropy, keys, access, settings };
        Self { doorkeeper, kinesis: Kinesis::open(parts).await.unwrap() }
    }

    async fn call(&self, operation: &str, caller: Caller, body: &str) -> Result<String, ServiceError> {
        let row = operations().into_iter().find(|row| row.name == operation).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        match (row.call)(Arc::clone(&self.kinesis), caller, Dialect::Json11, &body).await? {
            Answer::Whole(reply) => Ok(String::from_utf8(reply).unwrap()),
            Answer::Events(_) => Ok(String::new()),
        }
    }

    fn last_asked(&self) -> String {
        self.doorkeeper.asked.lock().unwrap().last().unwrap().clone()
    }
}

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

#[tokio::test]
async fn each_operation_says_what_it_is_about() {
    let house = Guarded::new().await;
    house.call("CreateStream", caller(), r#"{"StreamName":"s","ShardCount":1,"Tags":{"a":"b"}}"#).await.unwrap();
    assert_eq!(house.last_asked(), format!("CreateStream {ARN} None 10"));
    house.call("ListStreams", caller(), "{}").await.unwrap();
    assert_eq!(house.last_asked(), "ListStreams * None 0");
    let body = r#"{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"LATEST"}"#;
    let reply = house.call("GetShardIterator", caller(), body).await.unwrap();
    let iterator = reply.split('"').nth(3).unwrap();
    house.call("GetRecords", caller(), &format!(r#"{{"ShardIterator":"{iterator}"}}"#)).await.unwrap();
    assert_eq!(house.last_asked(), format!("GetRecords {ARN} None 1"));
    house.call("PutResourcePolicy", caller(), &format!(r#"{{"ResourceARN":"{ARN}","Policy":"P"}}"#)).await.unwrap();
    house.call("TagResource", caller(), &format!(r#"{{"ResourceARN":"{ARN}","Tags":{{"c":"d"}}}}"#)).await.unwrap();
    assert_eq!(house.last_asked(), format!("TagResource {ARN} Some(\"P\") 11"));
}

#[tokio::test]
async fn what_is_allowed_across_accounts_is_done_in_the_resources_account() {
    let house = Guarded::new().await;
    house.call("CreateStream", caller(), r#"{"StreamName":"s","ShardCount":1}"#).await.unwrap();
    let stranger = || Caller::root("111111111111", "us-east-1", "x");
    let body = format!(r#"{{"StreamARN":"{ARN}","PartitionKey":"k","Data":"ZA=="}}"#);
    house.call("PutRecord", stranger(), &body).await.unwrap();
    let body = format!(r#"{{"StreamARN":"{ARN}","ShardId":"0-0","ShardIteratorType":"TRIM_HORIZON"}}"#);
    let reply = house.call("GetShardIterator", stranger(), &body).await.unwrap();
    let iterator = reply.split('"').nth(3).unwrap();
    let records = house.call("GetRecords", stranger(), &format!(r#"{{"ShardIterator":"{iterator}"}}"#)).await.unwrap();
    assert!(records.contains(r#""Data":"ZA==""#), "{records}");
    let missing = house.call("DescribeStream", stranger(), r#"{"StreamName":"s"}"#).await.unwrap_err();
    assert_eq!(missing.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn what_is_refused_does_not_run() {
    let house = Guarded::new().await;
    house.doorkeeper.is_strict.store(true, Ordering::Relaxed);
    let refusal = house.call("CreateStream", caller(), r#"{"StreamName":"s","ShardCount":1}"#).await.unwrap_err();
    assert_eq!(refusal.code, "AccessDeniedException");
    assert!(house.kinesis.catalog.read().all().next().is_none());
    house.doorkeeper.is_strict.store(false, Ordering::Relaxed);
    for row in operations() {
        let before = house.doorkeeper.asked.lock().unwrap().len();
        let told = house.call(row.name, caller(), "{}").await;
        let asked = house.doorkeeper.asked.lock().unwrap().len() > before;
        let unreadable = told.as_ref().is_err_and(|refusal| refusal.code == "ValidationException");
        assert!(asked || unreadable, "{} asks nobody", row.name);
    }
}
