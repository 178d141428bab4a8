//! Measures how many records a second a producer writes. Invariant: counts only what was answered.
//!
//! `cargo run --release --example flood -- STREAM [SECONDS] [aggregated|plain|unordered] [BYTES] [KEYS]`: without a mode,
//! first plain records and then aggregated ones. The standard variables of AWS say where, as for `produce`.
#![allow(clippy::print_stdout, reason = "a command says what it does")]
use aws_config::BehaviorVersion;
use aws_sdk_kinesis::Client;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use bytes::Bytes;
use headwater_client::{Error, Producer, ProducerBuilder, Record, Result};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let usage = || Error::Misuse("usage: flood STREAM [SECONDS] [MODE] [BYTES] [KEYS]".into());
    let stream = arguments.first().ok_or_else(usage)?;
    let seconds = Duration::from_secs(number(arguments.get(1), 5)? as u64);
    let modes = arguments.get(2).map_or_else(|| vec!["plain", "aggregated"], |mode| vec![mode]);
    let (bytes, keys) = (number(arguments.get(3), 100)?, number(arguments.get(4), 10_000)?.max(1));
    let client = client().await;
    for name in modes {
        let builder = Producer::builder(client.clone(), stream);
        let builder = match name {
            "plain" => builder,
            "unordered" => builder.unordered(),
            "aggregated" => builder.aggregated(),
            other => return Err(Error::Misuse(format!("a mode is plain, unordered or aggregated, and not {other}"))),
        };
        flood(name, builder, seconds, bytes, keys).await?;
    }
    Ok(())
}

/// Sends records as fast as they are taken, and says what became of them.
async fn flood(name: &str, builder: ProducerBuilder, time: Duration, bytes: usize, keys: usize) -> Result<()> {
    let producer = builder.build()?;
    let data = Bytes::from(vec![b'x'; bytes]);
    let began = Instant::now();
    let mut sent = 0_usize;
    while began.elapsed() < time {
        for _ in 0..100 {
            let record = Record::bytes(format!("key-{}", sent % keys), data.clone())?;
            drop(producer.send(record).await?);
            sent += 1;
        }
    }
    producer.close().await;
    let (elapsed, metrics) = (began.elapsed().as_secs_f64(), producer.metrics());
    println!(
        "{name}: {:.0} records/s of {bytes} bytes ({} written, {} failed, {} retries) by {} requests in {elapsed:.1} s; \
         half within {:?}, 99 % within {:?}",
        metrics.records as f64 / elapsed,
        metrics.records,
        metrics.failures,
        metrics.retries,
        metrics.requests,
        metrics.latency(0.5).unwrap_or_default(),
        metrics.latency(0.99).unwrap_or_default(),
    );
    Ok(())
}

fn number(text: Option<&String>, otherwise: usize) -> Result<usize> {
    let bad = |text: &str| Error::Misuse(format!("{text:?} is no number"));
    text.map_or(Ok(otherwise), |text| text.parse().map_err(|_| bad(&text)))
}

async fn client() -> Client {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    Client::new(&aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await)
}
