//! A small service of Kinesis's on a port of its own. Invariant: what it took it shows, in the order in which it took it.
use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use bytes::Bytes;
use headwater_aggregation::hash_key_of;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Whether the attempt of this number, from 0, at the record with this data is refused.
type Throttle = dyn Fn(usize, &[u8]) -> bool + Send + Sync;

#[derive(Clone, Debug)]
pub struct Taken {
    pub shard: usize,
    pub partition_key: String,
    pub explicit_hash_key: Option<u128>,
    pub data: Bytes,
}

/// The service, with two shards.
pub struct Service {
    throttle: Box<Throttle>,
    attempts: Mutex<Vec<Vec<u8>>>,
    pub taken: Mutex<Vec<Taken>>,
    pub requests: Mutex<Vec<(String, Value)>>,
}

impl Service {
    /// A service and a client of it, which leaves trying again to the library.
    pub async fn start(throttle: impl Fn(usize, &[u8]) -> bool + Send + Sync + 'static) -> (Arc<Self>, Client) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let throttle = Box::new(throttle);
        let (attempts, taken, requests) = Default::default();
        let service = Arc::new(Self { throttle, attempts, taken, requests });
        let shared = Arc::clone(&service);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&shared).serve(connection));
            }
        });
        let config = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("x", "y", None, None, "test"))
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        (service, Client::from_conf(config))
    }

    async fn serve(self: Arc<Self>, connection: TcpStream) -> std::io::Result<()> {
        let mut connection = BufReader::new(connection);
        loop {
            let (mut target, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if connection.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
                let Some((name, value)) = line.trim_end().split_once(':') else {
                    if line.trim_end().is_empty() {
                        break;
                    }
                    continue;
                };
                match name.to_ascii_lowercase().as_str() {
                    "x-amz-target" => target = value.rsplit('.').next().unwrap().into(),
                    "content-length" => length = value.trim().parse().unwrap(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            connection.read_exact(&mut body).await?;
            let (status, answer) = self.answer(&target, serde_json::from_slice(&body).unwrap());
            let answer = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} -\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            connection.write_all((head + &answer).as_bytes()).await?;
        }
    }

    fn answer(&self, target: &str, body: Value) -> (u16, Value) {
        self.requests.lock().unwrap().push((target.into(), body.clone()));
        match target {
            "PutRecord" if body["StreamName"] == "missing" => {
                (400, json!({ "__type": "ResourceNotFoundException", "message": "no such stream" }))
            }
            "PutRecord" => match self.take(&body) {
                Ok((shard, number)) => (200, json!({ "ShardId": shard, "SequenceNumber": number })),
                Err(code) => (400, json!({ "__type": code, "message": "slow down" })),
            },
            // The data of one is "poison".
            "PutRecords" if body.to_string().contains("\"cG9pc29u\"") => {
                (400, json!({ "__type": "ValidationException", "message": "one is wrong" }))
            }
            "PutRecords" => {
                let results = body["Records"].as_array().unwrap().iter().map(|record| match self.take(record) {
                    Ok((shard, number)) => json!({ "ShardId": shard, "SequenceNumber": number }),
                    Err(code) => json!({ "ErrorCode": code, "ErrorMessage": "slow down" }),
                });
                (200, json!({ "Records": results.collect::<Vec<_>>(), "EncryptionType": "KMS" }))
            }
            "ListShards" => {
                let shard = |at: u128, start: u128, end: u128| {
                    json!({
                        "ShardId": format!("shardId-{at:012}"),
                        "HashKeyRange": { "StartingHashKey": start.to_string(), "EndingHashKey": end.to_string() },
                        "SequenceNumberRange": { "StartingSequenceNumber": "1" },
                    })
                };
                (200, json!({ "Shards": [shard(0, 0, (1 << 127) - 1), shard(1, 1 << 127, u128::MAX)] }))
            }
            other => panic!("{other} is not asked for"),
        }
    }

    fn take(&self, record: &Value) -> Result<(String, String), &'static str> {
        let data = base64_simd::STANDARD.decode_to_vec(record["Data"].as_str().unwrap()).unwrap();
        let mut attempts = self.attempts.lock().unwrap();
        let attempt = attempts.iter().filter(|earlier| **earlier == data).count();
        attempts.push(data.clone());
        if (self.throttle)(attempt, &data) {
            return Err("ProvisionedThroughputExceededException");
        }
        let partition_key = record["PartitionKey"].as_str().unwrap().to_owned();
        let explicit_hash_key = record["ExplicitHashKey"].as_str().map(|key| key.parse().unwrap());
        let shard = usize::from(explicit_hash_key.unwrap_or_else(|| hash_key_of(partition_key.as_bytes())) >> 127 == 1);
        let mut taken = self.taken.lock().unwrap();
        taken.push(Taken { shard, partition_key, explicit_hash_key, data: data.into() });
        Ok((format!("shardId-{shard:012}"), taken.len().to_string()))
    }

    /// How often an operation was asked for.
    pub fn count(&self, operation: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|(target, _)| target == operation).count()
    }
}
