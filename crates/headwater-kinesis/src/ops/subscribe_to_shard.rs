//! SubscribeToShard: a shard's records pushed to a registered consumer, for five minutes.
use super::{
    consumers::{self, Named},
    fan_out::{Publisher, Subscription, Watched},
    shard_index,
    starting_position::{Start, StartingPoint},
};
use crate::{
    Kinesis,
    errors::{self, Result},
};
use headwater_log::{LogId, Seq};
use headwater_wire::{Caller, kinesis::SubscribeToShardInput};
use std::sync::Arc;

/// What a consumer may call each second for one shard, under rate limits.
const CALLS_PER_SECOND: u64 = 5;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: SubscribeToShardInput) -> Result<Subscription> {
    let (mut publisher, log, start) = find(&kinesis, &caller, &input)?;
    let Watched { address, shard, .. } = &publisher.watched;
    if let Some(limits) = &kinesis.limits {
        let holder = format!("{log}/{}", publisher.name);
        if !limits.charge_call("SubscribeToShard", holder, CALLS_PER_SECOND, kinesis.clock.steady_us()) {
            return Err(errors::subscription_rate(*shard, &address.name, &address.scope.account));
        }
    }
    if input.dry_run == Some(true) {
        return Err(errors::dry_run());
    }
    publisher.next = start.seq(&*kinesis.engine, log).await?;
    publisher.subscribe()
}

/// Who subscribes to what, and from where.
fn find(kinesis: &Arc<Kinesis>, caller: &Caller, input: &SubscribeToShardInput) -> Result<(Publisher, LogId, Start)> {
    let named = Named { consumer_arn: Some(&input.consumer_arn), consumer_name: None, stream_arn: None };
    let found = consumers::find(kinesis, caller, named)?;
    if !found.consumer.is_active() {
        return Err(errors::consumer_not_active(&found.name, found.consumer.created_secs(), &found.address));
    }
    let (name, account) = (&found.address.name, &found.address.scope.account);
    let unknown = || errors::shard_unknown(&input.shard_id, name, account);
    let index = shard_index(&input.shard_id).ok_or_else(unknown)?;
    let catalog = kinesis.catalog.read();
    let held = catalog.stream(account, &found.address.scope.region, name);
    let stream = held.ok_or_else(|| errors::stream_not_found(name, account))?;
    let shard = stream.shown_shard(index).ok_or_else(|| errors::shard_missing(index, name, account))?;
    let log = stream.log(index);
    let point = StartingPoint {
        kind: input.starting_position.r#type,
        number: input.starting_position.sequence_number.as_deref(),
        timestamp: input.starting_position.timestamp,
    };
    let start = point.start(kinesis, shard, log, name, account, kinesis.clock.now_ms())?;
    let watched = Watched { incarnation: stream.incarnation, shard: index, address: found.address.clone() };
    let (kinesis, name, consumer) = (Arc::clone(kinesis), found.name, found.consumer);
    Ok((Publisher { kinesis, watched, name, consumer, next: Seq::ZERO }, log, start))
}
