//! Where time comes in. Nothing in the house asks the machine for the time but the clock it was given.
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::watch;

/// A sleep under way.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The time of day, and waiting.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
    /// Microseconds from some fixed moment; never falls.
    fn steady_us(&self) -> u64;
    /// Resolves once `delay_ms` have passed.
    fn sleep(&self, delay_ms: u64) -> Sleep;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    born: Instant,
}

impl SystemClock {
    /// The one clock of a process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { born: Instant::now() })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the seam")]
impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
    fn steady_us(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
    fn sleep(&self, delay_ms: u64) -> Sleep {
        Box::pin(tokio::time::sleep(Duration::from_millis(delay_ms)))
    }
}

/// A clock that stands still until told otherwise: for tests and simulation.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now_ms: Arc<Mutex<watch::Sender<u64>>>,
}

impl ManualClock {
    /// A clock standing at `now_ms`.
    #[must_use]
    pub fn at(now_ms: u64) -> Self {
        Self { now_ms: Arc::new(Mutex::new(watch::Sender::new(now_ms))) }
    }

    /// Lets `by_ms` pass; wakes the sleepers whose time has come.
    pub fn advance(&self, by_ms: u64) {
        self.now_ms.lock().unwrap_or_else(PoisonError::into_inner).send_modify(|now| *now += by_ms);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        *self.now_ms.lock().unwrap_or_else(PoisonError::into_inner).borrow()
    }
    fn steady_us(&self) -> u64 {
        self.now_ms() * 1000
    }
    fn sleep(&self, delay_ms: u64) -> Sleep {
        let mut now = self.now_ms.lock().unwrap_or_else(PoisonError::into_inner).subscribe();
        let end = *now.borrow() + delay_ms;
        Box::pin(async move {
            // The sender lives as long as the clock; when it is gone nobody can wait any more.
            let _ = now.wait_for(|now| *now >= end).await;
        })
    }
}
