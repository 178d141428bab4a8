//! The only room that knows HTTP. A request's way: connection (`http`), body (`body`), what is asked (`protocol`), who
//! asks (`auth`), the operation (`dispatch`), the answer (`reply`).
mod auth;
mod body;
mod chance;
mod dispatch;
pub(crate) mod fault;
mod health;
mod http;
mod local;
mod protocol;
mod pulse;
mod reply;
mod stream;
mod sts;
mod tls;

pub(crate) use self::{
    dispatch::Table,
    http::{Doors, MAX_CONNECTIONS, listen},
    tls::Tls,
};

use self::{
    auth::Auth,
    body::Intake,
    chance::{Chance, Draw},
    local::OwnNames,
    protocol::{Asked, Target},
    pulse::Pulse,
    reply::{Refusal, Reply, RequestId},
};
use crate::settings::Settings;
use ::http::{HeaderValue, Request, Version, header, request::Parts};
use bytes::Bytes;
use headwater_log::clock::Clock;
use headwater_wire::{ErrorKind, Service, ServiceError, well_formed};
use hyper::body::Incoming;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Everything a request needs on its way.
pub(crate) struct Front {
    table: Table,
    auth: Auth,
    intake: Intake,
    own_names: OwnNames,
    region: Arc<str>,
    chance: Chance,
    clock: Arc<dyn Clock>,
    is_ready: AtomicBool,
}

impl Front {
    /// A front to the operations of `table`, ready at once; `seed` makes its request ids.
    pub(crate) fn new(table: Table, settings: &Settings, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            table,
            auth: Auth::new(settings),
            intake: Intake::new(settings.body_limit_bytes, Arc::clone(&clock)),
            own_names: OwnNames::new(&settings.listen, &settings.server_names),
            region: Arc::clone(&settings.region),
            chance: Chance::new(seed),
            clock,
            is_ready: AtomicBool::new(true),
        })
    }

    /// From now on the server says of itself that it is going.
    pub(crate) fn stopping(&self) {
        self.is_ready.store(false, Ordering::Relaxed);
    }

    /// Answers one request.
    async fn answer(&self, request: Request<Incoming>, pulse: &Pulse) -> Reply {
        let (head, body) = request.into_parts();
        if head.uri.path().starts_with(health::PREFIX) {
            if !self.own_names.admit(&head) {
                return health::refuse();
            }
            return health::answer(&head, &self.table, self.is_ready.load(Ordering::Relaxed));
        }
        let mut draw = self.chance.draw();
        let id = RequestId::new(protocol::service(&head), &mut draw);
        let mut reply = match self.intake.take(&head, body, pulse.read()).await {
            Ok(taken) => self.respond(&head, &taken.bytes, &id, &mut draw).await,
            Err(refusal) => {
                let mut reply = reply::refusal(&refusal, &id, &mut draw);
                if head.version < Version::HTTP_2 {
                    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                reply
            }
        };
        if head.headers.contains_key(header::ORIGIN) {
            reply::allow_origin(&mut reply);
        }
        reply
    }

    async fn respond(&self, head: &Parts, body: &Bytes, id: &RequestId, draw: &mut Draw) -> Reply {
        match protocol::identify(head, !body.is_empty()) {
            Ok(Asked::Operation(target)) => match self.operate(head, target, body, id, draw).await {
                Ok(output) => reply::success(target.service, target.content_type, output.into(), id, draw),
                Err(error) => {
                    let Target { service, dialect, content_type, .. } = target;
                    reply::refusal(&Refusal::Error { service, dialect, content_type, error }, id, draw)
                }
            },
            Ok(Asked::Token) => {
                let caller = self.auth.caller(sts::SCOPE, head, body, self.clock.now_ms());
                match caller.and_then(|caller| sts::check(body).map(|()| caller)) {
                    Ok(caller) => sts::identity(&caller, id),
                    Err(error) => sts::refusal(&error, id),
                }
            }
            Ok(Asked::Preflight) => reply::preflight(&head.headers, id),
            Ok(Asked::Healthy) => reply::healthy(&self.region, id, draw),
            Err(refusal) => reply::refusal(&refusal, id, draw),
        }
    }

    /// The operation's output; nothing runs before its caller is known.
    async fn operate(
        &self,
        head: &Parts,
        target: Target<'_>,
        body: &Bytes,
        id: &RequestId,
        draw: &mut Draw,
    ) -> Result<Vec<u8>, ServiceError> {
        let Some(route) = self.table.find(target) else {
            return Err(ServiceError::bare("UnknownOperationException", ErrorKind::Sender));
        };
        let scope = auth::scope_name(target.service);
        let caller = self.auth.caller(scope, head, body, self.clock.now_ms()).map_err(|refusal| {
            // AWS looks at the body before it misses a signature.
            if auth::is_unsigned(&refusal) && !body.is_empty() && well_formed(target.dialect, body).is_err() {
                return ServiceError::bare("SerializationException", ErrorKind::Sender);
            }
            match target.service {
                Service::DynamoDb | Service::DynamoDbStreams => auth::in_dynamo_words(refusal, head),
                Service::Kinesis | Service::Firehose => refusal,
            }
        })?;
        self.table.run(route, target, caller, body, id, draw).await
    }
}
