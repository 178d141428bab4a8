//! Who decides in a log that several nodes may write to, and which decisions count: the rules alone, without IO.
//!
//! Invariant: whether an entry counts is settled by the entries before it, so every node that has read as far says the
//! same, for ever. A node decides only upon everything that counts, and learns from the log, never from a clock, that it
//! does not decide any more ([decision 0017](../../../docs/decisions/0017-epochs.md); `model` below tries every order of
//! events).
use crate::rules::{Rule, is_left_out};

/// An entry of such a log, but for what was decided.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mark {
    /// From here on its writer decides, under this epoch – unless an epoch as new stands before it.
    Owner(u64),
    /// A decision made under this epoch.
    Decision(u64),
    /// Nothing: who has read it has read everything before it.
    Barrier,
}

/// What an entry does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// A decision that counts: its changes are to be applied.
    Counts,
    /// A decision that does not, or an owner that came too late.
    Void,
    /// Nobody's state changes.
    Passed,
}

/// What one node knows of who decides, as far as it has read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Seat {
    newest: u64,
    held: Option<u64>,
}

impl Seat {
    /// A node that has read up to where `newest` was the newest epoch.
    #[must_use]
    pub const fn after(newest: u64) -> Self {
        Self { newest, held: None }
    }

    /// The newest epoch, as far as was read.
    #[must_use]
    pub const fn newest(&self) -> u64 {
        self.newest
    }

    /// What to write in order to decide.
    #[must_use]
    pub const fn claim(&self) -> Mark {
        Mark::Owner(self.newest + 1)
    }

    /// The epoch this node decides under, as far as was read.
    #[must_use]
    pub const fn held(&self) -> Option<u64> {
        self.held
    }

    /// Takes in the next entry; `is_own` if it is the one that this node has just written and waits for.
    pub fn pass(&mut self, mark: Mark, is_own: bool) -> Verdict {
        match mark {
            Mark::Owner(epoch) if epoch > self.newest || self.is_taken_again(epoch) => {
                *self = Self { newest: epoch, held: is_own.then_some(epoch) };
                Verdict::Passed
            }
            Mark::Decision(epoch) if epoch == self.newest || is_left_out(Rule::OldEpochsAreVoid) => Verdict::Counts,
            Mark::Owner(_) | Mark::Decision(_) => Verdict::Void,
            Mark::Barrier => Verdict::Passed,
        }
    }

    fn is_taken_again(&self, epoch: u64) -> bool {
        epoch == self.newest && is_left_out(Rule::EpochsAreTakenOnce)
    }

    /// Whether what this node wrote stands in the log is unknown: only reading on under a new epoch can tell.
    pub fn doubt(&mut self) {
        if !is_left_out(Rule::DoubtEndsAnEpoch) {
            self.held = None;
        }
    }
}

#[cfg(test)]
mod model {
    //! Every order in which two nodes' appends, readings, doubts and late arrivals can happen, up to a length.
    use super::*;
    use crate::explore::{Model, assert_faulty, assert_sound};

    const NODES: usize = 2;

    /// A rule left out.
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Plant {
        Nothing,
        EqualEpochsTakeOver,
        OldEpochsCount,
        AnswersBeforeReading,
        DecidesBeforeReading,
        DecidesOnAfterDoubt,
        ReadsWithoutBarrier,
    }

    /// An entry, and upon how many decisions it was decided.
    type Written = (Mark, usize);

    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    struct Append {
        written: Written,
        /// Its place, once the log has it.
        at: Option<usize>,
        /// For a read: how many decisions had been answered when it began.
        answered: usize,
    }

    #[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
    struct Node {
        seat: Seat,
        tail: usize,
        applied: usize,
        append: Option<Append>,
    }

    #[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
    struct World {
        log: Vec<Written>,
        nodes: [Node; NODES],
        /// Given up by their writer, and perhaps still on their way.
        late: Vec<Written>,
        answered: usize,
        /// What went wrong, for good.
        fault: Option<&'static str>,
    }

    struct Lane {
        plant: Plant,
        entries: usize,
    }

    impl World {
        /// How many decisions of the log's beginning count, and whether each was made upon all before it.
        fn count(&self, upto: usize, plant: Plant) -> Result<usize, &'static str> {
            let (mut seat, mut count) = (Seat::default(), 0);
            for (mark, upon) in &self.log[..upto] {
                if pass(&mut seat, *mark, false, plant) == Verdict::Counts {
                    if *upon != count {
                        return Err("a decision counts that was not made upon all that count before it");
                    }
                    count += 1;
                }
            }
            Ok(count)
        }
    }

    fn pass(seat: &mut Seat, mark: Mark, is_own: bool, plant: Plant) -> Verdict {
        match (plant, mark) {
            (Plant::EqualEpochsTakeOver, Mark::Owner(epoch)) if epoch == seat.newest => {
                seat.held = is_own.then_some(epoch).or(seat.held);
                Verdict::Passed
            }
            (Plant::OldEpochsCount, Mark::Decision(_)) => Verdict::Counts,
            _ => seat.pass(mark, is_own),
        }
    }

    impl Model for Lane {
        type State = World;

        fn start(&self) -> World {
            World::default()
        }

        fn next(&self, world: &World) -> Vec<World> {
            let mut next = Vec::new();
            let room = world.log.len() < self.entries;
            for (index, node) in world.nodes.iter().enumerate() {
                let mut with = |change: &dyn Fn(&mut World, &mut Node)| {
                    let (mut world, mut node) = (world.clone(), node.clone());
                    change(&mut world, &mut node);
                    world.nodes[index] = node;
                    next.push(world);
                };
                match &node.append {
                    None if room => {
                        let mark = node.seat.held().map_or_else(|| node.seat.claim(), Mark::Decision);
                        for mark in [mark, Mark::Barrier] {
                            if mark == Mark::Barrier && self.plant == Plant::ReadsWithoutBarrier {
                                with(&|world, node| {
                                    if node.applied < world.answered {
                                        world.fault = Some("a read misses what was answered before it");
                                    }
                                });
                                continue;
                            }
                            with(&|world, node| {
                                let written = (mark, node.applied);
                                node.append = Some(Append { written, at: None, answered: world.answered });
                            });
                        }
                    }
                    Some(append) if append.at.is_none() => {
                        if room {
                            with(&|world, node| self.land(world, node));
                        }
                        with(&|_, node| node.append = None); // known not to be written
                    }
                    _ => {}
                }
                if let Some(append) = &node.append
                    && world.late.is_empty()
                {
                    with(&|world, node| {
                        if append.at.is_none() {
                            world.late.push(append.written);
                        }
                        node.append = None;
                        if self.plant != Plant::DecidesOnAfterDoubt {
                            node.seat.doubt();
                        }
                    });
                }
                if node.tail < world.log.len() {
                    with(&|world, node| self.read_on(world, node));
                }
            }
            if room {
                for at in 0..world.late.len() {
                    let mut world = world.clone();
                    let late = world.late.remove(at);
                    world.log.push(late);
                    next.push(world);
                }
            }
            next
        }

        fn fault(&self, world: &World) -> Option<String> {
            if let Some(fault) = world.fault {
                return Some(fault.into());
            }
            let count = match world.count(world.log.len(), self.plant) {
                Ok(count) => count,
                Err(fault) => return Some(fault.into()),
            };
            if world.answered > count {
                return Some("a decision was answered that does not count".into());
            }
            let behind = |node: &&Node| world.count(node.tail, self.plant) != Ok(node.applied);
            world.nodes.iter().find(behind).map(|_| "a node's state is not what the log says".into())
        }
    }

    impl Lane {
        fn land(&self, world: &mut World, node: &mut Node) {
            let Some(append) = &mut node.append else { return };
            append.at = Some(world.log.len());
            world.log.push(append.written);
            match (self.plant, append.written.0) {
                (Plant::AnswersBeforeReading, Mark::Decision(_)) => world.answered += 1,
                (Plant::DecidesBeforeReading, Mark::Owner(epoch)) => {
                    node.seat.held = Some(epoch);
                    node.append = None;
                }
                _ => {}
            }
        }

        fn read_on(&self, world: &mut World, node: &mut Node) {
            let (mark, _) = world.log[node.tail];
            let own = node.append.clone().filter(|append| append.at == Some(node.tail));
            let verdict = pass(&mut node.seat, mark, own.is_some(), self.plant);
            node.tail += 1;
            if verdict == Verdict::Counts {
                node.applied += 1;
            }
            let Some(own) = own else { return };
            node.append = None;
            match mark {
                Mark::Decision(_) if verdict == Verdict::Counts && self.plant != Plant::AnswersBeforeReading => {
                    world.answered += 1;
                }
                Mark::Barrier if node.applied < own.answered => {
                    world.fault = Some("a read misses what was answered before it");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn in_every_order_of_events_answers_hold_and_states_agree() {
        assert_sound(&Lane { plant: Plant::Nothing, entries: 4 });
    }

    #[test]
    fn each_rule_is_needed() {
        for plant in [
            Plant::EqualEpochsTakeOver,
            Plant::OldEpochsCount,
            Plant::AnswersBeforeReading,
            Plant::DecidesBeforeReading,
            Plant::DecidesOnAfterDoubt,
            Plant::ReadsWithoutBarrier,
        ] {
            assert_faulty(&Lane { plant, entries: 4 }, &plant);
        }
    }
}
