//! Which topics there are, and making, growing and deleting them.
//!
//! Invariant: a topic is created only in a life whose beginning is known, and what is created under an ending that was
//! written meanwhile is deleted before anything is put into it.
use crate::{
    checks::Replication,
    client::{Answer, Client, ClientError, NewTopic},
    endings::{self, Endings},
    names::{self, Life, Partition, Prefix},
};
use headwater_log::{LogGroup, LogId, Seq};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::Mutex;

/// The topics of one Headwater cluster, as far as this process has heard of them.
pub(crate) struct Topics {
    prefix: Prefix,
    replication: Replication,
    endings_log: Partition,
    known: RwLock<HashMap<LogGroup, Topic>>,
    /// Held while topics are looked for or changed.
    changing: Mutex<Endings>,
}

#[derive(Clone)]
struct Topic {
    name: Arc<str>,
    partitions: i32,
    life: Life,
    moved: Option<Moved>,
}

/// The topic of what a group brought from elsewhere.
#[derive(Clone)]
struct Moved {
    name: Arc<str>,
    partitions: i32,
}

/// Where a log is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Home {
    pub(crate) partition: Partition,
    pub(crate) life: Life,
    /// Where what stands before the first place of this life is, if the log [came from elsewhere](crate::moved).
    pub(crate) moved: Option<Partition>,
}

impl Home {
    /// Where the log begins, as far as its own partition tells, whose first offset this is.
    pub(crate) fn first(&self, offset: i64) -> Seq {
        if self.moved.is_some() && offset == 0 { Seq::ZERO } else { self.life.seq(offset) }
    }
}

impl Topics {
    pub(crate) fn new(prefix: Prefix, replication: Replication) -> Self {
        let endings_log = Partition { topic: prefix.endings().into(), index: 0 };
        Self { prefix, replication, endings_log, known: RwLock::default(), changing: Mutex::default() }
    }

    /// Finds all topics there are; returns the logs in them. Topics that outlived their ending go, and those of which all that
    /// was moved in has been trimmed.
    pub(crate) async fn survey<C: Client>(&self, client: &C) -> Answer<Vec<(LogId, Home)>> {
        let mut endings = self.changing.lock().await;
        let endings_topic = &*self.endings_log.topic;
        if !client.partitions(&[endings_topic.to_owned()]).await?.contains_key(endings_topic) {
            self.create(client, endings_topic, 1).await?;
        }
        endings.read_on(client, &self.endings_log).await?;
        let (mut live, mut logs) = (Vec::new(), Vec::new());
        for name in client.topics().await? {
            let is_over = match (self.prefix.parse(&name), self.prefix.parse_moved(&name)) {
                (Some((group, life)), _) if life == endings.life(group).number => {
                    live.push(group);
                    false
                }
                (Some((group, life)), _) => life < endings.life(group).number,
                (None, Some(group)) => endings.life(group).number > 0 || is_empty(client, &name).await?,
                (None, None) => false,
            };
            if is_over {
                client.delete_topic(&name).await?;
            }
        }
        self.learn_all(client, &endings, &live).await?;
        for group in live {
            let parts = u32::try_from(self.partitions_known(group).unwrap_or(0)).unwrap_or(0);
            let parts = (0..parts).map(|part| LogId::new(group, part));
            logs.extend(parts.filter_map(|log| Some((log, self.known(log)?))));
        }
        Ok(logs)
    }

    /// Where a log is, as far as is known.
    pub(crate) fn known(&self, log: LogId) -> Option<Home> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let topic = known.get(&log.group)?;
        let partition = names::partition(&topic.name, log)?;
        let moved = topic.moved.as_ref().filter(|moved| partition.index < moved.partitions);
        let moved = moved.map(|moved| Partition { topic: Arc::clone(&moved.name), index: partition.index });
        (partition.index < topic.partitions).then_some(Home { partition, life: topic.life, moved })
    }

    /// Where a log is; none if it has not been born.
    pub(crate) async fn find<C: Client>(&self, client: &C, log: LogId) -> Answer<Option<Home>> {
        if let Some(home) = self.known(log) {
            return Ok(Some(home));
        }
        let mut endings = self.changing.lock().await;
        self.look(client, &mut endings, log.group).await?;
        Ok(self.known(log))
    }

    /// Where a log is; it is born if it was not, and with it as many parts of its group as `parts` says.
    pub(crate) async fn make<C: Client>(&self, client: &C, log: LogId, parts: impl Fn() -> u32) -> Answer<Home> {
        if let Some(home) = self.known(log) {
            return Ok(home);
        }
        let wanted = i32::try_from(parts().max(log.part.saturating_add(1)))
            .map_err(|_| ClientError::Refused(format!("part {} is beyond what a topic can hold", log.part)))?;
        let mut endings = self.changing.lock().await;
        loop {
            let life = self.look(client, &mut endings, log.group).await?;
            if let Some(home) = self.known(log) {
                return Ok(home);
            }
            let name = self.prefix.topic(log.group, life.number);
            if self.partitions_known(log.group).is_some() {
                client.grow_topic(&name, wanted).await?;
                self.has_grown(log.group, wanted);
            } else if self.create(client, &name, wanted).await? {
                endings.read_on(client, &self.endings_log).await?;
                if endings.life(log.group) == life {
                    let topic = Topic { name: name.into(), partitions: wanted, life, moved: None };
                    self.learn(log.group, topic);
                } else {
                    client.delete_topic(&name).await?; // another node ended this life before we created the topic
                }
            }
        }
    }

    /// Deletes a group; returns the place its next life would begin at, if there was anything to delete.
    pub(crate) async fn delete<C: Client>(&self, client: &C, group: LogGroup) -> Answer<Option<Life>> {
        let mut endings = self.changing.lock().await;
        let life = self.look(client, &mut endings, group).await?;
        let Some(partitions) = self.partitions_known(group) else { return Ok(None) };
        let name = self.prefix.topic(group, life.number);
        let tails = client.ends(&names::partitions(&name, partitions)).await?.into_iter().map(|(_, ends)| ends.tail);
        let next = Life { number: life.number + 1, base: life.seq(tails.max().unwrap_or(0)).0 };
        client.produce(&self.endings_log, vec![endings::encode(group, next)]).await?;
        endings.read_on(client, &self.endings_log).await?;
        self.forget(group);
        client.delete_topic(&name).await?;
        client.delete_topic(&self.prefix.moved(group)).await?;
        Ok(Some(endings.life(group)))
    }

    /// Behind every place of the groups that have been deleted, and the floor of all others.
    pub(crate) async fn furthest(&self) -> u64 {
        self.changing.lock().await.furthest()
    }

    /// What is known of a group may no longer hold; it will be looked for again.
    pub(crate) fn forget(&self, group: LogGroup) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(&group);
    }

    /// Looks for the topic of a group's present life, and returns that life.
    async fn look<C: Client>(&self, client: &C, endings: &mut Endings, group: LogGroup) -> Answer<Life> {
        endings.read_on(client, &self.endings_log).await?;
        self.learn_all(client, endings, &[group]).await?;
        Ok(endings.life(group))
    }

    /// Asks what there is of these groups.
    async fn learn_all<C: Client>(&self, client: &C, endings: &Endings, groups: &[LogGroup]) -> Answer<()> {
        let names =
            |group: &LogGroup| [self.prefix.topic(*group, endings.life(*group).number), self.prefix.moved(*group)];
        let partitions = client.partitions(&groups.iter().flat_map(names).collect::<Vec<_>>()).await?;
        for group in groups {
            let [name, moved] = names(group);
            let count = partitions.get(&moved).copied();
            let moved = count.map(|partitions| Moved { name: moved.as_str().into(), partitions });
            match partitions.get(&name) {
                Some(&partitions) => {
                    let life = endings.life(*group);
                    self.learn(*group, Topic { name: name.into(), partitions, life, moved });
                }
                None => self.forget(*group),
            }
        }
        Ok(())
    }

    async fn create<C: Client>(&self, client: &C, name: &str, partitions: i32) -> Answer<bool> {
        let settings = self.replication.topic_settings();
        let replicas = self.replication.replicas;
        client.create_topic(&NewTopic { name, partitions, replicas, settings: &settings }).await
    }

    fn partitions_known(&self, group: LogGroup) -> Option<i32> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&group).map(|topic| topic.partitions)
    }

    fn learn(&self, group: LogGroup, topic: Topic) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(group, topic);
    }

    fn has_grown(&self, group: LogGroup, partitions: i32) {
        if let Some(topic) = self.known.write().unwrap_or_else(PoisonError::into_inner).get_mut(&group) {
            topic.partitions = partitions;
        }
    }
}

/// Whether nothing is left in a topic.
async fn is_empty<C: Client>(client: &C, name: &str) -> Answer<bool> {
    let partitions = client.partitions(&[name.to_owned()]).await?.get(name).copied().unwrap_or(0);
    Ok(client.ends(&names::partitions(name, partitions)).await?.iter().all(|(_, ends)| ends.first >= ends.tail))
}
