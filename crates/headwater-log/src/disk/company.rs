//! Who writes at the same time, and a group's patience for them.
//!
//! Those who have just been answered come back with their next entries a moment later than those who waited meanwhile. A
//! group that does not wait for them leaves them the next one, and that one others: half of them in each, and twice the
//! syncs (decision 0024). Invariant: nobody waits for company that does not come, nor longer than a group takes anyway.
use super::intake::Intake;
use crate::clock::Clock;
use std::time::Duration;

/// The most a group waits.
const MOST_US: u64 = 1_000;
/// If nobody has come for so long, nobody is waited for.
const PAUSE: Duration = Duration::from_micros(30);

/// Who may come, by what the last group has shown; nobody before that.
#[derive(Default)]
pub(super) struct Company {
    count: usize,
    took_us: u64,
}

impl Company {
    /// After a group with entries of `answered`, which took so long, and while `waiting` have come.
    pub(super) fn after(answered: usize, waiting: usize, took_us: u64) -> Self {
        Self { count: answered + waiting, took_us: took_us.min(MOST_US) }
    }

    /// Waits for all of them, as long as they come.
    pub(super) fn gather(&self, intake: &Intake, clock: &dyn Clock) {
        let began_us = clock.steady_us();
        let mut here = intake.len();
        while here < self.count && clock.steady_us().saturating_sub(began_us) < self.took_us {
            intake.wait_for(self.count, PAUSE);
            let now = intake.len();
            if now == here {
                return;
            }
            here = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogGroup, LogId, clock::ManualClock, disk::intake::Item};

    const LONG: Duration = Duration::from_secs(3600);

    fn put(intake: &Intake) {
        intake.put(Item::Trim { log: LogId::new(LogGroup(1), 0), before: 1, reply: None });
    }

    #[test]
    fn one_alone_waits_for_nobody_and_nobody_waits_for_those_who_stay_away() {
        let (intake, clock) = (Intake::new(1), ManualClock::at(0));
        put(&intake);
        for company in [Company::default(), Company::after(1, 0, 1_000), Company::after(9, 9, 1_000)] {
            company.gather(&intake, &clock);
            assert_eq!(intake.len(), 1);
        }
    }

    #[test]
    fn whoever_waits_for_some_is_woken_by_the_last_of_them_or_by_the_end() {
        let intake = Intake::new(1);
        std::thread::scope(|scope| {
            scope.spawn(|| (0..3).for_each(|_| put(&intake)));
            intake.wait_for(3, LONG);
        });
        assert_eq!(intake.len(), 3);
        intake.wait_for(2, LONG);
        std::thread::scope(|scope| {
            scope.spawn(|| intake.close());
            intake.wait_for(4, LONG);
        });
    }
}
