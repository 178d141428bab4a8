//! The world of a run inside the server. Invariant: a request is one for an operation of this server, done as if its caller
//! had sent it and seen by whatever watches requests; everything else is refused before anything is done.
use crate::front::{Front, outgoing::Outgoing};
use bytes::Bytes;
use headwater_log::clock::Clock;
use headwater_wire::{Caller, Origin, ServiceError};
use headwater_workflow::{Event, Outside, Request, Response};
use http::{Method, header, request::Parts};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{future::pending, sync::Arc};
use tokio::sync::mpsc;

use super::SCOPE;

/// What the server is called in a run.
pub(super) const HERE: &str = "http://this-server";
/// Headers of a step that go into its request; who asks is no affair of a document's.
const PASSED: [&str; 3] = ["content-type", "x-amz-target", "accept"];
/// How often it is asked whether the caller still is one.
const LOOK_MS: u64 = 500;
/// What all answers of a run hold together.
const MAX_ANSWERS_BYTES: usize = 64 << 20;
/// What is told of a run besides its end; lines for which there is no more room are left out.
const MAX_TOLD_BYTES: usize = 4 << 20;
/// What is told of one step's outputs.
const MAX_OUTPUTS_BYTES: usize = 64 << 10;

/// Who asked for a run, as it was asked.
pub(super) struct Asker {
    pub(super) front: Arc<Front>,
    pub(super) head: Parts,
    pub(super) body: Bytes,
    pub(super) origin: Origin,
}

impl Asker {
    /// The caller, as long as it is one.
    pub(super) fn caller(&self) -> Result<Caller, ServiceError> {
        self.front.whoever(SCOPE, &self.head, &self.body, self.origin)
    }

    /// Resolves when it is one no more: its session has ended.
    pub(super) async fn turned_away(&self) -> ServiceError {
        loop {
            if let Err(refusal) = self.caller() {
                return refusal;
            }
            self.front.clock.sleep(LOOK_MS).await;
        }
    }
}

/// Where lines of a run go.
#[derive(Clone)]
pub(super) struct Told(mpsc::Sender<Bytes>);

impl Told {
    pub(super) const fn new(lines: mpsc::Sender<Bytes>) -> Self {
        Self(lines)
    }

    /// There is room for what a run's steps can tell; whoever does not listen misses it.
    pub(super) fn line(&self, line: &Value) {
        let _ = self.0.try_send(format!("{line}\n").into());
    }

    /// Resolves when nobody listens any more.
    pub(super) async fn unheard(&self) {
        self.0.closed().await;
    }
}

/// The world of a document that is only read: nothing is there.
pub(super) struct Nowhere;

impl Outside for Nowhere {
    async fn call(&mut self, _: &Request, _: Option<u64>) -> Result<Response, String> {
        Err("no requests are made here".into())
    }

    async fn read(&mut self, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    async fn sleep(&mut self, _: u64) {}

    fn tell(&mut self, _: Event<'_>) {}
}

/// The world of a run.
pub(super) struct World {
    asker: Arc<Asker>,
    told: Told,
    answers_left: usize,
    told_left: usize,
    /// When the steps began that are under way.
    begun: Vec<u64>,
}

impl World {
    pub(super) fn new(asker: Arc<Asker>, told: Told) -> Self {
        Self { asker, told, answers_left: MAX_ANSWERS_BYTES, told_left: MAX_TOLD_BYTES, begun: Vec::new() }
    }

    fn clock(&self) -> &dyn Clock {
        &*self.asker.front.clock
    }

    async fn send(&mut self, request: &Request) -> Result<Response, String> {
        let path = request.url.strip_prefix(HERE).filter(|rest| rest.is_empty() || *rest == "/");
        if path.is_none() || request.method != "POST" || request.service.is_none() {
            let what = format!("{} {}", request.method, request.url);
            return Err(format!("a run in the server reaches its own operations alone, and not {what}"));
        }
        // Asked anew: a session may have ended meanwhile.
        let caller = self.asker.caller().map_err(|refusal| refusal.to_string())?;
        let mut head = http::Request::builder().method(Method::POST).uri("/").header(header::HOST, "this-server");
        for (name, value) in &request.headers {
            if PASSED.iter().any(|passed| name.eq_ignore_ascii_case(passed)) {
                head = head.header(name, value);
            }
        }
        let body = Bytes::from(request.body.clone().unwrap_or_default());
        let (head, ()) = head.body(()).map_err(|error| error.to_string())?.into_parts();
        let (head, body) = self.asker.front.on_behalf(&head, &body, caller).await.into_parts();
        let Outgoing::Whole(body) = body else {
            return Err("an answer that does not end is not for a run in the server".into());
        };
        let body = body.collect().await.map_or_else(|never| match never {}, |body| body.to_bytes());
        let Some(left) = self.answers_left.checked_sub(body.len()) else {
            return Err(format!("the answers of a run are {} MiB at most", MAX_ANSWERS_BYTES >> 20));
        };
        self.answers_left = left;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Ok(Response { status: head.status.as_u16(), headers, body: body.into() })
    }
}

/// Outputs to be told, if they are not too large for it.
fn shown(outputs: &Value) -> Value {
    let size = outputs.to_string().len();
    if size > MAX_OUTPUTS_BYTES { json!(format!("({size} bytes)")) } else { outputs.clone() }
}

impl Outside for World {
    async fn call(&mut self, request: &Request, timeout_ms: Option<u64>) -> Result<Response, String> {
        let clock = Arc::clone(&self.asker.front.clock);
        let late = async {
            match timeout_ms {
                Some(ms) => clock.sleep(ms).await,
                None => pending().await,
            }
        };
        tokio::select! {
            answer = self.send(request) => answer,
            () = late => Err("the answer did not come in time".into()),
        }
    }

    async fn read(&mut self, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    async fn sleep(&mut self, ms: u64) {
        self.clock().sleep(ms).await;
    }

    fn tell(&mut self, event: Event<'_>) {
        let line = match event {
            Event::Workflow { depth, id, summary } => {
                json!({"event": "workflow", "depth": depth, "workflow": id, "summary": summary})
            }
            Event::Step { depth, id } => {
                self.begun.push(self.clock().steady_us());
                json!({"event": "step", "depth": depth, "step": id})
            }
            Event::Request { .. } => return,
            Event::Done(report) => {
                let now_us = self.clock().steady_us();
                let took_us = now_us.saturating_sub(self.begun.pop().unwrap_or(now_us));
                json!({
                    "event": "done",
                    "depth": report.depth,
                    "workflow": report.workflow,
                    "step": report.step,
                    "attempt": report.attempt,
                    "called": report.called,
                    "status": report.status,
                    "failure": report.failure,
                    "outputs": shown(&report.outputs),
                    "tookMs": took_us / 1000,
                })
            }
            Event::Turn { depth, action, to, pause_ms } => {
                json!({"event": "turn", "depth": depth, "action": action, "to": to, "pauseMs": pause_ms})
            }
            Event::Over { depth, id, failure, .. } => {
                json!({"event": "over", "depth": depth, "workflow": id, "failure": failure})
            }
        };
        if let Some(left) = self.told_left.checked_sub(line.to_string().len()) {
            self.told_left = left;
            self.told.line(&line);
        }
    }
}
