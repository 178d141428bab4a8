//! Whether a cluster is one that acknowledged entries survive in; pure. Every objection says what to set.
use std::collections::BTreeMap;

/// Copies of every record.
const REPLICAS: usize = 3;
/// Copies there must be before a record is acknowledged.
const MIN_IN_SYNC: usize = 2;
/// The largest entry that must find room: a record of 10 MiB, with what goes with it.
pub(crate) const MAX_ENTRY_BYTES: usize = 11 << 20;
/// The largest batch a topic takes: such an entry, and the batch's own bytes.
const MAX_BATCH_BYTES: usize = 12 << 20;
/// The largest request a broker must take: such a batch, and what stands around it.
const MAX_REQUEST_BYTES: usize = 16 << 20;

/// Kafka's names of what is looked at.
mod setting {
    pub(super) const MIN_IN_SYNC: &str = "min.insync.replicas";
    pub(super) const UNCLEAN: &str = "unclean.leader.election.enable";
    pub(super) const AUTO_CREATE: &str = "auto.create.topics.enable";
    pub(super) const TIMESTAMP: &str = "message.timestamp.type";
    pub(super) const MAX_BATCH: &str = "max.message.bytes";
    pub(super) const MAX_REQUEST: &str = "socket.request.max.bytes";
    pub(super) const CLEANUP: &str = "cleanup.policy";
    pub(super) const RETENTION_TIME: &str = "retention.ms";
    pub(super) const RETENTION_SIZE: &str = "retention.bytes";
}

/// A cluster as it describes itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Described {
    /// The id it was given when it was set up.
    pub(crate) cluster: String,
    pub(crate) brokers: Vec<Configured>,
    pub(crate) topics: Vec<DescribedTopic>,
}

/// A broker or a topic with its settings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Configured {
    pub(crate) name: String,
    pub(crate) settings: BTreeMap<String, String>,
}

/// A topic, and the copies of the partition that has fewest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct DescribedTopic {
    pub(crate) configured: Configured,
    pub(crate) replicas: usize,
}

/// How many copies new topics have, and how many must be in step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Replication {
    pub(crate) replicas: i16,
    pub(crate) min_in_sync: usize,
}

impl Replication {
    /// What so many brokers can carry.
    pub(crate) fn on(brokers: usize) -> Self {
        match brokers {
            0 | 1 => Self { replicas: 1, min_in_sync: 1 },
            2 => Self { replicas: 2, min_in_sync: 1 },
            _ => Self { replicas: 3, min_in_sync: MIN_IN_SYNC },
        }
    }

    /// The settings of a topic of ours, which do not depend on the brokers' defaults.
    pub(crate) fn topic_settings(self) -> Vec<(&'static str, String)> {
        vec![
            (setting::MIN_IN_SYNC, self.min_in_sync.to_string()),
            (setting::UNCLEAN, "false".into()),
            (setting::TIMESTAMP, "LogAppendTime".into()),
            (setting::MAX_BATCH, MAX_BATCH_BYTES.to_string()),
            (setting::CLEANUP, "delete".into()),
            (setting::RETENTION_TIME, "-1".into()),
            (setting::RETENTION_SIZE, "-1".into()),
        ]
    }
}

/// All that speaks against entrusting entries to this cluster; empty if nothing does.
pub(crate) fn objections(described: &Described, allow_single_replica: bool) -> Vec<String> {
    let mut found = Vec::new();
    let brokers = described.brokers.len();
    if brokers < REPLICAS && !allow_single_replica {
        found.push(format!(
            "the cluster has {brokers} broker(s), and {REPLICAS} copies of every record need {REPLICAS}: add brokers, or \
             allow a single replica"
        ));
    }
    for broker in &described.brokers {
        let place = format!("broker {}", broker.name);
        found.extend(must_be(broker, &place, setting::UNCLEAN, "false"));
        found.extend(must_be(broker, &place, setting::AUTO_CREATE, "false"));
        found.extend(must_reach(broker, &place, setting::MAX_REQUEST, MAX_REQUEST_BYTES));
    }
    for topic in &described.topics {
        found.extend(objections_to_topic(topic, allow_single_replica));
    }
    found
}

fn objections_to_topic(topic: &DescribedTopic, allow_single_replica: bool) -> Vec<String> {
    let (configured, place) = (&topic.configured, format!("topic {}", topic.configured.name));
    let mut found = Vec::new();
    if !allow_single_replica {
        if topic.replicas < REPLICAS {
            found.push(format!(
                "{place} has {} replica(s): reassign its partitions to {REPLICAS}, or allow a single replica",
                topic.replicas
            ));
        }
        found.extend(must_reach(configured, &place, setting::MIN_IN_SYNC, MIN_IN_SYNC));
    }
    found.extend(must_be(configured, &place, setting::UNCLEAN, "false"));
    found.extend(must_be(configured, &place, setting::TIMESTAMP, "LogAppendTime"));
    found.extend(must_reach(configured, &place, setting::MAX_BATCH, MAX_BATCH_BYTES));
    found.extend(must_be(configured, &place, setting::CLEANUP, "delete"));
    // Headwater deletes what is past retention itself; what Kafka deleted first would be lost.
    found.extend(must_be(configured, &place, setting::RETENTION_TIME, "-1"));
    found.extend(must_be(configured, &place, setting::RETENTION_SIZE, "-1"));
    found
}

fn must_be(of: &Configured, place: &str, name: &str, wanted: &str) -> Option<String> {
    let value = of.settings.get(name).map_or("unknown", String::as_str);
    (value != wanted).then(|| format!("{place}: {name} is {value}: set {name}={wanted}"))
}

fn must_reach(of: &Configured, place: &str, name: &str, wanted: usize) -> Option<String> {
    let value = of.settings.get(name).map_or("unknown", String::as_str);
    let enough = value.parse::<usize>().is_ok_and(|number| number >= wanted);
    (!enough).then(|| format!("{place}: {name} is {value}: set {name}={wanted} or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(name: &str, settings: &[(&str, &str)]) -> Configured {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Configured { name: name.into(), settings }
    }

    fn broker(id: &str) -> Configured {
        let settings = [
            ("unclean.leader.election.enable", "false"),
            ("auto.create.topics.enable", "false"),
            ("socket.request.max.bytes", "104857600"),
        ];
        configured(id, &settings)
    }

    fn cluster(brokers: usize) -> Described {
        let replication = Replication::on(brokers);
        let settings = replication.topic_settings().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Described {
            cluster: "c".into(),
            brokers: (1..=brokers).map(|id| broker(&id.to_string())).collect(),
            topics: vec![DescribedTopic {
                configured: Configured { name: "hw.a.1".into(), settings },
                replicas: usize::try_from(replication.replicas).unwrap(),
            }],
        }
    }

    /// The one objection there is after `change`.
    fn objection(change: impl Fn(&mut Described)) -> String {
        let mut described = cluster(3);
        change(&mut described);
        let found = objections(&described, false);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    }

    #[test]
    fn three_brokers_with_our_topics_are_taken() {
        assert_eq!(objections(&cluster(3), false), [""; 0]);
        assert_eq!(objections(&cluster(5), false), [""; 0]);
    }

    #[test]
    fn fewer_brokers_are_taken_only_when_allowed() {
        for brokers in [1, 2] {
            let found = objections(&cluster(brokers), false);
            assert!(found.iter().any(|why| why.contains("allow a single replica")), "{found:?}");
            assert_eq!(objections(&cluster(brokers), true), [""; 0]);
        }
    }

    #[test]
    fn each_setting_of_a_broker_is_looked_at() {
        for (name, bad) in [
            ("unclean.leader.election.enable", "true"),
            ("auto.create.topics.enable", "true"),
            ("socket.request.max.bytes", "1048576"),
        ] {
            let why = objection(|described| {
                described.brokers[1].settings.insert(name.into(), bad.into());
            });
            assert!(why.starts_with(&format!("broker 2: {name} is {bad}: set {name}=")), "{why}");
        }
    }

    #[test]
    fn each_setting_of_a_topic_is_looked_at() {
        for (name, bad) in [
            ("min.insync.replicas", "1"),
            ("unclean.leader.election.enable", "true"),
            ("message.timestamp.type", "CreateTime"),
            ("max.message.bytes", "1048588"),
            ("cleanup.policy", "compact"),
            ("retention.ms", "604800000"),
            ("retention.bytes", "1"),
        ] {
            let why = objection(|described| {
                described.topics[0].configured.settings.insert(name.into(), bad.into());
            });
            assert!(why.starts_with(&format!("topic hw.a.1: {name} is {bad}: set {name}=")), "{why}");
        }
        assert!(objection(|described| described.topics[0].replicas = 2).contains("has 2 replica(s)"));
    }

    #[test]
    fn what_is_not_said_counts_against_the_cluster() {
        let why = objection(|described| {
            described.brokers[0].settings.remove("auto.create.topics.enable");
        });
        assert!(why.contains("is unknown"), "{why}");
    }

    #[test]
    fn an_entry_of_the_largest_size_fits_a_batch_and_a_request() {
        const { assert!(MAX_ENTRY_BYTES > 10 << 20 && MAX_ENTRY_BYTES + (1 << 19) < MAX_BATCH_BYTES) };
        const { assert!(MAX_BATCH_BYTES < MAX_REQUEST_BYTES) };
    }
}
