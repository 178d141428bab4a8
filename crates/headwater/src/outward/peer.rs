//! Requests that another server of the same cluster is to answer: they go there as they came, and its answer comes back as
//! it is. Invariant: a request is carried on once – the server it is carried to does not carry it further.
use super::web::{Web, bounded, whole};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::Url;
use std::{sync::Arc, time::Duration};

/// Says that a request was carried on.
pub(crate) static CARRIED: HeaderName = HeaderName::from_static("x-headwater-carried");

/// What a request that waits may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer is a page of items and what JSON makes of it.
const MAX_BYTES: usize = 64 << 20;

/// Belong to a connection, and not to what is said over it.
const OF_THE_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
];

/// The way to the others.
pub(crate) struct Peers(Arc<Web>);

/// What became of a request.
pub(crate) enum Carried {
    /// Answered.
    Answer(StatusCode, HeaderMap, Bytes),
    /// It did not reach the other server, so nothing was done: why.
    Unreached(String),
    /// Whether anything was done is unknown: why.
    Unanswered(String),
}

impl Peers {
    pub(super) fn new(web: &Arc<Web>) -> Self {
        Self(Arc::clone(web))
    }

    /// Carries a request to the server at `url`.
    pub(crate) async fn carry(&self, url: &str, head: &http::request::Parts, body: Bytes) -> Carried {
        let target = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let (client, url) = match (self.0.trusted(), Url::parse(&format!("{url}{target}"))) {
            (Ok(client), Ok(url)) => (client, url),
            (Err(why), _) => return Carried::Unreached(why),
            (_, Err(error)) => return Carried::Unreached(error.to_string()),
        };
        let mut headers = without_the_connections(&head.headers);
        // The signature covers the name that the caller knows the server by.
        if let (None, Some(host)) = (headers.get(header::HOST), head.uri.authority())
            && let Ok(host) = HeaderValue::from_str(host.as_str())
        {
            headers.insert(header::HOST, host);
        }
        headers.insert(&CARRIED, HeaderValue::from_static("1"));
        let method = Method::clone(&head.method);
        let sent = client.request(method, url).headers(headers).timeout(TIMEOUT).body(body).send().await;
        let response = match sent {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Carried::Unreached(whole(&error)),
            Err(error) => return Carried::Unanswered(whole(&error)),
        };
        let (status, headers) = (response.status(), without_the_connections(response.headers()));
        match bounded(response, MAX_BYTES).await {
            Ok(Some(body)) => Carried::Answer(status, headers, body),
            Ok(None) => Carried::Unanswered("the answer is too large".into()),
            Err(error) => Carried::Unanswered(whole(&error)),
        }
    }
}

fn without_the_connections(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in OF_THE_CONNECTION {
        kept.remove(name);
    }
    kept
}
