//! A stream's shard as its readers see it at one moment: its changes in order, as far as they are applied.
//!
//! Invariant: what is past retention is not there, whether it has been trimmed or not.
use crate::{
    DynamoDb,
    change_log::Record,
    database::{self, CHANGES, Snapshot, change_row},
    errors::{self, Result},
    stream::{Place, RETENTION_MS, Shard, Stream},
    table::{Scope, Table, Tables},
    target,
};
use headwater_log::LogError;
use headwater_wire::ServiceError;
use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

/// A shard at one moment.
pub(super) struct Reading<'a> {
    snapshot: Snapshot<'a>,
    pub(super) table: Arc<Table>,
    pub(super) stream: Arc<Stream>,
    pub(super) shard: Shard,
    horizon_ms: u64,
}

/// The stream with an ARN, and its table, be it deleted.
///
/// # Errors
/// The service's words for an ARN that is none, or of no stream.
pub(super) fn find(tables: &Tables, arn: &str) -> Result<(Arc<Table>, Arc<Stream>)> {
    let parts = arn.strip_prefix("arn:").and_then(target::arn_parts).filter(|_| arn.contains("/stream/"));
    let (region, account, name) = parts.ok_or_else(errors::stream_arn_invalid)?;
    let scope = Scope { account: account.into(), region: region.into() };
    let deleted = tables.graves().filter(|table| table.scope == scope && table.name == name);
    let candidates = tables.find(&scope, name).into_iter().chain(deleted);
    let streams = candidates.flat_map(|table| table.streams.iter().map(move |stream| (table, stream)));
    let found = streams.filter(|(table, stream)| table.stream_arn(stream) == arn).last();
    let (table, stream) = found.ok_or_else(|| errors::stream_not_found(arn))?;
    Ok((Arc::clone(table), Arc::clone(stream)))
}

impl DynamoDb {
    /// Where there are several processes: has a shard seen that was shown by another before it is seen here.
    ///
    /// # Errors
    /// The log's.
    pub(super) async fn see(&self, arn: &str, pick: impl Fn(&Stream) -> Result<Shard>) -> Result<()> {
        let is_seen = find(&self.database.tables(), arn).is_ok_and(|(_, stream)| pick(&stream).is_ok());
        if is_seen { Ok(()) } else { self.database.catch_up().await }
    }

    /// The shard that `pick` picks from the stream with an ARN.
    ///
    /// # Errors
    /// The service's own, if there is no such stream; those of `pick`; the store's.
    pub(super) fn reading(&self, arn: &str, pick: impl FnOnce(&Stream) -> Result<Shard>) -> Result<Reading<'_>> {
        let snapshot = self.database.snapshot().map_err(|error| errors::engine(&error))?;
        let (table, stream) = find(&snapshot.tables, arn)?;
        let shard = pick(&stream)?;
        let horizon_ms = self.clock.now_ms().saturating_sub(RETENTION_MS);
        Ok(Reading { snapshot, table, stream, shard, horizon_ms })
    }
}

impl Reading<'_> {
    /// Where the shard begins.
    pub(super) const fn start(&self) -> Place {
        Place::first(self.shard.first)
    }

    /// The place behind all its changes so far.
    pub(super) fn end(&self) -> Place {
        Place::first(self.shard.end.unwrap_or(self.snapshot.number + 1))
    }

    /// The place of the oldest change that is still there; the end if there is none.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn oldest(&self) -> Result<Place> {
        self.since(self.horizon_ms)
    }

    /// Whether what stood at `place` is past retention.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn is_trimmed(&self, place: Place) -> Result<bool> {
        Ok(self.shard.created_ms < self.horizon_ms && place < self.oldest()?)
    }

    /// The place of the first change at `time_ms` or later that is still there; the end if there is none. Changes of one
    /// decision have one time, and times never fall along a stream.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn since(&self, time_ms: u64) -> Result<Place> {
        let time_ms = time_ms.max(self.horizon_ms);
        let (mut from, mut to) = (self.shard.first, self.end().decision);
        while from < to {
            let middle = from + (to - from) / 2;
            let mut seen = None;
            self.walk(Place::first(middle), Place::first(to), &mut |place, record| {
                seen = Some((place, record.time_ms));
                Ok(ControlFlow::Break(()))
            })?;
            match seen {
                Some((place, at_ms)) if at_ms < time_ms => from = place.decision + 1,
                Some(_) | None => to = middle,
            }
        }
        Ok(Place::first(from))
    }

    /// Shows the changes from `place` on, until `visit` breaks.
    ///
    /// # Errors
    /// `TrimmedDataAccessException` if one of them is past retention; those of `visit`; the store's.
    pub(super) fn each(
        &self,
        place: Place,
        visit: &mut dyn FnMut(Place, Record) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.walk(place.max(self.start()), self.end(), &mut |place, record| {
            if record.time_ms < self.horizon_ms { Err(errors::change_trimmed()) } else { visit(place, record) }
        })
    }

    fn walk(
        &self,
        from: Place,
        to: Place,
        visit: &mut dyn FnMut(Place, Record) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let row = |place| change_row(self.stream.id, place);
        let mut failure: Option<ServiceError> = None;
        let walked = self.snapshot.view.range(
            CHANGES,
            Bound::Included(&row(from)),
            Bound::Excluded(&row(to)),
            false,
            &mut |key, value| {
                let read = database::place(key).zip(Record::decode(value.clone()));
                let read = read.ok_or_else(|| errors::engine(&LogError::Io("a stored change is damaged".into())));
                match read.and_then(|(place, record)| visit(place, record)) {
                    Ok(flow) => flow,
                    Err(error) => {
                        failure = Some(error);
                        ControlFlow::Break(())
                    }
                }
            },
        );
        walked.map_err(|error| errors::engine(&error))?;
        failure.map_or(Ok(()), Err)
    }
}
