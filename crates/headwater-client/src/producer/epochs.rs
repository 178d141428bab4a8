//! Which records a flush waits for. Invariant: a flush is over exactly when all that was sent before it is answered.
use std::collections::VecDeque;

/// Records outstanding, counted between one flush and the next.
#[derive(Debug)]
pub(super) struct Epochs {
    /// The oldest epoch that is not over.
    first: u64,
    /// Outstanding records of that one and those after it; the last is open.
    counts: VecDeque<usize>,
}

impl Default for Epochs {
    fn default() -> Self {
        Self { first: 1, counts: VecDeque::from([0]) }
    }
}

impl Epochs {
    /// Counts a record in; gives its epoch.
    pub(super) fn enter(&mut self) -> u64 {
        if let Some(last) = self.counts.back_mut() {
            *last += 1;
        }
        self.newest()
    }

    /// Counts a record of `epoch` out.
    pub(super) fn leave(&mut self, epoch: u64) {
        let place = usize::try_from(epoch - self.first).ok();
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count -= 1;
        }
        self.settle();
    }

    /// Ends the newest epoch; what must be over for all that entered to be out.
    pub(super) fn close(&mut self) -> u64 {
        self.counts.push_back(0);
        self.settle();
        self.newest() - 1
    }

    /// All epochs up to this one are over.
    pub(super) fn over(&self) -> u64 {
        self.first - 1
    }

    fn newest(&self) -> u64 {
        self.first + self.counts.len() as u64 - 1
    }

    fn settle(&mut self) {
        while self.counts.len() > 1 && self.counts.front() == Some(&0) {
            self.counts.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_waits_for_what_was_before_it_and_for_nothing_after_it() {
        let mut epochs = Epochs::default();
        let nothing = epochs.close();
        assert_eq!(epochs.over(), nothing);
        let (a, b) = (epochs.enter(), epochs.enter());
        let first = epochs.close();
        let c = epochs.enter();
        let second = epochs.close();
        epochs.enter();
        epochs.leave(c);
        epochs.leave(a);
        assert!(epochs.over() < first);
        epochs.leave(b);
        assert_eq!(epochs.over(), second);
    }
}
