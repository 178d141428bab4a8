//! Writes to a stream: one string, then several kinds of data at once. Invariant: says of each record where it is, or why
//! it is not.
//!
//! `cargo run --example produce -- STREAM`, with the standard variables of AWS: `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, and `AWS_ENDPOINT_URL` for a server of one's own.
#![allow(clippy::print_stdout, reason = "a command says what it does")]
use aws_config::BehaviorVersion;
use aws_sdk_kinesis::Client;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use headwater_client::{Error, Producer, Put, Record, Result};
use serde_json::json;

/// A number of more digits than many languages' numbers hold, which is written as it is.
struct BigNumber(&'static str);

/// An encoder: JSON as `serde_json` writes it, but for the number.
fn encode(number: &BigNumber) -> Result<String, std::num::ParseIntError> {
    number.0.parse::<u128>()?;
    Ok(format!(r#"{{"a":{}}}"#, number.0))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let stream = std::env::args().nth(1).ok_or_else(|| Error::Misuse("usage: produce STREAM".into()))?;
    let producer = Producer::builder(client().await, stream).build()?;

    let put = producer.put(&Record::bytes("partitionKey", "Hello!")?).await?;
    println!("{}", place(&put));

    let records = [
        Record::json("partitionKey1", "test")?,
        Record::json("partitionKey2", &12345)?,
        Record::json("partitionKey3", &json!({ "temperature": 21, "humidity": 60 }))?,
        Record::encoded("partitionKey4", &BigNumber("123456789123456789"), encode)?,
    ];
    let all = producer.put_all(&records).await?;
    for result in &all.results {
        match result {
            Ok(put) => println!("{}", place(put)),
            Err(error) => println!("{}: {error}", error.code().unwrap_or("no code")),
        }
    }
    println!("{} of {} records failed", all.failed(), records.len());
    Ok(())
}

fn place(put: &Put) -> String {
    let encryption = put.encryption_type().map_or("NONE", |kind| kind.as_str());
    format!("{} {} {encryption}", put.shard_id(), put.sequence_number())
}

async fn client() -> Client {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    Client::new(&aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await)
}
