//! Which shards may be read now. Invariant: a shard becomes ready once, and only when each of its parents was read to its
//! end or is no longer listed; so records under one key come in the order in which they were written.
use super::shard::Shard;
use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    Reading,
    Read,
}

/// The shards of a stream, as far as they are listed.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<String, (Vec<String>, State)>);

impl Tree {
    /// Takes in a whole listing. Shards that are in it no more are forgotten, except while they are read.
    pub(crate) fn list(&mut self, shards: &[Shard]) {
        let listed: BTreeMap<&str, &Shard> = shards.iter().map(|shard| (&*shard.id, shard)).collect();
        self.0.retain(|id, (_, state)| *state == State::Reading || listed.contains_key(&**id));
        for (id, shard) in listed {
            self.0.entry(id.to_owned()).or_insert_with(|| (shard.parents.clone(), State::Waiting));
        }
    }

    /// This one was read to its end, or need not be read.
    pub(crate) fn ended(&mut self, id: &str) {
        if let Some((_, state)) = self.0.get_mut(id) {
            *state = State::Read;
        }
    }

    /// The shards that may be read from now on, and were not said to be before.
    pub(crate) fn ready(&mut self) -> Vec<String> {
        let open = |parent: &String| self.0.get(parent).is_some_and(|(_, state)| *state != State::Read);
        let waits = |(parents, state): &(Vec<String>, State)| *state == State::Waiting && !parents.iter().any(open);
        let ready: Vec<String> = self.0.iter().filter(|(_, node)| waits(node)).map(|(id, _)| id.clone()).collect();
        for id in &ready {
            if let Some((_, state)) = self.0.get_mut(id) {
                *state = State::Reading;
            }
        }
        ready
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, HashMap};

    /// A stream that is resharded, and forgets shards.
    pub(crate) struct Stream {
        pub(crate) shards: Vec<Shard>,
        made: usize,
    }

    impl Stream {
        pub(crate) fn of(shards: usize) -> Self {
            let mut stream = Self { shards: Vec::new(), made: 0 };
            for _ in 0..shards {
                stream.make(&[]);
            }
            stream
        }

        fn make(&mut self, parents: &[String]) {
            let id = format!("shardId-{:012}", self.made);
            self.made += 1;
            let parents = parents.to_vec();
            let numbers = (String::from("1"), None);
            self.shards.push(Shard {
                id,
                parents,
                hash_keys: 0..=1,
                first_sequence_number: numbers.0,
                last_sequence_number: numbers.1,
            });
        }

        fn close(&mut self, chance: usize) -> Option<String> {
            let mut open: Vec<&mut Shard> = self.shards.iter_mut().filter(|shard| !shard.is_closed()).collect();
            let count = open.len();
            let shard = open.get_mut(chance % count.max(1))?;
            shard.last_sequence_number = Some("9".into());
            Some(shard.id.clone())
        }

        pub(crate) fn split(&mut self, chance: usize) {
            if let Some(parent) = self.close(chance) {
                self.make(std::slice::from_ref(&parent));
                self.make(&[parent]);
            }
        }

        pub(crate) fn merge(&mut self, chance: usize) {
            if self.shards.iter().filter(|shard| !shard.is_closed()).count() >= 2 {
                let parents: Vec<String> =
                    [chance, chance].into_iter().filter_map(|chance| self.close(chance)).collect();
                self.make(&parents);
            }
        }

        /// Forgets the oldest shard, if it is closed.
        pub(crate) fn trim(&mut self) {
            if self.shards.first().is_some_and(Shard::is_closed) {
                self.shards.remove(0);
            }
        }

        pub(crate) fn is_closed(&self, id: &str) -> bool {
            self.shards.iter().find(|shard| shard.id == id).is_none_or(Shard::is_closed)
        }
    }

    proptest! {
        #[test]
        fn each_shard_is_read_once_and_after_its_parents(
            shards in 1usize..5,
            steps in prop::collection::vec((0u8..6, any::<usize>()), 0..80),
        ) {
            let (mut stream, mut tree) = (Stream::of(shards), Tree::default());
            let (mut reading, mut started) = (Vec::<String>::new(), HashMap::<String, bool>::new());
            let drain = (0..200).map(|_| (5, 0));
            for (step, chance) in steps.into_iter().chain(drain) {
                match step {
                    0 => stream.split(chance),
                    1 => stream.merge(chance),
                    2 => stream.trim(),
                    // A listing at any time, as well as at the ends.
                    3 => tree.list(&stream.shards),
                    _ => {
                        let closed: Vec<usize> = (0..reading.len()).filter(|&at| stream.is_closed(&reading[at])).collect();
                        if let Some(at) = closed.get(chance % closed.len().max(1)) {
                            let id = reading.remove(*at);
                            tree.ended(&id);
                            started.insert(id, true);
                        }
                        tree.list(&stream.shards);
                    }
                }
                let listed: BTreeSet<&str> = stream.shards.iter().map(|shard| &*shard.id).collect();
                for id in tree.ready() {
                    let shard = stream.shards.iter().find(|shard| shard.id == id);
                    let parents = shard.map(|shard| shard.parents.clone()).unwrap_or_default();
                    for parent in parents {
                        prop_assert!(started.get(&parent) == Some(&true) || !listed.contains(&*parent));
                    }
                    prop_assert!(started.insert(id.clone(), false).is_none(), "{} was ready twice", id);
                    reading.push(id);
                }
            }
            for shard in &stream.shards {
                prop_assert_eq!(started.get(&shard.id), Some(&shard.is_closed()));
            }
        }
    }

    #[test]
    fn a_child_of_two_waits_for_both() {
        let (mut stream, mut tree) = (Stream::of(2), Tree::default());
        stream.merge(0);
        tree.list(&stream.shards);
        let parents = tree.ready();
        assert_eq!(parents.len(), 2);
        tree.ended(&parents[0]);
        assert!(tree.ready().is_empty());
        tree.ended(&parents[1]);
        assert_eq!(tree.ready().len(), 1);
    }
}
