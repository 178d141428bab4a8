//! `headwater serve`: the only place that constructs engines, opens sockets and draws chance. What it builds it takes
//! down again in order: no new connections, the last answers out, the engine closed.
mod counted;
mod notify;
mod store;

pub(crate) use counted::run as count;
pub(crate) use store::{LOG_FOLDER, ROWS_FOLDER, open_rows, open_stopped, rows_in_memory, why_not};

use crate::{
    front::{
        Backups, Behind, Doors, Front, Inside, Look, MAX_CONNECTIONS, Observer, Readings, Relay, Table, Tls, Traces,
        listen,
    },
    functions::{Queue, Registry},
    gate::Gate,
    key_files,
    kinesis_source::KinesisSource,
    logging,
    nodes::{Nodes, while_leading},
    outward::{Outward, SpanSink, Telemetry},
    settings::{RateLimits, Settings, Store},
};
use headwater_dynamodb::{DynamoDb, DynamoDbParts, DynamoDbSettings};
use headwater_firehose::{
    Firehose, FirehoseParts, FirehoseSettings, Share,
    glue::{self, Glue, GlueParts},
    outside::Functions,
};
use headwater_keys::KeyStore;
use headwater_kinesis::{Entropy, Kinesis, KinesisParts, KinesisSettings};
use headwater_log::{
    Engine, LogError,
    clock::{Clock, SystemClock},
    kv::Kv,
};
use headwater_wire::{Access, Row};
use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
};
use store::Opened;
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    sync::{Semaphore, watch},
};

/// How long the last answers may take when the server stops.
const DRAIN_MS: u64 = 10_000;

/// Runs the server until it is told to stop.
///
/// # Errors
/// A sentence on what keeps it from starting, and what to do.
pub(crate) fn run(settings: Settings) -> Result<(), String> {
    logging::start(&settings);
    let runtime = Runtime::new().map_err(|error| format!("cannot start the workers: {error}"))?;
    let engine = runtime.block_on(serve(settings))?;
    // Tasks that still wait for something hold the engine; it closes when the last one lets go.
    drop(runtime);
    drop(engine);
    tracing::info!("stopped");
    Ok(())
}

async fn serve(settings: Settings) -> Result<Arc<dyn Engine>, String> {
    let clock: Arc<dyn Clock> = SystemClock::new();
    let entropy: Entropy = Arc::new(entropy);
    let mut listeners = Vec::new();
    for address in &settings.listen {
        let listener = TcpListener::bind(address).await;
        listeners.push(listener.map_err(|error| format!("--listen {address}: {error}"))?);
    }
    let tls = match (&settings.tls, &settings.store) {
        (Some((certificate, key)), _) => Tls::given(certificate, key)?,
        (None, Store::Folder(data)) => Tls::made(&settings.region, &settings.server_names, Some(data)),
        (None, Store::Memory) => Tls::made(&settings.region, &settings.server_names, None),
    };
    let Opened { engine, disk, kv, source } = store::open(&settings, &clock, &entropy).await?;
    let nodes = node(&settings, &engine, &clock, &entropy);
    let outward = open_outward(&settings, &entropy)?;
    let telemetry = settings.telemetry.clone().map(|to| outward.telemetry(to, &clock));
    let peers = outward.peers();
    let objects_at = outward.objects_at.clone();
    let leads = nodes.as_ref().map_or_else(|| watch::channel(true).1, |nodes| nodes.leads());
    let services = Services::open(&settings, &engine, Tables { kv, leads }, outward, &clock, &entropy).await?;
    let Services { table, functions, kinesis, dynamodb, firehose } = services;
    let counts = settings.limits == RateLimits::Aws;
    let relay = nodes.clone().map(|nodes| Relay::new(nodes, peers, dynamodb.decided(), counts, Arc::clone(&clock)));
    if let Some(nodes) = &nodes {
        // Not before it has all rows: one that leads has to decide at once.
        let joined = nodes.join().await;
        joined.map_err(|error| format!("--engine kafka: the other servers cannot be joined: {error}"))?;
    }
    begin(nodes.as_ref(), &kinesis, headwater_kinesis::run_duties);
    begin(nodes.as_ref(), &dynamodb, headwater_dynamodb::run_duties);
    begin(nodes.as_ref(), &dynamodb, headwater_dynamodb::run_snapshots);
    begin(nodes.as_ref(), &firehose, headwater_firehose::run_duties);
    let (_alone, whole) = watch::channel(Share::whole());
    let share = nodes.as_ref().map_or(whole, |nodes| nodes.share());
    tokio::spawn(headwater_firehose::run_deliveries(Arc::clone(&firehose), share));

    let traces = telemetry.as_ref().map(|telemetry| Traces::new(telemetry.sink(), telemetry.ratio()));
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let inside = Some(Inside::new(Arc::clone(&kinesis), Arc::clone(&firehose)));
    let (recovery_us, free, spans) = (clock.steady_us(), Arc::clone(&places), telemetry.as_ref().map(Telemetry::sink));
    let others = nodes.clone();
    let look: Look = Arc::new(move || Readings {
        deliveries: firehose.readings(),
        streams: kinesis.readings(),
        journal: disk.as_ref().map(|disk| disk.measures()),
        trim_lag_ms: kinesis.trim_lag_ms(),
        connections: (MAX_CONNECTIONS as usize).saturating_sub(free.available_permits()) as u64,
        recovery_us,
        spans: spans.as_ref().map(SpanSink::counts),
        nodes: others.as_ref().map(|nodes| nodes.present()).unwrap_or_default(),
    });
    let observer = Observer::new(look, settings.slow_request_ms, traces);
    let behind = Behind { table, functions, backups: Backups::of(source), relay, inside };
    let (stop, stopped) = watch::channel(false);
    let doors = Arc::new(Doors {
        front: Front::new(behind, observer, &settings, Arc::clone(&clock), entropy),
        tls,
        clock: Arc::clone(&clock),
        places,
        stop: stopped,
    });
    if let Some(telemetry) = &telemetry {
        let front = Arc::downgrade(&doors.front);
        telemetry.send_metrics(move || front.upgrade().map_or_else(String::new, |front| front.metrics()));
    }
    receive(listeners, &doors, nodes.as_deref(), &stop, &settings, &objects_at).await?;
    if let Some(telemetry) = telemetry {
        telemetry.finish().await;
    }
    Ok(engine)
}

/// This server among those on the same Kafka, if it is on one.
fn node(
    settings: &Settings,
    engine: &Arc<dyn Engine>,
    clock: &Arc<dyn Clock>,
    entropy: &Entropy,
) -> Option<Arc<Nodes>> {
    let kafka = settings.kafka.as_ref()?;
    let (engine, clock, number) = (Arc::clone(engine), Arc::clone(clock), (entropy() >> 64) as u64);
    Some(Nodes::new(engine, clock, kafka.advertise.clone(), number))
}

/// Begins a duty of a service: among several nodes the one that leads does it.
fn begin<S, F>(nodes: Option<&Arc<Nodes>>, service: &Arc<S>, duty: impl Fn(Arc<S>) -> F + Send + Sync + 'static)
where
    S: Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let service = Arc::clone(service);
    match nodes {
        None => drop(tokio::spawn(duty(service))),
        Some(nodes) => drop(tokio::spawn(while_leading(nodes.leads(), move || duty(Arc::clone(&service))))),
    }
}

/// What tables stand on, beside their log.
struct Tables {
    kv: Arc<dyn Kv>,
    /// Whether this process is to decide about them.
    leads: watch::Receiver<bool>,
}

/// What is served.
struct Services {
    table: Table,
    functions: Arc<Registry>,
    kinesis: Arc<Kinesis>,
    dynamodb: Arc<DynamoDb>,
    firehose: Arc<Firehose>,
}

impl Services {
    async fn open(
        settings: &Settings,
        engine: &Arc<dyn Engine>,
        tables: Tables,
        outward: Outward,
        clock: &Arc<dyn Clock>,
        entropy: &Entropy,
    ) -> Result<Self, String> {
        let access: Arc<dyn Access> = Arc::new(Gate::new(settings.credentials.clone()));
        let owner = (&*settings.account, &*settings.region);
        let keys = Arc::new(key_files::open(&settings.keys, &settings.store, owner, entropy)?);
        let (shared, own_keys) = (Arc::clone(engine), Arc::clone(&keys));
        let kinesis = open_kinesis(settings, shared, clock, entropy, Arc::clone(&access), own_keys).await?;
        let dynamodb = open_dynamodb(settings, Arc::clone(engine), tables, clock, entropy, Arc::clone(&access)).await?;
        let parts = GlueParts { engine: Arc::clone(engine), clock: Arc::clone(clock), access: Arc::clone(&access) };
        let glue = Glue::open(parts).await.map_err(|error| format!("Glue's catalog cannot be opened: {error}"))?;
        let timeout_ms = settings.outward.function_timeout_ms;
        let queue = Queue::new(timeout_ms, Arc::clone(clock), Arc::clone(entropy));
        let functions = Arc::new(Registry::new(outward.remote, queue));
        let parts = FirehoseParts {
            engine: Arc::clone(engine),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
            keys,
            access,
            settings: FirehoseSettings {
                transition_ms: settings.transition_ms,
                rate_limits: settings.limits == RateLimits::Aws,
                ..FirehoseSettings::default()
            },
            source: Arc::new(KinesisSource(Arc::clone(&kinesis))),
            objects: outward.objects,
            functions: Arc::clone(&functions) as Arc<dyn Functions>,
            endpoints: outward.endpoints,
            glue: Arc::clone(&glue),
        };
        let firehose =
            Firehose::open(parts).await.map_err(|error| format!("Firehose's catalog cannot be opened: {error}"))?;
        let table = Table::new(Arc::clone(clock));
        let is_shared = engine.is_shared();
        let table = table.with(&kinesis, among_others(is_shared, headwater_kinesis::operations(), Kinesis::catch_up));
        let table = table.with(&dynamodb, headwater_dynamodb::operations());
        let table =
            table.with(&firehose, among_others(is_shared, headwater_firehose::operations(), Firehose::catch_up));
        let mut table = table.with(&glue, among_others(is_shared, glue::operations(), Glue::catch_up));
        table.arm(&settings.faults)?;
        Ok(Self { table, functions, kinesis, dynamodb, firehose })
    }
}

/// Rows that know of what other processes do, where there are some. Where that cannot be read, they answer by what is known.
fn among_others<S, F>(
    is_shared: bool,
    rows: Vec<Row<S>>,
    catch_up: impl Fn(Arc<S>) -> F + Send + Sync + Copy + 'static,
) -> Vec<Row<S>>
where
    S: Send + Sync + 'static,
    F: Future<Output = Result<(), LogError>> + Send + 'static,
{
    if !is_shared {
        return rows;
    }
    let try_to = move |service| async move {
        catch_up(service).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what other processes decided cannot be read");
        });
    };
    rows.into_iter().map(|row| row.among_others(try_to)).collect()
}

/// Takes requests until the process is told to stop, and lets the last answers out.
async fn receive(
    listeners: Vec<TcpListener>,
    doors: &Arc<Doors>,
    nodes: Option<&Nodes>,
    stop: &watch::Sender<bool>,
    settings: &Settings,
    objects_at: &str,
) -> Result<(), String> {
    let addresses: Vec<SocketAddr> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    for listener in listeners {
        tokio::spawn(listen(listener, Arc::clone(doors)));
    }
    announce(settings, &addresses, objects_at);
    notify::notify("READY=1");

    told_to_stop().await.map_err(|error| format!("cannot listen for signals: {error}"))?;
    tracing::info!("stopping");
    notify::notify("STOPPING=1");
    doors.front.stopping();
    if let Some(nodes) = nodes {
        nodes.leave().await;
    }
    // Nobody listens for this once every connection is gone.
    let _ = stop.send(true);
    tokio::select! {
        _ = doors.places.acquire_many(MAX_CONNECTIONS) => {}
        () = doors.clock.sleep(DRAIN_MS) => tracing::warn!("some clients still wait; they are cut off"),
        _ = told_to_stop() => {}
    }
    Ok(())
}

fn open_outward(settings: &Settings, entropy: &Entropy) -> Result<Outward, String> {
    let data = match &settings.store {
        Store::Folder(data) => Some(data.as_path()),
        Store::Memory => None,
    };
    Outward::open(&settings.outward, data, entropy())
}

async fn open_kinesis(
    settings: &Settings,
    engine: Arc<dyn Engine>,
    clock: &Arc<dyn Clock>,
    entropy: &Entropy,
    access: Arc<dyn Access>,
    keys: Arc<KeyStore>,
) -> Result<Arc<Kinesis>, String> {
    let defaults = KinesisSettings::default();
    let parts = KinesisParts {
        engine,
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        keys,
        access,
        settings: KinesisSettings {
            shard_limit: settings.shard_limit.unwrap_or(defaults.shard_limit),
            transition_ms: settings.transition_ms,
            rate_limits: settings.limits == RateLimits::Aws,
            ..defaults
        },
    };
    Kinesis::open(parts).await.map_err(|error| format!("Kinesis' catalog cannot be opened: {error}"))
}

async fn open_dynamodb(
    settings: &Settings,
    engine: Arc<dyn Engine>,
    Tables { kv, leads }: Tables,
    clock: &Arc<dyn Clock>,
    entropy: &Entropy,
    access: Arc<dyn Access>,
) -> Result<Arc<DynamoDb>, String> {
    let parts = DynamoDbParts {
        engine,
        kv,
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        access,
        settings: DynamoDbSettings {
            transition_ms: settings.transition_ms,
            rate_limits: settings.limits == RateLimits::Aws,
            expiry_sweep_ms: settings.expiry_sweep_ms,
            stream_shard_ms: settings.stream_shard_ms,
            snapshot_bytes: settings.table_snapshot_bytes,
        },
        leads,
    };
    let advice = match (&settings.kafka, &settings.store) {
        (Some(_), Store::Folder(data)) => format!("; all in {} is made again if it is removed", data.display()),
        _ => String::new(),
    };
    DynamoDb::open(parts).await.map_err(|error| format!("DynamoDB's tables cannot be opened: {error}{advice}"))
}

/// Chance comes from the system, and in here alone.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub(crate) fn entropy() -> u128 {
    let mut bytes = [0; 16];
    // Without chance, tokens could be forged: better not to run.
    assert!(getrandom::fill(&mut bytes).is_ok(), "the system gives no random numbers");
    u128::from_le_bytes(bytes)
}

/// What to paste next, on standard output.
fn announce(settings: &Settings, addresses: &[SocketAddr], objects_at: &str) {
    let Some(first) = addresses.first() else { return };
    let endpoints: Vec<String> = addresses.iter().map(|address| format!("http://{address}")).collect();
    let data = match &settings.store {
        Store::Folder(data) => data.display().to_string(),
        Store::Memory => "in memory; gone when the process ends".into(),
    };
    let (keys, region) = (settings.credentials.is_empty(), &settings.region);
    let keys = if keys { "export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any\n              " } else { "" };
    let text = format!(
        "Headwater {version} takes requests.\n  endpoint    {endpoints} (https:// on the same port)\n  \
         console     http://{first}/_headwater/console\n  data        {data}\n  objects     {objects_at}\n  paste next  {keys}aws --endpoint-url http://{first} --region {region} kinesis \
         create-stream --stream-name first --shard-count 1\n",
        version = env!("CARGO_PKG_VERSION"),
        endpoints = endpoints.join(", "),
    );
    // Nobody may be listening; the server runs all the same.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Resolves when the system or the user asks the process to end.
#[cfg(unix)]
pub(crate) async fn told_to_stop() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Resolves when the user asks the process to end.
#[cfg(not(unix))]
pub(crate) async fn told_to_stop() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
