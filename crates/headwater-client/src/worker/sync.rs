//! Which leases there should be. Invariant: every shard that is listed and not skipped has one, made no earlier than those
//! of its parents, and none is removed while its shard is listed: it would be made again, and the shard processed twice.
use super::lease::{Checkpoint, Lease};
use crate::consumer::{Shard, Start};
use std::collections::BTreeSet;

/// The leases to make, in order, and those to remove.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Sync {
    pub(crate) made: Vec<Lease>,
    pub(crate) removed: Vec<Lease>,
}

/// What turns `leases` into those of the `listed` shards. Shards that came of others are begun at their beginnings, the
/// others where `start` says.
pub(crate) fn sync(listed: &[Shard], leases: &[Lease], start: &Start) -> Sync {
    let mut leased: BTreeSet<&str> = leases.iter().map(|lease| &*lease.shard_id).collect();
    let mut shards: Vec<&Shard> = listed.iter().collect();
    // The names of shards are numbered: what comes of a shard comes after it.
    shards.sort_by_key(|shard| &shard.id);
    let mut made = Vec::new();
    for shard in shards {
        let checkpoint = if shard.parents.iter().any(|parent| leased.contains(&**parent)) {
            Checkpoint::TrimHorizon
        } else if shard.is_closed() && *start == Start::Latest {
            continue;
        } else {
            Checkpoint::initial(start)
        };
        if leased.insert(&shard.id) {
            made.push(Lease::new(shard.id.clone(), shard.parents.iter().cloned(), checkpoint));
        }
    }
    let is_listed = |lease: &&Lease| listed.iter().any(|shard| shard.id == lease.shard_id);
    Sync { made, removed: leases.iter().filter(|lease| !is_listed(lease)).cloned().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::tests::Stream;

    fn made(stream: &Stream, leases: &[Lease], start: &Start) -> Vec<(String, Checkpoint)> {
        sync(&stream.shards, leases, start).made.into_iter().map(|lease| (lease.shard_id, lease.checkpoint)).collect()
    }

    #[test]
    fn from_the_horizon_all_shards_have_leases_and_from_the_latest_the_open_ones() {
        let mut stream = Stream::of(1);
        stream.split(0);
        assert_eq!(made(&stream, &[], &Start::TrimHorizon).len(), 3);
        let latest = made(&stream, &[], &Start::Latest);
        assert_eq!(latest.len(), 2);
        assert!(latest.iter().all(|(_, checkpoint)| *checkpoint == Checkpoint::Latest));
    }

    #[test]
    fn what_comes_of_a_leased_shard_is_begun_at_its_beginning() {
        let mut stream = Stream::of(1);
        let leases = sync(&stream.shards, &[], &Start::Latest).made;
        stream.split(0);
        stream.split(0);
        let later = made(&stream, &leases, &Start::Latest);
        assert_eq!(later.len(), 4);
        assert!(later.iter().all(|(_, checkpoint)| *checkpoint == Checkpoint::TrimHorizon));
    }

    #[test]
    fn leases_are_removed_with_their_shards_alone() {
        let mut stream = Stream::of(1);
        stream.split(0);
        let leases: Vec<Lease> =
            sync(&stream.shards, &[], &Start::TrimHorizon).made.iter().map(Lease::finished).collect();
        assert_eq!(sync(&stream.shards, &leases, &Start::TrimHorizon), Sync { made: vec![], removed: vec![] });
        stream.trim();
        assert_eq!(sync(&stream.shards, &leases, &Start::TrimHorizon).removed, leases[..1]);
    }
}
