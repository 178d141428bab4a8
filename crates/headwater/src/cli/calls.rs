//! Calls of a running server's `DynamoDB`, as any client makes them: signed, over one connection.
use super::identity::{Identity, Unsigned};
use bytes::Bytes;
use clap::Args;
use headwater_log::clock::{Clock, SystemClock};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{fmt, sync::Arc};
use tokio::net::TcpStream;

pub(super) const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4566";
const JSON: &str = "application/x-amz-json-1.0";

/// Which server, and as whom.
#[derive(Args)]
pub(super) struct Server {
    /// The server to talk to: http://HOST:PORT
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", default_value = DEFAULT_ENDPOINT)]
    endpoint: String,
    #[command(flatten)]
    identity: Identity,
}

/// A connection to it.
pub(super) struct Client {
    server: Server,
    host: String,
    sender: SendRequest<Full<Bytes>>,
    clock: Arc<dyn Clock>,
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The service refused it: the error's code without its name space, and its sentence.
    Refused { code: String, message: String },
    /// There was no answer, or none that can be understood.
    Broken(String),
}

impl Failure {
    /// Whether the service refused the call with this error.
    pub(super) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, message } => write!(f, "{code}: {message}"),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// A sentence if the endpoint is none, or nobody listens there.
    pub(super) async fn connect(server: Server) -> Result<Self, String> {
        let endpoint = &server.endpoint;
        let host = endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/').to_owned());
        let host = host.filter(|host| !host.is_empty() && !host.contains('/'));
        let host = host.ok_or_else(|| format!("--endpoint: write http://HOST:PORT, not '{endpoint}'"))?;
        let address = if host.contains(':') { host.clone() } else { format!("{host}:80") };
        let failed = |error: &dyn fmt::Display| format!("{endpoint}: {error}; is a server running there?");
        let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        Ok(Self { server, host, sender, clock: SystemClock::new() })
    }

    /// Calls an operation of `DynamoDB`.
    ///
    /// # Errors
    /// The service's refusal; a sentence if there was no answer.
    pub(super) async fn call(&mut self, operation: &str, input: &Value) -> Result<Value, Failure> {
        let broken = |error: &dyn fmt::Display| Failure::Broken(format!("{operation}: {error}"));
        let request = self.request(operation, input.to_string().into()).map_err(|error| broken(&error))?;
        self.sender.ready().await.map_err(|error| broken(&error))?;
        let reply = self.sender.send_request(request).await.map_err(|error| broken(&error))?;
        let is_success = reply.status().is_success();
        let body = reply.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).map_err(|error| broken(&error))?;
        if is_success {
            return Ok(answer);
        }
        let text = |member: &str| answer[member].as_str().map(str::to_owned);
        let code = text("__type").unwrap_or_default();
        let code = code.split('#').next_back().unwrap_or_default().to_owned();
        Err(Failure::Refused { code, message: text("message").or_else(|| text("Message")).unwrap_or_default() })
    }

    fn request(&self, operation: &str, body: Bytes) -> Result<hyper::Request<Full<Bytes>>, http::Error> {
        let target = format!("DynamoDB_20120810.{operation}");
        let headers = [("content-type".to_owned(), JSON.to_owned()), ("x-amz-target".to_owned(), target)];
        let (path, query, host) = ("/", "", self.host.as_str());
        let unsigned = Unsigned { method: "POST", host, path, query, headers: &headers, body: &body };
        let signature = self.server.identity.sign("dynamodb", self.clock.now_ms(), &unsigned);
        let mut request = hyper::Request::post(path).header("host", host);
        for (name, value) in headers.iter().chain(&signature) {
            request = request.header(name, value);
        }
        request.body(Full::new(body))
    }
}
