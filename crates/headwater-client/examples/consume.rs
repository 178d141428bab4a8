//! Reads all shards of a stream at once, each from its oldest record on, ten records a request, and prints every record.
//!
//! `consume STREAM [--once]`: with `--once` it ends when every shard has ended or is read up to its tip. Which service,
//! region and credentials is told by the usual variables, such as `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`.
#![expect(clippy::print_stdout, reason = "that is what it is for")]
use aws_config::BehaviorVersion;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use headwater_client::{Consumer, Error, Start};
use std::time::Duration;
use tokio::{task::JoinSet, time::Instant};

/// The pause between two requests for the records of a shard.
const PAUSE: Duration = Duration::from_millis(250);
const LIMIT: i32 = 10;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let stream = arguments.next().ok_or_else(|| Error::Misuse("usage: consume STREAM [--once]".into()))?;
    let once = arguments.any(|argument| argument == "--once");

    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    let consumer = Consumer::new(aws_sdk_kinesis::Client::new(&config), stream);

    let mut shards = JoinSet::new();
    for shard in consumer.shards().await? {
        shards.spawn(read(consumer.clone(), shard.id, once));
    }
    while let Some(read) = shards.join_next().await {
        read.map_err(|panic| Error::Unexpected(panic.to_string()))??;
    }
    Ok(())
}

/// Reads one shard: each request by what the one before says is next.
async fn read(consumer: Consumer, shard_id: String, once: bool) -> Result<(), Error> {
    let mut next = Some(consumer.iterator(&shard_id, &Start::TrimHorizon).await?.limit(LIMIT));
    while let Some(place) = next {
        let batch = consumer.records(place).await?;
        for record in &batch.records {
            let data = String::from_utf8_lossy(&record.data);
            println!("{shard_id} {} {} {data}", record.sequence_number, record.partition_key);
        }
        // Some servers always say 0.
        let is_at_tip = batch.millis_behind == 0 && batch.records.is_empty();
        next = batch.next.filter(|_| !(once && is_at_tip));
        if next.is_some() {
            tokio::time::sleep_until(Instant::now() + PAUSE).await;
        }
    }
    Ok(())
}
