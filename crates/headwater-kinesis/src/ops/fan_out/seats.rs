//! Who is subscribed: one subscription at a time for each consumer of a shard.
//!
//! Invariant: within [`HOLD_US`] of a successful call nobody else gets the seat, whatever became of that subscription;
//! after that the next one gets it, and who had it is told to leave.
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// For how long a subscription cannot be taken over.
const HOLD_US: u64 = 5_000_000;

/// A consumer of one shard: the stream's incarnation, the shard's index, the consumer's name and when it came to be.
pub(crate) type Seat = (u128, u32, String, u64);

/// All seats that are taken.
#[derive(Default)]
pub(super) struct Seats(Mutex<HashMap<Seat, Holder>>);

struct Holder {
    since_us: u64,
    leave: oneshot::Sender<()>,
}

impl Seats {
    /// Takes the seat; what is returned resolves once somebody else has taken it over. `None` if it is too early.
    pub(super) fn take(&self, seat: Seat, now_us: u64) -> Option<oneshot::Receiver<()>> {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_held = |holder: &Holder| now_us.saturating_sub(holder.since_us) < HOLD_US;
        seats.retain(|_, holder| is_held(holder) || !holder.leave.is_closed());
        if seats.get(&seat).is_some_and(is_held) {
            return None;
        }
        let (leave, told) = oneshot::channel();
        if let Some(before) = seats.insert(seat, Holder { since_us: now_us, leave }) {
            // It may have gone by itself.
            let _ = before.leave.send(());
        }
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(consumer: &str) -> Seat {
        (1, 0, consumer.into(), 7)
    }

    #[test]
    fn a_seat_is_taken_over_after_five_seconds_and_not_before() {
        let seats = Seats::default();
        let mut first = seats.take(seat("a"), 0).unwrap();
        assert!(seats.take(seat("a"), 4_999_999).is_none());
        assert!(seats.take(seat("b"), 0).is_some(), "another consumer has its own");
        assert!(first.try_recv().is_err());
        let _second = seats.take(seat("a"), 5_000_000).unwrap();
        assert_eq!(first.try_recv(), Ok(()));
    }

    #[test]
    fn seats_that_were_left_are_forgotten_once_they_are_free() {
        let seats = Seats::default();
        drop(seats.take(seat("a"), 0));
        assert!(seats.take(seat("a"), 1).is_none(), "the call counts, not how long it was of use");
        drop(seats.take(seat("b"), 9_000_000));
        assert_eq!(seats.0.lock().unwrap().len(), 1);
    }
}
