//! Time and chance. Invariant: the readers and the workers take both from here alone, so that everything which decides
//! takes them as arguments.
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Now, for spans.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, as the service dates records.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub(crate) fn date() -> SystemTime {
    SystemTime::now()
}

/// Waits until `when`.
pub(crate) async fn until(when: Instant) {
    tokio::time::sleep_until(when).await;
}

/// Waits for `span`.
pub(crate) async fn pause(span: Duration) {
    until(now() + span).await;
}

/// A number from 0 to 1, 1 excluded.
pub(crate) fn chance() -> f64 {
    fastrand::f64()
}

/// A number that nobody else has drawn, as good as surely.
pub(crate) fn lot() -> u64 {
    fastrand::u64(..)
}
