//! The world of a run: HTTP, files, the clock and the terminal. Invariant: a request for a service of AWS's is signed as it
//! is sent; no redirection is followed in a step, for the document has the say.
use super::show::Show;
use crate::cli::{
    connection::{client, whole},
    identity::{Signer, Unsigned},
};
use headwater_log::clock::{Clock, SystemClock};
use headwater_workflow::{Event, Outside, Request, Response};
use reqwest::{Client, Method, Url, redirect::Policy};
use std::{sync::Arc, time::Duration};

/// How long a description may take to come.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Redirections of a description, at most.
const MAX_REDIRECTIONS: usize = 5;
/// Larger answers are failures.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// See above.
pub(super) struct World {
    /// As whom requests are made, and how long answers may take; none: requests are not made.
    caller: Option<(Signer, u64)>,
    clock: Arc<dyn Clock>,
    /// Made when it is first needed.
    client: Option<Client>,
    show: Option<Show>,
    is_dry: bool,
    requests: Vec<Request>,
    /// When the steps began that are under way.
    begun: Vec<u64>,
    /// How long steps took, in the order they ended, in milliseconds.
    times: Vec<u64>,
}

impl World {
    /// A world in which `caller` makes requests, and waits so many milliseconds for answers.
    pub(super) fn new(caller: Option<(Signer, u64)>) -> Self {
        let clock: Arc<dyn Clock> = SystemClock::new();
        let (requests, begun, times) = (Vec::new(), Vec::new(), Vec::new());
        Self { caller, clock, client: None, show: None, is_dry: false, requests, begun, times }
    }

    /// From now on what goes on is shown – but not in a dry run, which shows its requests alone.
    pub(super) fn begin(&mut self, is_dry: bool) {
        self.is_dry = is_dry;
        self.show = (!is_dry).then(Show::new);
    }

    /// How long steps took, in the order they ended, in milliseconds.
    pub(super) fn times(&self) -> &[u64] {
        &self.times
    }

    /// The requests of a dry run.
    pub(super) fn requests(&self) -> &[Request] {
        &self.requests
    }

    async fn send(&mut self, request: &Request, timeout_ms: Option<u64>) -> Result<Response, String> {
        let (signer, usual_ms) = self.caller.as_ref().ok_or("no requests are made here")?;
        let url = Url::parse(&request.url).map_err(|error| format!("{}: {error}", request.url))?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
        let body = request.body.clone().unwrap_or_default().into_bytes();
        let mut signature = Vec::new();
        if let Some(service) = &request.service {
            let unsigned = Unsigned { method: &request.method, url: &url, headers: &request.headers, body: &body };
            signature = signer.sign(service, self.clock.now_ms(), &unsigned).await?;
        }
        let timeout = Duration::from_millis(timeout_ms.unwrap_or(*usual_ms));
        if self.client.is_none() {
            self.client = Some(client(Policy::none(), false)?);
        }
        let client = self.client.as_ref().ok_or("no client for HTTP")?;
        let mut sent = client.request(method, url).timeout(timeout);
        for (name, value) in request.headers.iter().chain(&signature) {
            sent = sent.header(name, value);
        }
        if request.body.is_some() {
            sent = sent.body(body);
        }
        let failed = |error: reqwest::Error| format!("{}: {}", request.url, whole(&error));
        let mut answer = sent.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let headers = answer.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
        let headers = headers.collect();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&piece);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(format!("{}: the answer is larger than {MAX_ANSWER_BYTES} bytes", request.url));
            }
        }
        Ok(Response { status, headers, body })
    }
}

impl Outside for World {
    async fn call(&mut self, request: &Request, timeout_ms: Option<u64>) -> Result<Response, String> {
        self.send(request, timeout_ms).await
    }

    async fn read(&mut self, location: &str) -> Result<Option<String>, String> {
        if location.starts_with("http://") || location.starts_with("https://") {
            let client = client(Policy::limited(MAX_REDIRECTIONS), false)?;
            let answer = client.get(location).timeout(READ_TIMEOUT).send().await.map_err(|error| whole(&error))?;
            return match answer.status().as_u16() {
                404 | 410 => Ok(None),
                200..=299 => answer.text().await.map(Some).map_err(|error| whole(&error)),
                status => Err(format!("the answer was {status}")),
            };
        }
        match std::fs::read_to_string(location.strip_prefix("file://").unwrap_or(location)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn sleep(&mut self, ms: u64) {
        self.clock.sleep(ms).await;
    }

    fn tell(&mut self, event: Event<'_>) {
        match &event {
            Event::Step { .. } => self.begun.push(self.clock.now_ms()),
            Event::Done(_) => {
                let begun = self.begun.pop().unwrap_or_default();
                self.times.push(self.clock.now_ms().saturating_sub(begun));
            }
            Event::Request { request, .. } if self.is_dry => self.requests.push((*request).clone()),
            _ => {}
        }
        let took_ms = self.times.last().copied().unwrap_or_default();
        if let Some(show) = &mut self.show {
            show.tell(&event, took_ms);
        }
    }
}
