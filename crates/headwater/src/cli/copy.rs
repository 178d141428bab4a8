//! `headwater copy`: the records of a stream into another, of the same server or elsewhere, again and again from where the
//! last time ended. Invariant: the file of places says of no record that it was copied before the target has it; so what
//! was interrupted copies some twice, and none never.
use super::{
    connection::{Caller, Connection},
    output::{progress, tell},
    tail::{Tips, start},
};
use aws_sdk_kinesis::Client;
use clap::Args;
use headwater_client::{
    Consumer, Producer, Receipt, Received, Record,
    consumer::{Arrived, Place},
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// How often the places are written down.
const NOTE_MS: u64 = 1000;
/// What stands for the place of a shard that was copied to its end; a sequence number is none.
const END: &str = "end";

pub(super) const HELP: &str = "\
Each record keeps its partition key and its order among those of its key; it gets another sequence number. With --state an
interrupted copy goes on where it was, and repeats at most its last second.

Examples:
  headwater copy orders orders --region eu-west-1 --to-endpoint http://127.0.0.1:4566
  headwater copy orders archive --state orders.places --follow --endpoint http://127.0.0.1:4566";

/// From where, to where.
#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Copy {
    /// The stream to read, by its name or ARN
    from: String,
    /// The stream to write, by its name or ARN
    to: String,
    /// Where to begin with shards of which the file of places knows nothing: horizon, latest, a time, or 15m for so long ago
    #[arg(long, value_name = "PLACE", default_value = "horizon")]
    since: String,
    /// The file that keeps how far the copy came
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Go on with what comes, until stopped
    #[arg(long)]
    follow: bool,
    /// Pack small records together, as the Kinesis Producer Library does
    #[arg(long)]
    aggregate: bool,
    /// The target's server [default: that of the source]
    #[arg(long, value_name = "URL")]
    to_endpoint: Option<String>,
    /// The target's region [default: that of the source]
    #[arg(long, value_name = "NAME")]
    to_region: Option<String>,
    /// The profile with the target's key [default: that of the source]
    #[arg(long, value_name = "NAME")]
    to_profile: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Copy {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        let source = self.connection.clone().open().await?;
        let target = self.connection.clone().with(&self.to_endpoint, &self.to_region, &self.to_profile).open().await?;
        let mut notes = Notes::read(self.state.as_deref(), &self.from)?;
        let consumer = Consumer::new(Client::new(&source.sdk()), self.from.as_str());
        let copied = tokio::select! {
            copied = self.copy(&source, &target, &consumer, &mut notes) => copied,
            stopped = tokio::signal::ctrl_c() => stopped.map_err(|error| error.to_string()).map(|()| 0),
        }?;
        tell(&format!("{} → {}: {copied} records", self.from, self.to));
        Ok(())
    }

    async fn copy(
        &self,
        source: &Caller,
        target: &Caller,
        consumer: &Consumer,
        notes: &mut Notes<'_>,
    ) -> Result<u64, String> {
        let text = |error: headwater_client::Error| error.to_string();
        let producer = Producer::builder(Client::new(&target.sdk()), self.to.as_str());
        let producer = if self.aggregate { producer.aggregated() } else { producer };
        let producer = producer.build().map_err(text)?;
        let clock = source.clock();
        let since = start(&self.since, clock.now_ms(), false)?;
        let shards = consumer.shards().await.map_err(text)?;
        let listed = shards.into_iter().map(|shard| shard.id);
        let mut tips = Tips::of(listed.filter(|id| notes.places.get(id) != Some(&Place::Ended)));
        let mut reading = consumer.read_on(notes.places.clone(), since);
        let bar = progress(None, "records");
        let (mut count, mut receipts, mut noted_ms) = (0, Vec::new(), clock.now_ms());
        while !tips.are_all_seen() || self.follow {
            let Some(arrived) = reading.next_batch().await else { break };
            let arrived = arrived.map_err(text)?;
            for record in &arrived.records {
                receipts.push(producer.send(of(record).map_err(text)?).await.map_err(text)?);
                count += 1;
            }
            bar.set_position(count);
            bar.set_message(format!("{} ms behind", arrived.millis_behind));
            tips.see(&arrived);
            notes.saw(&arrived);
            if clock.now_ms() >= noted_ms + NOTE_MS {
                settle(&producer, &mut receipts).await?;
                notes.write()?;
                noted_ms = clock.now_ms();
            }
        }
        settle(&producer, &mut receipts).await?;
        bar.finish_and_clear();
        notes.write()?;
        Ok(count)
    }
}

/// The record to put for one that was read.
fn of(record: &Received) -> headwater_client::Result<Record> {
    let copy = Record::bytes(record.partition_key.as_str(), record.data.clone())?;
    Ok(match record.explicit_hash_key {
        Some(hash_key) => copy.with_hash_key(hash_key),
        None => copy,
    })
}

/// Waits until the target has all that was sent to it.
async fn settle(producer: &Producer, receipts: &mut Vec<Receipt>) -> Result<(), String> {
    producer.flush().await;
    for receipt in receipts.drain(..) {
        receipt.await.map_err(|error| format!("a record was not copied: {error}"))?;
    }
    Ok(())
}

/// How far the copy came, and the file that keeps it.
struct Notes<'a> {
    file: Option<&'a Path>,
    from: &'a str,
    places: BTreeMap<String, Place>,
}

impl<'a> Notes<'a> {
    fn read(file: Option<&'a Path>, from: &'a str) -> Result<Self, String> {
        let mut notes = Self { file, from, places: BTreeMap::new() };
        let Some(path) = file else { return Ok(notes) };
        let failed = |why: &dyn std::fmt::Display| format!("--state {}: {why}", path.display());
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(notes),
            Err(error) => return Err(failed(&error)),
        };
        let value: Value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        if value["from"] != from {
            return Err(failed(&format!("it is of a copy of {}; each copy needs a file of its own", value["from"])));
        }
        for (shard, place) in value["shards"].as_object().into_iter().flatten() {
            let place = match place.as_str() {
                Some(END) => Place::Ended,
                Some(number) => Place::After(number.into()),
                None => return Err(failed(&"it is none of a copy")),
            };
            notes.places.insert(shard.clone(), place);
        }
        Ok(notes)
    }

    fn saw(&mut self, arrived: &Arrived) {
        self.places.extend(arrived.place().map(|place| (arrived.shard_id.to_string(), place)));
    }

    /// Writes it down, whole or not at all.
    #[expect(clippy::disallowed_methods, reason = "a file of the user's, which does not go through `Files`")]
    fn write(&self) -> Result<(), String> {
        let Some(path) = self.file else { return Ok(()) };
        let failed = |error: io::Error| format!("--state {}: {error}", path.display());
        let text = |place: &Place| match place {
            Place::After(number) => Value::from(number.as_str()),
            Place::Ended => END.into(),
        };
        let shards: Map<String, Value> = self.places.iter().map(|(id, place)| (id.clone(), text(place))).collect();
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let mut file = fs::File::create(&beside).map_err(failed)?;
        writeln!(file, "{}", json!({"from": self.from, "shards": shards})).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_and_are_of_one_copy_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("places");
        let mut notes = Notes::read(Some(&file), "orders").unwrap();
        assert!(notes.places.is_empty());
        notes.places.insert("shardId-000000000000".into(), Place::Ended);
        notes.places.insert("shardId-000000000001".into(), Place::After("495".into()));
        notes.write().unwrap();
        assert_eq!(Notes::read(Some(&file), "orders").unwrap().places, notes.places);
        assert!(Notes::read(Some(&file), "other").is_err_and(|why| why.contains("a file of its own")));
    }
}
