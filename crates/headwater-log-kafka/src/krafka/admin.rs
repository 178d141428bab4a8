//! Asking a cluster about topics, and changing them.
use crate::{
    checks::{Configured, Described, DescribedTopic},
    client::{Answer, ClientError, Ends, NewTopic},
    names::Partition,
};
use ::krafka::{
    KrafkaError,
    admin::{
        self, AdminClient, ConfigResource, CreatePartitionsOptions, CreateTopicsOptions, DeleteRecordsOptions,
        DeleteTopicsOptions, DescribeClusterOptions, DescribeConfigsOptions, DescribeTopicsOptions, ListOffsetsOptions,
        ListTopicsOptions, ListedOffset, OffsetSpec, TopicPartition,
    },
    error::ErrorCode,
};
use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

pub(super) async fn ends(admin: &AdminClient, of: &[Partition]) -> Answer<Vec<(Partition, Ends)>> {
    let (mut firsts, mut tails) =
        tokio::try_join!(offsets(admin, of, OffsetSpec::Earliest), offsets(admin, of, OffsetSpec::Latest))?;
    let both = |partition: &Partition| {
        let (first, tail) = (one(&mut firsts, &named(partition))?, one(&mut tails, &named(partition))?);
        Ok((partition.clone(), Ends { first: first.offset, tail: tail.offset }))
    };
    of.iter().map(both).collect()
}

type Offsets = HashMap<TopicPartition, Result<ListedOffset, KrafkaError>>;

async fn offsets(admin: &AdminClient, of: &[Partition], spec: OffsetSpec) -> Answer<Offsets> {
    let asked = of.iter().map(|partition| (named(partition), spec));
    admin.list_offsets(asked, ListOffsetsOptions::default()).await.map_err(|error| failure(&error))
}

pub(super) async fn delete_records(admin: &AdminClient, of: &Partition, before: i64) -> Answer<i64> {
    let asked = admin.delete_records([(named(of), before)], DeleteRecordsOptions::default()).await;
    one(&mut asked.map_err(|error| failure(&error))?, &named(of))
}

pub(super) async fn topics(admin: &AdminClient) -> Answer<Vec<String>> {
    admin.list_topics(ListTopicsOptions::default()).await.map_err(|error| failure(&error))
}

pub(super) async fn partitions(admin: &AdminClient, of: &[String]) -> Answer<BTreeMap<String, i32>> {
    let described = admin.describe_topics(of, DescribeTopicsOptions::default()).await;
    let mut counts = BTreeMap::new();
    for (name, topic) in described.map_err(|error| failure(&error))? {
        match topic.map_err(|error| failure(&error)) {
            Ok(topic) => {
                counts.insert(name, i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX));
            }
            Err(ClientError::Missing) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(counts)
}

pub(super) async fn create_topic(admin: &AdminClient, topic: &NewTopic<'_>) -> Answer<bool> {
    let mut new =
        admin::NewTopic::new(topic.name, topic.partitions, topic.replicas).map_err(|error| failure(&error))?;
    for (name, value) in topic.settings {
        new = new.with_config(*name, value);
    }
    let created = admin.create_topics([new], CreateTopicsOptions::default()).await;
    let mut created = created.map_err(|error| failure(&error))?;
    match created.remove(topic.name) {
        Some(Ok(())) => Ok(true),
        Some(Err(KrafkaError::Broker { code: ErrorCode::TopicAlreadyExists, .. })) => Ok(false),
        Some(Err(error)) => Err(failure(&error)),
        None => Err(unmentioned(topic.name)),
    }
}

pub(super) async fn grow_topic(admin: &AdminClient, topic: &str, partitions: i32) -> Answer<()> {
    let grown = admin.create_partitions([(topic, partitions)], CreatePartitionsOptions::default()).await;
    match grown.map_err(|error| failure(&error))?.remove(topic) {
        // There are as many already, or more: another node was first.
        Some(Ok(()) | Err(KrafkaError::Broker { code: ErrorCode::InvalidPartitions, .. })) => Ok(()),
        Some(Err(error)) => Err(failure(&error)),
        None => Err(unmentioned(topic)),
    }
}

pub(super) async fn delete_topic(admin: &AdminClient, topic: &str) -> Answer<()> {
    let mut deleted =
        admin.delete_topics([topic], DeleteTopicsOptions::default()).await.map_err(|error| failure(&error))?;
    match one(&mut deleted, topic) {
        Err(ClientError::Missing) => Ok(()),
        other => other,
    }
}

pub(super) async fn describe(admin: &AdminClient, topics: &[String]) -> Answer<Described> {
    let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await.map_err(|error| failure(&error))?;
    let brokers = cluster.brokers.iter().map(|broker| ConfigResource::broker(broker.id));
    let asked: Vec<_> = brokers.chain(topics.iter().map(ConfigResource::topic)).collect();
    let configs = admin.describe_configs(asked.clone(), DescribeConfigsOptions::default()).await;
    let mut configs = configs.map_err(|error| failure(&error))?;
    let mut configured = Vec::with_capacity(asked.len());
    for resource in asked {
        let entries = one(&mut configs, &resource)?;
        let settings = entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect();
        configured.push(Configured { name: resource.name, settings });
    }
    let of_topics = configured.split_off(cluster.brokers.len());
    let replicas = replicas(admin, topics).await?;
    let topics = of_topics.into_iter().map(|configured| DescribedTopic {
        replicas: replicas.get(&configured.name).copied().unwrap_or(0),
        configured,
    });
    Ok(Described { cluster: cluster.cluster_id, brokers: configured, topics: topics.collect() })
}

/// The copies of the partition that has fewest, by topic.
async fn replicas(admin: &AdminClient, of: &[String]) -> Answer<HashMap<String, usize>> {
    let described = admin.describe_topics(of, DescribeTopicsOptions::default()).await;
    let mut replicas = HashMap::new();
    for (name, topic) in described.map_err(|error| failure(&error))? {
        let topic = topic.map_err(|error| failure(&error))?;
        let fewest = topic.partitions.iter().map(|partition| partition.replicas.len()).min();
        replicas.insert(name, fewest.unwrap_or(0));
    }
    Ok(replicas)
}

pub(super) fn named(partition: &Partition) -> TopicPartition {
    TopicPartition::new(&*partition.topic, partition.index)
}

/// The answer for one of the things asked about.
fn one<K, Q, T>(answers: &mut HashMap<K, Result<T, KrafkaError>>, key: &Q) -> Answer<T>
where
    K: Hash + Eq + std::borrow::Borrow<Q>,
    Q: Hash + Eq + std::fmt::Debug + ?Sized,
{
    let answer = answers.remove(key).ok_or_else(|| unmentioned(key))?;
    answer.map_err(|error| failure(&error))
}

fn unmentioned(what: impl std::fmt::Debug) -> ClientError {
    ClientError::Unanswered(format!("the broker's answer does not mention {what:?}"))
}

/// What an error says of a call. Reads do not care whether they took place.
pub(super) fn failure(error: &KrafkaError) -> ClientError {
    match error {
        KrafkaError::Broker { code: ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId, .. }
        | KrafkaError::UnknownTopic { .. } => ClientError::Missing,
        KrafkaError::Broker { code: ErrorCode::OffsetOutOfRange, .. } | KrafkaError::NoOffset { .. } => {
            ClientError::OutOfRange
        }
        KrafkaError::Config { .. } => ClientError::Refused(error.to_string()),
        _ => ClientError::Unanswered(error.to_string()),
    }
}
