//! The requests of a run, made and signed beforehand, so that what is measured is the server. Invariant: a signature is no
//! older than a minute.
use super::{Kind, Outcome, wire::Wire};
use crate::cli::{
    connection::{Caller, Service},
    identity::host,
};
use base64_simd::STANDARD;
use bytes::Bytes;
use headwater_log::clock::Clock;
use http_body_util::Full;
use hyper::Request;
use reqwest::Url;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Different requests of a run, unless it is told how many keys there are: enough that each of some shards has its share.
const VARIETY: usize = 256;
/// How long a signature is used; services take one for five minutes.
const SIGNED_MS: u64 = 60_000;

/// The bodies of a run's requests.
pub(super) struct Case {
    kind: Kind,
    name: String,
    bodies: Vec<Bytes>,
    /// Records or items of a request.
    records: u64,
    bytes: usize,
}

impl Case {
    pub(super) fn new(kind: Kind, name: &str, bytes: usize, records: usize, keys: Option<usize>) -> Self {
        let (many, usual) = if kind == Kind::PutMany { (records, VARIETY / 16) } else { (1, VARIETY) };
        let variety = keys.map_or(usual, |keys| keys.div_ceil(many).max(1));
        let body = |number: usize| match kind {
            Kind::Put => {
                json!({"StreamName": name, "PartitionKey": format!("key-{number}"), "Data": data(number, bytes)})
            }
            Kind::PutMany => {
                let record = |at: usize| json!({"PartitionKey": format!("key-{number}-{at}"), "Data": data(at, bytes)});
                json!({"StreamName": name, "Records": (0..records).map(record).collect::<Vec<_>>()})
            }
            Kind::PutItem => json!({"TableName": name, "Item": item(number, bytes)}),
            Kind::GetItem => json!({"TableName": name, "Key": {"k": {"S": format!("key-{number}")}}}),
        };
        let bodies = (0..variety).map(|number| Bytes::from(body(number).to_string())).collect();
        Self { kind, name: name.into(), bodies, records: u64::try_from(many).unwrap_or(1), bytes }
    }

    /// Puts the items that will be read.
    pub(super) async fn prepare(&self, caller: &Caller) -> Result<(), String> {
        for number in 0..self.bodies.len() {
            let input = json!({"TableName": self.name, "Item": item(number, self.bytes)});
            caller.call(Service::DynamoDb, "PutItem", &input).await?;
        }
        Ok(())
    }

    const fn operation(&self) -> &'static str {
        match self.kind {
            Kind::Put => "PutRecord",
            Kind::PutMany => "PutRecords",
            Kind::PutItem => "PutItem",
            Kind::GetItem => "GetItem",
        }
    }
}

/// Bytes that do not compress to nothing, the same in each run.
fn bytes_of(number: usize, count: usize) -> Vec<u8> {
    let mut state = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

fn data(number: usize, count: usize) -> String {
    STANDARD.encode_to_string(bytes_of(number, count))
}

fn item(number: usize, count: usize) -> Value {
    json!({"k": {"S": format!("key-{number}")}, "data": {"B": data(number, count)}})
}

/// What every connection does.
#[derive(Clone)]
pub(super) struct Job {
    caller: Caller,
    case: Arc<Case>,
    end_ms: u64,
    next: Arc<AtomicUsize>,
    done: Arc<AtomicU64>,
}

/// A request with its headers, but for its body.
struct Signed {
    headers: Vec<(String, String)>,
    at_ms: u64,
}

impl Job {
    pub(super) fn new(caller: Caller, case: Case, seconds: u64) -> Self {
        let end_ms = caller.clock().now_ms() + seconds * 1000;
        Self { caller, case: Arc::new(case), end_ms, next: Arc::default(), done: Arc::default() }
    }

    /// When it ends.
    pub(super) const fn end_ms(&self) -> u64 {
        self.end_ms
    }

    /// Requests answered so far, by all connections.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Sends one request after the other until the time is over.
    ///
    /// # Errors
    /// A sentence if there is no connection to be had.
    pub(super) async fn run(self) -> Result<Outcome, String> {
        let mut outcome = Outcome::new()?;
        let clock = Arc::clone(self.caller.clock());
        let url = self.caller.url(self.case.kind.service())?;
        let mut wire = Wire::open(&url).await?;
        let mut signed: Vec<Option<Signed>> = Vec::new();
        signed.resize_with(self.case.bodies.len(), || None);
        while clock.now_ms() < self.end_ms {
            let at = self.next.fetch_add(1, Ordering::Relaxed) % self.case.bodies.len();
            let request = self.request(at, &mut signed[at], &url, &*clock).await?;
            let begun = moment();
            match wire.ask(request).await {
                Ok((status, answer)) => {
                    self.count(&mut outcome, status.is_success(), &answer, begun.elapsed());
                }
                Err(error) => {
                    *outcome.errors.entry(format!("connection: {error}")).or_default() += 1;
                    wire = Wire::open(&url).await?;
                }
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(outcome)
    }

    /// The request with this body, signed anew when it must be. The host goes with it, as it is signed.
    async fn request(
        &self,
        at: usize,
        signed: &mut Option<Signed>,
        url: &Url,
        clock: &dyn Clock,
    ) -> Result<Request<Full<Bytes>>, String> {
        let (body, now_ms) = (&self.case.bodies[at], clock.now_ms());
        let held = match signed.take().filter(|held| now_ms < held.at_ms + SIGNED_MS) {
            Some(held) => held,
            None => {
                let headers = self.caller.headers(self.case.kind.service(), self.case.operation(), url, body).await?;
                Signed { headers, at_ms: now_ms }
            }
        };
        let mut request = Request::post(url.path()).header("host", host(url));
        for (name, value) in &held.headers {
            request = request.header(name, value);
        }
        *signed = Some(held);
        request.body(Full::new(body.clone())).map_err(|error| error.to_string())
    }

    fn count(&self, outcome: &mut Outcome, is_success: bool, answer: &[u8], took: Duration) {
        let whole = || serde_json::from_slice::<Value>(answer).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or("an answer without a code").to_owned();
        if !is_success {
            let code = text(&whole()["__type"]);
            let code = code.rsplit('#').next().unwrap_or_default();
            *outcome.errors.entry(code.to_owned()).or_default() += 1;
            return;
        }
        let mut refused = 0;
        // Reading each answer would cost more than the server's work; a search tells those that must be read.
        if self.case.kind == Kind::PutMany && memchr::memmem::find(answer, b"ErrorCode").is_some() {
            let answer = whole();
            for record in answer["Records"].as_array().into_iter().flatten().filter(|it| it["ErrorCode"].is_string()) {
                *outcome.errors.entry(text(&record["ErrorCode"])).or_default() += 1;
                refused += 1;
            }
        }
        outcome.records += self.case.records.saturating_sub(refused);
        // A time that no histogram holds is not there.
        let _ = outcome.latencies.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of the house knows milliseconds, and a request takes less")]
fn moment() -> Instant {
    Instant::now()
}
