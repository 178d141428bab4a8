//! Where reading begins, in one of five ways: what an iterator and a subscription are asked for alike.
use crate::{
    Kinesis,
    catalog::Shard,
    errors::{self, Result},
    sequence,
};
use headwater_log::{Engine, LogId, Seq, engine::find_time};
use headwater_wire::{Timestamp, kinesis::ShardIteratorType};

/// What a request says about it.
#[derive(Clone, Copy)]
pub(super) struct StartingPoint<'a> {
    pub(super) kind: ShardIteratorType,
    pub(super) number: Option<&'a str>,
    pub(super) timestamp: Option<Timestamp>,
}

/// Where reading is to begin.
pub(super) enum Start {
    At(Seq),
    /// Behind everything there is.
    Last,
    /// With the first record that arrived then or later.
    Since(u64),
}

impl StartingPoint<'_> {
    /// Where that is in a shard of the stream `name`, whose log is `log`.
    ///
    /// # Errors
    /// The service's own, if the members do not go together or do not fit the shard.
    pub(super) fn start(
        self,
        kinesis: &Kinesis,
        shard: &Shard,
        log: LogId,
        name: &str,
        account: &str,
        now_ms: u64,
    ) -> Result<Start> {
        use ShardIteratorType::{AfterSequenceNumber, AtSequenceNumber, AtTimestamp, Latest, TrimHorizon};
        let kind = self.kind;
        Ok(match (kind, self.number) {
            (AtSequenceNumber, Some(number)) => Start::At(parse(number, shard, name, account)?.at()),
            (AfterSequenceNumber, Some(number)) => Start::At(parse(number, shard, name, account)?.after()),
            (AtSequenceNumber | AfterSequenceNumber, None) => {
                return Err(errors::starting_number_presence(kind.as_str(), false));
            }
            (TrimHorizon | Latest | AtTimestamp, Some(_)) => {
                return Err(errors::starting_number_presence(kind.as_str(), true));
            }
            (TrimHorizon, None) => Start::At(kinesis.engine.bounds(log).first),
            (Latest, None) => Start::Last,
            (AtTimestamp, None) => {
                let asked_ms = self.timestamp.ok_or_else(errors::timestamp_missing)?.millis();
                let time_ms = u64::try_from(asked_ms).unwrap_or(0);
                if time_ms > now_ms {
                    return Err(errors::timestamp_future(asked_ms, now_ms));
                }
                Start::Since(time_ms)
            }
        })
    }
}

impl Start {
    /// The place in `log` to read from.
    ///
    /// # Errors
    /// The engine's, in the service's words.
    pub(super) async fn seq(self, engine: &dyn Engine, log: LogId) -> Result<Seq> {
        let found = match self {
            Self::At(seq) => Ok(seq),
            Self::Last => engine.bounds_now(log).await.map(|bounds| bounds.tail),
            Self::Since(time_ms) => find_time(engine, log, time_ms).await,
        };
        found.map_err(|error| errors::engine(&error))
    }
}

/// A number of this very shard.
fn parse(number: &str, shard: &Shard, name: &str, account: &str) -> Result<sequence::Parsed> {
    let invalid = || errors::starting_number_invalid(number, shard.index, name, account);
    let parsed = sequence::parse(number).ok_or_else(invalid)?;
    if parsed.shard != i64::from(shard.index) {
        return Err(errors::starting_number_of_other(parsed.shard, shard.index));
    }
    if parsed.version != 2 || parsed.created_secs != shard.created_secs {
        return Err(errors::starting_number_foreign(number, shard.index, name, account));
    }
    Ok(parsed)
}
