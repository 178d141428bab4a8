//! Each rule left out, one at a time, until a seed shows what comes of that: what finds no fault must be able to.
use crate::{World, world};
use headwater_log::rules::{Rule, without};

/// So many seeds it may take.
const SEEDS: u64 = 20_000;

/// The rules, and the world that shows what each is for.
const PLANTED: &[(Rule, &str)] = &[
    (Rule::SyncsComeBeforeAnswers, "disk"),
    (Rule::WhatIsFoundIsSynced, "disk"),
    (Rule::NamesAreSynced, "disk"),
    (Rule::ChecksumsAreChecked, "disk"),
    (Rule::EpochsAreTakenOnce, "decisions"),
    (Rule::OldEpochsAreVoid, "decisions"),
    (Rule::DecisionsAreReadBeforeTheyAreAnswered, "decisions"),
    (Rule::DoubtEndsAnEpoch, "decisions"),
    (Rule::StrongReadsWaitForABarrier, "decisions"),
    (Rule::SnapshotsGoBehindNewerOnes, "decisions"),
    (Rule::RecordsAreJudged, "streams"),
    (Rule::CatalogsCatchUpBeforeTheyVouch, "streams"),
    (Rule::OnlyOwnPlacesAreOwn, "streams"),
    (Rule::NothingIsPutWhileSealing, "streams"),
    (Rule::FirstMarkerCounts, "streams"),
    (Rule::MarkersComeBeforeChildren, "streams"),
    (Rule::ReadersStopAtMarkers, "streams"),
    (Rule::OnlyWhatIsPastRetentionGoes, "streams"),
    (Rule::ReadersAreHeldToRetention, "streams"),
    (Rule::EpochsAreTakenOnce, "tables"),
    (Rule::OldEpochsAreVoid, "tables"),
    (Rule::DecisionsAreReadBeforeTheyAreAnswered, "tables"),
    (Rule::DoubtEndsAnEpoch, "tables"),
    (Rule::OnlyOwnPlacesAreOwn, "tables"),
    (Rule::StrongReadsWaitForABarrier, "tables"),
    (Rule::NumbersLeaveNoGaps, "tables"),
    (Rule::RefusalsHoldTheSeat, "tables"),
    (Rule::SnapshotsAreWhole, "tables"),
    (Rule::SnapshotsHoldWhatWasBefore, "tables"),
    (Rule::EndsComeBeforeTrims, "tables"),
    (Rule::OnlyWhoWroteAloneTrims, "tables"),
    (Rule::TrimsStopAtTheSnapshot, "tables"),
    (Rule::PlacesComeAfterTheirRows, "tables"),
    (Rule::DeletedStreamsTakeNothing, "deliveries"),
    (Rule::ProgressComesAfterWriting, "deliveries"),
    (Rule::ProgressLeavesNoGaps, "deliveries"),
    (Rule::WhatIsNotStoredIsPutAgain, "deliveries"),
    (Rule::KeysAreLookedForAgain, "deliveries"),
    (Rule::ChangesAreForWhomTheyWereMade, "deliveries"),
];

/// Leaves out every rule in turn, or those that are named. How many were found, and how many were not.
pub fn run(arguments: &[String]) -> (u64, u64) {
    let (mut found, mut missed) = (0, 0);
    let is_named = |(rule, _): &&(Rule, &str)| arguments.contains(&format!("{rule:?}"));
    let all = !PLANTED.iter().any(|planted| is_named(&planted));
    for (rule, name) in PLANTED.iter().filter(|planted| all || is_named(planted)) {
        let (_, run): &World = world(name).expect("a world");
        let shown = without(*rule, || (0..SEEDS).find_map(|seed| Some((seed, run(seed, false).wrong?))));
        match shown {
            Some((seed, wrong)) => {
                found += 1;
                let wrong: String = wrong.chars().take(120).collect();
                println!("{rule:?}: {name} --seed {seed}: {wrong}");
            }
            None => {
                missed += 1;
                println!("{rule:?} is left out, and {SEEDS} seeds of {name} do not show it");
            }
        }
    }
    (found, missed)
}
