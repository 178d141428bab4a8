//! The only room that knows HTTP. A request's way: connection (`http`), body (`body`), what is asked (`protocol`), who
//! asks (`auth`), the operation (`dispatch`), the answer (`reply`).
mod auth;
mod backup;
mod body;
mod chance;
mod cloudwatch;
mod console;
mod counted;
mod dispatch;
pub(crate) mod fault;
mod functions;
mod health;
mod http;
mod inside;
mod local;
mod metrics;
mod observe;
mod outgoing;
mod protocol;
mod published;
mod pulse;
mod relay;
mod reply;
mod stream;
mod sts;
mod tls;
mod trace;
mod workflows;

pub(crate) use self::{
    backup::Backups,
    counted::{Signed, Signer, whole},
    dispatch::Table,
    http::{Doors, MAX_CONNECTIONS, listen},
    inside::Inside,
    observe::{LISTING, Observer},
    relay::Relay,
    tls::Tls,
    trace::Traces,
};

use self::{
    auth::Auth,
    body::Intake,
    chance::{Chance, Draw},
    console::Console,
    local::OwnNames,
    observe::Notes,
    outgoing::Outgoing,
    protocol::{Addressee, Asked, Target},
    published::Published,
    pulse::Pulse,
    relay::Elsewhere,
    reply::{Refusal, Reply, RequestId},
};
use crate::{functions::Registry, gate::Gate, nodes::NodeReading, settings::Settings};
use ::http::{HeaderValue, Method, Request, Version, header, request::Parts};
use bytes::Bytes;
use headwater_firehose::DeliveryReading;
use headwater_kinesis::{Entropy, StreamReading};
use headwater_log::{clock::Clock, disk::Measures};
use headwater_wire::{Answer, Caller, ErrorKind, Origin, Service, ServiceError, well_formed};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::sync::watch;

/// How long an answer of events is held back. The Go SDK closes a request's body when the answer begins; if its transport
/// is not yet through with the body then, it takes that for a failure and drops the connection, events and all.
const EVENTS_PAUSE_MS: u64 = 20;

/// What the server's parts have counted.
#[derive(Debug)]
pub(crate) struct Readings {
    pub(crate) deliveries: Vec<DeliveryReading>,
    pub(crate) streams: Vec<StreamReading>,
    /// Nothing where there is no journal.
    pub(crate) journal: Option<Measures>,
    /// How long ago what is past retention was trimmed; nothing if it was not yet.
    pub(crate) trim_lag_ms: Option<u64>,
    pub(crate) connections: u64,
    /// What the server took from its start until it took requests.
    pub(crate) recovery_us: u64,
    /// Spans sent, and spans given up; nothing where none are made.
    pub(crate) spans: Option<(u64, u64)>,
    /// The servers that share the logs; none where there is one alone.
    pub(crate) nodes: Vec<NodeReading>,
}

/// Reads them, when somebody looks.
pub(crate) type Look = Arc<dyn Fn() -> Readings + Send + Sync>;

/// One request for a service, on its way.
pub(crate) struct Exchange<'a> {
    head: &'a Parts,
    origin: Origin,
    /// Whom it speaks to.
    service: Service,
    id: RequestId,
    draw: Draw,
    notes: Notes<'a>,
    /// Who asks, where that is known already.
    vouched: Option<Caller>,
}

impl Exchange<'_> {
    /// The address it came from.
    fn address(&self) -> Option<String> {
        self.origin.address.map(|address| address.to_canonical().to_string())
    }
}

/// What answers requests.
pub(crate) struct Behind {
    pub(crate) table: Table,
    pub(crate) functions: Arc<Registry>,
    pub(crate) backups: Backups,
    /// The way to the node that leads, where there are several.
    pub(crate) relay: Option<Relay>,
    /// Services that can be looked into.
    pub(crate) inside: Option<Inside>,
}

/// Everything a request needs on its way.
pub(crate) struct Front {
    table: Table,
    functions: Arc<Registry>,
    auth: Auth,
    gate: Gate,
    published: Published,
    observer: Observer,
    backups: Backups,
    relay: Option<Relay>,
    inside: Option<Inside>,
    runs: workflows::Runs,
    intake: Intake,
    own_names: OwnNames,
    console: Console,
    region: Arc<str>,
    chance: Chance,
    clock: Arc<dyn Clock>,
    /// Turns true when the server is going.
    stop: watch::Sender<bool>,
}

impl Front {
    /// A front to what is behind it, ready at once.
    pub(crate) fn new(
        behind: Behind,
        observer: Observer,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        entropy: Entropy,
    ) -> Arc<Self> {
        let Behind { table, functions, backups, relay, inside } = behind;
        Arc::new(Self {
            table,
            functions,
            auth: Auth::new(settings),
            gate: Gate::new(settings.credentials.clone()),
            published: Published::default(),
            observer,
            backups,
            relay,
            inside,
            runs: workflows::Runs::default(),
            intake: Intake::new(settings.body_limit_bytes, Arc::clone(&clock)),
            own_names: OwnNames::new(&settings.listen, &settings.server_names),
            region: Arc::clone(&settings.region),
            chance: Chance::new((entropy() >> 64) as u64),
            console: Console::new(entropy, Arc::clone(&clock)),
            clock,
            stop: watch::Sender::new(false),
        })
    }

    /// From now on the server says of itself that it is going, and ends the streams it is sending.
    pub(crate) fn stopping(&self) {
        self.stop.send_replace(true);
    }

    /// Answers one request.
    async fn answer(self: &Arc<Self>, request: Request<Incoming>, pulse: &Pulse, origin: Origin) -> Reply {
        let (head, body) = request.into_parts();
        if head.uri.path().starts_with(health::PREFIX) {
            if !self.own_names.admit(&head) {
                return health::refuse();
            }
            if head.uri.path() == crate::backup::PATH {
                return backup::answer(self, &head, body, pulse, origin).await;
            }
            if let Some(asked) = console::Asked::of(&head) {
                return console::answer(self, asked, &head, body, pulse, origin).await;
            }
            if let Some(asked) = inside::Asked::of(&head) {
                return inside::answer(self, asked, &head, body, pulse, origin).await;
            }
            if let Some(asked) = workflows::Asked::of(&head) {
                return workflows::answer(self, asked, head, body, pulse, origin).await;
            }
            return health::answer(&head, &self.table, &self.published, &self.observer.look, !*self.stop.borrow());
        }
        if let Some(asked) = functions::Asked::of(&head) {
            return functions::answer(self, asked, &head, body, pulse, origin).await;
        }
        let addressee = Addressee::of(&head);
        let mut exchange = self.exchange(&head, origin, addressee.service);
        let mut reply = match self.intake.take(&head, addressee.service, body, pulse).await {
            Ok(taken) => self.respond_and_tell(&mut exchange, addressee, &taken.bytes).await,
            Err(refusal) => {
                let mut reply = reply::refusal(&refusal, &exchange.id, &mut exchange.draw);
                if head.version < Version::HTTP_2 {
                    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                self.observer.tell(&mut exchange, &Bytes::new(), &reply, &*self.clock);
                reply
            }
        };
        if head.method != Method::OPTIONS && head.headers.contains_key(header::ORIGIN) {
            reply::allow_origin(&mut reply);
        }
        if let Some(relay) = &self.relay {
            relay.tell(&head, &mut reply);
        }
        reply
    }

    /// The answer to a request that a caller, who is known already, would have sent with this head and this body. It is
    /// answered here or not at all.
    async fn on_behalf(&self, head: &Parts, body: &Bytes, caller: Caller) -> Reply {
        let addressee = Addressee::of(head);
        let mut exchange = self.exchange(head, caller.origin, addressee.service);
        exchange.vouched = Some(caller);
        self.respond_and_tell(&mut exchange, addressee, body).await
    }

    fn exchange<'a>(&'a self, head: &'a Parts, origin: Origin, service: Service) -> Exchange<'a> {
        let mut draw = self.chance.draw();
        let id = RequestId::new(service, &mut draw);
        let notes = Notes::new(&self.observer, &*self.clock);
        Exchange { head, origin, service, id, draw, notes, vouched: None }
    }

    async fn respond_and_tell<'a>(
        &'a self,
        exchange: &mut Exchange<'a>,
        addressee: Addressee<'a>,
        body: &Bytes,
    ) -> Reply {
        exchange.notes.is_whole(&*self.clock);
        let reply = self.respond(exchange, addressee, body).await;
        self.observer.tell(exchange, body, &reply, &*self.clock);
        reply
    }

    async fn respond<'a>(&'a self, exchange: &mut Exchange<'a>, addressee: Addressee<'a>, body: &Bytes) -> Reply {
        let Exchange { head, origin, id, .. } = *exchange;
        match protocol::identify(head, addressee, !body.is_empty()) {
            Ok(Asked::Operation(target)) => match self.operate_somewhere(exchange, target, body).await {
                Err(Elsewhere::Reply(reply)) => reply,
                Ok(Answer::Whole(output)) => {
                    reply::success(target.service, target.content_type, output.into(), &id, &mut exchange.draw)
                }
                Ok(Answer::Events(messages)) => {
                    self.clock.sleep(EVENTS_PAUSE_MS).await;
                    let events = Outgoing::events(messages, self.stop.subscribe());
                    reply::events(target.service, events, &id, &mut exchange.draw)
                }
                Err(Elsewhere::Error(error)) => {
                    exchange.notes.refused(error.code);
                    let Target { service, dialect, content_type, .. } = target;
                    let refusal = Refusal::Error { service, dialect, content_type, error };
                    reply::refusal(&refusal, &id, &mut exchange.draw)
                }
            },
            Ok(Asked::Metrics(call)) => {
                exchange.notes.asks(cloudwatch::SCOPE, "PutMetricData");
                let published = self.publish(head, call, body, origin);
                published.as_ref().err().into_iter().for_each(|error| exchange.notes.refused(error.code));
                cloudwatch::answer(call.form, published, &id)
            }
            Ok(Asked::Token) => {
                exchange.notes.asks(sts::SCOPE, "GetCallerIdentity");
                let caller = self.auth.caller(sts::SCOPE, head, body, &*self.clock);
                match caller.and_then(|caller| sts::check(body).map(|()| caller)) {
                    Ok(caller) => sts::identity(&caller, &id),
                    Err(error) => {
                        exchange.notes.refused(error.code);
                        sts::refusal(&error, &id)
                    }
                }
            }
            Ok(Asked::Preflight) => reply::preflight(&head.headers, &id),
            Ok(Asked::Healthy) => reply::healthy(&self.region, &id, &mut exchange.draw),
            Err(refusal) => {
                if let Refusal::Error { error, .. } = &refusal {
                    exchange.notes.refused(error.code);
                }
                reply::refusal(&refusal, &id, &mut exchange.draw)
            }
        }
    }

    /// Takes in the metrics of a caller who may publish some.
    fn publish(
        &self,
        head: &Parts,
        call: cloudwatch::Call<'_>,
        body: &Bytes,
        origin: Origin,
    ) -> Result<(), ServiceError> {
        let caller = Caller { origin, ..self.auth.caller(cloudwatch::SCOPE, head, body, &*self.clock)? };
        self.gate.permit(&caller, cloudwatch::ACTION, self.clock.now_ms())?;
        cloudwatch::run(call, head, body, &caller.account, &self.published)
    }

    /// The operation's answer; nothing runs before its caller is known.
    async fn operate<'a>(
        &'a self,
        exchange: &mut Exchange<'a>,
        target: Target<'a>,
        body: &Bytes,
    ) -> Result<Answer, ServiceError> {
        exchange.notes.asks_for(&target);
        let Some(route) = self.table.find(target) else {
            return Err(ServiceError::bare("UnknownOperationException", ErrorKind::Sender));
        };
        let caller = self.caller(exchange, target, body).inspect_err(|refusal| route.deny(refusal))?;
        exchange.notes.calls(&*self.clock, route, target, &caller);
        self.table.run(route, target, caller, body, exchange).await
    }

    /// Who signed a request to what is called `scope`, or is signed in to the console that sent it.
    fn whoever(&self, scope: &'static str, head: &Parts, body: &[u8], origin: Origin) -> Result<Caller, ServiceError> {
        let caller = if Console::speaks(head) {
            self.console.caller(head, &self.own_names, &self.auth, origin)?
        } else {
            self.auth.caller(scope, head, body, &*self.clock)?
        };
        Ok(Caller { origin, ..caller })
    }

    /// Who asks for an operation.
    ///
    /// # Errors
    /// The refusal, in the service's words.
    fn caller(&self, exchange: &Exchange<'_>, target: Target<'_>, body: &Bytes) -> Result<Caller, ServiceError> {
        let Exchange { head, origin, .. } = *exchange;
        if let Some(caller) = &exchange.vouched {
            return Ok(caller.clone());
        }
        self.whoever(target.service.scope(), head, body, origin).map_err(|refusal| {
            // AWS looks at the body before it misses a signature.
            if auth::is_unsigned(&refusal) && !body.is_empty() && well_formed(target.dialect, body).is_err() {
                return ServiceError::bare("SerializationException", ErrorKind::Sender);
            }
            match target.service {
                Service::DynamoDb | Service::DynamoDbStreams => auth::in_dynamo_words(refusal, head),
                Service::Kinesis | Service::Firehose | Service::Glue => refusal,
            }
        })
    }

    /// All metrics now, as their page has them.
    pub(crate) fn metrics(&self) -> String {
        metrics::page(&self.table, (self.observer.look)())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{functions::Queue, outward::Outward, settings::Raw};
    use headwater_log::clock::{ManualClock, SystemClock};
    use headwater_wire::{
        kinesis::{ListStreamsInput, ListStreamsOutput},
        op,
    };
    use std::{io, net::SocketAddr, time::Duration};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::{Notify, Semaphore, watch},
    };

    /// A service whose one operation answers when it is let.
    #[derive(Default)]
    struct Slow {
        asked: Notify,
        let_go: Notify,
    }

    async fn run(slow: Arc<Slow>, _: Caller, _: ListStreamsInput) -> Result<ListStreamsOutput, ServiceError> {
        slow.asked.notify_one();
        slow.let_go.notified().await;
        Err(ServiceError::new("LimitExceededException", "let go"))
    }

    fn nothing_read() -> Readings {
        let (deliveries, streams, journal) = (Vec::new(), Vec::new(), None);
        Readings {
            deliveries,
            streams,
            journal,
            trim_lag_ms: None,
            connections: 0,
            recovery_us: 0,
            spans: None,
            nodes: Vec::new(),
        }
    }

    struct Server {
        address: SocketAddr,
        clock: ManualClock,
        slow: Arc<Slow>,
        stop: watch::Sender<bool>,
        doors: Arc<Doors>,
    }

    fn functions(settings: &Settings, clock: &Arc<dyn Clock>) -> Arc<Registry> {
        let outward = Outward::open(&settings.outward, Some(tempfile::tempdir().unwrap().path()), 0).unwrap();
        Arc::new(Registry::new(outward.remote, Queue::new(1_000, Arc::clone(clock), Arc::new(|| 0))))
    }

    async fn server() -> Server {
        let clock = ManualClock::at(1_000_000);
        let slow = Arc::new(Slow::default());
        let (stop, stopped) = watch::channel(false);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let settings = Raw::default().check(None).unwrap();
        let doors = Arc::new(Doors {
            front: Front::new(
                Behind {
                    table: Table::new(Arc::clone(&shared)).with(&slow, vec![op(run)]),
                    functions: functions(&settings, &shared),
                    backups: Backups::of(None),
                    relay: None,
                    inside: None,
                },
                Observer::new(Arc::new(nothing_read), None, None),
                &settings,
                Arc::clone(&shared),
                Arc::new(|| 1),
            ),
            tls: Tls::made("us-east-1", &[], None),
            clock: shared,
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS as usize)),
            stop: stopped,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(listen(listener, Arc::clone(&doors)));
        Server { address, clock, slow, stop, doors }
    }

    const CALL: &str = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.1\r\n\
        x-amz-target: Kinesis_20131202.ListStreams\r\nx-amz-date: 20150830T123600Z\r\nauthorization: AWS4-HMAC-SHA256 \
        Credential=a/b/c/d/e, SignedHeaders=host, Signature=0\r\ncontent-length: 2\r\n\r\n";

    async fn say(server: &Server, text: &str) -> TcpStream {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        client.write_all(text.as_bytes()).await.unwrap();
        client
    }

    /// Everything the server still says, once it has closed the connection; time passes meanwhile.
    async fn last_words(server: &Server, mut client: TcpStream) -> io::Result<(u64, String)> {
        let (mut bytes, mut passed_ms, real) = (Vec::new(), 0, SystemClock::new());
        loop {
            tokio::select! {
                biased;
                length = client.read_buf(&mut bytes) => if length? == 0 {
                    return Ok((passed_ms, String::from_utf8_lossy(&bytes).into_owned()));
                },
                () = real.sleep(2) => {}
            }
            server.clock.advance(1_000);
            passed_ms += 1_000;
            assert!(passed_ms < 1_000_000, "never closed");
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_client_for_ever() {
        for (said, least_ms, most_ms) in [
            ("", 30_000, 45_000),
            ("P", 30_000, 45_000),
            ("POST / HTTP/1.1\r\nhost: loc", 30_000, 45_000),
            ("\x16\x03\x01", 30_000, 45_000),
            (CALL, 30_000, 45_000),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 300_000, 320_000),
        ] {
            let server = server().await;
            let client = say(&server, said).await;
            let (passed_ms, _) = last_words(&server, client).await.unwrap();
            assert!((least_ms..most_ms).contains(&passed_ms), "{said:?}: {passed_ms} ms");
        }
    }

    #[tokio::test]
    async fn an_answer_under_way_goes_out_before_the_server_stops() {
        let server = server().await;
        let idle = say(&server, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        let busy = say(&server, &format!("{CALL}{{}}")).await;
        server.slow.asked.notified().await;
        server.stop.send(true).unwrap();
        assert!(last_words(&server, idle).await.unwrap().1.starts_with("HTTP/1.1 403"));
        assert_eq!(server.doors.places.available_permits(), MAX_CONNECTIONS as usize - 1);
        server.slow.let_go.notify_one();
        let (_, answer) = last_words(&server, busy).await.unwrap();
        assert!(answer.ends_with(r#"{"__type":"LimitExceededException","message":"let go"}"#), "{answer}");
        let all = tokio::time::timeout(Duration::from_secs(5), server.doors.places.acquire_many(MAX_CONNECTIONS));
        assert!(all.await.is_ok_and(|permits| permits.is_ok()));
        assert!(TcpStream::connect(server.address).await.is_err(), "nobody is let in any more");
    }

    #[tokio::test]
    async fn what_is_too_large_is_read_off_and_refused() {
        let server = server().await;
        let announced = CALL.replace("content-length: 2", "content-length: 30000000");
        let client = say(&server, &(announced + &" ".repeat(30_000_000))).await;
        let (_, answer) = last_words(&server, client).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("connection: close"), "{answer}");
    }

    #[tokio::test]
    async fn what_is_announced_too_large_and_heads_that_are_are_refused_at_once() {
        let server = server().await;
        let announced = CALL.replace("content-length: 2", "content-length: 99999999999");
        let padded = CALL.replace("host: localhost", &format!("host: localhost\r\nx-pad: {}", "x".repeat(200 << 10)));
        for (said, status) in [(announced, 413), (padded, 431)] {
            let mut client = say(&server, &said).await;
            let mut answer = [0; 12];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes());
        }
    }
}
