//! Requests as whoever runs the server sees them: a log line each if asked for, a warning for slow ones, a span for those
//! that are traced.
//!
//! Invariant: no line and no span carries data of a record or an item, nor a secret; what is not asked for costs nothing
//! but a look at the clock before and after, which the latency by operation needs anyway.
use super::{
    Exchange, Look,
    auth::claimed_key,
    dispatch::{Route, known_as},
    protocol::Target,
    reply::Reply,
    trace::Traces,
};
use bytes::Bytes;
use headwater_log::clock::Clock;
use headwater_wire::{Answer, Caller, Service, ServiceError};
use hyper::body::Body;
use std::{future::poll_fn, task::Poll};

/// What filters know the lines of requests by.
pub(crate) const LISTING: &str = "headwater::request";
/// More of a name is not shown.
const NAME_CHARS: usize = 255;

/// Who looks at requests, and at all that is counted.
pub(crate) struct Observer {
    /// What the server's parts have counted.
    pub(super) look: Look,
    /// Whether each request has a line.
    lists: bool,
    /// A request that takes as long is told of.
    slow_us: Option<u64>,
    traces: Option<Traces>,
}

/// What is noted of a request on its way; times are the steady clock's.
pub(crate) struct Notes<'a> {
    /// Its head was whole.
    began_us: u64,
    /// Whether anything but its latency is wanted.
    is_watched: bool,
    /// Its body was whole.
    whole_us: u64,
    /// Its operation was called.
    called_us: u64,
    /// Its operation began to wait.
    waits_us: Option<u64>,
    /// The answer of its operation was known; never, if another node makes it.
    answered_us: Option<u64>,
    /// Service and operation.
    asked: Option<(&'static str, &'a str)>,
    called: Option<(&'a Route, Target<'a>, Caller)>,
    error: Option<&'static str>,
}

/// Where the time of a request went, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Spent {
    /// Until its body had come.
    pub(super) body_us: u64,
    /// Until it was known what is asked, and by whom.
    pub(super) admission_us: u64,
    /// What its operation worked until it was done or had to wait.
    pub(super) work_us: u64,
    /// What its operation waited, mostly for the disk.
    pub(super) wait_us: u64,
    /// Until its answer was made.
    pub(super) answer_us: u64,
}

impl Spent {
    fn latency_us(self) -> u64 {
        let Self { body_us, admission_us, work_us, wait_us, answer_us } = self;
        body_us + admission_us + work_us + wait_us + answer_us
    }
}

/// What is told of a request.
pub(super) struct Seen<'a> {
    pub(super) service: &'static str,
    pub(super) operation: Option<&'a str>,
    pub(super) target: Option<Service>,
    /// What it is about.
    pub(super) resource: Option<String>,
    pub(super) access_key: Option<String>,
    pub(super) status: u16,
    pub(super) error: Option<&'static str>,
    pub(super) spent: Spent,
    pub(super) latency_us: u64,
    pub(super) bytes_in: usize,
    /// Nothing where events follow.
    pub(super) bytes_out: Option<u64>,
}

impl<'a> Notes<'a> {
    /// Of a request whose head is whole.
    pub(super) fn new(observer: &Observer, clock: &dyn Clock) -> Self {
        Self {
            began_us: clock.steady_us(),
            is_watched: observer.is_watching(),
            whole_us: 0,
            called_us: 0,
            waits_us: None,
            answered_us: None,
            asked: None,
            called: None,
            error: None,
        }
    }

    /// Its body has come.
    pub(super) fn is_whole(&mut self, clock: &dyn Clock) {
        if self.is_watched {
            self.whole_us = clock.steady_us();
        }
    }

    /// It asks for this.
    pub(super) const fn asks(&mut self, service: &'static str, operation: &'a str) {
        self.asked = Some((service, operation));
    }

    /// It asks for an operation of a service.
    pub(super) const fn asks_for(&mut self, target: &Target<'a>) {
        self.asks(known_as(target.service), target.operation);
    }

    /// Its caller is known, and its operation is called.
    pub(super) fn calls(&mut self, clock: &dyn Clock, route: &'a Route, target: Target<'a>, caller: &Caller) {
        if self.is_watched {
            self.called_us = clock.steady_us();
            self.called = Some((route, target, caller.clone()));
        }
    }

    /// Runs its operation, and notes when that first has to wait.
    pub(super) async fn follow(
        &mut self,
        clock: &dyn Clock,
        mut call: headwater_wire::Reply,
    ) -> Result<Answer, ServiceError> {
        if self.is_watched {
            match poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => self.waits_us = Some(clock.steady_us()),
            }
        }
        call.await
    }

    /// Another node is to answer it, which is waited for.
    pub(super) fn goes_elsewhere(&mut self, clock: &dyn Clock) {
        if self.is_watched {
            self.waits_us.get_or_insert_with(|| clock.steady_us());
        }
    }

    /// Its answer is known; so is how long that took, in microseconds.
    pub(super) fn answered(&mut self, clock: &dyn Clock) -> u64 {
        let now_us = clock.steady_us();
        self.answered_us = Some(now_us);
        now_us.saturating_sub(self.began_us)
    }

    /// It is refused with this code.
    pub(super) const fn refused(&mut self, code: &'static str) {
        self.error = Some(code);
    }

    fn spent(&self, ended_us: u64) -> Spent {
        let whole_us = self.whole_us.max(self.began_us);
        let called_us = if self.called.is_some() { self.called_us } else { ended_us };
        let answered_us = self.answered_us.unwrap_or(ended_us);
        let waits_us = self.waits_us.unwrap_or(answered_us);
        Spent {
            body_us: whole_us.saturating_sub(self.began_us),
            admission_us: called_us.saturating_sub(whole_us),
            work_us: waits_us.saturating_sub(called_us),
            wait_us: answered_us.saturating_sub(waits_us),
            answer_us: ended_us.saturating_sub(answered_us),
        }
    }
}

impl Observer {
    /// One that tells of requests as asked for; `traces` is where spans go.
    pub(crate) fn new(look: Look, slow_request_ms: Option<u64>, traces: Option<Traces>) -> Self {
        let lists = tracing::enabled!(target: LISTING, tracing::Level::INFO);
        Self { look, lists, slow_us: slow_request_ms.map(|ms| ms.saturating_mul(1000)), traces }
    }

    const fn is_watching(&self) -> bool {
        self.lists || self.slow_us.is_some() || self.traces.is_some()
    }

    /// Tells of a request that has its answer, to whoever wants to know.
    pub(super) fn tell(&self, exchange: &mut Exchange<'_>, body: &Bytes, reply: &Reply, clock: &dyn Clock) {
        if !exchange.notes.is_watched {
            return;
        }
        let spent = exchange.notes.spent(clock.steady_us());
        let latency_us = spent.latency_us();
        let is_slow = self.slow_us.is_some_and(|slow_us| latency_us >= slow_us);
        let context = self.traces.as_ref().and_then(|traces| traces.sample(exchange.head, &mut exchange.draw));
        if !self.lists && !is_slow && context.is_none() {
            return;
        }
        let seen = see(exchange, body, reply, spent, latency_us);
        if self.lists {
            seen.list(exchange);
        }
        if is_slow {
            seen.warn(exchange);
        }
        if let Some((traces, context)) = self.traces.as_ref().zip(context) {
            traces.tell(&context, &seen, exchange, clock.now_ms());
        }
    }
}

/// Everything that is told of a request.
fn see<'a>(exchange: &Exchange<'a>, body: &Bytes, reply: &Reply, spent: Spent, latency_us: u64) -> Seen<'a> {
    let Exchange { head, notes, .. } = exchange;
    let called = notes.called.as_ref();
    let resource = called.and_then(|(route, target, caller)| route.subject(caller, target.dialect, body));
    let access_key = match called {
        Some((_, _, caller)) => Some(caller.access_key.to_string()),
        None => claimed_key(head),
    };
    Seen {
        service: notes.asked.map_or(known_as(exchange.service), |(service, _)| service),
        operation: notes.asked.map(|(_, operation)| operation),
        target: called.map(|(_, target, _)| target.service),
        resource: resource.map(brief),
        access_key: access_key.map(brief),
        status: reply.status().as_u16(),
        error: notes.error,
        spent,
        latency_us,
        bytes_in: body.len(),
        bytes_out: reply.body().size_hint().exact(),
    }
}

fn brief(name: String) -> String {
    if name.len() <= NAME_CHARS { name } else { name.chars().take(NAME_CHARS).collect() }
}

impl Seen<'_> {
    fn list(&self, exchange: &Exchange<'_>) {
        let Self { service, operation, resource, access_key, status, error, latency_us, bytes_in, bytes_out, .. } =
            self;
        tracing::info!(
            target: LISTING,
            request_id = %exchange.id,
            access_key = access_key.as_deref(),
            service,
            operation,
            resource = resource.as_deref(),
            status,
            error,
            latency_us,
            bytes_in,
            bytes_out,
            address = exchange.address(),
            "request"
        );
    }

    fn warn(&self, exchange: &Exchange<'_>) {
        let Self { service, operation, resource, status, error, latency_us, bytes_in, .. } = self;
        let Spent { body_us, admission_us, work_us, wait_us, answer_us } = self.spent;
        tracing::warn!(
            request_id = %exchange.id,
            service,
            operation,
            resource = resource.as_deref(),
            status,
            error,
            latency_us,
            body_us,
            admission_us,
            work_us,
            wait_us,
            answer_us,
            bytes_in,
            "slow request"
        );
    }
}
