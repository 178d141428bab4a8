//! Firehose on several processes: delivery streams are made, changed, deleted and put to, on all of them at once, and
//! delivered to a store that fails, by whoever takes them for its own; which, the processes do not always agree on.
mod store;
mod told;

use crate::{
    ask,
    asked::Outcome,
    cast::{Cast, Doing, Parts},
    chance::Chance,
};
use headwater_firehose::{
    Entropy, Firehose, FirehoseParts, FirehoseSettings, Share,
    glue::{Glue, GlueParts},
    run_deliveries, run_duties,
};
use headwater_keys::{KeyStore, MasterKey};
use headwater_log::{LogError, clock::Clock, shared::Shared};
use headwater_wire::{Dialect, ErrorKind, Everybody, Row, ServiceError};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use store::{Nothing, Store};
use tokio::sync::watch;
use told::{Delivered, Kind, Told, View, body, has_backup, prefixes};

/// Names of delivery streams.
const NAMES: u64 = 3;
/// In peace everything is delivered in this time …
const PATIENCE_MS: u64 = 60_000;
/// … and after this one nothing more is under way.
const CALM_MS: u64 = 20_000;

/// The operations, as they are served where others change what there is.
static ROWS: LazyLock<Vec<Row<Firehose>>> = LazyLock::new(|| {
    // Where that cannot be read, they answer by what is known.
    let catch_up = |firehose: Arc<Firehose>| async move { firehose.catch_up().await.unwrap_or_default() };
    headwater_firehose::operations().into_iter().map(|row| row.among_others(catch_up)).collect()
});

/// A process: the service, its clock, and what it takes for its own.
#[derive(Clone)]
pub struct Service {
    firehose: Arc<Firehose>,
    clock: Arc<dyn Clock>,
    share: watch::Sender<Share>,
}

/// Who is there: by process the number of its life, and what it takes for its own.
#[derive(Default)]
struct Crowd {
    lives: BTreeMap<usize, (u64, watch::Sender<Share>)>,
    agrees: bool,
}

impl Crowd {
    fn numbers(&self) -> Vec<u64> {
        self.lives.values().map(|(number, _)| *number).collect()
    }

    /// Somebody comes, who knows of nobody else.
    fn join(&mut self, node: usize, number: u64) -> watch::Sender<Share> {
        let share = watch::Sender::new(Share::among(vec![number], number, false));
        self.lives.insert(node, (number, share.clone()));
        self.agree_if_they_do();
        share
    }

    fn agree_if_they_do(&self) {
        if self.agrees {
            for (number, share) in self.lives.values() {
                share.send_replace(Share::among(self.numbers(), *number, false));
            }
        }
    }
}

#[derive(Default)]
pub struct Deliveries {
    told: Told,
    store: Arc<Store>,
    crowd: Rc<RefCell<Crowd>>,
}

/// What came of a call.
pub enum Saw {
    Answers(Kind, Vec<(u64, Outcome)>),
    Nothing,
    End(View, Vec<(u64, Outcome)>),
}

impl Cast for Deliveries {
    type Service = Service;
    type Saw = Saw;

    const PASSES_MS: &[u64] = &[1, 100, 1000, 1500, 6000];

    fn open(&mut self, Parts { engine, clock, chance, node }: Parts) -> Doing<Result<Service, LogError>> {
        let drawn = AtomicU64::new(0);
        let entropy: Entropy =
            Arc::new(move || u128::from(chance) << 64 | u128::from(drawn.fetch_add(1, Relaxed)) | 1 << 127);
        let master = MasterKey::parse(&format!("{}=", "A".repeat(43))).expect("a key");
        let keys = Arc::new(KeyStore::new(&master, Vec::new()).expect("a store"));
        let settings = FirehoseSettings { transition_ms: chance % 2 * 700, ..FirehoseSettings::default() };
        let (store, crowd) = (Arc::clone(&self.store), Rc::clone(&self.crowd));
        Box::pin(async move {
            let parts =
                GlueParts { engine: Arc::clone(&engine), clock: Arc::clone(&clock), access: Arc::new(Everybody) };
            let glue = Glue::open(parts).await?;
            let parts = FirehoseParts {
                engine,
                clock: Arc::clone(&clock),
                entropy,
                keys,
                access: Arc::new(Everybody),
                settings,
                source: Arc::new(Nothing),
                objects: store,
                functions: Arc::new(Nothing),
                endpoints: Arc::new(Nothing),
                glue,
            };
            let firehose = Firehose::open(parts).await?;
            Ok(Service { firehose, clock, share: crowd.borrow_mut().join(node, chance) })
        })
    }

    fn duties(&self, Service { firehose, share, .. }: &Service) -> Vec<Doing<()>> {
        vec![
            Box::pin(run_duties(Arc::clone(firehose))),
            Box::pin(run_deliveries(Arc::clone(firehose), share.subscribe())),
        ]
    }

    fn call(&mut self, chance: &mut Chance, service: &Service, now: u64) -> Doing<Saw> {
        let firehose = Arc::clone(&service.firehose);
        let name = format!("d{}", chance.below(NAMES));
        match chance.below(100) {
            0..50 => {
                let ids = (0..chance.pick(&[1, 1, 2, 4])).map(|_| self.told.ask(Kind::Put, &name, now)).collect();
                Box::pin(async move { Saw::Answers(Kind::Put, put(&firehose, &name, ids).await) })
            }
            50..60 => {
                self.doubt(chance, &service.share);
                Box::pin(async { Saw::Nothing })
            }
            60..64 => {
                self.store.set_down(chance.once_in(2));
                Box::pin(async { Saw::Nothing })
            }
            64..78 => {
                let id = self.told.ask(Kind::Create, &name, now);
                let input = created(&name, id, &hints(chance));
                Box::pin(answer(Kind::Create, id, firehose, "CreateDeliveryStream", input))
            }
            78..92 => {
                let (id, hints) = (self.told.ask(Kind::Update, &name, now), hints(chance));
                Box::pin(async move { Saw::Answers(Kind::Update, vec![(id, update(&firehose, &name, hints).await)]) })
            }
            92..96 => {
                let operation = chance.pick(&["StartDeliveryStreamEncryption", "StopDeliveryStreamEncryption"]);
                Box::pin(async move {
                    drop(ask(&firehose, operation, json!({"DeliveryStreamName": name})).await);
                    Saw::Nothing
                })
            }
            _ => {
                let id = self.told.ask(Kind::Delete, &name, now);
                let input = json!({"DeliveryStreamName": name});
                Box::pin(answer(Kind::Delete, id, firehose, "DeleteDeliveryStream", input))
            }
        }
    }

    fn outside(&self) -> usize {
        self.store.called()
    }

    fn happen(&mut self, at: usize, chance: &mut Chance, is_peace: bool) -> String {
        self.store.happen(at, chance, is_peace)
    }

    fn make_peace(&mut self) {
        let mut crowd = self.crowd.borrow_mut();
        crowd.agrees = true;
        crowd.agree_if_they_do();
    }

    fn saw(&mut self, saw: Saw, now: u64) -> String {
        match saw {
            Saw::Answers(kind, answers) => {
                let told = format!("{kind:?} {answers:?}");
                answers.into_iter().for_each(|(id, outcome)| self.told.answer(kind, id, outcome, now));
                told
            }
            Saw::Nothing => "nothing".into(),
            Saw::End(view, puts) => {
                let told = format!("ends with {view:?}, having put {puts:?}");
                puts.into_iter().for_each(|(id, outcome)| self.told.answer(Kind::Put, id, outcome, now));
                self.told.ends.push(view);
                told
            }
        }
    }

    fn look(&mut self, service: &Service, now: u64) -> Doing<Result<Saw, String>> {
        let (service, store, mut due) = (service.clone(), Arc::clone(&self.store), self.told.due());
        let asked: Vec<(String, u64)> = (0..NAMES)
            .map(|name| format!("d{name}"))
            .map(|name| (name.clone(), self.told.ask(Kind::Put, &name, now)))
            .collect();
        Box::pin(async move {
            // It takes in what was decided before, so that nothing is put to what is deleted.
            let shown = |error| format!("in peace what is there is not shown: {error}");
            ask(&service.firehose, "ListDeliveryStreams", json!({})).await.map_err(shown)?;
            let mut puts = Vec::new();
            for (name, id) in asked {
                puts.extend(put(&service.firehose, &name, vec![id]).await);
            }
            if let Some((id, kind)) = puts.iter().find_map(|(id, outcome)| Some((id, outcome.err()?)))
                && kind != ErrorKind::Sender
            {
                return Err(format!("in peace {id} cannot be put: {kind:?}"));
            }
            due.extend(puts.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(id, _)| *id));
            delivered(&service, &store, &due).await?;
            service.clock.sleep(CALM_MS).await;
            let stored = *store.puts().borrow();
            service.clock.sleep(CALM_MS).await;
            if *store.puts().borrow() != stored {
                return Err("in peace objects are written without end".into());
            }
            Ok(Saw::End(look_at(&service.firehose).await.map_err(shown)?, puts))
        })
    }

    fn check(&mut self, _: &Shared) -> Result<(), String> {
        self.store.wrong().map_or(Ok(()), Err)?;
        self.told.check(&self.store.objects())
    }
}

impl Deliveries {
    /// A process knows of some of those that are there, or of itself alone, or is cut off from all.
    fn doubt(&self, chance: &mut Chance, share: &watch::Sender<Share>) {
        let crowd = self.crowd.borrow();
        let own = crowd.lives.values().find(|(_, held)| held.same_channel(share)).map(|(number, _)| *number);
        let mut all = crowd.numbers();
        all.retain(|_| !chance.once_in(3));
        let own = own.unwrap_or_default();
        if chance.once_in(2) && !all.contains(&own) {
            all.push(own);
        }
        share.send_replace(Share::among(all, own, false));
    }
}

/// Waits until all of these are in the store.
async fn delivered(service: &Service, store: &Store, due: &[u64]) -> Result<(), String> {
    let (mut puts, mut patience) = (store.puts(), service.clock.sleep(PATIENCE_MS));
    loop {
        puts.borrow_and_update();
        let Err(missing) = Delivered::of(&store.objects())?.check_all(due) else { return Ok(()) };
        tokio::select! {
            biased;
            _ = puts.changed() => {}
            () = &mut patience => return Err(format!("in peace {missing}")),
        }
    }
}

/// What an operation answers.
async fn ask(firehose: &Arc<Firehose>, operation: &str, input: Value) -> Result<Value, ServiceError> {
    ask::ask(&ROWS, firehose, Dialect::Json11, operation, input).await
}

async fn answer(kind: Kind, id: u64, firehose: Arc<Firehose>, operation: &str, input: Value) -> Saw {
    let outcome = ask(&firehose, operation, input).await;
    Saw::Answers(kind, vec![(id, outcome.map(drop).map_err(|error| error.kind))])
}

/// One record as PutRecord, several as PutRecordBatch, which come to the same: no limit divides them.
async fn put(firehose: &Arc<Firehose>, name: &str, ids: Vec<u64>) -> Vec<(u64, Outcome)> {
    let mut records: Vec<Value> =
        ids.iter().map(|id| json!({"Data": base64_simd::STANDARD.encode_to_string(body(*id))})).collect();
    let mut input = json!({"DeliveryStreamName": name});
    let outcome = if records.len() == 1 {
        input["Record"] = records.remove(0);
        ask(firehose, "PutRecord", input).await
    } else {
        input["Records"] = records.into();
        ask(firehose, "PutRecordBatch", input).await
    };
    let outcome = outcome.map(drop).map_err(|error| error.kind);
    ids.into_iter().map(|id| (id, outcome)).collect()
}

fn hints(chance: &mut Chance) -> Value {
    json!({"SizeInMBs": 1, "IntervalInSeconds": chance.pick(&[0, 0, 1, 3])})
}

fn bucket(prefix: &str, hints: &Value) -> Value {
    json!({
        "RoleARN": "arn:aws:iam::000000000000:role/r",
        "BucketARN": "arn:aws:s3:::b",
        "Prefix": prefix,
        "BufferingHints": hints,
    })
}

/// What makes a life of a delivery stream.
fn created(name: &str, life: u64, hints: &Value) -> Value {
    let (good, backup) = prefixes(life);
    let mut destination = bucket(&good, hints);
    if has_backup(life) {
        destination["S3BackupMode"] = json!("Enabled");
        destination["S3BackupConfiguration"] = bucket(&backup, &json!({"SizeInMBs": 1, "IntervalInSeconds": 1}));
    }
    json!({"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": destination})
}

async fn update(firehose: &Arc<Firehose>, name: &str, hints: Value) -> Outcome {
    let shown = describe(firehose, name).await.map_err(|error| error.kind)?;
    let input = json!({
        "DeliveryStreamName": name,
        "CurrentDeliveryStreamVersionId": shown["VersionId"],
        "DestinationId": "destinationId-000000000001",
        "ExtendedS3DestinationUpdate": {"BufferingHints": hints},
    });
    ask(firehose, "UpdateDestination", input).await.map(drop).map_err(|error| error.kind)
}

async fn describe(firehose: &Arc<Firehose>, name: &str) -> Result<Value, ServiceError> {
    let mut output = ask(firehose, "DescribeDeliveryStream", json!({"DeliveryStreamName": name})).await?;
    Ok(output["DeliveryStreamDescription"].take())
}

/// All there is, as it is shown.
async fn look_at(firehose: &Arc<Firehose>) -> Result<View, ServiceError> {
    let output = ask(firehose, "ListDeliveryStreams", json!({})).await?;
    let mut view = View::default();
    for name in output["DeliveryStreamNames"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        view.0.insert(name.to_owned(), describe(firehose, name).await?);
    }
    Ok(view)
}
