//! Where several processes have one log: one decides at a time, all come to the same, and nobody is told what does not
//! hold.
use super::{
    nodes::{Fate, Node, Shared, shared_logs},
    *,
};
use crate::{
    stream::{Shard, Stream, View},
    table::{Index, IndexKind, IndexPhase, Projection},
};
use headwater_wire::ErrorKind;
use tokio::task::yield_now;

/// Makes what has rows of every kind: a table with an index and a stream, a token, the secret.
fn found(deciding: &mut Deciding<'_>) -> Result<()> {
    let hash = vec![KeyPart { name: "v".into(), kind: KeyType::S }];
    let index = Index {
        id: 1,
        name: "by-v".into(),
        kind: IndexKind::Global,
        key: KeySchema { hash, range: Vec::new() },
        projection: Projection::All,
        phase: IndexPhase::Active,
        provisioned: None,
        on_demand: None,
        warm: None,
    };
    let shards = vec![Shard { created_ms: 0, first: 0, end: None }];
    let stream = Stream { id: 0, created_ms: 0, view: View::NewAndOldImages, disabled_ms: None, shards };
    deciding.set(Table { indexes: vec![index], next_index: 2, streams: vec![Arc::new(stream)], ..table(0) });
    deciding.take_token(Token { hash: 1, request: 2, until_ms: 1000 });
    deciding.other(Other::Secret { key: [3; 32] });
    Ok(())
}

/// Two processes, the first of which has made the table.
pub(super) async fn two() -> (Arc<Shared>, Node, Node) {
    let shared = shared_logs();
    let (one, other) = (Node::open(&shared).await, Node::open(&shared).await);
    one.database.submit(found).await.unwrap();
    other.database.catch_up().await.unwrap();
    (shared, one, other)
}

/// As [`two`], but the first reads the log only when it has to.
pub(super) async fn blind_and_other() -> (Arc<Shared>, Node, Node) {
    let shared = shared_logs();
    let (one, other) = (Node::blind(&shared).await, Node::open(&shared).await);
    one.database.submit(found).await.unwrap();
    other.database.catch_up().await.unwrap();
    (shared, one, other)
}

/// What counts in the log by the rules alone, in order: epoch, number, and changes.
fn counted(shared: &Shared) -> Vec<(u64, u64, Bytes)> {
    let (mut newest, mut counted) = (0, Vec::new());
    for read in shared.history(LOG, Seq::ZERO) {
        match entry::parse(read.bytes).unwrap() {
            entry::Entry::Owner { epoch } => newest = newest.max(epoch),
            entry::Entry::Decision { epoch, number, changes } => {
                if epoch == newest && number == counted.len() as u64 + 1 {
                    counted.push((epoch, number, changes));
                }
            }
            entry::Entry::Barrier => {}
        }
    }
    counted
}

pub(super) async fn assert_alike(shared: &Arc<Shared>, nodes: &[&Node]) {
    for node in nodes {
        // What was given up may still be on its way: it arrives before this does.
        node.database.catch_up().await.unwrap();
    }
    let (fresh, folded) = (Node::open(shared).await, Node::folding_all(shared).await);
    assert_eq!(fresh.dump(), folded.dump(), "a snapshot, if there is one, and the rest are all");
    for node in nodes {
        node.database.catch_up().await.unwrap();
        assert_eq!(node.dump(), folded.dump());
        assert_eq!(node.database.count(0, 0), fresh.database.count(0, 0));
    }
}

#[tokio::test]
async fn opening_writes_nothing_and_the_first_write_claims_to_decide() {
    let shared = shared_logs();
    let node = Node::open(&shared).await;
    node.database.catch_up().await.unwrap();
    assert!(counted(&shared).is_empty());
    let entries = shared.log.bounds(LOG).tail;
    node.database.submit(founding).await.unwrap();
    assert_eq!(shared.log.bounds(LOG).tail.0, entries.0 + 2, "a claim and a decision");
    put(&node.database, "a", 1, 0).await.unwrap();
    assert_eq!(shared.log.bounds(LOG).tail.0, entries.0 + 3, "the seat is kept");
}

#[tokio::test]
async fn a_write_of_another_is_there_once_caught_up_and_soon_by_itself() {
    let (shared, one, other) = blind_and_other().await;
    assert_eq!(put(&other.database, "a", 10, 0).await, Ok(0));
    assert_eq!(size(&one.database, "a"), None);
    one.database.catch_up().await.unwrap();
    assert_eq!(size(&one.database, "a"), Some(13));
    let mut version = other.database.watch();
    version.borrow_and_update();
    assert_eq!(put(&one.database, "a", 20, u32::MAX).await, Ok(13), "it is decided upon");
    version.changed().await.unwrap();
    assert_eq!(size(&other.database, "a"), Some(23));
    assert_alike(&shared, &[&one, &other]).await;
}

#[tokio::test]
async fn two_that_decide_in_turn_decide_upon_each_other_and_numbers_have_no_gaps() {
    let (shared, one, other) = two().await;
    let mut held = 0;
    for round in 0..20 {
        let node = if round % 3 == 0 { &one } else { &other };
        let seen = loop {
            match put(&node.database, "a", round, u32::MAX).await {
                Ok(seen) => break seen,
                Err(error) => assert_eq!(error.kind, ErrorKind::Unavailable),
            }
        };
        assert_eq!(seen, held);
        held = u32::try_from(round).unwrap() + 3;
    }
    assert_eq!(counted(&shared).len(), 21);
    assert_alike(&shared, &[&one, &other]).await;
}

#[tokio::test]
async fn what_one_that_was_deposed_had_in_flight_fails_for_good_and_its_next_write_works() {
    let (shared, one, other) = two().await;
    one.way.is_open.send_replace(false);
    let (first, second) = (Arc::clone(&one.database), Arc::clone(&one.database));
    let first = tokio::spawn(async move { put(&first, "a", 10, u32::MAX).await });
    let second = tokio::spawn(async move { put(&second, "b", 10, u32::MAX).await });
    yield_now().await;
    put(&other.database, "c", 30, u32::MAX).await.unwrap();
    one.way.is_open.send_replace(true);
    for void in [first, second] {
        assert_eq!(void.await.unwrap().unwrap_err().kind, ErrorKind::Unavailable);
    }
    one.database.catch_up().await.unwrap();
    other.database.catch_up().await.unwrap();
    for node in [&one, &other] {
        assert_eq!((size(&node.database, "a"), size(&node.database, "b")), (None, None));
    }
    assert_eq!(put(&one.database, "a", 40, 0).await, Ok(0));
    assert_eq!(counted(&shared).iter().map(|(epoch, ..)| *epoch).collect::<Vec<_>>(), [1, 2, 3]);
    assert_alike(&shared, &[&one, &other]).await;
}

#[tokio::test]
async fn a_refusal_is_not_given_upon_what_is_not_the_newest() {
    let (_, one, other) = blind_and_other().await;
    put(&one.database, "a", 50, 0).await.unwrap();
    put(&other.database, "a", 5, u32::MAX).await.unwrap();
    assert_eq!(size(&one.database, "a"), Some(53), "it has not heard of the other");
    let refused = put(&one.database, "a", 60, 20).await.unwrap_err();
    assert_eq!((refused.code, refused.kind), ("InternalServerError", ErrorKind::Unavailable));
    assert_eq!(put(&one.database, "a", 60, 20).await, Ok(8));
    assert_eq!(put(&one.database, "a", 70, 20).await.unwrap_err().code, "ValidationException");
}

#[tokio::test]
async fn while_another_leads_a_write_is_elsewhere_and_does_nothing() {
    let (shared, _one, other) = two().await;
    let (leads, leading) = watch::channel(false);
    let engine: Arc<dyn Engine> = other.way.clone();
    let kv: Arc<dyn Kv> = Arc::new(MemoryKv::new());
    let database = Database::open(engine, Arc::new(ManualClock::at(1)), kv, leading).await.unwrap();
    let tail = shared.log.bounds(LOG).tail;
    let refused = put(&database, "a", 10, 0).await.unwrap_err();
    assert_eq!((refused.code, refused.kind), ("InternalServerError", ErrorKind::Elsewhere));
    assert_eq!(shared.log.bounds(LOG).tail, tail);
    leads.send_replace(true);
    assert_eq!(put(&database, "a", 10, 0).await, Ok(0));
}

#[tokio::test]
async fn what_an_append_of_unknown_outcome_left_counts_for_all_or_for_nobody() {
    for (fate, upon) in [(Fate::Lost, 0), (Fate::Kept, 13), (Fate::Late, 13)] {
        let (shared, one, other) = two().await;
        one.way.next_fates(&[fate]);
        let (first, second) = tokio::join!(put(&one.database, "a", 10, 0), put(&one.database, "b", 10, 0));
        for unknown in [first, second] {
            assert_eq!(unknown.unwrap_err().kind, ErrorKind::Receiver, "{fate:?}: it may hold");
        }
        assert_eq!(put(&one.database, "a", 20, u32::MAX).await, Ok(upon), "{fate:?}");
        shared.let_in();
        assert_eq!(put(&other.database, "a", 30, u32::MAX).await, Ok(23), "{fate:?}");
        assert_alike(&shared, &[&one, &other]).await;
    }
}

#[tokio::test]
async fn a_claim_of_unknown_outcome_is_made_again() {
    for fate in [Fate::Lost, Fate::Kept, Fate::Late] {
        let (shared, one, other) = two().await;
        other.way.next_fates(&[fate, fate]);
        assert_eq!(put(&other.database, "a", 10, 0).await, Ok(0), "{fate:?}");
        shared.let_in();
        assert_eq!(put(&other.database, "a", 20, 13).await, Ok(13), "{fate:?}");
        assert_alike(&shared, &[&one, &other]).await;
    }
}

#[tokio::test]
async fn a_checkpoint_leaves_the_log_to_those_who_have_not_read_it() {
    let (shared, one, _other) = two().await;
    put(&one.database, "a", 10, 0).await.unwrap();
    applier::checkpoint(&one.database).await;
    assert_eq!(shared.log.bounds(LOG).first, Seq::ZERO);
}

#[tokio::test]
async fn behind_a_log_that_was_trimmed_nothing_is_decided_or_read_strongly() {
    let (shared, one, other) = blind_and_other().await;
    put(&other.database, "a", 10, 0).await.unwrap();
    put(&other.database, "b", 10, 0).await.unwrap();
    let tail = shared.log.bounds(LOG).tail;
    shared.log.trim(LOG, Seq(tail.0 - 1)).await.unwrap();
    assert!(one.database.catch_up().await.is_err());
    assert!(put(&one.database, "a", 10, 0).await.is_err());
    assert!(one.database.catch_up().await.is_err(), "for good");
    assert_eq!(put(&other.database, "a", 10, 20).await, Ok(13), "others go on");
}

mod random {
    //! Whatever happens in whatever order: what was acknowledged counts, what was not done does not, and all agree.
    use super::*;
    use crate::database::change::{self, Change};
    use proptest::{collection::vec, prelude::*};
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        /// Writes, if what is there was written by an even number, or anything is.
        Put {
            node: usize,
            key: u8,
            if_even: bool,
        },
        /// Reads strongly.
        Read {
            node: usize,
            key: u8,
        },
        /// What becomes of the node's next append.
        Fate {
            node: usize,
            fate: Fate,
        },
        Gate {
            node: usize,
            is_open: bool,
        },
        Pass {
            turns: usize,
        },
        LetIn,
        /// Writes a snapshot, and trims.
        Save {
            node: usize,
        },
    }

    fn step() -> impl Strategy<Value = Step> {
        let fate = prop_oneof![Just(Fate::Refused), Just(Fate::Lost), Just(Fate::Kept), Just(Fate::Late)];
        prop_oneof![
            8 => (0..2_usize, 0..3_u8, any::<bool>()).prop_map(|(node, key, if_even)| Step::Put { node, key, if_even }),
            3 => (0..2_usize, 0..3_u8).prop_map(|(node, key)| Step::Read { node, key }),
            2 => (0..2_usize, fate).prop_map(|(node, fate)| Step::Fate { node, fate }),
            2 => (0..2_usize, any::<bool>()).prop_map(|(node, is_open)| Step::Gate { node, is_open }),
            5 => (0..30_usize).prop_map(|turns| Step::Pass { turns }),
            1 => Just(Step::LetIn),
            2 => (0..2_usize).prop_map(|node| Step::Save { node }),
        ]
    }

    /// What a step saw, in which state of what was acknowledged before.
    #[derive(Debug)]
    enum Saw {
        /// A write: its number, what it was decided upon, and whether it is known to hold or not to.
        Written {
            id: usize,
            outcome: std::result::Result<usize, ErrorKind>,
        },
        /// A read or a refusal: the number of what was there, and of what was acknowledged last before it began.
        Seen {
            key: u8,
            id: usize,
            least: usize,
        },
        Nothing,
    }

    fn named(id: usize) -> Item {
        Item::from([("k".into(), Value::S("key".into())), ("v".into(), Value::S(id.to_string()))])
    }

    fn id_of(image: Option<&Image>) -> usize {
        let item = image.map(|image| image.item().unwrap());
        item.map_or(0, |item| match &item["v"] {
            Value::S(id) => id.parse().unwrap(),
            _ => unreachable!(),
        })
    }

    /// By key, what was acknowledged last.
    type Acknowledged = Arc<Mutex<BTreeMap<u8, usize>>>;

    async fn write(database: Arc<Database>, id: usize, key: u8, if_even: bool, acknowledged: Acknowledged) -> Saw {
        let least = acknowledged.lock().unwrap().get(&key).copied().unwrap_or_default();
        let (mark, row) = (Arc::new(Mutex::new(None)), Bytes::copy_from_slice(&[key]));
        let seen = Arc::clone(&mark);
        let decide = move |deciding: &mut Deciding<'_>| {
            let table = deciding.tables().get(0).cloned().ok_or_else(errors::resource_not_found)?;
            let old = deciding.image(&table, &row)?;
            let held = id_of(old.as_ref());
            if if_even && held % 2 == 1 {
                *seen.lock().unwrap() = Some(held);
                return Err(errors::validation("odd"));
            }
            deciding.put(&table, row, old, Some(Image::new(&named(id))));
            Ok(held)
        };
        match database.submit(decide).await {
            Ok(upon) => {
                let mut acknowledged = acknowledged.lock().unwrap();
                acknowledged.insert(key, id);
                Saw::Written { id, outcome: Ok(upon) }
            }
            Err(error) if error.code == "ValidationException" => {
                Saw::Seen { key, id: mark.lock().unwrap().unwrap(), least }
            }
            Err(error) => Saw::Written { id, outcome: Err(error.kind) },
        }
    }

    async fn read(database: Arc<Database>, key: u8, acknowledged: Acknowledged) -> Saw {
        let least = acknowledged.lock().unwrap().get(&key).copied().unwrap_or_default();
        if database.catch_up().await.is_err() {
            return Saw::Nothing;
        }
        let held = database.kv().get(ITEMS, &item_row(0, &[key])).unwrap();
        Saw::Seen { key, id: id_of(held.map(Image::stored).as_ref()), least }
    }

    async fn run(steps: Vec<Step>, is_blind: bool) {
        let (shared, one, other) = if is_blind { blind_and_other().await } else { two().await };
        let (nodes, acknowledged) = ([one, other], Acknowledged::default());
        let mut running = Vec::new();
        for (at, step) in steps.into_iter().enumerate() {
            let database = |node: usize| Arc::clone(&nodes[node].database);
            match step {
                Step::Put { node, key, if_even } => {
                    let writing = write(database(node), at + 1, key, if_even, Arc::clone(&acknowledged));
                    running.push(tokio::spawn(writing));
                }
                Step::Read { node, key } => {
                    running.push(tokio::spawn(read(database(node), key, Arc::clone(&acknowledged))));
                }
                Step::Fate { node, fate } => nodes[node].way.next_fates(&[fate]),
                Step::Gate { node, is_open } => _ = nodes[node].way.is_open.send_replace(is_open),
                Step::Pass { turns } => {
                    for _ in 0..turns {
                        yield_now().await;
                    }
                }
                Step::LetIn => shared.let_in(),
                Step::Save { node } => {
                    let database = database(node);
                    running.push(tokio::spawn(async move {
                        // One that fails changes nothing.
                        let _ = database.save(100).await;
                        Saw::Nothing
                    }));
                }
            }
        }
        nodes.iter().for_each(|node| _ = node.way.is_open.send_replace(true));
        let mut saw = Vec::new();
        for step in running {
            saw.push(step.await.unwrap());
        }
        shared.let_in();
        nodes.iter().for_each(|node| node.way.fates.lock().unwrap().clear());
        assert_alike(&shared, &[&nodes[0], &nodes[1]]).await;
        check(&history(&shared), &saw);
        for node in &nodes {
            let last = write(Arc::clone(&node.database), 1000, 0, false, Arc::clone(&acknowledged)).await;
            let again = write(Arc::clone(&node.database), 1002, 0, false, Arc::clone(&acknowledged)).await;
            let is_done = |saw: &Saw| matches!(saw, Saw::Written { outcome: Ok(_), .. });
            assert!(is_done(&last) || is_done(&again), "its next write works: {last:?} {again:?}");
        }
    }

    /// By key, what was there, in order.
    fn history(shared: &Shared) -> BTreeMap<u8, Vec<usize>> {
        let mut history = BTreeMap::<u8, Vec<usize>>::new();
        for (_, _, changes) in counted(shared) {
            for change in change::decode(changes).unwrap() {
                let Change::Item(change) = change else { continue };
                history.entry(change.key[0]).or_insert_with(|| vec![0]).push(id_of(change.new.as_ref()));
            }
        }
        history
    }

    fn check(history: &BTreeMap<u8, Vec<usize>>, saw: &[Saw]) {
        let nothing = vec![0];
        let place = |held: &[usize], id: usize| held.iter().position(|held| *held == id);
        for saw in saw {
            match *saw {
                Saw::Written { id, outcome: Ok(upon) } => {
                    let held = history.values().find_map(|held| Some((held, place(held, id)?)));
                    let (held, at) = held.expect("what was acknowledged counts");
                    assert_eq!(held[at - 1], upon, "it was decided upon what was there");
                }
                Saw::Written { id, outcome: Err(ErrorKind::Unavailable) } => {
                    assert!(history.values().all(|held| place(held, id).is_none()), "{id} was not done");
                }
                Saw::Seen { key, id, least } => {
                    let held = history.get(&key).unwrap_or(&nothing);
                    assert!(place(held, id) >= place(held, least), "{id} is older than {least}, acknowledged before");
                }
                Saw::Written { .. } | Saw::Nothing => {}
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_many_threads_are_told_by_two_processes_holds() {
        let (shared, one, other) = two().await;
        let acknowledged = Acknowledged::default();
        let threads = (0..8_usize).map(|thread| {
            let (node, acknowledged) = (if thread % 4 == 0 { &other } else { &one }, Arc::clone(&acknowledged));
            let database = Arc::clone(&node.database);
            tokio::spawn(async move {
                let mut saw = Vec::new();
                for round in 0..100 {
                    let (id, key) = (1 + round * 8 + thread, u8::try_from(round % 3).unwrap());
                    saw.push(if thread % 4 == 0 && round % 5 < 4 {
                        read(Arc::clone(&database), key, Arc::clone(&acknowledged)).await
                    } else {
                        write(Arc::clone(&database), id, key, round % 7 == 0, Arc::clone(&acknowledged)).await
                    });
                }
                saw
            })
        });
        let mut saw = Vec::new();
        for thread in threads.collect::<Vec<_>>() {
            saw.extend(thread.await.unwrap());
        }
        assert_alike(&shared, &[&one, &other]).await;
        check(&history(&shared), &saw);
        let done = saw.iter().filter(|saw| matches!(saw, Saw::Written { outcome: Ok(_), .. })).count();
        assert!(done > 100, "only {done} were done");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn what_two_processes_say_holds_and_both_come_to_the_same(steps in vec(step(), 1..60), is_blind in any::<bool>()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(run(steps, is_blind));
        }
    }
}
