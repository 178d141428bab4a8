//! Time and chance. Invariant: the readers and the workers take both from here alone, so that everything which decides
//! takes them as arguments.
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, SystemTime},
};
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

/// A number that nobody else has drawn, as good as surely. The standard library seeds its maps by chance.
pub(crate) fn lot() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A number from 0 to 1, 1 excluded.
pub(crate) fn chance() -> f64 {
    // As many bits as a float holds.
    (lot() >> 11) as f64 / (1u64 << 53) as f64
}
