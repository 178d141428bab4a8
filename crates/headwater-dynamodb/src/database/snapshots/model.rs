//! Every order in which two processes decide, read, write snapshots, give up and trim, up to a length. Parts are left out:
//! one of another's makes a snapshot's checksum differ, as its beginning or end does here.
use headwater_log::explore::{Model, assert_faulty, assert_sound};

const NODES: usize = 2;
const DECISIONS: usize = 2;

/// A rule left out.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Plant {
    Nothing,
    HalfOnesCount,
    EndsNameNoBeginning,
    ViewsWithoutBarrier,
    TrimsWithoutLookingForOthers,
    TrimsBeforeTheEnd,
    TrimsBeyondTheSnapshot,
}

/// An entry of the log of snapshots, with the attempt it belongs to and the decisions that are in that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Entry {
    Begin(usize),
    End(usize, usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
enum Stage {
    #[default]
    Idle,
    /// What is to be written next, and where the beginning stands.
    Writes(Entry, usize),
    /// The beginning stands here; everything decided is yet to be read.
    Begun(usize, usize),
    /// The rows are yet to be viewed.
    Read(usize, usize),
    /// It may trim its snapshots' log up to here, then the tables'.
    Trims(usize, usize),
    TrimsTables(usize),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Node {
    /// Decisions in its rows.
    rows: usize,
    stage: Stage,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct World {
    /// Decisions in the tables' log, and those that were trimmed from it.
    decided: usize,
    trimmed: usize,
    snapshots: Vec<Entry>,
    first: usize,
    attempts: usize,
    nodes: [Node; NODES],
    /// Given up by its writer, and perhaps still on its way.
    late: Option<Entry>,
}

struct Tables {
    plant: Plant,
    entries: usize,
}

impl Tables {
    /// What a reader takes for the newest whole snapshot: the decisions in it.
    fn newest(&self, world: &World) -> Option<usize> {
        let (mut begun, mut whole) = (None, None);
        for entry in &world.snapshots[world.first..] {
            match (*entry, begun) {
                (Entry::Begin(attempt), _) => {
                    begun = Some(attempt);
                    whole = if self.plant == Plant::HalfOnesCount { Some(0) } else { whole };
                }
                (Entry::End(attempt, held), Some(of)) if of == attempt || self.plant == Plant::EndsNameNoBeginning => {
                    (begun, whole) = (None, Some(held));
                }
                (Entry::End(..), _) => {}
            }
        }
        whole
    }

    /// `node` writes its entry, which comes to stand at `at`.
    fn written(&self, world: &World, entry: Entry, begin: usize, at: usize) -> Stage {
        match entry {
            Entry::Begin(attempt) => Stage::Begun(attempt, at),
            Entry::End(attempt, held) => {
                let is_own = |entry: &Entry| {
                    let (Entry::Begin(of) | Entry::End(of, _)) = *entry;
                    of == attempt
                };
                let is_alone = world.snapshots[begin..].iter().all(is_own);
                if is_alone || self.plant == Plant::TrimsWithoutLookingForOthers {
                    Stage::Trims(begin, held)
                } else {
                    Stage::Idle
                }
            }
        }
    }

    /// What a node may do next, but for giving up.
    fn step(&self, world: &mut World, index: usize) -> bool {
        let Node { rows, stage } = world.nodes[index].clone();
        world.nodes[index].stage = match stage {
            Stage::Idle => {
                world.attempts += 1;
                Stage::Writes(Entry::Begin(world.attempts), 0)
            }
            Stage::Writes(entry, begin) => {
                if world.snapshots.len() == self.entries {
                    return false;
                }
                world.snapshots.push(entry);
                self.written(world, entry, begin, world.snapshots.len() - 1)
            }
            Stage::Begun(attempt, begin) => {
                if self.plant != Plant::ViewsWithoutBarrier {
                    world.nodes[index].rows = world.decided;
                }
                Stage::Read(attempt, begin)
            }
            Stage::Read(_, begin) if self.plant == Plant::TrimsBeforeTheEnd => Stage::Trims(begin, rows),
            Stage::Read(attempt, begin) => Stage::Writes(Entry::End(attempt, rows), begin),
            Stage::Trims(begin, held) => {
                world.first = world.first.max(begin);
                Stage::TrimsTables(held)
            }
            Stage::TrimsTables(held) => {
                let more = usize::from(self.plant == Plant::TrimsBeyondTheSnapshot);
                world.trimmed = world.trimmed.max((held + more).min(world.decided));
                Stage::Idle
            }
        };
        true
    }
}

impl Model for Tables {
    type State = World;

    fn start(&self) -> World {
        World::default()
    }

    fn next(&self, world: &World) -> Vec<World> {
        let mut next = Vec::new();
        let mut with = |change: &dyn Fn(&mut World) -> bool| {
            let mut world = world.clone();
            if change(&mut world) {
                next.push(world);
            }
        };
        if world.decided < DECISIONS {
            with(&|world| {
                world.decided += 1;
                true
            });
        }
        for (index, node) in world.nodes.iter().enumerate() {
            with(&|world| self.step(world, index));
            if node.rows < world.decided {
                with(&|world| {
                    world.nodes[index].rows += 1;
                    true
                });
            }
            // It ends, or gives up what it has called for, which may come later.
            with(&|world| std::mem::take(&mut world.nodes[index].stage) != Stage::Idle);
            if let Stage::Writes(entry, _) = node.stage
                && world.late.is_none()
            {
                with(&|world| {
                    world.nodes[index].stage = Stage::Idle;
                    world.late = Some(entry);
                    true
                });
            }
        }
        if world.snapshots.len() < self.entries {
            with(&|world| world.late.take().map(|late| world.snapshots.push(late)).is_some());
        }
        next.retain(|world| world.attempts <= 3);
        next
    }

    fn fault(&self, world: &World) -> Option<String> {
        let held = self.newest(world).unwrap_or_default();
        (held < world.trimmed).then(|| "what was trimmed is in no snapshot that counts".into())
    }
}

#[test]
fn in_every_order_of_events_what_was_trimmed_is_in_a_snapshot() {
    assert_sound(&Tables { plant: Plant::Nothing, entries: 5 });
}

#[test]
fn each_rule_is_needed() {
    for plant in [
        Plant::HalfOnesCount,
        Plant::EndsNameNoBeginning,
        Plant::ViewsWithoutBarrier,
        Plant::TrimsWithoutLookingForOthers,
        Plant::TrimsBeforeTheEnd,
        Plant::TrimsBeyondTheSnapshot,
    ] {
        assert_faulty(&Tables { plant, entries: 5 }, &plant);
    }
}
