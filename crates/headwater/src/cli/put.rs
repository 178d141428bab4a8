//! `headwater put`: lines, or whole files, as records of a stream. Invariant: what it says was put, the service has
//! acknowledged; records of one key are put in the order they came in.
use super::{
    connection::Connection,
    output::{progress, say, tell},
};
use clap::Args;
use headwater_client::{Producer, Receipt, Record};
use headwater_log::clock::Clock;
use serde_json::Value;
use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;

/// Results that wait to be told.
const RESULTS: usize = 4096;
const MS_PER_S: u64 = 1000;

pub(super) const HELP: &str = "\
Without --key or --key-field each record has a key of its own, so that records spread over the shards.

Examples:
  tail -F access.log | headwater put access
  headwater put orders orders.jsonl --key-field customer --rate 500
  headwater put pictures --whole cat.jpg dog.jpg";

/// What to put, and where.
#[derive(Args)]
pub(super) struct Put {
    /// The stream, by its name or ARN
    stream: String,
    /// Files with a record a line [default: standard input]
    files: Vec<PathBuf>,
    /// Each file is one record, and its name the key
    #[arg(long)]
    whole: bool,
    /// The partition key of all records
    #[arg(long, value_name = "TEXT", conflicts_with = "key_field")]
    key: Option<String>,
    /// The member of each line's JSON object that is its partition key
    #[arg(long, value_name = "NAME", conflicts_with = "whole")]
    key_field: Option<String>,
    /// So many records a second at most
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Pack small records together, as the Kinesis Producer Library does; who reads must take them apart
    #[arg(long)]
    aggregate: bool,
    /// Print the shard and the sequence number of each record
    #[arg(long)]
    results: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Put {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong; records before it are put.
    pub(super) async fn run(self) -> Result<(), String> {
        let caller = self.connection.clone().open().await?;
        let client = aws_sdk_kinesis::Client::new(&caller.sdk());
        let producer = Producer::builder(client, self.stream.as_str());
        let producer = if self.aggregate { producer.aggregated() } else { producer };
        let producer = producer.build().map_err(|error| error.to_string())?;
        let (receipts, results) = mpsc::channel(RESULTS);
        let shown = tokio::spawn(watch(results, self.results));
        let sent = self.send(&producer, receipts, &**caller.clock()).await;
        producer.close().await;
        let (put, why) = shown.await.map_err(|error| error.to_string())??;
        tell(&format!("{}: {put} records", self.stream));
        sent?;
        why.map_or(Ok(()), |(count, why)| Err(format!("{count} records were not put; the first: {why}")))
    }

    async fn send(
        &self,
        producer: &Producer,
        receipts: mpsc::Sender<Receipt>,
        clock: &dyn Clock,
    ) -> Result<(), String> {
        let bar = progress(None, "records");
        let begun_ms = clock.now_ms();
        let mut count = 0;
        for record in self.records()? {
            if let Some(rate) = self.rate {
                let due_ms = begun_ms + count * MS_PER_S / rate;
                clock.sleep(due_ms.saturating_sub(clock.now_ms())).await;
            }
            let receipt = producer.send(record?).await.map_err(|error| error.to_string())?;
            // Nobody takes them any more only if the task has ended, which tells why itself.
            let _ = receipts.send(receipt).await;
            count += 1;
            bar.set_position(count);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn records(&self) -> Result<Box<dyn Iterator<Item = Result<Record, String>> + '_>, String> {
        if self.whole {
            return Ok(Box::new(self.files.iter().map(|file| {
                let name = file.display().to_string();
                let data = read(file)?;
                let key = self.key.clone().unwrap_or_else(|| name.clone());
                Record::bytes(key, data).map_err(|error| format!("{name}: {error}"))
            })));
        }
        let mut all: Box<dyn Iterator<Item = io::Result<Vec<u8>>>> = Box::new(std::iter::empty());
        if self.files.is_empty() {
            all = Box::new(io::stdin().lock().split(b'\n'));
        }
        for file in &self.files {
            all = Box::new(all.chain(open(file)?.split(b'\n')));
        }
        Ok(Box::new(all.enumerate().map(|(number, line)| {
            let line = line.map_err(|error| error.to_string())?;
            let key = self.key_of(number, &line).map_err(|why| format!("line {}: {why}", number + 1))?;
            Record::bytes(key, line).map_err(|error| format!("line {}: {error}", number + 1))
        })))
    }

    fn key_of(&self, number: usize, line: &[u8]) -> Result<String, String> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        let Some(name) = &self.key_field else {
            return Ok(number.to_string());
        };
        let value: Value = serde_json::from_slice(line).map_err(|error| format!("no JSON: {error}"))?;
        match &value[name] {
            Value::Null => Err(format!("there is no member '{name}'")),
            Value::String(key) => Ok(key.clone()),
            other => Ok(other.to_string()),
        }
    }
}

/// How many records were put; how many were not, and the first reason.
type Told = (u64, Option<(u64, String)>);

/// Waits for each record's result, in the order they came in.
async fn watch(mut results: mpsc::Receiver<Receipt>, is_shown: bool) -> Result<Told, String> {
    let (mut put, mut failed): Told = (0, None);
    while let Some(receipt) = results.recv().await {
        match receipt.await {
            Ok(place) => {
                put += 1;
                if is_shown {
                    say(&format!("{} {}", place.shard_id(), place.sequence_number()))?;
                }
            }
            Err(error) => failed.get_or_insert_with(|| (0, error.to_string())).0 += 1,
        }
    }
    Ok((put, failed))
}

#[expect(clippy::disallowed_methods, reason = "a file of the user's is read, not one of the log's")]
fn open(file: &Path) -> Result<BufReader<fs::File>, String> {
    fs::File::open(file).map(BufReader::new).map_err(|error| format!("{}: {error}", file.display()))
}

#[expect(clippy::disallowed_methods, reason = "a file of the user's is read, not one of the log's")]
fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}
