//! Who is signed in to the console. Pure: time and chance come in as arguments.
//!
//! Invariant: of a token only its digest is kept, so that neither what this memory shows nor the time a look-up takes
//! tells anybody a token; never more than [`MAX_SESSIONS`] sessions, none beyond its end.
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

/// A working day; then one signs in again.
pub(crate) const SESSION_MS: u64 = 8 * 3_600_000;
/// One more, and the session that would end first ends now.
const MAX_SESSIONS: usize = 1000;

/// All sessions, by their tokens' digests.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

struct Session {
    access_key: Arc<str>,
    ends_ms: u64,
}

impl Sessions {
    /// Begins a session for the bearer of `access_key`; gives its token.
    pub(crate) fn begin(&self, access_key: &str, chance: &dyn Fn() -> u128, now_ms: u64) -> String {
        let mut token = String::with_capacity(64);
        // Writing to memory does not fail.
        let _ = write!(token, "{:032x}{:032x}", chance(), chance());
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, session| session.ends_ms > now_ms);
        if held.len() >= MAX_SESSIONS {
            let first = held.iter().min_by_key(|(_, session)| session.ends_ms).map(|(digest, _)| *digest);
            first.and_then(|digest| held.remove(&digest));
        }
        held.insert(digest(&token), Session { access_key: access_key.into(), ends_ms: now_ms + SESSION_MS });
        token
    }

    /// The access key whose bearer has this token.
    pub(crate) fn whose(&self, token: &str, now_ms: u64) -> Option<Arc<str>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = held.get(&digest(token)).filter(|session| session.ends_ms > now_ms);
        session.map(|session| Arc::clone(&session.access_key))
    }

    /// Ends the session of this token, if there is one.
    pub(crate) fn end(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest(token));
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn chance() -> impl Fn() -> u128 {
        let count = AtomicU64::new(0);
        move || u128::from(count.fetch_add(1, Ordering::Relaxed))
    }

    #[test]
    fn a_session_lasts_until_its_end_or_until_it_is_ended() {
        let (sessions, chance) = (Sessions::default(), chance());
        let (first, second) = (sessions.begin("A", &chance, 0), sessions.begin("B", &chance, 0));
        assert_eq!(sessions.whose(&first, SESSION_MS - 1).as_deref(), Some("A"));
        assert_eq!(sessions.whose(&first, SESSION_MS), None);
        sessions.end(&second);
        assert_eq!(sessions.whose(&second, 0), None);
        assert_eq!(sessions.whose("", 0), None);
    }

    #[test]
    fn there_is_room_for_so_many_and_the_oldest_goes_first() {
        let (sessions, chance) = (Sessions::default(), chance());
        let tokens: Vec<String> = (0..=MAX_SESSIONS as u64).map(|at_ms| sessions.begin("A", &chance, at_ms)).collect();
        assert_eq!(sessions.whose(&tokens[0], 2_000), None);
        assert!(tokens[1..].iter().all(|token| sessions.whose(token, 2_000).is_some()));
    }
}
