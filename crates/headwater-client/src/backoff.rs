//! When a request is made again, and how soon. Invariant: what another attempt cannot mend is never tried again, and what
//! has worked once is tried for as long as it takes.
use crate::{clock, error::Error};
use std::time::Duration;

/// The longest pause before the first repetition; each doubles it.
const FIRST: Duration = Duration::from_millis(200);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(5);
/// Attempts in a row until a service that never answered counts as absent: about half a minute.
const FIRST_ATTEMPTS: u32 = 10;
/// Answers in a row that make no sense until they are believed. One can be an answer that was cut off.
const STRANGE_ANSWERS: u32 = 5;

/// Codes of refusals that pass.
const PASSING: &[&str] = &[
    "InternalFailure",
    "InternalFailureException",
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TransactionConflictException",
];
const TOO_MANY_REQUESTS: u16 = 429;

/// Whether the same request may succeed a little later: too much was asked, the service is in trouble, or is not reached.
pub(crate) fn passes(error: &Error) -> bool {
    match error {
        Error::Failed(failed) => match (failed.status, failed.code.as_deref()) {
            (_, Some(code)) if PASSING.contains(&code) => true,
            (Some(status), _) => status >= 500 || status == TOO_MANY_REQUESTS,
            (None, code) => code.is_none(),
        },
        Error::Misuse(_) | Error::Unexpected(_) => false,
    }
}

/// The pauses between the attempts at one thing.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    strange: u32,
    /// It has worked before.
    proven: bool,
}

impl Backoff {
    /// It worked.
    pub(crate) fn succeeded(&mut self) {
        *self = Self { proven: true, ..Self::default() };
    }

    /// How long to wait before the next attempt after `error`, with a `chance` from 0 to 1; `None` if there should be none.
    pub(crate) fn after(&mut self, error: &Error, chance: f64) -> Option<Duration> {
        self.strange = if matches!(error, Error::Unexpected(_)) { self.strange + 1 } else { 0 };
        let again = passes(error) || (1..STRANGE_ANSWERS).contains(&self.strange);
        if !again || (!self.proven && self.failures + 1 >= FIRST_ATTEMPTS) {
            return None;
        }
        let longest = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // At least half: many clients that fail at once should neither come back at once nor all immediately.
        Some(longest.mul_f64(0.5 + chance / 2.0))
    }

    /// Waits as [`Self::after`] says, or gives the error back.
    pub(crate) async fn wait(&mut self, error: Error) -> Result<(), Error> {
        let Some(pause) = self.after(&error, clock::chance()) else { return Err(error) };
        tracing::warn!(%error, ?pause, "tried again after a pause");
        clock::pause(pause).await;
        Ok(())
    }
}

/// Attempts what `request` does until it succeeds or cannot. It has worked before, if `proven`.
pub(crate) async fn persist<T, F>(proven: bool, mut request: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut backoff = Backoff { proven, ..Backoff::default() };
    loop {
        match request().await {
            Ok(answer) => return Ok(answer),
            Err(error) => backoff.wait(error).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failed;

    fn failed(status: Option<u16>, code: Option<&str>) -> Error {
        Error::Failed(Failed { operation: "GetRecords", status, code: code.map(Into::into), message: String::new() })
    }

    #[test]
    fn throttling_server_faults_and_broken_connections_pass_and_refusals_do_not() {
        for passing in [
            failed(Some(400), Some("ProvisionedThroughputExceededException")),
            failed(Some(200), Some("InternalFailure")),
            failed(Some(503), None),
            failed(Some(429), None),
            failed(None, None),
        ] {
            assert!(passes(&passing), "{passing:?}");
        }
        for lasting in [
            failed(Some(400), Some("ResourceNotFoundException")),
            failed(None, Some("ResourceNotFoundException")),
            failed(Some(413), None),
            Error::Misuse(String::new()),
            Error::Unexpected(String::new()),
        ] {
            assert!(!passes(&lasting), "{lasting:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_never_fall_below_half() {
        let (mut backoff, broken) = (Backoff { proven: true, ..Backoff::default() }, failed(None, None));
        let pauses: Vec<_> = (0..100).map(|_| backoff.after(&broken, 0.0).unwrap()).collect();
        assert_eq!(pauses[..2], [FIRST / 2, FIRST]);
        assert_eq!(pauses[99], LONGEST / 2);
    }

    #[test]
    fn a_service_that_never_answered_is_given_up_and_one_that_did_is_not() {
        let broken = failed(None, None);
        let mut backoff = Backoff::default();
        assert_eq!((0..100).take_while(|_| backoff.after(&broken, 0.5).is_some()).count(), 9);
        backoff.succeeded();
        assert_eq!((0..100).take_while(|_| backoff.after(&broken, 0.5).is_some()).count(), 100);
    }

    #[test]
    fn one_strange_answer_is_asked_again_and_a_row_of_them_is_believed() {
        let (mut backoff, strange) = (Backoff::default(), Error::Unexpected("half an answer".into()));
        assert_eq!((0..100).take_while(|_| backoff.after(&strange, 0.5).is_some()).count(), 4);
    }
}
