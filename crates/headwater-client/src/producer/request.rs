//! The calls to the service. Invariant: the only file of the producer's that knows the SDK's requests; an answer that lacks
//! what the API promises is an error, never a guess.
use super::{
    put::Put,
    shard_map::Shard,
    unit::{AGGREGATE_KEY, Unit},
};
use crate::{Error, Record, Result, error::Failed, record::key_text};
use aws_sdk_kinesis::{
    Client,
    primitives::Blob,
    types::{self, EncryptionType, PutRecordsRequestEntry, PutRecordsResultEntry},
};
use headwater_aggregation::{Aggregate, UserRecord};

/// Where a stream's requests go.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    client: Client,
    name: Option<String>,
    arn: Option<String>,
}

impl Stream {
    /// A stream by its name or its ARN.
    pub(super) fn new(client: Client, stream: String) -> Self {
        let (name, arn) = if stream.starts_with("arn:") { (None, Some(stream)) } else { (Some(stream), None) };
        Self { client, name, arn }
    }

    pub(super) async fn put_record(&self, record: &Record) -> Result<Put> {
        let request = self.client.put_record().set_stream_name(self.name.clone()).set_stream_arn(self.arn.clone());
        let request = request
            .data(Blob::new(record.user.data.to_vec()))
            .partition_key(key_text(&record.user))
            .set_explicit_hash_key(record.user.explicit_hash_key.map(|key| key.to_string()))
            .set_sequence_number_for_ordering(record.after.clone());
        let answer = request.send().await.map_err(|error| Error::of_sdk("PutRecord", error))?;
        Ok(Put::new(answer.shard_id, answer.sequence_number, answer.encryption_type))
    }

    /// A result a record, in order.
    pub(super) async fn put_records(&self, records: Vec<PutRecordsRequestEntry>) -> Result<Vec<Result<Put>>> {
        let count = records.len();
        let request = self.client.put_records().set_stream_name(self.name.clone()).set_stream_arn(self.arn.clone());
        let answer = request.set_records(Some(records)).send().await;
        let answer = answer.map_err(|error| Error::of_sdk("PutRecords", error))?;
        if answer.records.len() != count {
            let sentence = format!("PutRecords: {} results for {count} records", answer.records.len());
            return Err(Error::Unexpected(sentence));
        }
        Ok(answer.records.into_iter().map(|result| put(result, answer.encryption_type.as_ref())).collect())
    }

    /// All shards, closed ones too.
    pub(super) async fn shards(&self) -> Result<Vec<Shard>> {
        let (mut shards, mut next) = (Vec::new(), None);
        loop {
            let request = self.client.list_shards();
            let request = match next {
                Some(token) => request.next_token(token),
                None => request.set_stream_name(self.name.clone()).set_stream_arn(self.arn.clone()),
            };
            let page = request.send().await.map_err(|error| Error::of_sdk("ListShards", error))?;
            for listed in page.shards.unwrap_or_default() {
                shards.push(shard(&listed)?);
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(shards);
            }
        }
    }
}

fn put(result: PutRecordsResultEntry, encryption_type: Option<&EncryptionType>) -> Result<Put> {
    match (result.error_code, result.shard_id, result.sequence_number) {
        (None, Some(shard), Some(number)) => Ok(Put::new(shard, number, encryption_type.cloned())),
        (Some(code), ..) => Err(Error::Failed(Failed {
            operation: "PutRecords",
            status: Some(200),
            code: Some(code),
            message: result.error_message.unwrap_or_default(),
        })),
        (None, ..) => Err(Error::Unexpected("PutRecords: a result without a shard's id or a sequence number".into())),
    }
}

fn shard(listed: &types::Shard) -> Result<Shard> {
    let number = |text: &str| text.parse().ok();
    let range = listed.hash_key_range.as_ref();
    let range = range.and_then(|range| Some(number(&range.starting_hash_key)?..=number(&range.ending_hash_key)?));
    let hash_keys =
        range.ok_or_else(|| Error::Unexpected(format!("ListShards: {} has no range of hash keys", listed.shard_id)))?;
    let open = listed.sequence_number_range.as_ref().is_none_or(|range| range.ending_sequence_number.is_none());
    Ok(Shard { id: listed.shard_id.as_str().into(), hash_keys, open })
}

/// A record of PutRecords.
pub(super) fn of_record(record: &UserRecord) -> Result<PutRecordsRequestEntry> {
    entry(record.data.to_vec(), key_text(record), record.explicit_hash_key)
}

/// The same of a unit. Its aggregate is used up, and made anew if the unit is asked for again.
pub(super) fn of_unit<T>(unit: &mut Unit<T>) -> Result<PutRecordsRequestEntry> {
    match unit.entries.as_slice() {
        [alone] => of_record(&alone.record),
        entries => {
            let aggregate = unit.aggregate.take().unwrap_or_else(|| {
                let mut aggregate = Aggregate::default();
                entries.iter().for_each(|entry| aggregate.push(&entry.record));
                aggregate
            });
            entry(aggregate.finish().into(), AGGREGATE_KEY, Some(unit.lane))
        }
    }
}

fn entry(data: Vec<u8>, key: &str, hash_key: Option<u128>) -> Result<PutRecordsRequestEntry> {
    let entry = PutRecordsRequestEntry::builder().data(Blob::new(data)).partition_key(key);
    let entry = entry.set_explicit_hash_key(hash_key.map(|key| key.to_string())).build();
    entry.map_err(|error| Error::Misuse(error.to_string()))
}
