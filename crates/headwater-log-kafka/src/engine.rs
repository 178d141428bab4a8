//! The engine as services see it, on a real cluster.
use crate::{
    Settings,
    checks::{self, Described, Replication},
    client::{Client, ClientError},
    core::Core,
    krafka::Krafka,
    tail,
    topics::Topics,
};
use bytes::Bytes;
use headwater_log::{
    Bounds, Commit, Engine, Limits, LogError, LogGroup, LogId, Seq,
    clock::Clock,
    engine::{Asking, Preparing, Reading, Trimming},
};
use std::sync::Arc;
use tokio::sync::watch;

/// Logs on Apache Kafka.
///
/// Bounds are what this node has heard: what it read, appended and trimmed itself, and – of logs that are watched – what
/// others did.
pub struct KafkaEngine {
    core: Arc<Core<Krafka>>,
    identity: String,
}

impl KafkaEngine {
    /// Connects to a cluster, sees that it is one to entrust entries to, and finds the logs that are there. Works on the
    /// runtime it is called in.
    ///
    /// # Errors
    /// `Unavailable` if the cluster cannot be reached, `Io` if it is refused: the text says what to set.
    pub async fn open(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Arc<Self>, LogError> {
        let connected = connect(settings, Arc::clone(&clock)).await?;
        if connected.topics.contains(&settings.prefix.moving()) {
            return Err(LogError::Io(format!(
                "a data folder is being moved to the prefix `{0}`, and not all of it is there: run `headwater migrate to-kafka` \
                 again, with the same folder",
                settings.prefix
            )));
        }
        Self::over(connected, settings, clock).await
    }

    /// The same for whoever is moving a data folder there.
    ///
    /// # Errors
    /// Those of [`Self::open`], but that one.
    pub async fn open_unfinished(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Arc<Self>, LogError> {
        Self::over(connect(settings, Arc::clone(&clock)).await?, settings, clock).await
    }

    async fn over(connected: Connected, settings: &Settings, clock: Arc<dyn Clock>) -> Result<Arc<Self>, LogError> {
        let Connected { client, described, .. } = connected;
        let topics = Topics::new(settings.prefix.clone(), Replication::on(described.brokers.len()));
        let core = Core::open(client, topics, clock).await.map_err(out_of_reach)?;
        tokio::spawn(tail::follow(Arc::downgrade(&core)));
        let identity = format!("{}-{}", described.cluster, settings.prefix);
        Ok(Arc::new(Self { core, identity }))
    }

    /// The logs there were when it was opened, and those it has heard of since.
    #[must_use]
    pub fn logs(&self) -> Vec<LogId> {
        self.core.known_logs()
    }

    /// Behind every place of the logs that there were and are.
    #[must_use]
    pub async fn furthest(&self) -> Seq {
        self.core.furthest().await
    }

    /// Tells these logs from all others: the cluster's id and the prefix, fit for a file's name.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }
}

/// A cluster that may be entrusted with entries.
pub(crate) struct Connected {
    pub(crate) client: Krafka,
    pub(crate) described: Described,
    /// Those of the prefix.
    pub(crate) topics: Vec<String>,
}

pub(crate) fn out_of_reach(error: ClientError) -> LogError {
    LogError::Unavailable(format!("the Kafka cluster cannot be used: {error}"))
}

/// Connects, and sees that the cluster is one to entrust entries to.
pub(crate) async fn connect(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Connected, LogError> {
    let client = Krafka::connect(settings, clock).await.map_err(out_of_reach)?;
    let mut topics = client.topics().await.map_err(out_of_reach)?;
    topics.retain(|topic| settings.prefix.owns(topic));
    let described = client.describe(&topics).await.map_err(out_of_reach)?;
    let objections = checks::objections(&described, settings.allow_single_replica);
    if !objections.is_empty() {
        return Err(LogError::Io(format!("the Kafka cluster is refused: {}", objections.join("; "))));
    }
    Ok(Connected { client, described, topics })
}

impl Engine for KafkaEngine {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        self.core.append(log, entries)
    }

    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        Box::pin(self.core.read(log, from, limits))
    }

    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        Box::pin(self.core.trim(log, before))
    }

    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        self.core.watch(log)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn written_here_since(&self, log: LogId) -> Seq {
        self.core.written_here_since(log)
    }

    fn bounds(&self, log: LogId) -> Bounds {
        self.core.bounds(log)
    }

    fn bounds_now(&self, log: LogId) -> Asking<'_> {
        Box::pin(self.core.bounds_now(log))
    }

    fn prepare(&self, group: LogGroup, parts: u32) -> Preparing<'_> {
        Box::pin(self.core.prepare(group, parts))
    }

    fn trim_group(&self, group: LogGroup, _: u32) -> Trimming<'_> {
        Box::pin(self.core.delete_group(group))
    }
}
