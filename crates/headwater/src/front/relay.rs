//! Requests that the leading node is to answer: they wait here until one leads, and go there. Those are the writes to tables,
//! and where rates are limited everything that counts: one node counts, so the limits are exact.
//!
//! Invariant: a request is carried on only as long as nothing was done about it. Who has written through this node reads
//! it here, unless this node is far behind.
use super::{Exchange, Front, Reply, console::Console, outgoing::Outgoing, protocol::Target};
use crate::{
    nodes::Nodes,
    outward::{CARRIED, Carried, Peers},
};
use bytes::Bytes;
use headwater_log::clock::Clock;
use headwater_wire::{Answer, ErrorKind, Service, ServiceError};
use http::{HeaderName, HeaderValue, Response, StatusCode, request::Parts};
use std::sync::Arc;
use tokio::sync::watch;

/// How long a request waits for a node that leads.
const PATIENCE_MS: u64 = 10_000;
/// What a node that does not lead any more may take to answer what it has: then nobody knows what it did.
const GRACE_MS: u64 = 2_000;
/// How long an answer waits until reads show here what they showed where it was made.
const BEHIND_MS: u64 = 2_000;
/// Tells, with an answer that is carried back, the last decision about tables that reads showed then.
static DECIDED: HeaderName = HeaderName::from_static("x-headwater-decided");
/// What is answered as long as somebody listens cannot be carried.
const ENDLESS: &str = "SubscribeToShard";
/// Between two tries where nothing has changed.
const PAUSE_MS: u64 = 100;

/// The way to the node that leads.
pub(crate) struct Relay {
    nodes: Arc<Nodes>,
    peers: Peers,
    /// The last decision about tables that reads show here.
    decided: watch::Receiver<u64>,
    /// Whether rates are limited.
    counts: bool,
    clock: Arc<dyn Clock>,
}

/// Why an operation has no answer of this node's.
pub(super) enum Elsewhere {
    /// It is refused.
    Error(ServiceError),
    /// Another node has answered.
    Reply(Reply),
}

impl Relay {
    pub(crate) const fn new(
        nodes: Arc<Nodes>,
        peers: Peers,
        decided: watch::Receiver<u64>,
        counts: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { nodes, peers, decided, counts, clock }
    }

    /// Whether a request for `target` counts against a limit, and is not this node's to count. A page of the console is
    /// known to this node alone.
    fn counts_elsewhere(&self, head: &Parts, target: Target<'_>) -> bool {
        self.counts && target.operation != ENDLESS && !Console::speaks(head) && !*self.nodes.leads().borrow()
    }

    /// Tells whoever carried a request here how far this node is.
    pub(super) fn tell(&self, head: &Parts, reply: &mut Reply) {
        if head.headers.contains_key(&CARRIED) {
            reply.headers_mut().insert(&DECIDED, HeaderValue::from(*self.decided.borrow()));
        }
    }

    /// Whether `refusal` says that the request has to be carried on, and it may be.
    fn concerns(head: &Parts, refusal: &ServiceError) -> bool {
        refusal.kind == ErrorKind::Elsewhere && !head.headers.contains_key(&CARRIED)
    }

    /// Has the node that leads answer; `Ok` if this one leads by now.
    async fn carry(&self, head: &Parts, service: Service, body: &Bytes) -> Result<(), Elsewhere> {
        let (leads, mut leader) = (self.nodes.leads(), self.nodes.leader());
        let give_up_us = self.clock.steady_us() + PATIENCE_MS * 1000;
        while self.clock.steady_us() < give_up_us {
            let to = leader.borrow_and_update().clone();
            if *leads.borrow() {
                return Ok(());
            }
            if let Some(to) = to {
                let carried = tokio::select! {
                    carried = self.peers.carry(&to, head, body.clone()) => carried,
                    why = self.deposed(&to) => Carried::Unanswered(why),
                };
                match carried {
                    // It does not lead any more, and nothing was done.
                    Carried::Answer(StatusCode::MISDIRECTED_REQUEST, ..) => {}
                    Carried::Answer(status, mut headers, body) => {
                        self.come_up(headers.remove(&DECIDED)).await;
                        let mut reply = Response::new(Outgoing::from(body));
                        (*reply.status_mut(), *reply.headers_mut()) = (status, headers);
                        return Err(Elsewhere::Reply(reply));
                    }
                    Carried::Unreached(why) => tracing::debug!(%to, why, "the leading node is not reached"),
                    Carried::Unanswered(why) => {
                        tracing::warn!(%to, why, "the leading node has not answered");
                        return Err(Elsewhere::Error(refusal(service, ErrorKind::Receiver)));
                    }
                }
            }
            tokio::select! {
                _ = leader.changed() => {}
                () = self.clock.sleep(PAUSE_MS) => {}
            }
        }
        Err(Elsewhere::Error(refusal(service, ErrorKind::Unavailable)))
    }

    /// Waits until reads show here what they showed where an answer was made; not for ever.
    async fn come_up(&self, told: Option<HeaderValue>) {
        let Some(number) = told.and_then(|told| told.to_str().ok()?.parse::<u64>().ok()) else { return };
        let mut decided = self.decided.clone();
        tokio::select! {
            // Whoever could tell is gone only when the server is.
            _ = decided.wait_for(|decided| *decided >= number) => {}
            () = self.clock.sleep(BEHIND_MS) => tracing::debug!(number, "this node is behind the one that leads"),
        }
    }

    /// Waits until another than the node at `url` has led for a while.
    async fn deposed(&self, url: &str) -> String {
        let mut leader = self.nodes.leader();
        // Whoever could tell is gone only when the server is.
        let _ = leader.wait_for(|leader| leader.as_deref() != Some(url)).await;
        self.clock.sleep(GRACE_MS).await;
        "it does not lead any more, and hangs".into()
    }
}

impl Front {
    /// The operation's answer, or that of the node which leads, if it is for that one to answer.
    pub(super) async fn operate_somewhere<'a>(
        &'a self,
        exchange: &mut Exchange<'a>,
        target: Target<'a>,
        body: &Bytes,
    ) -> Result<Answer, Elsewhere> {
        let relay = self.relay.as_ref().filter(|_| exchange.vouched.is_none());
        loop {
            let answer = match relay {
                Some(relay) if relay.counts_elsewhere(exchange.head, target) => {
                    Err(exchange.elsewhere(target, &*self.clock))
                }
                _ => self.operate(exchange, target, body).await,
            };
            match (answer, relay) {
                (Err(refusal), Some(relay)) if Relay::concerns(exchange.head, &refusal) => {
                    relay.carry(exchange.head, target.service, body).await?;
                }
                (answer, _) => return answer.map_err(Elsewhere::Error),
            }
        }
    }
}

impl<'a> Exchange<'a> {
    /// The refusal of a request that another node is to answer.
    fn elsewhere(&mut self, target: Target<'a>, clock: &dyn Clock) -> ServiceError {
        self.notes.asks_for(&target);
        self.notes.goes_elsewhere(clock);
        refusal(target.service, ErrorKind::Elsewhere)
    }
}

/// That a request has no answer, in its service's words.
const fn refusal(service: Service, kind: ErrorKind) -> ServiceError {
    let code = match (service, kind) {
        (Service::DynamoDb | Service::DynamoDbStreams, _) => "InternalServerError",
        (_, ErrorKind::Unavailable) => "ServiceUnavailable",
        _ => "InternalFailure",
    };
    ServiceError::bare(code, kind)
}
