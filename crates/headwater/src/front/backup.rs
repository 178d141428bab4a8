//! `/_headwater/backup`: a backup of the running server, told to whoever may have all of it. Invariant: with credentials the
//! request is signed by one of them that belongs to the server's own account and may do this; without, it comes from this
//! machine and from no page in a browser. At most one is told at a time.
use super::{
    Front,
    local::is_local_program,
    outgoing::Outgoing,
    pulse::Pulse,
    reply::{self, Refusal, Reply},
};
use crate::backup::{self, Known, Source};
use bytes::Bytes;
use headwater_wire::{Access, Caller, Origin, Service, ServiceError};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// What a policy calls this.
const ACTION: &str = "headwater:Backup";
/// Frames that wait for the client; each has some MiB at most.
const WAITING_FRAMES: usize = 2;

/// What backups are taken of.
pub(crate) struct Backups {
    /// `None`: everything is in memory.
    source: Option<Source>,
    turn: Arc<Semaphore>,
}

impl Backups {
    pub(crate) fn of(source: Option<Source>) -> Self {
        Self { source, turn: Arc::new(Semaphore::new(1)) }
    }
}

/// The answer to a request for a backup.
pub(super) async fn answer(front: &Front, head: &Parts, body: Incoming, pulse: &Pulse, origin: Origin) -> Reply {
    if head.method != Method::POST {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "only POST; `headwater backup` does it");
    }
    // As large as a body of Kinesis: some hundred thousand names.
    let body = match front.intake.take(head, Service::Kinesis, body, pulse).await {
        Ok(taken) => taken.bytes,
        Err(Refusal::TooLarge(_)) => {
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than --body-limit");
        }
        Err(_) => return refusal(StatusCode::BAD_REQUEST, "the body cannot be taken in"),
    };
    if let Err(denial) = permit(front, head, &body, origin) {
        return refusal(StatusCode::FORBIDDEN, &denial.to_string());
    }
    let Ok(known) = serde_json::from_slice::<Known>(&body) else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "the body does not say what is known: {\"files\": [], \"chunks\": []}",
        );
    };
    let Some(source) = front.backups.source.clone() else {
        return refusal(StatusCode::CONFLICT, "everything is in memory (--ephemeral); there is nothing to back up");
    };
    let Ok(turn) = Arc::clone(&front.backups.turn).try_acquire_owned() else {
        return refusal(StatusCode::CONFLICT, "another backup is being taken; wait for its end");
    };
    let (frames, told) = mpsc::channel::<Bytes>(WAITING_FRAMES);
    tokio::task::spawn_blocking(move || {
        // Whoever listens may go at any time; then nobody needs the rest.
        let send = |bytes| frames.blocking_send(bytes).map_err(|_| "nobody listens any more".to_owned());
        let sent = send(Bytes::from_static(&backup::MAGIC))
            .and_then(|()| source.tell(&known, &mut |frame| send(backup::encode(&frame))));
        if let Err(why) = sent {
            tracing::warn!(why, "a backup ended early");
            let _ = send(backup::encode(&backup::Frame::Broken(why)));
        }
        drop(turn);
    });
    let mut reply = Reply::new(Outgoing::pieces(told, front.stop.subscribe()));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(backup::CONTENT_TYPE));
    reply
}

fn permit(front: &Front, head: &Parts, body: &Bytes, origin: Origin) -> Result<(), ServiceError> {
    let denied = |sentence: &str| Err(ServiceError::new("AccessDeniedException", sentence));
    if front.gate.is_open() {
        if !is_local_program(head, origin) {
            return denied("without credentials, backups are for this machine alone");
        }
        return Ok(());
    }
    let caller = Caller { origin, ..front.auth.caller(backup::SCOPE, head, body, &*front.clock)? };
    front.gate.permit(&caller, ACTION, front.clock.now_ms())?;
    if !front.auth.is_own(&caller) {
        return denied("a backup holds the data of all accounts; it takes a key of the server's own (--account-id)");
    }
    Ok(())
}

fn refusal(status: StatusCode, sentence: &str) -> Reply {
    reply::json(status, &json!({"error": sentence}))
}
