//! `headwater get` and `headwater tail`: what is in a stream, and what comes into it. Invariant: records of a shard are
//! shown in their order, and those of a shard's children after its own.
use super::{
    connection::Connection,
    output::{Form, has_colours, say, shard_number},
};
use base64_simd::STANDARD;
use clap::{Args, ValueEnum};
use flate2::read::MultiGzDecoder;
use headwater_client::{Consumer, Received, Start, consumer::Arrived};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    time::{Duration, SystemTime},
};

pub(super) const HELP: &str = "\
--from takes `horizon` (the oldest that is kept), `latest`, a time (2026-05-04T12:00:00Z, or 15m for so long ago; s, m, h, d),
or, with --shard, a sequence number.

Examples:
  headwater tail orders
  headwater get orders --from 1h --json | jq .data
  headwater get orders --shard shardId-000000000000 --from 49680424623917199977329087577769265516555621304121688066 -n 1";

const DIM: &str = "\x1b[2m";
const BLUE: &str = "\x1b[34m";
const PLAIN: &str = "\x1b[0m";
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What is unpacked of a record at most.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Which records.
#[derive(Args)]
pub(super) struct Which {
    /// The stream, by its name or ARN
    stream: String,
    /// One shard only
    #[arg(long, value_name = "ID")]
    shard: Option<String>,
    /// So many records, then end
    #[arg(long, short = 'n', value_name = "COUNT")]
    limit: Option<usize>,
    /// How the data is shown
    #[arg(long, value_enum, default_value_t = Decode::Auto)]
    decode: Decode,
    /// Show records that a producer's library has packed together as they are
    #[arg(long)]
    packed: bool,
    /// Be pushed the records, as a registered consumer of this name or ARN
    #[arg(long, value_name = "CONSUMER")]
    fan_out: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    form: Form,
}

/// What is there.
#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Get {
    /// Where to begin
    #[arg(long, value_name = "PLACE", default_value = "horizon")]
    from: String,
    #[command(flatten)]
    which: Which,
}

/// What comes.
#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Tail {
    /// Where to begin
    #[arg(long, value_name = "PLACE", default_value = "latest")]
    from: String,
    #[command(flatten)]
    which: Which,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Decode {
    /// JSON or text, unpacked if it is gzip; else base64
    Auto,
    /// Text
    Text,
    /// Base64
    Base64,
    /// Hexadecimal
    Hex,
    /// The bytes and nothing else, not even line breaks
    Raw,
}

impl Get {
    /// Shows what is there and ends.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        self.which.run(&self.from, false).await
    }
}

impl Tail {
    /// Shows what comes until it is told to stop.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        self.which.run(&self.from, true).await
    }
}

impl Which {
    async fn run(self, from: &str, follows: bool) -> Result<(), String> {
        let caller = self.connection.clone().open().await?;
        let mut consumer = Consumer::new(aws_sdk_kinesis::Client::new(&caller.sdk()), self.stream.as_str());
        consumer = consumer.deaggregate(!self.packed);
        if let Some(name) = &self.fan_out {
            consumer = consumer.fan_out(name.as_str());
        }
        let now_ms = caller.clock().now_ms();
        let start = start(from, now_ms, self.shard.is_some())?;
        let shown = tokio::select! {
            shown = self.show(&consumer, start, follows) => shown,
            stopped = tokio::signal::ctrl_c() => stopped.map_err(|error| error.to_string()),
        };
        consumer.close().await.map_err(|error| error.to_string())?;
        shown
    }

    async fn show(&self, consumer: &Consumer, start: Start, follows: bool) -> Result<(), String> {
        let failed = |error: headwater_client::Error| {
            let advice = match error.code() {
                Some("ResourceNotFoundException") => " `headwater stream list` shows what there is.",
                _ => "",
            };
            format!("{error}{advice}")
        };
        let mut tips = self.tips(consumer).await.map_err(failed)?;
        let mut reading = match &self.shard {
            Some(id) => consumer.read_shard(id, start),
            None => consumer.read(start),
        };
        let is_plain = !self.form.is_json();
        let mut left = self.limit.unwrap_or(usize::MAX);
        while let Some(arrived) = reading.next_batch().await {
            let arrived = arrived.map_err(failed)?;
            for record in arrived.records.iter().take(left) {
                self.print(record, is_plain)?;
            }
            left = left.saturating_sub(arrived.records.len());
            tips.see(&arrived);
            if left == 0 || (!follows && tips.are_all_seen()) {
                break;
            }
        }
        Ok(())
    }

    async fn tips(&self, consumer: &Consumer) -> headwater_client::Result<Tips> {
        let listed = consumer.shards().await?.into_iter().map(|shard| shard.id);
        Ok(Tips::of(listed.filter(|id| self.shard.as_ref().is_none_or(|wanted| wanted == id))))
    }

    fn print(&self, record: &Received, is_plain: bool) -> Result<(), String> {
        if self.decode == Decode::Raw {
            return io::stdout().write_all(&record.data).map_err(|error| error.to_string());
        }
        let data = self.decode.apply(&record.data);
        let arrived = record.arrived.and_then(|time| Timestamp::try_from(time).ok());
        let arrived = arrived.map(|time| format!("{time:.3}")).unwrap_or_default();
        if is_plain {
            let data = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
            let (dim, blue, plain) = if has_colours() { (DIM, BLUE, PLAIN) } else { ("", "", "") };
            let shard = shard_number(&record.shard_id);
            let key = &record.partition_key;
            return say(&format!("{dim}{arrived} {shard:>3}{plain} {blue}{key}{plain} {data}"));
        }
        let mut line = json!({
            "shardId": &*record.shard_id, "sequenceNumber": record.sequence_number, "arrived": arrived,
            "partitionKey": record.partition_key, "data": data,
        });
        if record.sub_sequence_number > 0 {
            line["subSequenceNumber"] = record.sub_sequence_number.into();
        }
        say(&line.to_string())
    }
}

/// The shards of which a reading has not come to the tip yet.
pub(super) struct Tips(BTreeSet<String>);

impl Tips {
    pub(super) fn of(shards: impl Iterator<Item = String>) -> Self {
        Self(shards.collect())
    }

    /// Takes in what came of a shard: at its end its children are waited for.
    pub(super) fn see(&mut self, arrived: &Arrived) {
        if arrived.ended {
            self.0.extend(arrived.child_shards.iter().map(|child| child.id.clone()));
        }
        if arrived.ended || arrived.millis_behind == 0 {
            self.0.remove(&*arrived.shard_id);
        }
    }

    /// Whether everything that was there has been read.
    pub(super) fn are_all_seen(&self) -> bool {
        self.0.is_empty()
    }
}

impl Decode {
    fn apply(self, data: &[u8]) -> Value {
        match self {
            Self::Text => String::from_utf8_lossy(data).into(),
            Self::Base64 => STANDARD.encode_to_string(data).into(),
            Self::Hex => {
                let digits = data.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                digits.map(|digit| char::from(HEX[usize::from(digit)])).collect::<String>().into()
            }
            Self::Auto | Self::Raw => {
                let unpacked = data.starts_with(&GZIP).then(|| unpack(data)).flatten();
                let data = unpacked.as_deref().unwrap_or(data);
                let text = || std::str::from_utf8(data).ok().map(Value::from);
                let json = serde_json::from_slice(data).ok().filter(|value: &Value| !value.is_number());
                json.or_else(text).unwrap_or_else(|| STANDARD.encode_to_string(data).into())
            }
        }
    }
}

fn unpack(data: &[u8]) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(data).take(MAX_UNPACKED_BYTES).read_to_end(&mut unpacked).ok()?;
    Some(unpacked)
}

/// The place a person means.
pub(super) fn start(text: &str, now_ms: u64, is_one_shard: bool) -> Result<Start, String> {
    let wrong = || format!("--from {text}: write horizon, latest, a time or 15m; with --shard, a sequence number");
    match text {
        "horizon" => return Ok(Start::TrimHorizon),
        "latest" => return Ok(Start::Latest),
        _ => {}
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Start::AtTimestamp(SystemTime::from(time)));
    }
    if text.bytes().all(|digit| digit.is_ascii_digit()) {
        return if is_one_shard { Ok(Start::AtSequenceNumber(text.into())) } else { Err(wrong()) };
    }
    let unit_ms = match text.chars().last() {
        Some('s') => 1000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let ago_ms = now_ms.saturating_sub(count.saturating_mul(unit_ms));
    Ok(Start::AtTimestamp(SystemTime::UNIX_EPOCH + Duration::from_millis(ago_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    #[test]
    fn places_are_words_times_and_numbers() {
        assert_eq!(start("horizon", 0, false), Ok(Start::TrimHorizon));
        let ago = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000);
        assert_eq!(start("2m", 121_000, false), Ok(Start::AtTimestamp(ago)));
        assert_eq!(start("1970-01-01T00:00:01Z", 0, false), Ok(Start::AtTimestamp(ago)));
        assert_eq!(start("495", 0, true), Ok(Start::AtSequenceNumber("495".into())));
        assert!(start("495", 0, false).is_err() && start("soon", 0, true).is_err() && start("é", 0, true).is_err());
    }

    #[test]
    fn data_is_shown_as_what_it_is() {
        let auto = |data: &[u8]| Decode::Auto.apply(data);
        assert_eq!(auto(b"{\"a\": 1}"), json!({"a": 1}));
        assert_eq!(auto(b"12 monkeys"), json!("12 monkeys"));
        assert_eq!(auto(b"007"), json!("007"));
        assert_eq!(auto(&[0xff, 0xfe]), json!("//4="));
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(b"[1]").unwrap();
        assert_eq!(auto(&packed.finish().unwrap()), json!([1]));
        assert_eq!(Decode::Hex.apply(&[0x0f, 0xa0]), json!("0fa0"));
    }
}
