//! The only room that knows HTTP. A request's way: connection (`http`), body (`body`), what is asked (`protocol`), who
//! asks (`auth`), the operation (`dispatch`), the answer (`reply`).
mod auth;
mod backup;
mod body;
mod chance;
mod cloudwatch;
mod console;
mod dispatch;
pub(crate) mod fault;
mod functions;
mod health;
mod http;
mod local;
mod metrics;
mod outgoing;
mod protocol;
mod published;
mod pulse;
mod reply;
mod stream;
mod sts;
mod tls;

pub(crate) use self::{
    backup::Backups,
    dispatch::Table,
    http::{Doors, MAX_CONNECTIONS, listen},
    tls::Tls,
};

use self::{
    auth::Auth,
    body::Intake,
    chance::{Chance, Draw},
    console::Console,
    local::OwnNames,
    outgoing::Outgoing,
    protocol::{Addressee, Asked, Target},
    published::Published,
    pulse::Pulse,
    reply::{Refusal, Reply, RequestId},
};
use crate::{functions::Registry, gate::Gate, settings::Settings};
use ::http::{HeaderValue, Method, Request, Version, header, request::Parts};
use bytes::Bytes;
use headwater_firehose::DeliveryReading;
use headwater_kinesis::Entropy;
use headwater_log::clock::Clock;
use headwater_wire::{Answer, Caller, ErrorKind, Origin, Service, ServiceError, well_formed};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::sync::watch;

/// How long an answer of events is held back. The Go SDK closes a request's body when the answer begins; if its transport
/// is not yet through with the body then, it takes that for a failure and drops the connection, events and all.
const EVENTS_PAUSE_MS: u64 = 20;

/// What delivery streams have done, asked for when somebody looks.
pub(crate) type DeliveryReadings = Arc<dyn Fn() -> Vec<DeliveryReading> + Send + Sync>;

/// Everything a request needs on its way.
pub(crate) struct Front {
    table: Table,
    functions: Arc<Registry>,
    auth: Auth,
    gate: Gate,
    published: Published,
    deliveries: DeliveryReadings,
    backups: Backups,
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
    /// A front to the operations of `table` and to functions, ready at once.
    pub(crate) fn new(
        table: Table,
        functions: Arc<Registry>,
        deliveries: DeliveryReadings,
        backups: Backups,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        entropy: Entropy,
    ) -> Arc<Self> {
        Arc::new(Self {
            table,
            functions,
            auth: Auth::new(settings),
            gate: Gate::new(settings.credentials.clone()),
            published: Published::default(),
            deliveries,
            backups,
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
    async fn answer(&self, request: Request<Incoming>, pulse: &Pulse, origin: Origin) -> Reply {
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
            return health::answer(&head, &self.table, &self.published, &self.deliveries, !*self.stop.borrow());
        }
        if let Some(asked) = functions::Asked::of(&head) {
            return functions::answer(self, asked, &head, body, pulse, origin).await;
        }
        let mut draw = self.chance.draw();
        let addressee = Addressee::of(&head);
        let id = RequestId::new(addressee.service, &mut draw);
        let mut reply = match self.intake.take(&head, addressee.service, body, pulse).await {
            Ok(taken) => self.respond(&head, addressee, &taken.bytes, origin, &id, &mut draw).await,
            Err(refusal) => {
                let mut reply = reply::refusal(&refusal, &id, &mut draw);
                if head.version < Version::HTTP_2 {
                    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                reply
            }
        };
        if head.method != Method::OPTIONS && head.headers.contains_key(header::ORIGIN) {
            reply::allow_origin(&mut reply);
        }
        reply
    }

    async fn respond(
        &self,
        head: &Parts,
        addressee: Addressee<'_>,
        body: &Bytes,
        origin: Origin,
        id: &RequestId,
        draw: &mut Draw,
    ) -> Reply {
        match protocol::identify(head, addressee, !body.is_empty()) {
            Ok(Asked::Operation(target)) => match self.operate(head, target, body, origin, id, draw).await {
                Ok(Answer::Whole(output)) => {
                    reply::success(target.service, target.content_type, output.into(), id, draw)
                }
                Ok(Answer::Events(messages)) => {
                    self.clock.sleep(EVENTS_PAUSE_MS).await;
                    let events = Outgoing::events(messages, self.stop.subscribe());
                    reply::events(target.service, events, id, draw)
                }
                Err(error) => {
                    let Target { service, dialect, content_type, .. } = target;
                    reply::refusal(&Refusal::Error { service, dialect, content_type, error }, id, draw)
                }
            },
            Ok(Asked::Metrics(call)) => cloudwatch::answer(call.form, self.publish(head, call, body, origin), id),
            Ok(Asked::Token) => {
                let caller = self.auth.caller(sts::SCOPE, head, body, &*self.clock);
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
    async fn operate(
        &self,
        head: &Parts,
        target: Target<'_>,
        body: &Bytes,
        origin: Origin,
        id: &RequestId,
        draw: &mut Draw,
    ) -> Result<Answer, ServiceError> {
        let Some(route) = self.table.find(target) else {
            return Err(ServiceError::bare("UnknownOperationException", ErrorKind::Sender));
        };
        let scope = target.service.scope();
        let caller = if Console::speaks(head) {
            self.console.caller(head, &self.own_names, &self.auth, origin)
        } else {
            self.auth.caller(scope, head, body, &*self.clock)
        };
        let caller = caller.map_err(|refusal| {
            // AWS looks at the body before it misses a signature.
            if auth::is_unsigned(&refusal) && !body.is_empty() && well_formed(target.dialect, body).is_err() {
                return ServiceError::bare("SerializationException", ErrorKind::Sender);
            }
            match target.service {
                Service::DynamoDb | Service::DynamoDbStreams => auth::in_dynamo_words(refusal, head),
                Service::Kinesis | Service::Firehose | Service::Glue => refusal,
            }
        })?;
        self.table.run(route, target, Caller { origin, ..caller }, body, id, draw).await
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
                Table::new(Arc::clone(&shared)).with(&slow, vec![op(run)]),
                functions(&settings, &shared),
                Arc::new(Vec::new),
                Backups::of(None),
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
