//! Calls of services from the command line – a Headwater's or AWS's own –, signed as AWS's tools would sign them.
//! Invariant: what is signed is what is sent, and a secret is never shown.
use super::identity::{Identity, Unsigned};
use bytes::Bytes;
use clap::Args;
use headwater_log::clock::{Clock, SystemClock};
use reqwest::{Client, RequestBuilder, Response, Url, redirect::Policy};
use serde_json::Value;
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// What the examples of the help call.
pub(super) const LOCAL: &str = "http://127.0.0.1:4566";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(70);
/// A server that does not answer this soon is not well.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
/// A refusal that a moment mends is asked about again so often …
const TRIES: u32 = 5;
/// … after this long, and then twice as long each time.
const PAUSE_MS: u64 = 100;

/// Where calls go, and as whom.
#[derive(Args, Clone)]
pub(super) struct Connection {
    /// The server to call, http://HOST:PORT [default: AWS_ENDPOINT_URL; without that, AWS]
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", global = true)]
    pub(super) endpoint: Option<String>,
    #[command(flatten)]
    pub(super) identity: Identity,
}

/// A service of those called here.
#[derive(Clone, Copy)]
pub(super) enum Service {
    Kinesis,
    DynamoDb,
    DynamoDbStreams,
    Firehose,
}

impl Service {
    /// The name in `X-Amz-Target`, the name in signatures, the host's first part at AWS, and the version of the JSON.
    const fn wire(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Kinesis => ("Kinesis_20131202", "kinesis", "kinesis", "1.1"),
            Self::DynamoDb => ("DynamoDB_20120810", "dynamodb", "dynamodb", "1.0"),
            Self::DynamoDbStreams => ("DynamoDBStreams_20120810", "dynamodb", "streams.dynamodb", "1.0"),
            Self::Firehose => ("Firehose_20150804", "firehose", "firehose", "1.1"),
        }
    }
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The service refused it: the error's code without its name space, and its sentence.
    Refused { code: String, message: String },
    /// There was no answer, or none that can be understood.
    Broken(String),
}

/// Codes that mean "later".
const TRANSIENT: [&str; 5] = [
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "ServiceUnavailableException",
];

impl Failure {
    /// Whether the service refused the call with this error.
    pub(super) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }

    /// The failure, and which command lists what there is, if what was named is not there.
    pub(super) fn told(&self, list: &str) -> String {
        if self.is("ResourceNotFoundException") {
            return format!("{self} `{list}` shows what there is.");
        }
        self.to_string()
    }

    fn is_transient(&self) -> bool {
        TRANSIENT.iter().any(|code| self.is(code))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Refused { code, message } = self else {
            let Self::Broken(why) = self else { return Ok(()) };
            return f.write_str(why);
        };
        let advice = match code.as_str() {
            "UnrecognizedClientException" | "InvalidSignatureException" | "InvalidClientTokenId" => {
                " Is the access key one of this server's? It is taken from AWS's variables or --profile."
            }
            "ExpiredTokenException" => " Sign in again, then repeat the command.",
            _ => "",
        };
        if message.is_empty() { write!(f, "{code}{advice}") } else { write!(f, "{code}: {message}{advice}") }
    }
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        failure.to_string()
    }
}

/// Headers of a request: names and values.
pub(super) type Headers = Vec<(String, String)>;

/// Calls services.
#[derive(Clone)]
pub(super) struct Caller {
    endpoint: Option<String>,
    signer: super::identity::Signer,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Connection {
    /// The same but for what is given.
    pub(super) fn with(self, endpoint: &Option<String>, region: &Option<String>, profile: &Option<String>) -> Self {
        let identity = self.identity.with(region, profile);
        Self { endpoint: endpoint.clone().or(self.endpoint), identity }
    }

    /// Finds out as whom to call; nothing is called yet.
    ///
    /// # Errors
    /// A sentence if there is no region or no key.
    pub(super) async fn open(self) -> Result<Caller, String> {
        let endpoint = self.endpoint.filter(|url| !url.is_empty()).map(|url| url.trim_end_matches('/').to_owned());
        if let Some(url) = &endpoint {
            let is_url = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !is_url {
                return Err(format!("--endpoint: write http://HOST:PORT or https://HOST, not '{url}'"));
            }
        }
        let signer = self.identity.signer(endpoint.as_deref()).await?;
        let is_plain = endpoint.as_ref().is_some_and(|url| url.starts_with("http://"));
        let client = client(Policy::none(), is_plain)?;
        Ok(Caller { endpoint, signer, client, clock: SystemClock::new() })
    }
}

impl Caller {
    /// The clock that waits here are made by.
    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The region calls are signed for.
    pub(super) fn region(&self) -> &str {
        self.signer.region()
    }

    /// The SDK's view of the same server and the same identity.
    pub(super) fn sdk(&self) -> aws_config::SdkConfig {
        self.signer.sdk(self.endpoint.as_deref())
    }

    /// Calls an operation; a refusal that a moment mends is waited out.
    ///
    /// # Errors
    /// The service's refusal; a sentence if there was no answer.
    pub(super) async fn call(&self, service: Service, operation: &str, input: &Value) -> Result<Value, Failure> {
        for attempt in 1.. {
            let answer = self.ask(service, operation, input).await;
            match answer {
                Err(failure) if failure.is_transient() && attempt < TRIES => {
                    self.clock.sleep(PAUSE_MS << attempt).await;
                }
                answer => return answer,
            }
        }
        Err(Failure::Broken(format!("{operation} was not tried")))
    }

    /// Where a service is called.
    ///
    /// # Errors
    /// A sentence if that is no URL.
    pub(super) fn url(&self, service: Service) -> Result<Url, String> {
        let (_, _, host, _) = service.wire();
        let url = self.endpoint.clone().unwrap_or_else(|| self.signer.address(host));
        Url::parse(&url).map_err(|error| format!("{url}: {error}"))
    }

    /// The headers of a call, those of its signature among them.
    ///
    /// # Errors
    /// A sentence if there is no key.
    pub(super) async fn headers(
        &self,
        service: Service,
        operation: &str,
        url: &Url,
        body: &[u8],
    ) -> Result<Headers, String> {
        let (target, signed_as, _, version) = service.wire();
        let headers = vec![
            ("content-type".to_owned(), format!("application/x-amz-json-{version}")),
            ("x-amz-target".to_owned(), format!("{target}.{operation}")),
        ];
        self.signed(signed_as, url, headers, body).await
    }

    /// The headers of a POST, those of its signature among them.
    async fn signed(&self, service: &str, url: &Url, mut headers: Headers, body: &[u8]) -> Result<Headers, String> {
        let unsigned = Unsigned { method: "POST", url, headers: &headers, body };
        let signature = self.signer.sign(service, self.clock.now_ms(), &unsigned).await?;
        headers.extend(signature);
        Ok(headers)
    }

    async fn ask(&self, service: Service, operation: &str, input: &Value) -> Result<Value, Failure> {
        let broken = |error: &dyn fmt::Display| Failure::Broken(format!("{operation}: {error}"));
        let url = self.url(service).map_err(|error| broken(&error))?;
        let body = input.to_string();
        let headers = self.headers(service, operation, &url, body.as_bytes()).await.map_err(Failure::Broken)?;
        let request = with_headers(self.client.post(url).timeout(TIMEOUT), headers);
        let reply = request.body(body).send().await.map_err(|error| broken(&whole(&error)))?;
        let status = reply.status();
        let body = reply.bytes().await.map_err(|error| broken(&whole(&error)))?;
        let answer = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
        let answer: Value = answer.map_err(|_| broken(&format!("the answer ({status}) is none of AWS's services'")))?;
        if status.is_success() {
            return Ok(answer);
        }
        let text = |member: &str| answer[member].as_str().map(str::to_owned);
        let code = text("__type").unwrap_or_else(|| status.to_string());
        let code = code.split('#').next_back().unwrap_or_default().to_owned();
        Err(Failure::Refused { code, message: text("message").or_else(|| text("Message")).unwrap_or_default() })
    }
}

/// A body that comes piece by piece.
pub(super) struct Streamed(Response);

impl Streamed {
    /// The next piece; nothing at the end.
    ///
    /// # Errors
    /// A sentence if the connection broke.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        self.0.chunk().await.map_err(|error| whole(&error))
    }
}

impl Caller {
    /// Posts `body` to a path of the server's own, signed for `service`, and takes in what comes back as it comes.
    ///
    /// # Errors
    /// The server's refusal; a sentence if there was no answer.
    pub(super) async fn stream(&self, service: &str, path: &str, body: Vec<u8>) -> Result<Streamed, String> {
        let server = self.endpoint.as_deref().unwrap_or(LOCAL);
        let url = Url::parse(&format!("{server}{path}")).map_err(|error| format!("{server}: {error}"))?;
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let headers = self.signed(service, &url, headers, &body).await?;
        let reply = with_headers(self.client.post(url), headers)
            .body(body)
            .send()
            .await
            .map_err(|error| format!("{server}: {}", whole(&error)))?;
        let status = reply.status();
        if status.is_success() {
            return Ok(Streamed(reply));
        }
        let said = reply.bytes().await.ok().and_then(|said| serde_json::from_slice::<Value>(&said).ok());
        let why = said.as_ref().and_then(|said| said["error"].as_str());
        Err(format!(
            "{server}: {}",
            why.unwrap_or(&format!("the answer is {status}: it is no Headwater, or an older one"))
        ))
    }
}

fn with_headers(request: RequestBuilder, headers: Headers) -> RequestBuilder {
    headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// Asks a server whether it takes requests. It is asked anew each time, as a server that comes up may be another one.
///
/// # Errors
/// A sentence if it does not, or is not there.
pub(super) async fn is_ready(endpoint: &str) -> Result<(), String> {
    let failed = |why: &str| format!("{endpoint}: {why}");
    let url = format!("{}/_headwater/health/ready", endpoint.trim_end_matches('/'));
    let url = Url::parse(&url).map_err(|error| failed(&error.to_string()))?;
    let client = client(Policy::none(), url.scheme() == "http")?;
    let reply = client.get(url).timeout(HEALTH_TIMEOUT).send().await.map_err(|error| failed(&whole(&error)))?;
    if reply.status().is_success() { Ok(()) } else { Err(failed(&format!("not ready ({})", reply.status()))) }
}

/// A client for HTTP; one that is plain knows no TLS, as reading the machine's certificates takes longer than most commands.
///
/// # Errors
/// A sentence if the machine's TLS is not to be had.
pub(super) fn client(redirections: Policy, is_plain: bool) -> Result<Client, String> {
    // Who has installed one before has installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().redirect(redirections).referer(false).connect_timeout(CONNECT_TIMEOUT);
    let builder = if is_plain { builder.tls_certs_only([]) } else { builder };
    builder.build().map_err(|error| format!("no client for HTTP: {}", whole(&error)))
}

/// An error with what lies beneath it, and what to do if nobody listens.
pub(super) fn whole(error: &reqwest::Error) -> String {
    let mut beneath: Option<&dyn Error> = error.source();
    let mut text = if error.is_timeout() { "no answer in time".to_owned() } else { String::new() };
    while let Some(error) = beneath {
        text = if text.is_empty() { error.to_string() } else { format!("{text}: {error}") };
        beneath = error.source();
    }
    let text = if text.is_empty() { error.to_string() } else { text };
    if error.is_connect() { format!("{text}; is a server running there? `headwater` starts one") } else { text }
}
