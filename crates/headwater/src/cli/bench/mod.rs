//! `headwater bench`: load on any endpoint, with its rate and its latencies. Invariant: a reply counts as done only if the
//! service took all of it; what was refused is counted apart, by its error.
mod load;
mod wire;

use super::{
    connection::{Caller, Connection, Service},
    output::{Form, progress, say, tell},
    status,
};
use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use load::{Case, Job};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const HELP: &str = "\
Each connection sends its next request when the last is answered. Without --stream or --table one is made and, at the end,
deleted. Latencies are those of whole requests, as a client sees them.

Examples:
  headwater bench put --endpoint http://127.0.0.1:4566
  headwater bench put-many --connections 4 --seconds 30 --endpoint http://127.0.0.1:4566
  headwater bench get-item --bytes 4096 --json --endpoint http://127.0.0.1:8000";

/// How often the picture of a run moves.
const TICK_MS: u64 = 500;
/// What latencies are told of.
const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
/// The longest bar of the picture of latencies.
const BAR_WIDTH: u64 = 40;
const US_PER_MS: f64 = 1000.0;
const MB: f64 = 1_000_000.0;

/// What load, on what.
#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Bench {
    /// What each request does
    #[arg(value_enum)]
    case: Kind,
    /// How many connections there are
    #[arg(long, short = 'c', value_name = "COUNT", default_value_t = 16)]
    connections: usize,
    /// How long it lasts
    #[arg(long, short = 's', value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
    /// The bytes of a record's data, or of an item's
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    bytes: usize,
    /// The records of a request that puts many
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    records: usize,
    /// How many partition keys there are, or items [default: 256; 16 requests full where one puts many]
    #[arg(long, value_name = "COUNT")]
    keys: Option<usize>,
    /// The shards of the stream that is made
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    shards: u32,
    /// Put into this stream
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Put into this table, whose key must be the text `k`, and nothing else
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Kinesis PutRecord
    Put,
    /// Kinesis PutRecords
    PutMany,
    /// DynamoDB PutItem
    PutItem,
    /// DynamoDB GetItem
    GetItem,
}

/// What came of a run.
pub(super) struct Outcome {
    /// Of good requests, in microseconds.
    latencies: Histogram<u64>,
    /// Refused records and failed requests, by code.
    errors: BTreeMap<String, u64>,
    /// Good records or items.
    records: u64,
}

impl Outcome {
    fn new() -> Result<Self, String> {
        let latencies = Histogram::new(3).map_err(|error| error.to_string())?;
        Ok(Self { latencies, errors: BTreeMap::new(), records: 0 })
    }

    fn add(&mut self, other: &Self) {
        // Both have the same precision, and grow as they must.
        let _ = self.latencies.add(&other.latencies);
        for (code, count) in &other.errors {
            *self.errors.entry(code.clone()).or_default() += count;
        }
        self.records += other.records;
    }
}

impl Bench {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        if self.connections == 0 || self.seconds == 0 || self.records == 0 {
            return Err("a run has connections, seconds and records".into());
        }
        let caller = self.connection.clone().open().await?;
        let (name, is_own) = self.target(&caller).await?;
        let outcome = self.load(&caller, &name).await;
        if is_own {
            let gone = match self.case.service() {
                Service::Kinesis => caller.call(Service::Kinesis, "DeleteStream", &json!({"StreamName": name})).await,
                other => caller.call(other, "DeleteTable", &json!({"TableName": name})).await,
            };
            if let Err(failure) = gone {
                tell(&format!("{name} is left: {failure}"));
            }
        }
        self.show(&outcome?)
    }

    /// What is put into, and whether it was made for that.
    async fn target(&self, caller: &Caller) -> Result<(String, bool), String> {
        let given = if self.case.is_of_items() { &self.table } else { &self.stream };
        if let Some(name) = given {
            return Ok((name.clone(), false));
        }
        let name = format!("headwater-bench-{}", caller.clock().now_ms());
        if self.case.is_of_items() {
            let input = json!({
                "TableName": name, "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
            });
            caller.call(Service::DynamoDb, "CreateTable", &input).await?;
        } else {
            let input = json!({"StreamName": name, "ShardCount": self.shards});
            caller.call(Service::Kinesis, "CreateStream", &input).await?;
        }
        self.wait(caller, &name).await?;
        Ok((name, true))
    }

    async fn wait(&self, caller: &Caller, name: &str) -> Result<(), String> {
        let (operation, input, member) = if self.case.is_of_items() {
            ("DescribeTable", json!({"TableName": name}), "/Table/TableStatus")
        } else {
            ("DescribeStreamSummary", json!({"StreamName": name}), "/StreamDescriptionSummary/StreamStatus")
        };
        let look = async || {
            let answer = caller.call(self.case.service(), operation, &input).await?;
            Ok(answer.pointer(member).cloned().unwrap_or_default())
        };
        status::wait(caller, name, Some("ACTIVE"), look).await
    }

    async fn load(&self, caller: &Caller, name: &str) -> Result<Outcome, String> {
        let case = Case::new(self.case, name, self.bytes, self.records, self.keys);
        if self.case == Kind::GetItem {
            case.prepare(caller).await?;
        }
        let job = Job::new(caller.clone(), case, self.seconds);
        let tasks: Vec<_> = (0..self.connections).map(|_| tokio::spawn(job.clone().run())).collect();
        let bar = progress(None, "requests");
        let clock = caller.clock();
        while clock.now_ms() < job.end_ms() && tasks.iter().any(|task| !task.is_finished()) {
            clock.sleep(TICK_MS).await;
            bar.set_position(job.done());
        }
        bar.finish_and_clear();
        let mut whole = Outcome::new()?;
        for task in tasks {
            whole.add(&task.await.map_err(|error| error.to_string())??);
        }
        Ok(whole)
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn show(&self, outcome: &Outcome) -> Result<(), String> {
        let seconds = self.seconds as f64;
        let requests = outcome.latencies.len() as f64 / seconds;
        let records = outcome.records as f64 / seconds;
        let megabytes = records * self.bytes as f64 / MB;
        let at = |quantile: f64| outcome.latencies.value_at_quantile(quantile) as f64 / US_PER_MS;
        if self.form.is_json() {
            let latencies: Value =
                QUANTILES.iter().map(|(name, quantile)| ((*name).to_owned(), json!(at(*quantile)))).collect();
            return say(&json!({
                "requestsPerSecond": requests, "recordsPerSecond": records, "megabytesPerSecond": megabytes,
                "latencyMs": latencies, "errors": outcome.errors, "connections": self.connections,
                "seconds": self.seconds, "bytes": self.bytes,
            })
            .to_string());
        }
        say(&format!("{requests:.0} requests/s   {records:.0} records/s   {megabytes:.1} MB/s"))?;
        let quantiles = QUANTILES.iter().map(|(name, quantile)| format!("{name} {:.3} ms", at(*quantile)));
        say(&quantiles.collect::<Vec<_>>().join("   "))?;
        for line in picture(&outcome.latencies) {
            say(&line)?;
        }
        for (code, count) in &outcome.errors {
            say(&format!("{count} × {code}"))?;
        }
        Ok(())
    }
}

/// How many requests took how long: a line for each doubling.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn picture(latencies: &Histogram<u64>) -> Vec<String> {
    let steps: Vec<(u64, u64)> = latencies
        .iter_log(1, 2.0)
        .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
        .filter(|(_, count)| *count > 0)
        .collect();
    let most = steps.iter().map(|(_, count)| *count).max().unwrap_or(1);
    let line = |(to_us, count): &(u64, u64)| {
        let bar = "█".repeat(usize::try_from((count * BAR_WIDTH).div_ceil(most)).unwrap_or_default());
        format!("≤ {:>9.3} ms  {count:>9}  {bar}", (*to_us + 1) as f64 / US_PER_MS)
    };
    steps.iter().map(line).collect()
}

impl Kind {
    const fn service(self) -> Service {
        match self {
            Self::Put | Self::PutMany => Service::Kinesis,
            Self::PutItem | Self::GetItem => Service::DynamoDb,
        }
    }

    const fn is_of_items(self) -> bool {
        matches!(self, Self::PutItem | Self::GetItem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_pictured_by_doublings() {
        let mut latencies = Histogram::new(3).unwrap();
        [300, 301, 302, 900].into_iter().for_each(|us| latencies.record(us).unwrap());
        let lines = picture(&latencies);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains(" 3 ") && lines[0].ends_with(&"█".repeat(40)), "{lines:?}");
    }
}
