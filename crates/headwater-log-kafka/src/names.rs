//! Logs as topics and partitions, places as offsets; pure.
//!
//! A group is a topic, `hw.<prefix>.<group in hex>`; a part is a partition. A place is `base + offset`. The base is 0 but
//! for a group that was deleted and made again: that is the next *life* of the group, with a topic of its own
//! (`….<life>`), and its places begin behind the last of the life before. So no place is ever used twice, and neither is
//! a topic's name. What was [moved](crate::moved) in from elsewhere has its own places, before all of those, in
//! `hw.<prefix>.<group>.moved`.
use headwater_log::{LogGroup, LogId, Seq};
use std::{fmt, sync::Arc};

/// What a Headwater cluster's topics are called by: 1 to 40 of `a-z`, `0-9` and `-`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prefix(String);

const MAX_PREFIX: usize = 40;
/// The topic in which it is written which groups have been deleted.
const ENDINGS: &str = "endings";
/// The topic that is there while a data folder is moved in.
const MOVING: &str = "moving";
/// What the topic of a group's moved entries ends with.
const MOVED: &str = ".moved";

impl Prefix {
    /// Checks and takes a prefix.
    ///
    /// # Errors
    /// A sentence that says what it must look like.
    pub fn new(text: &str) -> Result<Self, String> {
        let fits = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
        if text.is_empty() || text.len() > MAX_PREFIX || !text.chars().all(fits) {
            return Err(format!(
                "`{text}` is no prefix: it takes 1 to {MAX_PREFIX} lower-case letters, digits and hyphens"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The topic of one life of `group`.
    pub(crate) fn topic(&self, group: LogGroup, life: u32) -> String {
        match life {
            0 => format!("hw.{}.{group}", self.0),
            _ => format!("hw.{}.{group}.{life}", self.0),
        }
    }

    /// The topic of [`crate::endings`].
    pub(crate) fn endings(&self) -> String {
        format!("hw.{}.{ENDINGS}", self.0)
    }

    /// The topic of [`crate::arrival`].
    pub(crate) fn moving(&self) -> String {
        format!("hw.{}.{MOVING}", self.0)
    }

    /// The topic of what `group` brought from elsewhere.
    pub(crate) fn moved(&self, group: LogGroup) -> String {
        format!("hw.{}.{group}{MOVED}", self.0)
    }

    /// Whether `topic` is this cluster's.
    pub(crate) fn owns(&self, topic: &str) -> bool {
        topic == self.endings()
            || topic == self.moving()
            || self.parse(topic).is_some()
            || self.parse_moved(topic).is_some()
    }

    /// The group whose moved entries `topic` holds; none if it is another topic.
    pub(crate) fn parse_moved(&self, topic: &str) -> Option<LogGroup> {
        let (group, _) = self.parse(topic.strip_suffix(MOVED)?)?;
        (self.moved(group) == topic).then_some(group)
    }

    /// The group and life that `topic` belongs to; none if it is not this cluster's.
    pub(crate) fn parse(&self, topic: &str) -> Option<(LogGroup, u32)> {
        let rest = topic.strip_prefix("hw.")?.strip_prefix(&self.0)?.strip_prefix('.')?;
        let (group, life) = rest.split_once('.').unwrap_or((rest, "0"));
        let parsed = (LogGroup(u128::from_str_radix(group, 16).ok()?), life.parse().ok()?);
        // One name for each: what is spelled otherwise is somebody else's.
        (self.topic(parsed.0, parsed.1) == topic).then_some(parsed)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One partition of one topic.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Partition {
    pub(crate) topic: Arc<str>,
    pub(crate) index: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.index)
    }
}

/// So many partitions of a topic.
pub(crate) fn partitions(topic: &str, count: i32) -> Vec<Partition> {
    let topic: Arc<str> = topic.into();
    (0..count).map(|index| Partition { topic: Arc::clone(&topic), index }).collect()
}

/// Which partition a log's part is; none if there are not so many partitions in the world.
pub(crate) fn partition(topic: &Arc<str>, log: LogId) -> Option<Partition> {
    Some(Partition { topic: Arc::clone(topic), index: i32::try_from(log.part).ok()? })
}

/// One life of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Life {
    /// How many lives came before.
    pub(crate) number: u32,
    /// The place of offset 0.
    pub(crate) base: u64,
}

impl Life {
    /// The place of `offset`.
    pub(crate) fn seq(self, offset: i64) -> Seq {
        Seq(self.base.saturating_add(u64::try_from(offset).unwrap_or(0)))
    }

    /// The first offset that is not before `seq`: 0 for what lies before this life.
    pub(crate) fn offset(self, seq: Seq) -> i64 {
        i64::try_from(seq.0.saturating_sub(self.base)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_prefix_is_short_and_has_no_dots() {
        for bad in ["", "a.b", "A", "a_b", "ä", &"x".repeat(41)] {
            assert!(Prefix::new(bad).is_err(), "{bad}");
        }
        assert!(Prefix::new("prod-2").is_ok());
    }

    #[test]
    fn names_of_others_are_not_ours() {
        let prefix = Prefix::new("a").unwrap();
        let group = "0".repeat(31);
        for other in
            ["hw.b.x", "hw.a", "hw.ab.1", "hw.a.1", "orders", &format!("hw.a.{group}1.0"), &format!("hw.a.{group}A")]
        {
            assert!(!prefix.owns(other), "{other}");
        }
        assert!(prefix.owns("hw.a.endings") && prefix.owns("hw.a.moving") && prefix.owns(&format!("hw.a.{group}1")));
    }

    #[test]
    fn a_life_begins_behind_the_one_before() {
        let life = Life { number: 1, base: 100 };
        assert_eq!(life.seq(0), Seq(100));
        assert_eq!(life.offset(Seq(7)), 0);
        assert_eq!(life.offset(Seq(103)), 3);
        assert_eq!(life.offset(Seq(u64::MAX)), i64::MAX);
    }

    proptest! {
        #[test]
        fn topics_and_groups_belong_together(group: u128, life: u32, prefix in "[a-z0-9-]{1,40}") {
            let prefix = Prefix::new(&prefix).unwrap();
            let topic = prefix.topic(LogGroup(group), life);
            prop_assert!(topic.len() <= 249, "Kafka takes no longer names");
            prop_assert_eq!(prefix.parse(&topic), Some((LogGroup(group), life)));
            prop_assert_eq!(prefix.parse_moved(&topic), None);
            let moved = prefix.moved(LogGroup(group));
            prop_assert!(moved.len() <= 249 && prefix.owns(&moved));
            prop_assert_eq!((prefix.parse(&moved), prefix.parse_moved(&moved)), (None, Some(LogGroup(group))));
        }

        #[test]
        fn places_and_offsets_belong_together(base in 0..u64::MAX / 2, offset in 0..i64::MAX / 2) {
            let life = Life { number: 3, base };
            prop_assert_eq!(life.offset(life.seq(offset)), offset);
        }
    }
}
