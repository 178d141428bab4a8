//! The catalog against a naive model of it, and its encodings.
use super::*;
use crate::errors;
use proptest::prelude::*;

const QUOTA: Quota = Quota { shards: 30, on_demand_streams: 2, creating_streams: 3 };
const HOUR_MS: u64 = 3_600_000;

fn address(name: &str) -> Address {
    Address { scope: Scope { account: "1".into(), region: "r".into() }, name: name.into() }
}

fn new_stream(incarnation: u128, shard_count: u32) -> NewStream {
    let (mode, distribution) = (Mode::Provisioned, Distribution::PartitionKey);
    let (max_record_kib, warm_mibps, tags) = (1024, None, BTreeMap::new());
    NewStream { incarnation, shard_count, mode, max_record_kib, distribution, warm_mibps, tags }
}

fn create(shard_count: u32, transition_ms: u64) -> Action {
    Action::Create { new: new_stream(u128::from(shard_count), shard_count), quota: QUOTA, transition_ms }
}

/// Decides and applies as a replica does: by way of the encoding.
fn run(catalog: &mut Catalog, name: &str, action: Action, now_ms: u64) -> Result<Answer, ServiceError> {
    let (changes, answer) = catalog.decide(Command::Stream { address: address(name), action }, now_ms)?;
    let decoded = Catalog::decode(&Catalog::encode(&changes)).unwrap();
    assert_eq!(decoded, changes);
    decoded.iter().for_each(|change| catalog.apply(change));
    let restored = Catalog::restore(&catalog.snapshot()).unwrap();
    assert_eq!(restored, *catalog, "a snapshot holds everything");
    Ok(answer)
}

fn stream<'a>(catalog: &'a Catalog, name: &str) -> &'a Stream {
    catalog.stream("1", "r", name).expect("a stream")
}

/// Plays the duties of a reshard, round by round, as if every log held nothing but its marker.
fn roll(catalog: &mut Catalog, name: &str, mut now_ms: u64) {
    while let Some(Phase::Updating(reshard)) = catalog.stream("1", "r", name).map(|stream| stream.phase.clone()) {
        let incarnation = stream(catalog, name).incarnation;
        let parents: Vec<u32> = reshard.parents().collect();
        let tails = parents.iter().map(|shard| ParentTail { shard: *shard, tail: 0 }).collect();
        run(catalog, name, Action::BeginSealing { incarnation, parents: tails }, now_ms).unwrap();
        assert!(parents.iter().all(|shard| stream(catalog, name).is_sealing(*shard)));
        now_ms += 7;
        let markers = parents.iter().map(|shard| Marker { shard: *shard, seq: 5, time_ms: now_ms }).collect();
        run(catalog, name, Action::FinishSealing { incarnation, markers }, now_ms).unwrap();
    }
}

#[test]
fn a_shard_does_not_close_before_it_was_opened_whatever_a_clock_says() {
    let mut catalog = Catalog::default();
    run(&mut catalog, "s", create(1, 0), 5000).unwrap();
    let split = Action::Split { shard: 0, at: (1_u128 << 127).to_string(), quota: QUOTA, transition_ms: 0 };
    run(&mut catalog, "s", split, 1000).unwrap();
    roll(&mut catalog, "s", 1000);
    let stream = stream(&catalog, "s");
    let parent = stream.shard(0).unwrap();
    assert!(parent.ending.unwrap().closed_ms >= parent.opened_ms, "or it would not be among those of the stream");
    assert!(stream.open_shards().all(|child| child.opened_ms >= parent.opened_ms));
}

/// Every key has one open shard, children begin after their parents ended and cover what they covered.
fn check_shards(stream: &Stream) {
    let mut next = Some(0);
    for shard in stream.open_shards() {
        assert_eq!(Some(shard.range.start), next);
        assert_eq!(stream.route(shard.range.start), Some(shard));
        assert_eq!(stream.route(shard.range.end), Some(shard));
        next = shard.range.end.checked_add(1);
    }
    assert_eq!(next, None);
    for shard in &stream.shards {
        assert!(shard.parents.len() <= 2);
        for parent in shard.parents.iter().filter_map(|parent| stream.shard(*parent)) {
            let end = parent.ending_sequence_number().expect("a parent has ended");
            assert!(end < shard.starting_sequence_number());
            assert!(parent.starting_sequence_number() < end);
            assert!(stream.children(parent.index).any(|child| child == shard));
        }
    }
}

#[test]
fn a_creating_stream_shows_no_shards_and_takes_no_records() {
    let mut catalog = Catalog::default();
    run(&mut catalog, "s", create(2, 10), 100).unwrap();
    assert_eq!(stream(&catalog, "s").status(), "CREATING");
    assert!(stream(&catalog, "s").shown_shards(100).next().is_none() && !stream(&catalog, "s").takes_records());
    let split = Action::Split { shard: 0, at: "64".into(), quota: QUOTA, transition_ms: 0 };
    assert_eq!(run(&mut catalog, "s", split, 100), Err(errors::not_active("s", "1", "CREATING")));
    let advance = Action::Advance { incarnation: 2 };
    run(&mut catalog, "s", advance.clone(), 109).unwrap();
    assert_eq!(stream(&catalog, "s").status(), "CREATING", "not before its time");
    run(&mut catalog, "s", advance, 110).unwrap();
    assert_eq!((stream(&catalog, "s").status(), stream(&catalog, "s").shown_shards(110).count()), ("ACTIVE", 2));
    assert_eq!(run(&mut catalog, "s", create(1, 0), 111), Err(errors::stream_exists("s", "1")));
}

#[test]
fn only_so_many_streams_are_created_at_a_time() {
    let mut catalog = Catalog::default();
    for name in ["a", "b", "c"] {
        run(&mut catalog, name, create(1, 10), 0).unwrap();
    }
    assert_eq!(run(&mut catalog, "d", create(1, 10), 0), Err(errors::creating_limit(QUOTA)));
    run(&mut catalog, "a", Action::Advance { incarnation: 1 }, 10).unwrap();
    run(&mut catalog, "d", create(1, 10), 10).unwrap();
}

#[test]
fn a_deleted_streams_logs_are_remembered_until_they_are_buried() {
    let mut catalog = Catalog::default();
    run(&mut catalog, "s", create(3, 0), 0).unwrap();
    run(&mut catalog, "s", Action::Delete { enforce: false, transition_ms: 5 }, 0).unwrap();
    assert_eq!(stream(&catalog, "s").status(), "DELETING");
    let again = run(&mut catalog, "s", Action::Delete { enforce: false, transition_ms: 0 }, 1);
    assert_eq!(again, Err(errors::not_active("s", "1", "DELETING")));
    run(&mut catalog, "s", Action::Advance { incarnation: 3 }, 5).unwrap();
    assert_eq!(catalog.graves(), [Grave { incarnation: 3, shards: 3, deleted_ms: 5 }]);
    run(&mut catalog, "s", create(1, 0), 6).unwrap();
    let (changes, _) = catalog.decide(Command::Bury { incarnation: 3 }, 0).unwrap();
    changes.iter().for_each(|change| catalog.apply(change));
    assert!(catalog.graves().is_empty() && catalog.stream("1", "r", "s").is_some());
}

#[test]
fn a_duty_meant_for_an_earlier_life_of_the_name_does_nothing() {
    let mut catalog = Catalog::default();
    run(&mut catalog, "s", create(1, 50), 0).unwrap();
    for incarnation in [0, 2] {
        run(&mut catalog, "s", Action::Advance { incarnation }, 100).unwrap();
        assert_eq!(stream(&catalog, "s").status(), "CREATING");
    }
}

#[test]
fn parents_of_one_reshard_end_together_and_a_merged_child_names_both() {
    let mut catalog = Catalog::default();
    run(&mut catalog, "s", create(3, 0), 1_000_500).unwrap();
    run(&mut catalog, "s", Action::Merge { shard: 1, adjacent: 2, transition_ms: 0 }, 1_001_000).unwrap();
    roll(&mut catalog, "s", 1_001_000);
    let held = stream(&catalog, "s");
    assert_eq!(held.shards[1].ending, held.shards[2].ending);
    let ending = held.shards[1].ending.unwrap();
    assert_eq!((ending.closed_secs, held.shards[3].created_secs), (1001, 1002));
    assert_eq!(held.shards[3].parents, [1, 2]);
    check_shards(held);
    let again = run(&mut catalog, "s", Action::Merge { shard: 1, adjacent: 2, transition_ms: 0 }, 2_000_000);
    assert_eq!(again, Err(errors::shard_closed(1, "s", "1")));
    let turned = run(&mut catalog, "s", Action::Merge { shard: 3, adjacent: 0, transition_ms: 0 }, 2_000_000);
    assert_eq!(turned, Err(errors::not_adjacent(3, 0, "s", "1")));
}

#[test]
fn splits_keep_to_the_services_bounds() {
    let mut catalog = Catalog::default();
    run(&mut catalog, "s", create(1, 0), 0).unwrap();
    let split = |at: &str| Action::Split { shard: 0, at: at.into(), quota: QUOTA, transition_ms: 0 };
    for at in ["0", "1", "340282366920938463463374607431768211455", "999999999999999999999999999999999999999"] {
        let refusal = errors::split_outside(at, &stream(&catalog, "s").shards[0], "s", "1");
        assert_eq!(run(&mut catalog, "s", split(at), 0), Err(refusal));
    }
    run(&mut catalog, "s", split("2"), 0).unwrap();
    roll(&mut catalog, "s", 0);
    assert_eq!(stream(&catalog, "s").shards[1].range.end, 1);
}

#[test]
fn scaling_keeps_to_double_half_and_the_limit() {
    let mut catalog = Catalog::default();
    run(&mut catalog, "s", create(4, 0), 0).unwrap();
    run(&mut catalog, "t", create(24, 0), 0).unwrap();
    let scale = |target| Action::Scale { target, quota: QUOTA, transition_ms: 0 };
    assert_eq!(run(&mut catalog, "s", scale(9), 0), Err(errors::target_above_double(4, 9)));
    assert_eq!(run(&mut catalog, "s", scale(1), 0), Err(errors::target_below_half(4, 1)));
    assert_eq!(run(&mut catalog, "s", scale(31), 0), Err(errors::target_above_limit(30, 4, 31)));
    let over = errors::shard_limit(&address("s").scope, QUOTA, 28, 4);
    assert_eq!(run(&mut catalog, "s", scale(8), 0), Err(over));
    assert_eq!(run(&mut catalog, "s", scale(6), 0), Ok(Answer::OpenBefore(4)));
    roll(&mut catalog, "s", 0);
    assert_eq!(stream(&catalog, "s").open_shards().len(), 6);
}

#[test]
fn retention_moves_one_way_each_and_the_same_value_is_no_error() {
    let mut catalog = Catalog::default();
    run(&mut catalog, "s", create(1, 0), 0).unwrap();
    let up = |hours| Action::IncreaseRetention { hours };
    let down = |hours| Action::DecreaseRetention { hours };
    assert_eq!(run(&mut catalog, "s", up(24), 0), Ok(Answer::Done));
    run(&mut catalog, "s", up(8760), 0).unwrap();
    for (action, refusal) in [
        (up(23), errors::retention_too_short(23)),
        (up(8761), errors::retention_too_long(8761)),
        (up(25), errors::retention_shorter(25, 8760, "s")),
    ] {
        assert_eq!(run(&mut catalog, "s", action, 0), Err(refusal));
    }
    run(&mut catalog, "s", down(30), 0).unwrap();
    assert_eq!(run(&mut catalog, "s", down(31), 0), Err(errors::retention_longer(31, 30, "s")));
    assert_eq!(stream(&catalog, "s").retention_hours, 30);
    let now_ms = 100 * HOUR_MS;
    run(&mut catalog, "s", up(60), now_ms).unwrap();
    assert_eq!(stream(&catalog, "s").cutoff_ms(now_ms), 70 * HOUR_MS, "what had passed does not come back");
    assert_eq!(stream(&catalog, "s").cutoff_ms(now_ms + 40 * HOUR_MS), 80 * HOUR_MS);
}

#[test]
fn a_closed_shard_goes_once_retention_has_passed() {
    let mut catalog = Catalog::default();
    run(&mut catalog, "s", create(2, 0), 0).unwrap();
    run(&mut catalog, "s", Action::Merge { shard: 0, adjacent: 1, transition_ms: 0 }, 0).unwrap();
    roll(&mut catalog, "s", 0);
    let expire = Action::Expire { incarnation: 2, shards: vec![0, 1, 2] };
    run(&mut catalog, "s", expire.clone(), 24 * HOUR_MS + 7).unwrap();
    assert_eq!(stream(&catalog, "s").shards.len(), 3, "a record of the last millisecond may be there");
    run(&mut catalog, "s", expire, 24 * HOUR_MS + 8).unwrap();
    assert_eq!(stream(&catalog, "s").shards.iter().map(|shard| shard.index).collect::<Vec<_>>(), [2]);
    assert_eq!(stream(&catalog, "s").route(9).map(|shard| shard.index), Some(2));
}

/// What the model keeps: the open ranges, the tags, the retention.
#[derive(Clone, PartialEq, Debug, Default)]
struct Modelled {
    open: BTreeMap<u128, u128>,
    tags: BTreeMap<String, String>,
    hours: u32,
}

#[derive(Clone, Debug)]
enum Play {
    Create(u32),
    Delete,
    Tag(u8, u8),
    Untag(u8),
    Retain(i32, bool),
    Split(usize, u128),
    Merge(usize),
    Scale(u32),
}

fn play() -> impl Strategy<Value = (bool, Play)> {
    let play = prop_oneof![
        (1..6_u32).prop_map(Play::Create),
        Just(Play::Delete),
        (0..4_u8, any::<u8>()).prop_map(|(key, value)| Play::Tag(key, value)),
        (0..4_u8).prop_map(Play::Untag),
        (20..9000_i32, any::<bool>()).prop_map(|(hours, up)| Play::Retain(hours, up)),
        (0..8_usize, any::<u128>()).prop_map(|(nth, at)| Play::Split(nth, at)),
        (0..8_usize).prop_map(Play::Merge),
        (1..20_u32).prop_map(Play::Scale),
    ];
    (any::<bool>(), play)
}

/// Does to the model what the machine did without refusing.
fn play_on(model: &mut BTreeMap<&'static str, Modelled>, name: &'static str, play: &Play) {
    let Play::Create(count) = play else {
        if matches!(play, Play::Delete) {
            model.remove(name);
            return;
        }
        let stream = model.get_mut(name).expect("the machine found it");
        return match play {
            Play::Tag(key, value) => drop(stream.tags.insert(key.to_string(), value.to_string())),
            Play::Untag(key) => drop(stream.tags.remove(&key.to_string())),
            Play::Retain(hours, _) => stream.hours = hours.unsigned_abs(),
            Play::Split(_, at) => {
                let (start, end) = stream.open.range(..=*at).next_back().map(|(start, end)| (*start, *end)).unwrap();
                stream.open.insert(start, at - 1);
                stream.open.insert(*at, end);
            }
            Play::Merge(nth) => {
                let (upper, end) = stream.open.iter().nth(nth + 1).map(|(start, end)| (*start, *end)).unwrap();
                stream.open.remove(&upper);
                *stream.open.range_mut(..upper).next_back().unwrap().1 = end;
            }
            Play::Create(_) | Play::Delete | Play::Scale(_) => {}
        };
    };
    let open = crate::routing::uniform_ranges(*count).map(|range| (range.start, range.end)).collect();
    model.insert(name, Modelled { open, hours: 24, ..Modelled::default() });
}

proptest! {
    #[test]
    fn the_machine_does_what_the_model_does(plays in proptest::collection::vec(play(), 1..40)) {
        let (mut catalog, mut model) = (Catalog::default(), BTreeMap::new());
        for (turn, (first, play)) in (1..).zip(plays) {
            let (name, now_ms) = (if first { "a" } else { "b" }, turn * 1500);
            let open = |nth: usize| catalog.stream("1", "r", name)
                .and_then(|stream| stream.open_shards().nth(nth).map(|shard| shard.index)).unwrap_or(1000);
            let action = match &play {
                Play::Create(count) => Action::Create {
                    new: new_stream(u128::from(turn), *count), quota: QUOTA, transition_ms: 0
                },
                Play::Delete => Action::Delete { enforce: false, transition_ms: 0 },
                Play::Tag(key, value) => Action::Tag { tags: [(key.to_string(), value.to_string())].into() },
                Play::Untag(key) => Action::Untag { keys: vec![key.to_string()] },
                Play::Retain(hours, true) => Action::IncreaseRetention { hours: *hours },
                Play::Retain(hours, false) => Action::DecreaseRetention { hours: *hours },
                Play::Split(nth, at) => Action::Split { shard: open(*nth), at: at.to_string(), quota: QUOTA, transition_ms: 0 },
                Play::Merge(nth) => Action::Merge { shard: open(*nth), adjacent: open(nth + 1), transition_ms: 0 },
                Play::Scale(target) => Action::Scale { target: *target, quota: QUOTA, transition_ms: 0 },
            };
            if run(&mut catalog, name, action, now_ms).is_ok() {
                roll(&mut catalog, name, now_ms);
                play_on(&mut model, name, &play);
            }
            if let (Play::Scale(_), Some(stream)) = (&play, catalog.stream("1", "r", name)) {
                // Where scaling cuts is pinned where it is planned; the model takes over what became of it.
                let open = stream.open_shards().map(|shard| (shard.range.start, shard.range.end)).collect();
                model.get_mut(name).expect("both have it").open = open;
            }
            let held: BTreeMap<&str, Modelled> = catalog.all().map(|(_, name, stream)| {
                check_shards(stream);
                let open = stream.open_shards().map(|shard| (shard.range.start, shard.range.end)).collect();
                (&**name, Modelled { open, tags: stream.tags.clone(), hours: stream.retention_hours })
            }).collect();
            prop_assert_eq!(held, model.clone());
        }
    }
}
