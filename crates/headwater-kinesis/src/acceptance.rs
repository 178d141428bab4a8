//! Whether a record belongs to the shard it was put to, where several processes write to a shard's log.
//!
//! Invariant: what is acknowledged stands before the first marker of its shard's log. A process knows up to where a log is
//! clear of markers: the catalog vouches for a place, or it reads what others wrote; what it wrote itself it need not read
//! ([decision 0018](../../../docs/decisions/0018-sealing.md); `model` below tries every order of events).
use crate::{Kinesis, seal::find_marker};
use headwater_log::{
    LogError, LogId, Seq,
    rules::{Rule, is_left_out},
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// So many places are rather read: that is soon done, and waits for nothing but their log.
const READ_AT_MOST: u64 = 64;

/// What is known of the markers in one log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Clear {
    /// No marker stands before this …
    upto: Seq,
    /// … but this, the first, if it is known.
    marker: Option<Seq>,
}

/// What a place is, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Judgement {
    /// No marker stands before it.
    Accepted,
    /// This marker does.
    Behind(Seq),
    /// What stands from the one place up to the other has to be read first.
    Read(Seq, Seq),
}

impl Clear {
    const fn upto(upto: Seq) -> Self {
        Self { upto, marker: None }
    }

    /// Judges a record of this process at `at`; everything from `own_since` up to its last record is its own.
    fn judge(&self, at: Seq, own_since: Seq) -> Judgement {
        match self.marker {
            Some(marker) if marker < at => Judgement::Behind(marker),
            Some(_) => Judgement::Accepted,
            None if at <= self.upto || own_since <= self.upto => Judgement::Accepted,
            None => Judgement::Read(self.upto, own_since.min(at)),
        }
    }

    /// Takes in that there is no marker before `upto`, or a first one.
    fn learn(&mut self, upto: Seq, marker: Option<Seq>) {
        self.upto = self.upto.max(upto);
        self.marker = self.marker.or(marker);
    }
}

/// What is known of the logs this process has written to.
#[derive(Default)]
pub(crate) struct Acceptance {
    logs: Mutex<HashMap<LogId, Clear>>,
}

impl Acceptance {
    fn known(&self, log: LogId) -> Option<Clear> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).get(&log).copied()
    }

    fn learn(&self, log: LogId, Clear { upto, marker }: Clear) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.entry(log).or_insert(Clear::upto(upto)).learn(upto, marker);
    }

    /// Forgets a deleted stream's logs.
    pub(crate) fn forget(&self, incarnation: u128) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).retain(|log, _| log.group.0 != incarnation);
    }
}

impl Kinesis {
    /// The marker that stands before a record which this process has put at `at`, if one does: then the record, and what
    /// follows the marker, does not belong to the shard.
    ///
    /// # Errors
    /// `Io`: whether the record belongs to the shard is unknown then, whatever it was that failed.
    pub(crate) async fn marker_before(&self, log: LogId, at: Seq) -> Result<Option<Seq>, LogError> {
        let judged = self.judge(log, at).await;
        judged
            .map_err(|error| LogError::Io(format!("whether what was written to log {log} counts is unknown: {error}")))
    }

    async fn judge(&self, log: LogId, at: Seq) -> Result<Option<Seq>, LogError> {
        let own_since = self.engine.written_here_since(log);
        if own_since == Seq::ZERO || is_left_out(Rule::RecordsAreJudged) {
            return Ok(None); // nobody else writes there: puts are enqueued only while nothing is being sealed
        }
        let mut is_vouched = false;
        loop {
            match self.acceptance.known(log).map(|clear| clear.judge(at, own_since)) {
                Some(Judgement::Behind(marker)) => return Ok(Some(marker)),
                Some(Judgement::Accepted) => {
                    self.acceptance.learn(log, Clear::upto(at.next()));
                    return Ok(None);
                }
                Some(Judgement::Read(from, to)) if is_vouched || is_soon_read(from, to) => {
                    match find_marker(&*self.engine, log, from, Some(to)).await {
                        // A marker may be among what is past retention.
                        Err(LogError::Trimmed(_)) if !is_vouched => {
                            self.vouch_for(vec![(log, at)]).await?;
                            is_vouched = true;
                        }
                        marker => {
                            let marker = marker?.map(|stamp| stamp.seq);
                            self.acceptance.learn(log, Clear { upto: to, marker });
                        }
                    }
                }
                _ => {
                    self.vouch(&[(log, at)]).await?;
                    is_vouched = true;
                }
            }
        }
    }

    /// Has the catalog vouch, in one look, for those places of records that this process has put which it had better vouch
    /// for. A marker before such a place would be of a sealing that had begun before, and so be in the catalog by now.
    ///
    /// # Errors
    /// The engine's; `Unavailable` if a stream or a shard is gone.
    pub(crate) async fn vouch(&self, placed: &[(LogId, Seq)]) -> Result<(), LogError> {
        let is_open = |(log, at): &&(LogId, Seq)| {
            let own_since = self.engine.written_here_since(*log);
            let judged = || self.acceptance.known(*log).map(|clear| clear.judge(*at, own_since));
            own_since > Seq::ZERO
                && match judged() {
                    None => true,
                    Some(Judgement::Read(from, to)) => !is_soon_read(from, to),
                    Some(_) => false,
                }
        };
        let open: Vec<(LogId, Seq)> = placed.iter().filter(is_open).copied().collect();
        if open.is_empty() { Ok(()) } else { self.vouch_for(open).await }
    }

    async fn vouch_for(&self, placed: Vec<(LogId, Seq)>) -> Result<(), LogError> {
        if !is_left_out(Rule::CatalogsCatchUpBeforeTheyVouch) {
            self.catalog.catch_up().await?;
        }
        let catalog = self.catalog.read();
        for (log, at) in placed {
            let gone = || LogError::Unavailable(format!("the shard of log {log} is gone"));
            let stream = catalog.of(log.group).ok_or_else(gone)?;
            // One that is past retention had ended, nobody knows where any more.
            let shard = stream.shard(log.part).ok_or_else(gone)?;
            let clear = match (shard.ending, stream.sealing_from(log.part)) {
                (Some(ending), _) => Clear { upto: Seq::ZERO, marker: Some(ending.marker()) },
                (None, Some(from)) => Clear::upto(from.min(at)),
                (None, None) => Clear::upto(at),
            };
            self.acceptance.learn(log, clear);
        }
        Ok(())
    }
}

fn is_soon_read(from: Seq, to: Seq) -> bool {
    to.0.saturating_sub(from.0) <= READ_AT_MOST
}

#[cfg(test)]
mod model {
    //! Every order in which two nodes put, seal, follow the catalog and read, each of which may be late, up to a length.
    use super::*;
    use headwater_log::explore::{Model, assert_faulty, assert_sound};

    const NODES: usize = 2;

    /// A rule left out.
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Plant {
        Nothing,
        AnswersUnread,
        TrustsTheTail,
        TakesAllForItsOwn,
        PutsWhileItSeals,
        OpensChildrenFirst,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    enum Entry {
        Put(usize),
        Marker(usize),
    }

    /// What the catalog says of the parent: the change that is next is seen by each node in its own time.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    enum Phase {
        #[default]
        Open,
        Sealing {
            from: usize,
        },
        Sealed {
            marker: Option<usize>,
        },
    }

    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    enum Put {
        Sent,
        At(usize),
        /// The catalog is to be caught up with.
        Vouching(usize),
    }

    #[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
    struct Node {
        sees: Phase,
        put: Option<Put>,
        marker: bool,
        clear: Option<Clear>,
        /// Where its run of own entries begins and ends.
        own: (usize, usize),
    }

    #[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
    struct World {
        log: Vec<Entry>,
        catalog: Phase,
        nodes: [Node; NODES],
        /// Places whose puts were answered.
        answered: Vec<usize>,
        child_before_marker: bool,
    }

    struct Shard {
        plant: Plant,
        entries: usize,
    }

    fn place(index: usize) -> Seq {
        Seq(index as u64)
    }

    fn marker_in(log: &[Entry], from: usize, to: usize) -> Option<usize> {
        let found = log.get(from..to)?.iter().position(|entry| matches!(entry, Entry::Marker(_)));
        found.map(|at| from + at)
    }

    impl World {
        fn write(&mut self, node: usize, entry: Entry) -> usize {
            let at = self.log.len();
            self.log.push(entry);
            let own = &mut self.nodes[node].own;
            *own = (if own.1 == at && at > 0 { own.0 } else { at }, at + 1);
            at
        }
    }

    impl Shard {
        /// Judges what stands at `at`, as `marker_before` does: what has to be read is read, or the catalog vouches for it.
        fn judge(&self, world: &mut World, node: usize, at: usize, reads: bool) {
            let own_since = match self.plant {
                Plant::TakesAllForItsOwn => place(0),
                _ => place(world.nodes[node].own.0),
            };
            let Some(mut clear) = world.nodes[node].clear else {
                world.nodes[node].put = Some(Put::Vouching(at));
                return;
            };
            if self.plant == Plant::AnswersUnread {
                clear = Clear::upto(place(at));
            }
            match clear.judge(place(at), own_since) {
                Judgement::Accepted => {
                    clear.learn(place(at + 1), None);
                    world.answered.push(at);
                    world.nodes[node].put = None;
                }
                Judgement::Behind(_) => world.nodes[node].put = None, // goes on with a child
                Judgement::Read(..) if !reads => world.nodes[node].put = Some(Put::Vouching(at)),
                Judgement::Read(from, to) => {
                    let index = |place: Seq| usize::try_from(place.0).unwrap();
                    clear.learn(to, marker_in(&world.log, index(from), index(to)).map(place));
                }
            }
            world.nodes[node].clear = Some(clear);
        }

        fn vouch(&self, world: &mut World, node: usize, at: usize) {
            if self.plant != Plant::TrustsTheTail {
                world.nodes[node].sees = world.catalog;
            }
            let Clear { upto, marker } = match world.nodes[node].sees {
                Phase::Sealed { marker } => Clear { upto: Seq::ZERO, marker: marker.map(place) },
                Phase::Sealing { from } => Clear::upto(place(from.min(at))),
                Phase::Open => Clear::upto(place(at)),
            };
            world.nodes[node].clear.get_or_insert(Clear::upto(upto)).learn(upto, marker);
            world.nodes[node].put = Some(Put::At(at));
        }
    }

    impl Model for Shard {
        type State = World;

        fn start(&self) -> World {
            World::default()
        }

        fn next(&self, world: &World) -> Vec<World> {
            let mut next = Vec::new();
            let mut when = |may: bool, change: &dyn Fn(&mut World)| {
                if may {
                    let mut world = world.clone();
                    change(&mut world);
                    next.push(world);
                }
            };
            let room = world.log.len() < self.entries;
            when(world.catalog == Phase::Open, &|world| {
                world.catalog = Phase::Sealing { from: world.log.len() };
            });
            if let Phase::Sealing { from } = world.catalog {
                let marker = marker_in(&world.log, from, world.log.len());
                let may = marker.is_some() || self.plant == Plant::OpensChildrenFirst;
                when(may, &|world| world.catalog = Phase::Sealed { marker });
            }
            for (index, node) in world.nodes.iter().enumerate() {
                when(node.sees != world.catalog, &|world| world.nodes[index].sees = world.catalog);
                let open = node.sees == Phase::Open || self.plant == Plant::PutsWhileItSeals;
                when(node.put.is_none() && room && open, &|world| world.nodes[index].put = Some(Put::Sent));
                match node.put {
                    Some(Put::Sent) => when(room, &|world| {
                        let at = world.write(index, Entry::Put(index));
                        world.nodes[index].put = Some(Put::At(at));
                    }),
                    Some(Put::At(at)) => {
                        when(true, &|world| self.judge(world, index, at, true));
                        when(true, &|world| self.judge(world, index, at, false));
                    }
                    Some(Put::Vouching(at)) => when(true, &|world| self.vouch(world, index, at)),
                    None => {}
                }
                if let Phase::Sealing { from } = node.sees {
                    // It looked, and found none; by the time its own is written there may be one.
                    let none = marker_in(&world.log, from, world.log.len()).is_none();
                    when(none && !node.marker, &|world| world.nodes[index].marker = true);
                }
                // What one process appends keeps its order: a put that was sent before stands before its marker.
                when(node.marker && room && node.put != Some(Put::Sent), &|world| {
                    world.nodes[index].marker = false;
                    world.write(index, Entry::Marker(index));
                });
                // A put to a child.
                let early =
                    matches!(node.sees, Phase::Sealed { .. }) && marker_in(&world.log, 0, world.log.len()).is_none();
                when(early, &|world| world.child_before_marker = true);
            }
            next
        }

        fn fault(&self, world: &World) -> Option<String> {
            let first = marker_in(&world.log, 0, world.log.len());
            if world.answered.iter().any(|at| first.is_some_and(|first| first < *at)) {
                return Some("a put was answered that stands behind the marker".into());
            }
            world.child_before_marker.then(|| "a child took a record before its parent's end".into())
        }
    }

    #[test]
    fn in_every_order_of_events_what_is_answered_belongs_to_its_shard() {
        assert_sound(&Shard { plant: Plant::Nothing, entries: 5 });
    }

    #[test]
    fn each_rule_is_needed() {
        for plant in [
            Plant::AnswersUnread,
            Plant::TrustsTheTail,
            Plant::TakesAllForItsOwn,
            Plant::PutsWhileItSeals,
            Plant::OpensChildrenFirst,
        ] {
            assert_faulty(&Shard { plant, entries: 5 }, &plant);
        }
    }
}
