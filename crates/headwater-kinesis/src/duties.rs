//! What the service does by itself: streams come to be and vanish when due, resharding is rolled forward, records past
//! retention and the logs of deleted streams are trimmed.
//!
//! Invariant: every step stands in the catalog before the next begins and may be repeated, so whoever comes next – this
//! process or the one after a crash – carries on where it stopped.
use crate::{
    Kinesis,
    catalog::{self, Action, Address, Command, Load, Marker, Mode, ParentTail, Phase, Reshard, Step, Stream},
    limits::ShardKey,
    load, seal,
};
use headwater_log::{
    Bounds, Limits, LogError, LogGroup, LogId, Seq,
    engine::find_time,
    rules::{Rule, is_left_out},
};
use std::{collections::HashSet, sync::atomic::Ordering};

/// Trimming frees space and nothing else – readers are held to retention exactly – so it need not be prompt.
const SWEEP_EVERY_MS: u64 = 300_000;
/// After a failure of the log.
const RETRY_AFTER_MS: u64 = 1000;

/// Runs until dropped. One of these belongs to each [`Kinesis`]; without it nothing that takes time happens.
pub async fn run_duties(kinesis: std::sync::Arc<Kinesis>) {
    let mut version = kinesis.catalog.watch();
    let mut sweep_ms = kinesis.clock.now_ms();
    loop {
        version.borrow_and_update();
        let now_ms = kinesis.clock.now_ms();
        let outcome = round(&kinesis, now_ms >= sweep_ms).await;
        let wake_ms = match outcome {
            Ok(()) => {
                sweep_ms = if now_ms >= sweep_ms { now_ms + SWEEP_EVERY_MS } else { sweep_ms };
                next_due(&kinesis).map_or(sweep_ms, |due_ms| due_ms.min(sweep_ms))
            }
            Err(error) => {
                tracing::error!(%error, "a duty of Kinesis failed; it is tried again");
                kinesis.clock.sleep(RETRY_AFTER_MS).await;
                continue;
            }
        };
        let rest_ms = wake_ms.saturating_sub(kinesis.clock.now_ms());
        tokio::select! {
            () = kinesis.clock.sleep(rest_ms) => {}
            changed = version.changed() => if changed.is_err() { return },
        }
    }
}

async fn round(kinesis: &Kinesis, sweep: bool) -> Result<(), LogError> {
    let now_ms = kinesis.clock.now_ms();
    let due: Vec<Address> = {
        let catalog = kinesis.catalog.read();
        let due = catalog.all().filter(|(_, _, stream)| stream.due_ms().is_some_and(|due_ms| due_ms <= now_ms));
        due.map(|(scope, name, _)| Address { scope: scope.clone(), name: name.clone() }).collect()
    };
    for address in &due {
        settle(kinesis, address).await?;
    }
    adapt(kinesis).await?;
    bury(kinesis).await?;
    if sweep { retain(kinesis).await } else { Ok(()) }
}

/// When the next step of a stream is due, or on-demand streams are to be looked at again.
fn next_due(kinesis: &Kinesis) -> Option<u64> {
    let now_ms = kinesis.clock.now_ms();
    let catalog = kinesis.catalog.read();
    let due = |(_, _, stream): (_, _, &Stream)| {
        let look_ms = (stream.mode == Mode::OnDemand).then_some(now_ms + load::WINDOW_MS);
        stream.due_ms().into_iter().chain(look_ms).min()
    };
    catalog.all().filter_map(due).min()
}

/// Has on-demand streams split and merge themselves as their load asks for.
async fn adapt(kinesis: &Kinesis) -> Result<(), LogError> {
    let now_ms = kinesis.clock.now_ms();
    let planned: Vec<(Address, u128, Vec<Step>)> = {
        let catalog = kinesis.catalog.read();
        let resting = catalog.all().filter(|(_, _, stream)| stream.mode == Mode::OnDemand && stream.is_active());
        let plan = |(scope, name, stream): (&crate::catalog::Scope, &String, &Stream)| {
            let load = |shard: &crate::catalog::Shard| {
                let (latest, peak) = kinesis.loads.observe((stream.incarnation, shard.index), now_ms);
                Load { shard: shard.index, range: shard.range, latest, peak }
            };
            let loads: Vec<Load> = stream.open_shards().map(load).collect();
            let address = Address { scope: scope.clone(), name: name.clone() };
            (address, stream.incarnation, catalog::plan(&loads, stream.warm_mibps))
        };
        resting.map(plan).filter(|(_, _, steps)| !steps.is_empty()).collect()
    };
    for (address, incarnation, steps) in planned {
        let transition_ms = kinesis.settings.transition_ms;
        let action = Action::Adapt { incarnation, steps, transition_ms };
        kinesis.catalog.take_step(Command::Stream { address: address.clone(), action }, kinesis.clock.now_ms()).await?;
        settle(kinesis, &address).await?;
    }
    Ok(())
}

/// Forgets what was written to shards that are not open any more.
fn forget_loads(kinesis: &Kinesis) {
    let catalog = kinesis.catalog.read();
    let on_demand = catalog.all().filter(|(_, _, stream)| stream.mode == Mode::OnDemand);
    let open: HashSet<ShardKey> = on_demand
        .flat_map(|(_, _, stream)| stream.open_shards().map(|shard| (stream.incarnation, shard.index)))
        .collect();
    kinesis.loads.retain(|shard| open.contains(&shard));
}

/// Takes every step of the stream at `address` that is due, one after the other.
///
/// # Errors
/// The engine's; the step is then repeated later.
pub(crate) async fn settle(kinesis: &Kinesis, address: &Address) -> Result<(), LogError> {
    let _turn = kinesis.settling.lock().await;
    while let Some(step) = due_step(kinesis, address) {
        let action = match step {
            Due::Decide(action) => action,
            Due::Create { incarnation, shards } => {
                kinesis.engine.prepare(LogGroup(incarnation), shards).await?;
                Action::Advance { incarnation }
            }
            Due::BeginSealing { incarnation, shards, parents } => {
                // The children's logs are there before their parents end, so that nobody waits for them between the two.
                kinesis.engine.prepare(LogGroup(incarnation), shards).await?;
                let mut tails = Vec::with_capacity(parents.len());
                for (shard, log) in parents {
                    tails.push(ParentTail { shard, tail: kinesis.engine.bounds_now(log).await?.tail.0 });
                }
                Action::BeginSealing { incarnation, parents: tails }
            }
            Due::Seal { incarnation, parents } => {
                let logs: Vec<(LogId, Seq)> = parents.iter().map(|(_, log, tail)| (*log, *tail)).collect();
                let stamps = seal::place_markers(&*kinesis.engine, &logs).await?;
                let marker = |((shard, ..), stamp): (&(u32, LogId, Seq), headwater_log::Stamp)| Marker {
                    shard: *shard,
                    seq: stamp.seq.0,
                    time_ms: stamp.time_ms,
                };
                Action::FinishSealing { incarnation, markers: parents.iter().zip(stamps).map(marker).collect() }
            }
        };
        kinesis.catalog.take_step(Command::Stream { address: address.clone(), action }, kinesis.clock.now_ms()).await?;
    }
    Ok(())
}

/// A step that is due.
enum Due {
    Decide(Action),
    /// `shards` is how many there are then.
    Create {
        incarnation: u128,
        shards: u32,
    },
    BeginSealing {
        incarnation: u128,
        shards: u32,
        parents: Vec<(u32, LogId)>,
    },
    Seal {
        incarnation: u128,
        parents: Vec<(u32, LogId, Seq)>,
    },
}

fn due_step(kinesis: &Kinesis, address: &Address) -> Option<Due> {
    let catalog = kinesis.catalog.read();
    let stream = catalog.stream(&address.scope.account, &address.scope.region, &address.name)?;
    let (incarnation, now_ms) = (stream.incarnation, kinesis.clock.now_ms());
    if stream.consumer_due_ms().is_some_and(|due_ms| due_ms <= now_ms) {
        return Some(Due::Decide(Action::AdvanceConsumers { incarnation }));
    }
    stream.phase_due_ms().filter(|due_ms| *due_ms <= now_ms)?;
    match &stream.phase {
        Phase::Active => None,
        Phase::Creating { .. } => Some(Due::Create { incarnation, shards: stream.next_index }),
        Phase::Configuring { .. } | Phase::Deleting { .. } => Some(Due::Decide(Action::Advance { incarnation })),
        Phase::Updating(Reshard { sealing: Some(parents), .. }) => {
            let parents = parents.iter().map(|held| (held.shard, stream.log(held.shard), Seq(held.tail)));
            Some(Due::Seal { incarnation, parents: parents.collect() })
        }
        Phase::Updating(reshard) => {
            let parents = reshard.parents().map(|shard| (shard, stream.log(shard))).collect();
            let shards = stream.next_index + reshard.steps.iter().map(|step| step.children()).sum::<u32>();
            Some(Due::BeginSealing { incarnation, shards, parents })
        }
    }
}

/// Trims the logs of deleted streams to nothing, once they are not among the engine's history any more.
async fn bury(kinesis: &Kinesis) -> Result<(), LogError> {
    let graves = kinesis.catalog.read().graves().to_vec();
    let since_ms = kinesis.engine.history_since_ms(kinesis.clock.now_ms());
    for grave in graves.into_iter().filter(|grave| grave.deleted_ms <= since_ms) {
        kinesis.engine.trim_group(LogGroup(grave.incarnation), grave.shards).await?;
        kinesis.meters.forget(grave.incarnation);
        kinesis.acceptance.forget(grave.incarnation);
        kinesis.opened.forget(LogGroup(grave.incarnation));
        if let Some(limits) = &kinesis.limits {
            limits.forget(grave.incarnation);
        }
        kinesis.catalog.take_step(Command::Bury { incarnation: grave.incarnation }, kinesis.clock.now_ms()).await?;
    }
    Ok(())
}

/// Trims what is past retention, and drops closed shards of which nothing is left.
///
/// # Errors
/// The engine's; it may be repeated.
pub(crate) async fn retain(kinesis: &Kinesis) -> Result<(), LogError> {
    forget_loads(kinesis);
    let now_ms = kinesis.clock.now_ms();
    if kinesis.engine.is_shared() {
        // Whatever marker is past retention, the catalog then tells of its sealing.
        kinesis.catalog.catch_up().await?;
    }
    let streams: Vec<(Address, Kept)> = {
        let catalog = kinesis.catalog.read();
        let of = |(scope, name, stream): (&crate::catalog::Scope, &String, &Stream)| {
            (Address { scope: scope.clone(), name: name.clone() }, Kept::of(stream, now_ms))
        };
        catalog.all().map(of).collect()
    };
    for (address, kept) in streams {
        for (log, marker) in &kept.logs {
            trim_before(kinesis, *log, kept.cutoff_ms, *marker).await?;
        }
        for log in &kept.expired_logs {
            kinesis.engine.trim(*log, kinesis.engine.bounds_now(*log).await?.tail).await?;
        }
        if !kept.expired.is_empty() {
            let action = Action::Expire { incarnation: kept.incarnation, shards: kept.expired };
            kinesis.catalog.take_step(Command::Stream { address, action }, kinesis.clock.now_ms()).await?;
        }
    }
    kinesis.trimmed_ms.store(now_ms, Ordering::Relaxed);
    Ok(())
}

/// What retention keeps of a stream.
struct Kept {
    incarnation: u128,
    cutoff_ms: u64,
    /// Those that are left, and where their marker stands or is to be sought: without it, what is behind it would count.
    logs: Vec<(LogId, Option<Seq>)>,
    expired: Vec<u32>,
    expired_logs: Vec<LogId>,
}

impl Kept {
    fn of(stream: &Stream, now_ms: u64) -> Self {
        let cutoff_ms = stream.cutoff_ms(now_ms);
        let is_expired = |shard: u32| {
            let ending = stream.shard(shard).and_then(|shard| shard.ending);
            ending.is_some_and(|ending| ending.closed_ms < cutoff_ms)
        };
        let marker = |shard: u32| {
            let ending = stream.shard(shard).and_then(|shard| shard.ending);
            ending.map(|ending| ending.marker()).or_else(|| stream.sealing_from(shard))
        };
        let indexes = stream.shards.iter().map(|shard| shard.index);
        let (expired, live): (Vec<u32>, Vec<u32>) = indexes.partition(|shard| is_expired(*shard));
        Self {
            incarnation: stream.incarnation,
            cutoff_ms,
            logs: live.iter().map(|shard| (stream.log(*shard), marker(*shard))).collect(),
            expired_logs: expired.iter().map(|shard| stream.log(*shard)).collect(),
            expired,
        }
    }
}

async fn trim_before(kinesis: &Kinesis, log: LogId, cutoff_ms: u64, marker: Option<Seq>) -> Result<(), LogError> {
    let engine = &*kinesis.engine;
    let Bounds { first, tail } = engine.bounds_now(log).await?;
    if first >= tail {
        return Ok(());
    }
    // Mostly nothing has to go: one look at the oldest entry tells.
    if let Ok(batch) = engine.read(log, first, Limits { entries: 1, bytes: 1 }).await
        && batch.entries.first().is_some_and(|entry| entry.stamp.time_ms >= cutoff_ms)
    {
        return Ok(());
    }
    let is_all = is_left_out(Rule::OnlyWhatIsPastRetentionGoes);
    let keep_from = if is_all { tail } else { find_time(engine, log, cutoff_ms).await? };
    let keep_from = marker.map_or(keep_from, |marker| marker.min(keep_from));
    if keep_from > first { engine.trim(log, keep_from).await } else { Ok(()) }
}
