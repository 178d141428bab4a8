//! Things that wait to be sent, and are sent in turns: all that has arrived while a turn was under way makes the next one.
//!
//! Invariant: turns follow one another, in the order of arrival, as whoever was told to begin takes them until there is none.
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What waits.
pub(crate) struct Turns<T> {
    queue: Mutex<Queue<T>>,
    max_bytes: usize,
}

struct Queue<T> {
    /// Each with its bytes.
    waiting: VecDeque<(usize, T)>,
    /// Somebody takes the turns.
    taken: bool,
}

impl<T> Turns<T> {
    /// A turn takes what comes to at most `max_bytes`; what is larger has a turn of its own.
    pub(crate) const fn of(max_bytes: usize) -> Self {
        Self { queue: Mutex::new(Queue { waiting: VecDeque::new(), taken: false }), max_bytes }
    }

    /// Takes a place. True if somebody has to begin taking turns.
    pub(crate) fn enqueue(&self, one: T, size_bytes: usize) -> bool {
        let mut queue = self.queue();
        queue.waiting.push_back((size_bytes, one));
        !std::mem::replace(&mut queue.taken, true)
    }

    /// The next turn; without one, whoever asked is done.
    pub(crate) fn next(&self) -> Option<Vec<T>> {
        let mut queue = self.queue();
        let (mut turn, mut sum_bytes) = (Vec::new(), 0);
        while let Some((size_bytes, _)) = queue.waiting.front()
            && (turn.is_empty() || sum_bytes + size_bytes <= self.max_bytes)
        {
            sum_bytes += size_bytes;
            turn.extend(queue.waiting.pop_front().map(|(_, one)| one));
        }
        queue.taken = !turn.is_empty();
        queue.taken.then_some(turn)
    }

    /// All that waits now; who takes the turns goes on doing so.
    pub(crate) fn drain(&self) -> Vec<T> {
        self.queue().waiting.drain(..).map(|(_, one)| one).collect()
    }

    /// Nothing waits or is under way.
    pub(crate) fn is_idle(&self) -> bool {
        !self.queue().taken
    }

    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 100;

    #[test]
    fn one_at_a_time_takes_turns_of_what_has_arrived() {
        let turns = Turns::of(MAX);
        assert!(turns.is_idle());
        assert!(turns.enqueue('a', 1), "the first has to begin");
        assert!(!turns.enqueue('b', 2), "somebody takes turns");
        assert_eq!(turns.next(), Some(vec!['a', 'b']));
        assert!(!turns.enqueue('c', 3));
        assert_eq!(turns.next(), Some(vec!['c']));
        assert!(!turns.is_idle());
        assert_eq!(turns.next(), None);
        assert!(turns.is_idle());
        assert!(turns.enqueue('d', 4), "nobody takes turns any more");
    }

    #[test]
    fn a_turn_is_bounded_and_what_is_large_has_its_own() {
        let turns = Turns::of(MAX);
        for size in [MAX - 1, 1, 2, 5 * MAX, 3] {
            turns.enqueue(size, size);
        }
        let all: Vec<_> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!(all, [vec![MAX - 1, 1], vec![2], vec![5 * MAX], vec![3]]);
    }

    #[test]
    fn what_is_drained_has_no_turn() {
        let turns = Turns::of(MAX);
        turns.enqueue('a', 1);
        assert_eq!(turns.drain(), ['a']);
        assert!(!turns.enqueue('b', 1), "somebody still takes turns");
        assert_eq!(turns.next(), Some(vec!['b']));
    }
}
