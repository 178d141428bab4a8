//! GetShardIterator: where to begin reading a shard, in one of five ways.
use super::{
    iterator::{self, Position},
    reading::Reading,
};
use crate::{
    DynamoDb,
    errors::{self, Result},
    stream::Place,
};
use headwater_wire::{
    Caller,
    dynamodb_streams::{GetShardIteratorInput, GetShardIteratorOutput, ShardIteratorType},
};
use std::sync::Arc;

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    _caller: Caller,
    input: GetShardIteratorInput,
) -> Result<GetShardIteratorOutput> {
    let (start, sealer) = (Start::read(&input)?, dynamodb.sealer().await?);
    // What another process has acknowledged stands before the end, and numbers that are told are no longer unknown.
    dynamodb.database.catch_up().await?;
    let reading = dynamodb.reading(&input.stream_arn, |stream| {
        let shard = stream.shards.iter().find(|shard| stream.shard_id(shard) == input.shard_id);
        shard.cloned().ok_or_else(errors::shard_not_found)
    })?;
    let position = Position { stream: reading.stream.id, shard: reading.shard.first, place: start.place(&reading)? };
    let arn = reading.table.stream_arn(&reading.stream);
    let sealed = iterator::seal(sealer, &arn, position, dynamodb.clock.now_ms());
    Ok(GetShardIteratorOutput { shard_iterator: Some(sealed) })
}

/// Where reading is to begin.
enum Start {
    Oldest,
    Latest,
    At(Place),
    After(Place),
    /// With the first change that was made then or later.
    Since(u64),
}

impl Start {
    /// # Errors
    /// The members do not go together, or are no place.
    fn read(input: &GetShardIteratorInput) -> Result<Self> {
        use ShardIteratorType::{AfterSequenceNumber, AtSequenceNumber, AtTimestamp, Latest, TrimHorizon};
        let kind = input.shard_iterator_type;
        if input.timestamp.is_some() && kind != AtTimestamp {
            return Err(errors::timestamp_needless(kind.as_str()));
        }
        let number = |text: &str| Place::parse(text).ok_or_else(errors::sequence_number_invalid);
        match (kind, input.sequence_number.as_deref()) {
            (AtSequenceNumber, Some(text)) => number(text).map(Self::At),
            (AfterSequenceNumber, Some(text)) => number(text).map(Self::After),
            (AtSequenceNumber | AfterSequenceNumber, None) => Err(errors::sequence_number_missing(kind.as_str())),
            (TrimHorizon | Latest | AtTimestamp, Some(_)) => Err(errors::sequence_number_needless(kind.as_str())),
            (TrimHorizon, None) => Ok(Self::Oldest),
            (Latest, None) => Ok(Self::Latest),
            (AtTimestamp, None) => {
                let time = input.timestamp.ok_or_else(errors::timestamp_missing)?;
                Ok(Self::Since(u64::try_from(time.millis()).unwrap_or_default()))
            }
        }
    }

    /// # Errors
    /// The place is not in the shard, or what stood there is gone.
    fn place(&self, reading: &Reading<'_>) -> Result<Place> {
        let (asked, place) = match *self {
            Self::Oldest => return reading.oldest(),
            Self::Latest => return Ok(reading.end()),
            Self::Since(time_ms) => return reading.since(time_ms),
            Self::At(place) => (place, place),
            Self::After(place) => (place, place.next()),
        };
        if asked < reading.start() || asked >= reading.end() {
            return Err(errors::sequence_number_invalid());
        }
        if reading.is_trimmed(asked)? { Err(errors::change_trimmed()) } else { Ok(place) }
    }
}
