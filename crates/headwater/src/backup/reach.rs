//! Which moments can be had of the backups in a folder, and of which of them. Pure.
//!
//! Invariant: a moment is made of one backup's journal, which reaches back to it, and of rows that are as old or older, that
//! the journal reaches back to, and that belong to the same line of history.
use super::manifest::Backup;
use serde::{Deserialize, Serialize};

/// What a backup says of the time before it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Before {
    /// Which line of history it is of.
    pub(crate) line: String,
    /// Its journal tells all of any moment from this one on, but for rows; in milliseconds since the Unix epoch.
    pub(crate) reaches_ms: u64,
    /// Whether its journal tells all of the rows, too.
    pub(crate) tells_rows: bool,
}

/// A backup and the name of its manifest.
pub(crate) type Named = (String, Backup);

/// What a moment is made of.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice<'a> {
    pub(crate) journal: &'a Named,
    /// Whose rows may serve, newest first.
    pub(crate) rows: Vec<&'a Named>,
}

/// The earliest moment that can be had of this backup's journal, among all there are.
pub(crate) fn from_ms(all: &[Named], of: &Backup) -> Option<u64> {
    let before = of.before.as_ref()?;
    if before.tells_rows {
        return Some(before.reaches_ms);
    }
    rows_for(all, of, of.time_ms).map(|(_, rows)| rows.time_ms).filter(|time_ms| *time_ms >= before.reaches_ms).min()
}

/// What the moment `to_ms` is made of: the first backup behind it that reaches back to it.
pub(crate) fn choose(all: &[Named], to_ms: u64) -> Option<Choice<'_>> {
    let reaches =
        |(_, backup): &&Named| backup.time_ms >= to_ms && from_ms(all, backup).is_some_and(|from_ms| from_ms <= to_ms);
    let journal = all.iter().filter(reaches).min_by_key(|(_, backup)| backup.time_ms)?;
    let mut rows: Vec<&Named> = rows_for(all, &journal.1, to_ms).collect();
    rows.sort_by_key(|(_, backup)| std::cmp::Reverse(backup.time_ms));
    Some(Choice { journal, rows })
}

/// The backups of the same line of history, taken by `upto_ms`.
fn rows_for<'a>(all: &'a [Named], of: &Backup, upto_ms: u64) -> impl Iterator<Item = &'a Named> {
    let line = of.before.as_ref().map(|before| before.line.clone());
    all.iter().filter(move |(_, backup)| {
        backup.time_ms <= upto_ms
            && line.is_some()
            && backup.before.as_ref().map(|before| &before.line) == line.as_ref()
    })
}

/// All moments that can be had, as stretches from one to another, oldest first.
pub(crate) fn stretches(all: &[Named]) -> Vec<(u64, u64)> {
    let mut each: Vec<(u64, u64)> =
        all.iter().filter_map(|(_, backup)| Some((from_ms(all, backup)?, backup.time_ms))).collect();
    each.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, upto) in each {
        match joined.last_mut() {
            Some((_, last)) if from <= *last => *last = upto.max(*last),
            _ => joined.push((from, upto)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn backup(time_ms: u64, before: Option<(&str, u64, bool)>) -> Named {
        let before = before.map(|(line, reaches_ms, tells_rows)| Before { line: line.into(), reaches_ms, tells_rows });
        (time_ms.to_string(), Backup::new(time_ms, Vec::new(), Vec::new(), before))
    }

    fn chosen(all: &[Named], to_ms: u64) -> Option<(u64, Vec<u64>)> {
        let Choice { journal, rows } = choose(all, to_ms)?;
        Some((journal.1.time_ms, rows.into_iter().map(|(_, backup)| backup.time_ms).collect()))
    }

    #[test]
    fn a_moment_is_made_of_the_next_journal_and_rows_before() {
        let all =
            [backup(10, Some(("a", 2, false))), backup(20, Some(("a", 7, false))), backup(30, Some(("a", 15, false)))];
        assert_eq!((chosen(&all, 9), chosen(&all, 10)), (None, Some((10, vec![10]))));
        assert_eq!((chosen(&all, 11), chosen(&all, 20)), (Some((20, vec![10])), Some((20, vec![20, 10]))));
        assert_eq!((chosen(&all, 29), chosen(&all, 31)), (Some((30, vec![20, 10])), None));
        assert_eq!(stretches(&all), [(10, 30)]);
    }

    #[test]
    fn a_journal_that_tells_rows_needs_none() {
        let all = [backup(10, Some(("a", 2, true))), backup(20, None)];
        assert_eq!((chosen(&all, 5), chosen(&all, 1), chosen(&all, 15)), (Some((10, vec![])), None, None));
        assert_eq!((from_ms(&all, &all[0].1), from_ms(&all, &all[1].1)), (Some(2), None));
    }

    #[test]
    fn a_gap_is_where_the_log_did_not_reach_and_lines_of_history_do_not_mix() {
        let all =
            [backup(10, Some(("a", 10, false))), backup(20, Some(("a", 15, false))), backup(30, Some(("b", 5, false)))];
        assert_eq!(stretches(&all), [(10, 10), (20, 20), (30, 30)]);
        assert_eq!((chosen(&all, 17), chosen(&all, 25)), (None, None));
    }

    proptest! {
        #[test]
        fn what_is_said_can_be_had_and_nothing_else(
            some in proptest::collection::vec((0..60_u64, "[ab]", 0..60_u64, any::<bool>()), 0..6),
        ) {
            let all: Vec<Named> = some.iter().map(|(time_ms, line, ago_ms, tells_rows)| {
                backup(*time_ms, Some((line.as_str(), time_ms.saturating_sub(*ago_ms), *tells_rows)))
            }).collect();
            let stretches = stretches(&all);
            for to_ms in 0..70 {
                let is_said = stretches.iter().any(|(from, upto)| (*from..=*upto).contains(&to_ms));
                let choice = choose(&all, to_ms);
                prop_assert_eq!(choice.is_some(), is_said);
                let Some(Choice { journal: (_, journal), rows }) = choice else { continue };
                let before = journal.before.clone().unwrap();
                prop_assert!(before.reaches_ms <= to_ms && to_ms <= journal.time_ms);
                let serves = |(_, rows): &&Named| rows.time_ms <= to_ms && rows.time_ms >= before.reaches_ms;
                prop_assert!(before.tells_rows || rows.iter().any(serves));
                prop_assert!(rows.iter().all(|(_, rows)| rows.before.as_ref().unwrap().line == before.line));
            }
        }
    }
}
