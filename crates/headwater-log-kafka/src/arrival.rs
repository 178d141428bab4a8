//! Bringing the logs of a data folder into a cluster, under a prefix that nobody uses yet.
//!
//! Invariant: until all of it is there, a topic says that it is not, and no server opens the prefix; whoever was cut short
//! goes on where what is there ends.
use crate::{
    Prefix, Settings,
    checks::{MAX_ENTRY_BYTES, Replication},
    client::{Answer, Client, NewTopic},
    endings,
    engine::{Connected, connect, out_of_reach},
    krafka::Krafka,
    moved,
    names::Partition,
};
use bytes::Bytes;
use headwater_log::{Entry, Limits, LogError, LogGroup, LogId, Seq, clock::Clock};
use std::sync::Arc;

const ONE: Limits = Limits { entries: 1, bytes: 1 };

/// A data folder on its way into a cluster.
pub struct Arrival(Moving<Krafka>);

impl Arrival {
    /// Begins to bring in the folder that `source` tells from all others, or goes on with it.
    ///
    /// # Errors
    /// A sentence if the cluster is out of reach or refused, if the prefix is in use, or another folder is on its way there.
    pub async fn begin(settings: &Settings, clock: Arc<dyn Clock>, source: u32) -> Result<Self, LogError> {
        let Connected { client, described, topics } = connect(settings, clock).await?;
        let replication = Replication::on(described.brokers.len());
        Ok(Self(Moving::begin(client, settings.prefix.clone(), replication, &topics, source).await?))
    }

    /// Makes room for a group whose logs have parts below `parts`.
    ///
    /// # Errors
    /// `Unavailable` if the cluster does not.
    pub async fn make(&self, group: LogGroup, parts: u32) -> Result<(), LogError> {
        self.0.make(group, parts).await
    }

    /// Where to go on with a log of which nothing before `first` can be read.
    ///
    /// # Errors
    /// `Unavailable` if the cluster does not tell or take it.
    pub async fn reached(&self, log: LogId, first: Seq) -> Result<Seq, LogError> {
        self.0.reached(log, first).await
    }

    /// Puts entries behind those that are there.
    ///
    /// # Errors
    /// `Unavailable` if the cluster does not take them all; some may be there nevertheless.
    pub async fn put(&self, log: LogId, entries: &[Entry]) -> Result<(), LogError> {
        self.0.put(log, entries).await
    }

    /// All entries are there, and all logs go on at `next`. What is still to be done goes through an
    /// [engine](crate::KafkaEngine::open_unfinished).
    ///
    /// # Errors
    /// `Unavailable` if the cluster does not take that in.
    pub async fn go_on_at(&self, next: Seq) -> Result<(), LogError> {
        self.0.go_on_at(next).await
    }

    /// Everything is there: servers may open the prefix.
    ///
    /// # Errors
    /// `Unavailable` if the cluster does not take that in.
    pub async fn end(self) -> Result<(), LogError> {
        self.0.end().await
    }
}

/// The same over any client.
pub(crate) struct Moving<C> {
    client: C,
    prefix: Prefix,
    replication: Replication,
}

impl<C: Client> Moving<C> {
    pub(crate) async fn begin(
        client: C,
        prefix: Prefix,
        replication: Replication,
        topics: &[String],
        source: u32,
    ) -> Result<Self, LogError> {
        let moving = prefix.moving();
        if !topics.is_empty() && !topics.contains(&moving) {
            return Err(LogError::Io(format!(
                "the prefix `{prefix}` is in use on this cluster: move to another one with --kafka-prefix"
            )));
        }
        let begun = Self { client, prefix, replication };
        if begun.source(&moving).await.map_err(out_of_reach)?.is_some_and(|other| other != source) {
            return Err(LogError::Io(format!(
                "another data folder is being moved to the prefix `{}`: go on with that one, or move this one to another \
                 prefix with --kafka-prefix",
                begun.prefix
            )));
        }
        let source = source.to_be_bytes().to_vec().into();
        begun.client.produce(&partition(&moving, 0), vec![source]).await.map_err(out_of_reach)?;
        Ok(begun)
    }

    /// Which folder is on its way already. Makes the topic that says so.
    async fn source(&self, moving: &str) -> Answer<Option<u32>> {
        self.create(moving, 1).await?;
        let told = self.client.fetch(&partition(moving, 0), 0, ONE).await?.records.into_iter().next();
        Ok(told.and_then(|record| Some(u32::from_be_bytes(*record.value.first_chunk()?))))
    }

    pub(crate) async fn make(&self, group: LogGroup, parts: u32) -> Result<(), LogError> {
        let failed = |error| LogError::Unavailable(format!("group {group} cannot be made: {error}"));
        for name in [self.prefix.topic(group, 0), self.prefix.moved(group)] {
            self.create(&name, i32::try_from(parts).unwrap_or(i32::MAX)).await.map_err(failed)?;
        }
        Ok(())
    }

    pub(crate) async fn reached(&self, log: LogId, first: Seq) -> Result<Seq, LogError> {
        let moved = self.partition(log)?;
        let failed = |error| LogError::Unavailable(format!("how far log {log} is there is unknown: {error}"));
        let reached = moved::next(&self.client, &moved).await.map_err(failed)?;
        if let Some(reached) = reached.filter(|reached| *reached >= first) {
            return Ok(reached);
        }
        if reached.is_some() {
            // It has been trimmed since: what is there would leave a hole.
            moved::clear(&self.client, &moved).await.map_err(failed)?;
        }
        self.client.produce(&moved, vec![moved::encode_beginning(first)]).await.map_err(failed)?;
        Ok(first)
    }

    pub(crate) async fn put(&self, log: LogId, entries: &[Entry]) -> Result<(), LogError> {
        if let Some(large) = entries.iter().find(|entry| entry.bytes.len() > MAX_ENTRY_BYTES) {
            let (len, seq) = (large.bytes.len(), large.stamp.seq);
            return Err(LogError::Io(format!(
                "log {log}: the entry at {seq} has {len} bytes: {MAX_ENTRY_BYTES} are taken"
            )));
        }
        let records: Vec<Bytes> = entries.iter().map(moved::encode).collect();
        let put = self.client.produce(&self.partition(log)?, records).await;
        put.map(drop).map_err(|error| LogError::Unavailable(format!("log {log} cannot be written: {error}")))
    }

    pub(crate) async fn go_on_at(&self, next: Seq) -> Result<(), LogError> {
        let name = self.prefix.endings();
        self.create(&name, 1).await.map_err(out_of_reach)?;
        let floor = vec![endings::encode_floor(next.0)];
        self.client.produce(&partition(&name, 0), floor).await.map(drop).map_err(out_of_reach)
    }

    pub(crate) async fn end(self) -> Result<(), LogError> {
        self.client.delete_topic(&self.prefix.moving()).await.map_err(out_of_reach)
    }

    fn partition(&self, log: LogId) -> Result<Partition, LogError> {
        let index =
            i32::try_from(log.part).map_err(|_| LogError::Io(format!("log {log} is beyond what a topic can hold")))?;
        Ok(partition(&self.prefix.moved(log.group), index))
    }

    /// Sees to it that there is such a topic.
    async fn create(&self, name: &str, partitions: i32) -> Answer<()> {
        let settings = self.replication.topic_settings();
        let topic = NewTopic { name, partitions, replicas: self.replication.replicas, settings: &settings };
        if !self.client.create_topic(&topic).await? {
            self.client.grow_topic(name, partitions).await?;
        }
        Ok(())
    }
}

fn partition(topic: &str, index: i32) -> Partition {
    Partition { topic: topic.into(), index }
}
