//! Follows a stream through splits and merges, or one shard to its end, and prints a line
//! `SHARD SEQUENCE_NUMBER PARTITION_KEY DATA` for each record.
//!
//! `follow STREAM [START] [shard SHARD] [fan-out CONSUMER]`, START being `trim_horizon`, `latest`, `at=SEQUENCE_NUMBER`,
//! `after=SEQUENCE_NUMBER` or `time=UNIX_SECONDS`. Which service, region and credentials is told by the usual variables,
//! such as `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`.
#![expect(clippy::print_stdout, reason = "that is what it is for")]
use aws_config::BehaviorVersion;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use headwater_client::{Consumer, Error, Start};
use std::time::{Duration, SystemTime};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let usage = || Error::Misuse("usage: follow STREAM [START] [shard SHARD] [fan-out CONSUMER]".into());
    let mut arguments = std::env::args().skip(1);
    let stream = arguments.next().ok_or_else(usage)?;
    let (mut start, mut shard, mut fan_out) = (Start::TrimHorizon, None, None);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "shard" => shard = Some(arguments.next().ok_or_else(usage)?),
            "fan-out" => fan_out = Some(arguments.next().ok_or_else(usage)?),
            text => start = parse(text).ok_or_else(usage)?,
        }
    }
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    let mut consumer = Consumer::new(aws_sdk_kinesis::Client::new(&config), stream);
    if let Some(name) = fan_out {
        consumer = consumer.fan_out(name);
    }
    let mut reading = match shard {
        Some(shard) => consumer.read_shard(&shard, start),
        None => consumer.read(start),
    };
    let mut said = false;
    while let Some(arrived) = reading.next_batch().await {
        let arrived = arrived?;
        if !said {
            println!("reading {} - -", arrived.shard_id);
            said = true;
        }
        for record in arrived.records {
            let data = String::from_utf8_lossy(&record.data);
            println!("{} {} {} {data}", record.shard_id, record.sequence_number, record.partition_key);
        }
    }
    consumer.close().await
}

fn parse(start: &str) -> Option<Start> {
    Some(match start.split_once('=') {
        None if start == "trim_horizon" => Start::TrimHorizon,
        None if start == "latest" => Start::Latest,
        Some(("at", number)) => Start::AtSequenceNumber(number.into()),
        Some(("after", number)) => Start::AfterSequenceNumber(number.into()),
        Some(("time", seconds)) => {
            let since = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
            Start::AtTimestamp(SystemTime::UNIX_EPOCH + since)
        }
        _ => return None,
    })
}
