//! The catalog's rules: what may be done to a stream, and what becomes of it. Pure.
//!
//! Invariant: a command is refused in the service's words or decided with every number fixed; commands of duties name
//! the incarnation they mean and do nothing once it has moved on, so repeating one is harmless.
use super::{
    Action, Answer, Catalog, Command, Marker, Quota,
    change::Change,
    consumer, demand,
    reshard::{self, Birth},
    setting::{Commitment, Setting},
    stream::{Address, Ending, Mode, NewStream, ParentTail, Phase, Reshard, Shard, Step, Stream},
};
use crate::{
    errors::{self, Result},
    routing::{KeyRange, explicit_hash_key},
};
use std::collections::BTreeMap;

pub(super) type Decision = (Vec<Change>, Answer);

/// Tags one stream or consumer may have.
pub(super) const MAX_TAGS: usize = 50;
/// Retention a stream may have, in hours.
const RETENTION_HOURS: std::ops::RangeInclusive<i32> = 24..=8760;
/// Shards one stream may be scaled to.
const MAX_SCALED_SHARDS: u32 = 10_000;

pub(super) fn decide(catalog: &Catalog, command: Command, now_ms: u64) -> Result<Decision> {
    match command {
        Command::Found { token_key } if catalog.token_key.is_none() => done(Change::Founded { token_key }),
        Command::Bury { incarnation } if catalog.graves.iter().any(|grave| grave.incarnation == incarnation) => {
            done(Change::Buried { incarnation })
        }
        Command::Commit { scope, wanted } => {
            let held = catalog.commitment(&scope.account, &scope.region);
            let changed = Commitment::change(held, wanted, now_ms);
            changed.map_or_else(nothing, |commitment| done(Change::Committed { scope, commitment }))
        }
        Command::Found { .. } | Command::Bury { .. } => nothing(),
        Command::Stream { address, action } => of_stream(catalog, address, action, now_ms),
    }
}

pub(super) fn done(change: Change) -> Result<Decision> {
    Ok((vec![change], Answer::Done))
}

pub(super) const fn nothing() -> Result<Decision> {
    Ok((Vec::new(), Answer::Done))
}

fn of_stream(catalog: &Catalog, address: Address, action: Action, now_ms: u64) -> Result<Decision> {
    if let Action::Create { new, quota, transition_ms } = action {
        return create(catalog, address, new, quota, now_ms, transition_ms);
    }
    let held = catalog.at(&address);
    if let Action::Advance { incarnation }
    | Action::AdvanceConsumers { incarnation }
    | Action::Adapt { incarnation, .. }
    | Action::BeginSealing { incarnation, .. }
    | Action::FinishSealing { incarnation, .. }
    | Action::Expire { incarnation, .. } = &action
    {
        let meant = held.filter(|stream| stream.incarnation == *incarnation);
        return meant.map_or_else(nothing, |stream| duty(stream, address, action, now_ms));
    }
    let is_meant = |stream: &&Stream| match &action {
        Action::Configure { made_for: Some(incarnation), .. } => stream.incarnation == *incarnation,
        _ => true,
    };
    let missing = || errors::stream_not_found(&address.name, &address.scope.account);
    let stream = held.filter(is_meant).ok_or_else(missing)?;
    match action {
        Action::Delete { enforce, transition_ms } => delete(stream, address, enforce, now_ms, transition_ms),
        Action::Consumer(action) => consumer::decide(stream, address, action, now_ms),
        Action::Tag { tags } => tag(stream, address, tags),
        Action::Untag { keys } => {
            active(stream, &address)?;
            let keys: Vec<String> = keys.into_iter().filter(|key| stream.tags.contains_key(key)).collect();
            if keys.is_empty() { nothing() } else { done(Change::Untagged { address, keys }) }
        }
        Action::IncreaseRetention { hours } => set_retention(stream, address, hours, true, now_ms),
        Action::DecreaseRetention { hours } => set_retention(stream, address, hours, false, now_ms),
        Action::Split { shard, at, quota, transition_ms } => {
            let step = split(catalog, stream, &address, shard, &at, quota)?;
            done(begin(address, vec![step], None, now_ms + transition_ms))
        }
        Action::Merge { shard, adjacent, transition_ms } => {
            let step = merge(stream, &address, shard, adjacent)?;
            done(begin(address, vec![step], None, now_ms + transition_ms))
        }
        Action::Scale { target, quota, transition_ms } => {
            scale(catalog, stream, address, target, quota, now_ms + transition_ms)
        }
        Action::Configure { setting, quota, transition_ms, .. } => {
            setting.check(catalog, stream, &address, quota, now_ms)?;
            configure(stream, address, setting, now_ms, transition_ms)
        }
        // Decided above, before the stream was looked for.
        Action::Create { .. }
        | Action::Advance { .. }
        | Action::AdvanceConsumers { .. }
        | Action::Adapt { .. }
        | Action::BeginSealing { .. }
        | Action::FinishSealing { .. }
        | Action::Expire { .. } => nothing(),
    }
}

fn duty(stream: &Stream, address: Address, action: Action, now_ms: u64) -> Result<Decision> {
    match (action, &stream.phase) {
        (Action::Advance { .. }, Phase::Creating { due_ms }) if *due_ms <= now_ms => {
            done(Change::Activated { address })
        }
        (Action::Advance { .. }, Phase::Deleting { due_ms }) if *due_ms <= now_ms => {
            done(Change::Deleted { address, deleted_ms: now_ms })
        }
        (Action::Advance { .. }, Phase::Configuring { due_ms, setting }) if *due_ms <= now_ms => {
            done(Change::Configured { address, setting: setting.clone() })
        }
        (Action::BeginSealing { parents, .. }, Phase::Updating(reshard)) => {
            begin_sealing(reshard, address, parents, now_ms)
        }
        (Action::FinishSealing { markers, .. }, Phase::Updating(reshard)) => {
            finish_sealing(stream, reshard, address, &markers, now_ms)
        }
        (Action::Adapt { steps, transition_ms, .. }, _) if demand::fits(stream, &steps) => {
            done(begin(address, steps, None, now_ms + transition_ms))
        }
        (Action::AdvanceConsumers { .. }, _) => consumer::advance(stream, &address, now_ms),
        (Action::Expire { shards, .. }, _) => expire(stream, address, shards, now_ms),
        _ => nothing(),
    }
}

fn active(stream: &Stream, address: &Address) -> Result<()> {
    match stream.phase {
        Phase::Active => Ok(()),
        _ => Err(errors::not_active(&address.name, &address.scope.account, stream.status())),
    }
}

fn create(
    catalog: &Catalog,
    address: Address,
    new: NewStream,
    quota: Quota,
    now_ms: u64,
    transition_ms: u64,
) -> Result<Decision> {
    let Address { scope, name } = &address;
    if catalog.at(&address).is_some() {
        return Err(errors::stream_exists(name, &scope.account));
    }
    let streams = catalog.streams(&scope.account, &scope.region).into_iter().flat_map(BTreeMap::values);
    if streams.filter(|stream| stream.is_creating()).count() >= quota.creating_streams {
        return Err(errors::creating_limit(quota));
    }
    if new.tags.len() > MAX_TAGS {
        return Err(errors::too_many_tags(name, &scope.account));
    }
    match new.mode {
        Mode::Provisioned => within_shard_limit(catalog, &address, quota, new.shard_count)?,
        Mode::OnDemand => {
            if catalog.on_demand_streams(&scope.account, &scope.region) >= quota.on_demand_streams {
                return Err(errors::on_demand_limit(scope, quota));
            }
        }
    }
    let phase = if transition_ms == 0 { Phase::Active } else { Phase::Creating { due_ms: now_ms + transition_ms } };
    done(Change::Created { stream: Stream::new(new, phase, now_ms), address })
}

fn within_shard_limit(catalog: &Catalog, address: &Address, quota: Quota, additional: u32) -> Result<()> {
    let held = catalog.shards_held(&address.scope.account, &address.scope.region);
    if held.saturating_add(additional) > quota.shards {
        return Err(errors::shard_limit(&address.scope, quota, held, additional));
    }
    Ok(())
}

fn delete(stream: &Stream, address: Address, enforce: bool, now_ms: u64, transition_ms: u64) -> Result<Decision> {
    if let Phase::Deleting { .. } = stream.phase {
        return Err(errors::not_active(&address.name, &address.scope.account, stream.status()));
    }
    if !enforce && !stream.consumers.is_empty() {
        return Err(errors::consumers_registered(&address));
    }
    done(if transition_ms == 0 {
        Change::Deleted { address, deleted_ms: now_ms }
    } else {
        Change::DeletionBegun { address, due_ms: now_ms + transition_ms }
    })
}

fn tag(stream: &Stream, address: Address, tags: BTreeMap<String, String>) -> Result<Decision> {
    active(stream, &address)?;
    let added = tags.keys().filter(|key| !stream.tags.contains_key(*key)).count();
    if stream.tags.len() + added > MAX_TAGS {
        return Err(errors::too_many_tags(&address.name, &address.scope.account));
    }
    done(Change::Tagged { address, tags })
}

/// What a stream has already is given to it again without an error and without a change.
fn configure(stream: &Stream, address: Address, setting: Setting, now_ms: u64, transition_ms: u64) -> Result<Decision> {
    let mut changed = stream.clone();
    setting.set(&mut changed);
    if !setting.is_immediate() {
        active(stream, &address)?;
    }
    if changed == *stream {
        return nothing();
    }
    done(if transition_ms == 0 || setting.is_immediate() {
        Change::Configured { address, setting }
    } else {
        Change::ConfigurationBegun { address, setting, due_ms: now_ms + transition_ms }
    })
}

/// The value a stream has already is set again without an error, whichever way it was to go.
fn set_retention(stream: &Stream, address: Address, hours: i32, longer: bool, now_ms: u64) -> Result<Decision> {
    let existing = stream.retention_hours;
    if hours < *RETENTION_HOURS.start() {
        return Err(errors::retention_too_short(hours));
    }
    if hours > *RETENTION_HOURS.end() {
        return Err(errors::retention_too_long(hours));
    }
    let wanted = hours.unsigned_abs();
    if longer && wanted < existing {
        return Err(errors::retention_shorter(hours, existing, &address.name));
    }
    if !longer && wanted > existing {
        return Err(errors::retention_longer(hours, existing, &address.name));
    }
    active(stream, &address)?;
    if wanted == existing {
        return nothing();
    }
    done(Change::RetentionSet { address, hours: wanted, floor_ms: stream.cutoff_ms(now_ms) })
}

// ---- resharding ----

/// The stream is active and its shards are the caller's to change.
fn reshardable(stream: &Stream, address: &Address) -> Result<()> {
    active(stream, address)?;
    match stream.mode {
        Mode::Provisioned => Ok(()),
        Mode::OnDemand => Err(errors::on_demand(&address.name, &address.scope.account)),
    }
}

fn shard_of<'a>(stream: &'a Stream, address: &Address, index: u32) -> Result<&'a Shard> {
    let unknown = || errors::shard_unknown(&super::shard_id(index), &address.name, &address.scope.account);
    stream.shard(index).ok_or_else(unknown)
}

fn open(shard: &Shard, address: &Address) -> Result<()> {
    match shard.ending {
        None => Ok(()),
        Some(_) => Err(errors::shard_closed(shard.index, &address.name, &address.scope.account)),
    }
}

fn split(catalog: &Catalog, stream: &Stream, address: &Address, index: u32, at: &str, quota: Quota) -> Result<Step> {
    reshardable(stream, address)?;
    let shard = shard_of(stream, address, index)?;
    open(shard, address)?;
    within_shard_limit(catalog, address, quota, 1)?;
    let KeyRange { start, end } = shard.range;
    let inside = explicit_hash_key(at).filter(|at| *at > start.saturating_add(1) && *at < end);
    let outside = || errors::split_outside(at, shard, &address.name, &address.scope.account);
    inside.map(|at| Step::Split { parent: index, at }).ok_or_else(outside)
}

fn merge(stream: &Stream, address: &Address, index: u32, adjacent: u32) -> Result<Step> {
    reshardable(stream, address)?;
    let (lower, upper) = (shard_of(stream, address, index)?, shard_of(stream, address, adjacent)?);
    if lower.range.end.checked_add(1) != Some(upper.range.start) {
        return Err(errors::not_adjacent(index, adjacent, &address.name, &address.scope.account));
    }
    open(lower, address)?;
    open(upper, address)?;
    Ok(Step::Merge { parent: index, adjacent })
}

fn scale(
    catalog: &Catalog,
    stream: &Stream,
    address: Address,
    target: u32,
    quota: Quota,
    due_ms: u64,
) -> Result<Decision> {
    reshardable(stream, &address)?;
    let open = u32::try_from(stream.open_shards().len()).unwrap_or(u32::MAX);
    let elsewhere = catalog.shards_held(&address.scope.account, &address.scope.region) - open;
    let limit = quota.shards.min(MAX_SCALED_SHARDS);
    if target > limit {
        return Err(errors::target_above_limit(limit, open, target));
    }
    if target > open.saturating_mul(2) {
        return Err(errors::target_above_double(open, target));
    }
    if target.saturating_mul(2) < open {
        return Err(errors::target_below_half(open, target));
    }
    if target > open && elsewhere.saturating_add(target) > quota.shards {
        return Err(errors::shard_limit(&address.scope, quota, elsewhere + open, target - open));
    }
    let steps = reshard::uniform_round(&ranges(stream.open_shards()), target);
    let changes = if steps.is_empty() { Vec::new() } else { vec![begin(address, steps, Some(target), due_ms)] };
    Ok((changes, Answer::OpenBefore(open)))
}

fn ranges<'a>(shards: impl Iterator<Item = &'a Shard>) -> Vec<(u32, KeyRange)> {
    shards.map(|shard| (shard.index, shard.range)).collect()
}

const fn begin(address: Address, steps: Vec<Step>, target: Option<u32>, due_ms: u64) -> Change {
    Change::ReshardBegun { address, reshard: Reshard { due_ms, steps, target, sealing: None } }
}

fn begin_sealing(reshard: &Reshard, address: Address, parents: Vec<ParentTail>, now_ms: u64) -> Result<Decision> {
    let due = reshard.due_ms <= now_ms && reshard.sealing.is_none();
    let named = parents.iter().map(|parent| parent.shard).eq(reshard.parents());
    if due && named { done(Change::SealingBegun { address, parents }) } else { nothing() }
}

fn finish_sealing(
    stream: &Stream,
    reshard: &Reshard,
    address: Address,
    markers: &[Marker],
    now_ms: u64,
) -> Result<Decision> {
    let markers: BTreeMap<u32, &Marker> = markers.iter().map(|marker| (marker.shard, marker)).collect();
    let mut ended = Vec::new();
    for parent in reshard.parents() {
        let (Some(marker), Some(shard)) = (markers.get(&parent), stream.shard(parent)) else { return nothing() };
        ended.push((marker, shard));
    }
    if reshard.sealing.is_none() {
        return nothing();
    }
    // Parents end together: not before any of their records arrived, and not before any of them was created, whatever the
    // clock of whoever decides says.
    let times = ended.iter().flat_map(|(marker, shard)| [marker.time_ms, shard.opened_ms]);
    let closed_ms = times.fold(now_ms, u64::max);
    let closed_secs = ended.iter().map(|(_, shard)| shard.created_secs).fold(closed_ms / 1000, u64::max);
    let endings: Vec<(u32, Ending)> = ended
        .iter()
        .map(|(marker, shard)| (shard.index, Ending { marker: marker.seq, closed_ms, closed_secs }))
        .collect();
    let birth = Birth { created_secs: closed_secs + 1, opened_ms: closed_ms };
    let children = reshard::children(stream, &reshard.steps, birth);
    let next = reshard.target.and_then(|target| {
        let kept = stream.open_shards().filter(|shard| !markers.contains_key(&shard.index));
        let mut open = ranges(kept.chain(&children));
        open.sort_by_key(|(_, range)| range.start);
        let steps = reshard::uniform_round(&open, target);
        (!steps.is_empty()).then_some(Reshard { due_ms: now_ms, steps, target: Some(target), sealing: None })
    });
    done(Change::Resharded { address, endings, children, next })
}

fn expire(stream: &Stream, address: Address, shards: Vec<u32>, now_ms: u64) -> Result<Decision> {
    let ending = |index: &u32| stream.shard(*index).and_then(|shard| shard.ending);
    let is_due = |index: &u32| ending(index).is_some_and(|ending| ending.closed_ms < stream.cutoff_ms(now_ms));
    let shards: Vec<u32> = shards.into_iter().filter(is_due).collect();
    if shards.is_empty() { nothing() } else { done(Change::Expired { address, shards }) }
}
