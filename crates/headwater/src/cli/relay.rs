//! A Runtime API of a function's own, on a free port of this machine, in front of a server's. Clients that know no path
//! before the API's own can use it, a server that starts anew is waited for, and an invocation whose runtime died is
//! ended at once.
//!
//! Invariant: it holds no work: what it does not know the outcome of is still the server's.
use bytes::Bytes;
use headwater_log::clock::Clock;
use http::{Method, Request, Response, StatusCode, Version, header, request::Parts};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::{
    convert::Infallible,
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::net::{TcpListener, TcpStream};

/// Pause before a server that is not there is asked again …
const PAUSE_MS: u64 = 500;
/// … and how often it is, with the answer of a function. Without one it is asked for ever.
const TRIES: u32 = 20;
/// More than any answer of a function may have, so that the server refuses it in its own words.
const MAX_BODY_BYTES: usize = 16 << 20;
const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const ID: &str = "lambda-runtime-aws-request-id";

/// The relay of one function.
pub(super) struct Relay {
    /// HOST:PORT
    server: String,
    function: String,
    /// The invocation its runtime has.
    in_hand: Mutex<Option<String>>,
    clock: Arc<dyn Clock>,
}

impl Relay {
    /// Opens it; gives where it listens.
    ///
    /// # Errors
    /// The system's.
    pub(super) async fn open(
        server: String,
        function: String,
        clock: Arc<dyn Clock>,
    ) -> io::Result<(Arc<Self>, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let relay = Arc::new(Self { server, function, in_hand: Mutex::default(), clock });
        let shared = Arc::clone(&relay);
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    shared.clock.sleep(PAUSE_MS).await;
                    continue;
                };
                let relay = Arc::clone(&shared);
                let service = service_fn(move |request| {
                    let relay = Arc::clone(&relay);
                    async move { Ok::<_, Infallible>(relay.answer(request).await) }
                });
                tokio::spawn(server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok((relay, address))
    }

    /// The runtime ended, `how` it did: an invocation it had has failed.
    pub(super) async fn died(&self, how: &str) {
        let Some(id) = self.hand().take() else { return };
        let message = format!("RequestId: {id} Error: Runtime exited with error: {how}");
        let body = json!({"errorType": "Runtime.ExitError", "errorMessage": message}).to_string();
        let path = format!("/2018-06-01/runtime/invocation/{id}/error");
        let Ok(request) = Request::post(path).body(()) else { return };
        // Without the server nobody waits for it any more.
        let _ = self.ask(&request.into_parts().0, &body.into()).await;
    }

    fn hand(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
        };
        let body = body.to_bytes();
        let is_next = head.uri.path() == NEXT;
        let mut tries = 0;
        let reply = loop {
            match self.ask(&head, &body).await {
                Ok(reply) if reply.status() != StatusCode::SERVICE_UNAVAILABLE => break reply,
                _ if !is_next && tries >= TRIES => {
                    return plain(StatusCode::BAD_GATEWAY, "the server is not reachable");
                }
                _ => {}
            }
            if tries == 0 {
                // The function runs on; whoever watches may want to know.
                let _ = writeln!(io::stderr(), "headwater: {} is not reachable; waiting for it", self.server);
            }
            tries += 1;
            self.clock.sleep(PAUSE_MS).await;
        };
        let id = reply.headers().get(ID).and_then(|id| id.to_str().ok());
        if is_next {
            *self.hand() = id.map(str::to_owned);
        } else {
            let mut hand = self.hand();
            if hand.as_deref().is_some_and(|id| head.uri.path().contains(id)) {
                *hand = None;
            }
        }
        reply
    }

    /// Asks the server the same, on behalf of the function.
    async fn ask(
        &self,
        head: &Parts,
        body: &Bytes,
    ) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.server).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let path = format!("/functions/{}{}", self.function, head.uri.path());
        let mut request = Request::builder().method(head.method.clone()).uri(path).version(Version::HTTP_11);
        let hop = [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::EXPECT];
        for (name, value) in head.headers.iter().filter(|(name, _)| !hop.contains(name)) {
            request = request.header(name, value);
        }
        let body = if head.method == Method::GET { Bytes::new() } else { body.clone() };
        let request = request.header(header::HOST, &self.server).body(Full::new(body))?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await?.to_bytes();
        let mut reply = Response::new(Full::new(body));
        *reply.status_mut() = head.status;
        *reply.headers_mut() = head.headers;
        Ok(reply)
    }
}

fn plain(status: StatusCode, sentence: &'static str) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::from(sentence));
    *reply.status_mut() = status;
    reply
}
