//! Work that takes its time without waiting for anything: it is done aside, on a thread of its own, and others go on.
//!
//! Invariant: only where `conformance` is on is it done in place, so that what a simulation does depends on no thread's pace.
use crate::LogError;
use tokio::{
    sync::{Semaphore, mpsc},
    task::spawn_blocking,
};

const IN_PLACE: bool = cfg!(feature = "conformance");

/// Does `work` aside.
///
/// # Errors
/// `Io` if its thread died.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LogError> {
    if IN_PLACE {
        return Ok(work());
    }
    spawn_blocking(work).await.map_err(|died| LogError::Io(died.to_string()))
}

/// Where work that is done aside puts what it makes.
pub struct Made<T>(mpsc::Sender<T>);

impl<T> Made<T> {
    /// Waits until the one before was taken. False if nobody takes them any more.
    pub fn put(&self, part: T) -> bool {
        if IN_PLACE { self.0.try_send(part).is_ok() } else { self.0.blocking_send(part).is_ok() }
    }
}

/// Parts that work makes aside, and where they are taken.
#[must_use]
pub fn parts<T>() -> (Made<T>, mpsc::Receiver<T>) {
    let (made, taken) = mpsc::channel(if IN_PLACE { Semaphore::MAX_PERMITS } else { 1 });
    (Made(made), taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_made_aside_is_taken_in_order_until_nobody_takes_it() {
        let (made, mut taken) = parts();
        let taking = async {
            let mut last = 0;
            while last < 100 {
                assert_eq!(taken.recv().await, Some(last + 1));
                last += 1;
            }
            drop(taken);
        };
        let making = run(move || (1..1000).take_while(|number| made.put(*number)).count());
        let (made, ()) = tokio::join!(making, taking);
        assert!((100..1000).contains(&made.unwrap()));
    }
}
