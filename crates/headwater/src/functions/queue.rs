//! Work for runtimes: a runtime asks for its next invocation and waits, takes one, and says what came of it.
//!
//! Invariant: an invocation is in one place – waiting, with one runtime, or done. A runtime that goes away while it waits
//! takes nothing with it; one that goes away with an invocation ends it when its time is up. Who does not say which
//! function it serves gets the invocations of those that nobody else serves.
use super::{Call, Called, Uncalled};
use bytes::Bytes;
use headwater_kinesis::Entropy;
use headwater_log::clock::Clock;
use headwater_wire::uuid_text;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, oneshot};

/// How long a call waits for somebody to serve its function, and how long somebody who was there counts as coming back.
const PATIENCE_MS: u64 = 10_000;
/// How often those who wait look whether somebody still serves a function.
const LOOK_MS: u64 = 500;
/// What all invocations hold together; a call beyond it is refused.
const BUDGET_BYTES: usize = 256 << 20;
/// Invocations that ended before their runtime was through and are remembered, so that it may still say so.
const MAX_OVERDUE: usize = 1000;

/// Runtimes remembered, by what they serve; beyond it those that are gone are forgotten.
const MAX_RUNTIMES: usize = 1000;

/// What a runtime serves.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Serves {
    /// The function of this name.
    Function(String),
    /// Any that nobody else serves.
    Any,
}

/// An invocation, as its runtime gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Given {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) payload: Bytes,
    pub(crate) trace: String,
    pub(crate) client_context: Option<String>,
    /// When it will be given up, in milliseconds since the Unix epoch.
    pub(crate) deadline_ms: u64,
}

/// The queue.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Something is to be had.
    arrived: Notify,
    timeout_ms: u64,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    running: HashMap<String, Running>,
    overdue: VecDeque<String>,
    runtimes: HashMap<Serves, Runtimes>,
    held_bytes: usize,
}

struct Waiting {
    id: String,
    call: Call,
    taken: oneshot::Sender<()>,
    outcome: oneshot::Sender<Called>,
}

struct Running {
    by: Serves,
    outcome: oneshot::Sender<Called>,
}

/// Those who serve the same.
#[derive(Default)]
struct Runtimes {
    waiting: usize,
    running: usize,
    seen_ms: u64,
}

impl Runtimes {
    const fn are_there(&self, now_ms: u64) -> bool {
        self.waiting > 0 || self.running > 0 || now_ms.saturating_sub(self.seen_ms) < PATIENCE_MS
    }
}

impl State {
    fn is_served_by(&self, by: &Serves, now_ms: u64) -> bool {
        self.runtimes.get(by).is_some_and(|runtimes| runtimes.are_there(now_ms))
    }

    /// The place of the first invocation that `by` may take.
    fn place_for(&self, by: &Serves, now_ms: u64) -> Option<usize> {
        self.waiting.iter().position(|waiting| match by {
            Serves::Function(name) => waiting.call.name.name == *name,
            Serves::Any => !self.is_served_by(&Serves::Function(waiting.call.name.name.clone()), now_ms),
        })
    }

    fn end(&mut self, id: &str, now_ms: u64) -> Option<Running> {
        let running = self.running.remove(id)?;
        if let Some(runtimes) = self.runtimes.get_mut(&running.by) {
            runtimes.running = runtimes.running.saturating_sub(1);
            runtimes.seen_ms = now_ms;
        }
        Some(running)
    }
}

/// A call under way; what is left of it is taken out of the queue when it is dropped.
struct Underway<'a> {
    queue: &'a Queue,
    id: String,
    payload_bytes: usize,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        let now_ms = self.queue.clock.now_ms();
        let mut state = self.queue.lock();
        state.held_bytes -= self.payload_bytes;
        state.waiting.retain(|waiting| waiting.id != self.id);
        if state.end(&self.id, now_ms).is_some() {
            state.overdue.push_back(std::mem::take(&mut self.id));
            if state.overdue.len() > MAX_OVERDUE {
                state.overdue.pop_front();
            }
        }
    }
}

/// A runtime that waits.
struct Seat<'a> {
    queue: &'a Queue,
    serves: &'a Serves,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let now_ms = self.queue.clock.now_ms();
        if let Some(runtimes) = self.queue.lock().runtimes.get_mut(self.serves) {
            runtimes.waiting = runtimes.waiting.saturating_sub(1);
            runtimes.seen_ms = now_ms;
        }
    }
}

impl Queue {
    /// An empty queue of invocations that may take `timeout_ms` each.
    pub(crate) fn new(timeout_ms: u64, clock: Arc<dyn Clock>, entropy: Entropy) -> Self {
        Self { state: Mutex::default(), arrived: Notify::new(), timeout_ms, clock, entropy }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a runtime serves the function, or was there a moment ago.
    pub(crate) fn is_served(&self, name: &str) -> bool {
        let (state, now_ms) = (self.lock(), self.clock.now_ms());
        state.is_served_by(&Serves::Function(name.to_owned()), now_ms) || state.is_served_by(&Serves::Any, now_ms)
    }

    /// Puts an invocation in and waits for its outcome.
    pub(super) async fn call(&self, call: Call) -> Result<Called, Uncalled> {
        let id = uuid_text((self.entropy)());
        let name = call.name.name.clone();
        let payload_bytes = call.payload.len();
        let ((taken, mut is_taken), (outcome, mut ended)) = (oneshot::channel(), oneshot::channel());
        {
            let mut state = self.lock();
            if state.held_bytes + payload_bytes > BUDGET_BYTES {
                return Err(Uncalled::Busy);
            }
            state.held_bytes += payload_bytes;
            state.waiting.push_back(Waiting { id: id.clone(), call, taken, outcome });
        }
        let underway = Underway { queue: self, id, payload_bytes };
        self.arrived.notify_waiters();
        let began_ms = self.clock.now_ms();
        loop {
            tokio::select! {
                biased;
                // A runtime that cannot even start says so before it has taken anything.
                Ok(called) = &mut ended => return Ok(called),
                Ok(()) = &mut is_taken => break,
                () = self.clock.sleep(LOOK_MS.min(self.timeout_ms)) => {}
            }
            let waited_ms = self.clock.now_ms().saturating_sub(began_ms);
            if waited_ms >= PATIENCE_MS.min(self.timeout_ms) && !self.is_served(&name) {
                return Err(Uncalled::NotFound);
            }
            if waited_ms >= self.timeout_ms {
                return Err(Uncalled::Busy);
            }
        }
        tokio::select! {
            biased;
            Ok(called) = &mut ended => Ok(called),
            () = self.clock.sleep(self.timeout_ms) => {
                let (seconds, hundredths) = (self.timeout_ms / 1000, self.timeout_ms / 10 % 100);
                let spent = format!("Error: Task timed out after {seconds}.{hundredths:02} seconds");
                Ok(Called::fault("Sandbox.Timedout", &format!("RequestId: {} {spent}", underway.id)))
            }
        }
    }

    /// The next invocation for a runtime; waits until there is one.
    pub(crate) async fn next(&self, serves: &Serves) -> Given {
        {
            let now_ms = self.clock.now_ms();
            let mut state = self.lock();
            if state.runtimes.len() >= MAX_RUNTIMES {
                state.runtimes.retain(|_, runtimes| runtimes.are_there(now_ms));
            }
            state.runtimes.entry(serves.clone()).or_default().waiting += 1;
        }
        let _seat = Seat { queue: self, serves };
        loop {
            let arrived = self.arrived.notified();
            if let Some(given) = self.take(serves) {
                return given;
            }
            tokio::select! {
                () = arrived => {}
                () = self.clock.sleep(LOOK_MS) => {}
            }
        }
    }

    fn take(&self, serves: &Serves) -> Option<Given> {
        let now_ms = self.clock.now_ms();
        let mut state = self.lock();
        loop {
            let place = state.place_for(serves, now_ms)?;
            let Waiting { id, call, taken, outcome } = state.waiting.remove(place)?;
            if taken.send(()).is_err() {
                continue;
            }
            state.running.insert(id.clone(), Running { by: serves.clone(), outcome });
            state.runtimes.entry(serves.clone()).or_default().running += 1;
            let Call { arn, payload, trace, client_context, .. } = call;
            let trace = trace
                .unwrap_or_else(|| format!("Root=1-{:08x}-{:024x};Sampled=0", now_ms / 1000, (self.entropy)() >> 32));
            let deadline_ms = now_ms + self.timeout_ms;
            return Some(Given { id, arn, payload, trace, client_context, deadline_ms });
        }
    }

    /// What came of an invocation. Answers whether there was such an invocation; one whose time was up is none the less.
    pub(crate) fn end(&self, id: &str, outcome: Called) -> bool {
        let now_ms = self.clock.now_ms();
        let mut state = self.lock();
        if let Some(running) = state.end(id, now_ms) {
            // Whoever called may have gone.
            let _ = running.outcome.send(outcome);
            return true;
        }
        let place = state.overdue.iter().position(|overdue| overdue == id);
        place.and_then(|place| state.overdue.remove(place)).is_some()
    }

    /// A runtime could not start: what waits for it fails as it did.
    pub(crate) fn fail_waiting(&self, serves: &Serves, fault: &Bytes) {
        let now_ms = self.clock.now_ms();
        let mut state = self.lock();
        while let Some(waiting) = state.place_for(serves, now_ms).and_then(|place| state.waiting.remove(place)) {
            let _ = waiting.outcome.send(Called::Fault(fault.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::FunctionName;
    use headwater_log::clock::ManualClock;
    use std::{sync::atomic::AtomicU64, time::Duration};
    use tokio::task::JoinHandle;

    const TIMEOUT_MS: u64 = 60_000;

    fn queue() -> (Arc<Queue>, ManualClock) {
        let (clock, drawn) = (ManualClock::at(1_000_000), AtomicU64::new(0));
        let entropy: Entropy =
            Arc::new(move || u128::from(drawn.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) << 90);
        (Arc::new(Queue::new(TIMEOUT_MS, Arc::new(clock.clone()), entropy)), clock)
    }

    fn call(queue: &Arc<Queue>, name: &str) -> JoinHandle<Result<Called, Uncalled>> {
        let (queue, name) = (Arc::clone(queue), FunctionName::parse(name).unwrap());
        let arn = name.arn("000000000000", "us-east-1");
        let call = Call { name, arn, payload: Bytes::from_static(b"{}"), trace: None, client_context: None };
        tokio::spawn(async move { queue.call(call).await })
    }

    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    async fn next(queue: &Queue, serves: &Serves) -> Option<Given> {
        tokio::time::timeout(Duration::from_millis(20), queue.next(serves)).await.ok()
    }

    fn function(name: &str) -> Serves {
        Serves::Function(name.into())
    }

    /// Lets time pass until the call has its outcome; how long that took.
    async fn outcome(
        call: JoinHandle<Result<Called, Uncalled>>,
        clock: &ManualClock,
    ) -> (Result<Called, Uncalled>, u64) {
        let began_ms = clock.now_ms();
        while !call.is_finished() {
            clock.advance(500);
            settle().await;
            assert!(clock.now_ms() - began_ms < 10 * TIMEOUT_MS, "it never ends");
        }
        (call.await.unwrap(), clock.now_ms() - began_ms)
    }

    #[tokio::test]
    async fn an_invocation_goes_to_who_serves_it_and_its_answer_back() {
        let (queue, _) = queue();
        let called = call(&queue, "transform");
        settle().await;
        assert_eq!(next(&queue, &function("other")).await, None);
        let given = next(&queue, &function("transform")).await.unwrap();
        assert_eq!((given.payload.as_ref(), given.deadline_ms), (&b"{}"[..], 1_000_000 + TIMEOUT_MS));
        assert!(given.arn.ends_with(":function:transform") && given.trace.starts_with("Root=1-"));
        assert!(!queue.end("no-such-id", Called::too_large()));
        assert!(queue.end(&given.id, Called::Answer("[1]".into())));
        assert!(!queue.end(&given.id, Called::Answer("[2]".into())));
        assert_eq!(called.await.unwrap(), Ok(Called::Answer("[1]".into())));
    }

    #[tokio::test]
    async fn a_runtime_that_serves_any_leaves_what_others_serve() {
        let (queue, clock) = queue();
        assert_eq!(next(&queue, &function("a")).await, None);
        let (a, b) = (call(&queue, "a"), call(&queue, "b"));
        settle().await;
        let given = next(&queue, &Serves::Any).await.unwrap();
        assert!(given.arn.ends_with(":b"));
        assert_eq!(next(&queue, &Serves::Any).await, None);
        clock.advance(PATIENCE_MS);
        let given = next(&queue, &Serves::Any).await.unwrap();
        assert!(given.arn.ends_with(":a"), "who served it has not come back");
        drop((a, b));
    }

    #[tokio::test]
    async fn a_function_nobody_serves_is_not_found_and_one_that_is_busy_is_busy() {
        let (queue, clock) = queue();
        let called = call(&queue, "a");
        settle().await;
        assert_eq!(outcome(called, &clock).await, (Err(Uncalled::NotFound), PATIENCE_MS));
        let runs = call(&queue, "a");
        settle().await;
        let given = next(&queue, &Serves::Any).await.unwrap();
        let waits = call(&queue, "a");
        settle().await;
        let (waited, waited_ms) = outcome(waits, &clock).await;
        assert_eq!((waited, waited_ms), (Err(Uncalled::Busy), TIMEOUT_MS));
        let Ok(Ok(Called::Fault(fault))) = runs.await else { panic!("no fault") };
        let fault: serde_json::Value = serde_json::from_slice(&fault).unwrap();
        assert_eq!(fault["errorType"], "Sandbox.Timedout");
        assert!(fault["errorMessage"].as_str().unwrap().ends_with("Error: Task timed out after 60.00 seconds"));
        assert!(queue.end(&given.id, Called::too_large()), "a late answer is taken and forgotten");
        assert!(!queue.end(&given.id, Called::too_large()));
    }

    #[tokio::test]
    async fn who_goes_away_leaves_nothing_behind() {
        let (queue, _) = queue();
        let called = call(&queue, "a");
        settle().await;
        called.abort();
        settle().await;
        assert_eq!(next(&queue, &Serves::Any).await, None);
        let state = queue.lock();
        assert_eq!((state.waiting.len(), state.running.len(), state.held_bytes), (0, 0, 0));
        assert!(state.runtimes.values().all(|runtimes| runtimes.waiting == 0 && runtimes.running == 0));
    }

    #[tokio::test]
    async fn a_runtime_that_cannot_start_fails_what_waits_for_it() {
        let (queue, _) = queue();
        let (a, b) = (call(&queue, "a"), call(&queue, "b"));
        settle().await;
        queue.fail_waiting(&function("a"), &Bytes::from_static(b"{}"));
        assert_eq!(a.await.unwrap(), Ok(Called::Fault("{}".into())));
        settle().await;
        assert!(!b.is_finished());
    }
}
