//! Something that was asked for: when, until when that may have been done, and what was told.
use headwater_wire::ErrorKind;

/// What came of a call: its answer, or whose fault it was that there is none.
pub type Outcome<T = ()> = Result<T, ErrorKind>;

#[derive(Clone, Debug)]
pub struct Asked<T = ()> {
    pub began: u64,
    pub ended: u64,
    pub outcome: Option<Outcome<T>>,
}

impl<T> Asked<T> {
    pub const fn at(began: u64) -> Self {
        Self { began, ended: u64::MAX, outcome: None }
    }

    pub fn answer(&mut self, outcome: Outcome<T>, now: u64) {
        // What failed in a way that nobody knows may still come to something.
        if !matches!(outcome, Err(ErrorKind::Receiver)) {
            self.ended = now;
        }
        self.outcome = Some(outcome);
    }

    pub const fn is_done(&self) -> bool {
        matches!(self.outcome, Some(Ok(_)))
    }

    /// Whether it was told that nothing was done.
    pub const fn is_refused(&self) -> bool {
        matches!(self.outcome, Some(Err(ErrorKind::Unavailable | ErrorKind::Sender | ErrorKind::Elsewhere)))
    }
}
