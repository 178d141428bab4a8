//! Streams, shards and changes in the service's shapes.
use crate::{
    change_log::Record,
    database::Image,
    errors::{self, Result},
    key::KeySchema,
    stream::{Place, Shard, Stream, View},
    table::Table,
    value,
};
use bytes::Bytes;
use headwater_wire::{
    Timestamp,
    dynamodb_streams::{
        Identity, KeySchemaElement, KeyType, OperationType, Record as RecordShape, SequenceNumberRange,
        Shard as ShardShape, StreamRecord, StreamViewType,
    },
};
use xxhash_rust::xxh3::xxh3_128;

/// A time of the clock.
pub(super) fn timestamp(ms: u64) -> Timestamp {
    Timestamp(i64::try_from(ms).unwrap_or(i64::MAX))
}

pub(super) const fn view(view: View) -> StreamViewType {
    match view {
        View::KeysOnly => StreamViewType::KeysOnly,
        View::NewImage => StreamViewType::NewImage,
        View::OldImage => StreamViewType::OldImage,
        View::NewAndOldImages => StreamViewType::NewAndOldImages,
    }
}

pub(super) fn key_schema(key: &KeySchema) -> Vec<KeySchemaElement> {
    let element = |kind| move |name: &String| KeySchemaElement { attribute_name: name.clone(), key_type: kind };
    let hash = key.hash.iter().map(|part| &part.name).map(element(KeyType::Hash));
    hash.chain(key.range.iter().map(|part| &part.name).map(element(KeyType::Range))).collect()
}

/// A shard, and the one it follows.
pub(super) fn shard(stream: &Stream, shard: &Shard, parent: Option<&Shard>) -> ShardShape {
    // No decision but those from `first` to before `end` is in it.
    let last = shard.end.map(|end| Place::last(end.saturating_sub(1)).max(Place::first(shard.first)));
    ShardShape {
        shard_id: Some(stream.shard_id(shard)),
        sequence_number_range: Some(SequenceNumberRange {
            starting_sequence_number: Some(Place::first(shard.first).sequence_number()),
            ending_sequence_number: last.map(Place::sequence_number),
        }),
        parent_shard_id: parent.map(|parent| stream.shard_id(parent)),
    }
}

/// A change as the stream shows it, and its size in bytes.
///
/// # Errors
/// The store's, for an item that cannot be read.
pub(super) fn record(table: &Table, stream: &Stream, place: Place, record: Record) -> Result<(RecordShape, usize)> {
    let item = |image: Option<Bytes>| {
        let item = image.map(|image| Image::stored(image).item()).transpose();
        item.map_err(|error| errors::engine(&error))
    };
    let event = match (&record.old, &record.new) {
        (None, _) => OperationType::Insert,
        (Some(_), Some(_)) => OperationType::Modify,
        (Some(_), None) => OperationType::Remove,
    };
    let (old, new) = (item(record.old)?, item(record.new)?);
    let keys = new.as_ref().or(old.as_ref()).map(|item| table.key.attributes(item)).unwrap_or_default();
    let new = new.filter(|_| matches!(stream.view, View::NewImage | View::NewAndOldImages));
    let old = old.filter(|_| matches!(stream.view, View::OldImage | View::NewAndOldImages));
    let size_bytes = [Some(&keys), new.as_ref(), old.as_ref()].into_iter().flatten().map(value::size_bytes).sum();
    let id = [stream.id.to_le_bytes().as_slice(), place.sequence_number().as_bytes()].concat();
    let shape = RecordShape {
        event_id: Some(format!("{:032x}", xxh3_128(&id))),
        event_name: Some(event),
        event_version: Some("1.1".into()),
        event_source: Some("aws:dynamodb".into()),
        aws_region: Some(table.scope.region.to_string()),
        dynamodb: Some(StreamRecord {
            // The service tells whole seconds.
            approximate_creation_date_time: Some(timestamp(record.time_ms / 1000 * 1000)),
            keys: Some(value::write_item(keys)),
            new_image: new.map(value::write_item),
            old_image: old.map(value::write_item),
            sequence_number: Some(place.sequence_number()),
            size_bytes: i64::try_from(size_bytes).ok(),
            stream_view_type: Some(view(stream.view)),
        }),
        user_identity: record
            .is_expiry
            .then(|| Identity { principal_id: Some("dynamodb.amazonaws.com".into()), r#type: Some("Service".into()) }),
    };
    Ok((shape, size_bytes))
}
