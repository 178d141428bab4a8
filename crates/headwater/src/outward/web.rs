//! The clients for HTTP, and endpoints that take records over it. Invariant: a request to an address that a caller of
//! ours gave goes through the client that reaches what the guard admits; every request has an end.
use super::guard::{self, Allowed, Lookup, Reach};
use bytes::{Bytes, BytesMut};
use headwater_firehose::outside::{Doing, Endpoints, Failure, Post, Posted};
use reqwest::{Client, ClientBuilder, Response, Url, redirect::Policy};
use std::{error::Error, sync::LazyLock, time::Duration};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// As Firehose waits for an endpoint.
const POST_TIMEOUT: Duration = Duration::from_secs(180);
/// What is read of an endpoint's answer.
const MAX_POSTED_BYTES: usize = 1 << 20;

/// A client that is made when it is first needed: reading the machine's certificates takes longer than starting the server.
type Made = LazyLock<Result<Client, String>>;

/// The clients, by whom they reach.
pub(super) struct Web {
    public: Made,
    named: Made,
    allowed: Vec<Allowed>,
}

impl Web {
    /// Clients that reach what is `allowed`, besides what everybody may.
    pub(super) fn new(allowed: Vec<Allowed>) -> Self {
        // Who has installed one before has installed the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (public, named): (Made, Made) =
            (LazyLock::new(|| client(Reach::Public)), LazyLock::new(|| client(Reach::Named)));
        Self { public, named, allowed }
    }

    /// The client for what the operator configured.
    ///
    /// # Errors
    /// A sentence if the machine's TLS is not to be had.
    pub(super) fn trusted(&self) -> Result<&Client, String> {
        self.named.as_ref().map_err(Clone::clone)
    }

    async fn post(&self, Post { url, headers, body }: Post) -> Result<Posted, Failure> {
        let invalid = |why: &dyn std::fmt::Display| Failure {
            code: "HttpEndpoint.InvalidUrl".into(),
            message: format!("The URL of the endpoint is invalid: {why}."),
            is_permanent: true,
        };
        let url = Url::parse(&url).map_err(|error| invalid(&error))?;
        let client = match guard::judge(&url, &self.allowed)? {
            Reach::Public => &self.public,
            Reach::Named => &self.named,
        };
        let client = client.as_ref().map_err(|why| Failure {
            code: "HttpEndpoint.ConnectionFailed".into(),
            message: why.clone(),
            is_permanent: false,
        })?;
        let mut request = client.post(url).timeout(POST_TIMEOUT).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.build().map_err(|error| invalid(&error))?;
        let response = client.execute(request).await.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(http::header::CONTENT_TYPE);
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let body = bounded(response, MAX_POSTED_BYTES).await.map_err(|error| failed(&error))?;
        let body = body.ok_or_else(|| {
            let sentence = "The response received from the endpoint is too large. Contact the owner of the endpoint to \
                            resolve this issue.";
            Failure { code: "HttpEndpoint.ResponseTooLarge".into(), message: sentence.into(), is_permanent: false }
        })?;
        Ok(Posted { status, content_type: content_type.unwrap_or_default(), body })
    }
}

impl Endpoints for Web {
    fn post(&self, post: Post) -> Doing<'_, Result<Posted, Failure>> {
        Box::pin(self.post(post))
    }
}

fn client(reach: Reach) -> Result<Client, String> {
    let builder = || -> ClientBuilder {
        let builder = Client::builder().redirect(Policy::none()).no_proxy().referer(false);
        builder.connect_timeout(CONNECT_TIMEOUT).dns_resolver(Lookup(reach))
    };
    // A machine without certificates of authorities can do without TLS, as long as nobody asks for it.
    let bare = || builder().tls_certs_only([]).build();
    builder().build().or_else(|_| bare()).map_err(|error| format!("no client for HTTP: {}", whole(&error)))
}

/// The whole body of a response; nothing if it is larger than `most_bytes`.
///
/// # Errors
/// The connection's.
pub(super) async fn bounded(mut response: Response, most_bytes: usize) -> reqwest::Result<Option<Bytes>> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > most_bytes {
            return Ok(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Some(body.freeze()))
}

/// An error with what lies beneath it, without the URL, which may hold a secret.
pub(super) fn whole(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "timed out".to_owned() } else { String::new() };
    let mut beneath = error.source();
    while let Some(error) = beneath {
        let part = error.to_string();
        if !text.contains(&part) {
            text = if text.is_empty() { part } else { format!("{text}: {part}") };
        }
        beneath = error.source();
    }
    if text.is_empty() { "the request failed".into() } else { text }
}

/// A failure in the words that Firehose logs it in.
fn failed(error: &reqwest::Error) -> Failure {
    let beneath = whole(error);
    let owner = "Contact the owner of the endpoint to resolve this issue.";
    let (code, sentence) = if error.is_timeout() {
        (
            "HttpEndpoint.RequestTimeout",
            "The request timed out before a response was received and will be retried.".into(),
        )
    } else if beneath.contains("ertificate") || beneath.contains("handshake") || beneath.contains("TLS") {
        ("HttpEndpoint.SSLHandshakeFailure", format!("Unable to complete an SSL Handshake with the endpoint. {owner}"))
    } else if error.is_connect() {
        ("HttpEndpoint.ConnectionFailed", format!("Unable to connect to the specified endpoint. {owner}"))
    } else {
        ("HttpEndpoint.ConnectionReset", format!("Unable to maintain connection with the endpoint. {owner}"))
    };
    Failure { code: code.into(), message: format!("{sentence} ({beneath})"), is_permanent: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// Answers one request with these bytes; gives its address and what it was sent.
    async fn answering(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let sent = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut sent = Vec::new();
            while !sent.ends_with(b"hello") {
                assert!(stream.read_buf(&mut sent).await.unwrap() > 0);
            }
            // The client may close before it has read everything.
            let _ = stream.write_all(&answer).await;
            String::from_utf8(sent).unwrap()
        });
        (url, sent)
    }

    async fn post(url: &str, allowed: &str) -> Result<Posted, Failure> {
        let web = Web::new(vec![Allowed::parse(allowed).unwrap()]);
        let headers = vec![("x-amz-firehose-protocol-version", "1.0".to_owned())];
        web.post(Post { url: url.into(), headers, body: Bytes::from_static(b"hello") }).await
    }

    #[tokio::test]
    async fn an_answer_comes_back_as_it_was_sent_and_no_redirection_is_followed() {
        let answer = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-type: text/x\r\n\
                      content-length: 2\r\n\r\nhi";
        let (url, sent) = answering(answer.into()).await;
        let posted = post(&url, "127.0.0.1").await.unwrap();
        assert_eq!((posted.status, &*posted.content_type, &posted.body[..]), (302, "text/x", &b"hi"[..]));
        assert!(sent.await.unwrap().contains("x-amz-firehose-protocol-version: 1.0\r\n"));
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_read_to_its_end() {
        let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        answer.resize(3 << 20, b'x');
        let (url, _) = answering(answer).await;
        assert_eq!(post(&url, "127.0.0.1").await.unwrap_err().code, "HttpEndpoint.ResponseTooLarge");
    }

    #[tokio::test]
    async fn what_is_not_allowed_is_not_even_connected_to() {
        let (url, sent) = answering(Vec::new()).await;
        for url in [url.as_str(), "https://localhost/", "https://127.0.0.1/", "http://169.254.169.254/"] {
            let failure = post(url, "other.test").await.unwrap_err();
            assert!(failure.message.contains("--allow-destination"), "{url}: {failure:?}");
        }
        assert!(!sent.is_finished());
        let failure = post("http://127.0.0.1:1/", "*").await.unwrap_err();
        assert_eq!((&*failure.code, failure.is_permanent), ("HttpEndpoint.ConnectionFailed", false));
    }
}
