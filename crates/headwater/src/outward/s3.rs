//! Objects in an S3 endpoint, addressed by path. Invariant: the key is sent as it stands – `//`, blanks, any letter –,
//! and `put` has answered only when the endpoint has. Trying again is the caller's affair.
use super::{
    settings::S3Key,
    signing::Signer,
    web::{Web, bounded, whole},
};
use bytes::Bytes;
use headwater_firehose::outside::{Doing, Failure, Object, Objects};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::{Frame, SizeHint};
use reqwest::{Body, RequestBuilder, Url};
use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt::Write,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// Time for the largest object over a slow line, either way.
const TIMEOUT: Duration = Duration::from_secs(300);
/// What is read of an answer: it is an error's description, if anything.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// What is shown of an endpoint's own words.
const MAX_SHOWN_CHARS: usize = 300;

/// What Firehose says of the errors it knows.
const SENTENCES: [(&str, &str); 7] = [
    (
        "AccessDenied",
        "Access was denied. Ensure that the trust policy for the provided IAM role allows Firehose to assume the role, \
         and the access policy allows access to the S3 bucket.",
    ),
    (
        "AccountProblem",
        "There is a problem with your AWS account that prevents the operation from completing successfully. Contact AWS \
         Support.",
    ),
    ("AllAccessDisabled", "Access to the account provided has been disabled. Contact AWS Support."),
    ("InvalidPayer", "Access to the account provided has been disabled. Contact AWS Support."),
    ("NotSignedUp", "The account is not signed up for Amazon S3. Sign the account up or use a different account."),
    (
        "NoSuchBucket",
        "The specified bucket does not exist. Create the bucket or use a different bucket that does exist.",
    ),
    (
        "MethodNotAllowed",
        "The specified method is not allowed against this resource. Modify the bucket’s policy to allow the correct \
         Amazon S3 operation permissions.",
    ),
];
/// What no waiting makes better. A bucket may yet be made, and access be granted.
const PERMANENT: [&str; 4] = ["KeyTooLongError", "EntityTooLarge", "InvalidURI", "InvalidBucketName"];

/// An endpoint.
pub(super) struct S3 {
    web: Arc<Web>,
    endpoint: String,
    region: String,
    signer: Signer,
}

impl S3 {
    /// The endpoint at `endpoint`, a URL without a slash at its end.
    pub(super) fn new(web: Arc<Web>, endpoint: &str, region: &str, key: Option<S3Key>) -> Self {
        Self { web, endpoint: endpoint.into(), region: region.into(), signer: Signer::new("s3", key) }
    }

    async fn put(&self, Object { bucket, key, body, content_encoding }: Object) -> Result<(), Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if let Some(encoding) = content_encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let request = self.request(Method::PUT, &bucket, &key, headers, body.clone()).await?;
        let request = request.body(Body::wrap(Parts::new(body))).timeout(TIMEOUT);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let answer = bounded(response, MAX_ANSWER_BYTES).await.map_err(|error| self.unreachable(&error))?;
        let answer = answer.unwrap_or_default();
        // An endpoint may begin to answer before it knows whether it will succeed.
        if status.is_success() && element(&answer, "Error").is_none() { Ok(()) } else { Err(refused(status, &answer)) }
    }

    async fn get(&self, bucket: &str, key: &str, most_bytes: usize) -> Result<Bytes, Failure> {
        let request = self.request(Method::GET, bucket, key, HeaderMap::new(), Vec::new()).await?;
        let response = request.timeout(TIMEOUT).send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let most_bytes = if status.is_success() { most_bytes } else { MAX_ANSWER_BYTES };
        match bounded(response, most_bytes).await.map_err(|error| self.unreachable(&error))? {
            Some(body) if status.is_success() => Ok(body),
            Some(answer) => Err(refused(status, &answer)),
            None => Err(failure("S3.EntityTooLarge", "The object is too large to be read here.".into())),
        }
    }

    /// A signed request about an object, with a body of these parts still to be given.
    async fn request(
        &self,
        method: Method,
        bucket: &str,
        key: &str,
        headers: HeaderMap,
        body: Vec<Bytes>,
    ) -> Result<RequestBuilder, Failure> {
        let url = address(&self.endpoint, bucket, key).ok_or_else(|| {
            let why = "A piece of a key cannot be '.' or '..', as no URL can say so.";
            failure("S3.InvalidURI", why.into())
        })?;
        let signed = self.signer.sign(Method::clone(&method), &url, headers, body, &self.region).await;
        let unsigned = |why| failure("S3.InternalError", format!("The request cannot be signed: {why}."));
        let headers = signed.map_err(unsigned)?;
        let client = self.web.trusted().map_err(|why| failure("S3.InternalError", why))?;
        Ok(client.request(method, url).headers(headers))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        failure("S3.InternalError", format!("{} cannot be reached: {}.", self.endpoint, whole(error)))
    }
}

impl Objects for S3 {
    fn put(&self, object: Object) -> Doing<'_, Result<(), Failure>> {
        Box::pin(self.put(object))
    }

    fn get<'a>(&'a self, bucket: &'a str, key: &'a str, most_bytes: usize) -> Doing<'a, Result<Bytes, Failure>> {
        Box::pin(self.get(bucket, key, most_bytes))
    }
}

/// A body in parts, of a known length: nobody puts them together only to send them.
struct Parts {
    parts: VecDeque<Bytes>,
    left_bytes: u64,
}

impl Parts {
    fn new(parts: Vec<Bytes>) -> Self {
        let left_bytes = parts.iter().map(|part| part.len() as u64).sum();
        Self { parts: parts.into(), left_bytes }
    }
}

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let parts = self.get_mut();
        let part = parts.parts.pop_front();
        parts.left_bytes -= part.as_ref().map_or(0, |part| part.len() as u64);
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }
}

/// Where an object is; nothing if URLs have no word for it.
fn address(endpoint: &str, bucket: &str, key: &str) -> Option<Url> {
    let text = format!("{endpoint}/{}/{}", escaped(bucket), escaped(key));
    // Whoever reads a URL takes such pieces out of it, written however.
    if bucket.is_empty()
        || bucket.contains('/')
        || [bucket].into_iter().chain(key.split('/')).any(|piece| matches!(piece, "." | ".."))
    {
        return None;
    }
    Url::parse(&text).ok()
}

/// A name as S3 wants it in a path: all but letters, digits, `-._~` and the slash is escaped.
fn escaped(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn refused(status: StatusCode, answer: &Bytes) -> Failure {
    let code = element(answer, "Code").unwrap_or_else(|| match status {
        StatusCode::FORBIDDEN => "AccessDenied".into(),
        StatusCode::NOT_FOUND => "NoSuchBucket".into(),
        StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed".into(),
        status if status.is_redirection() => "PermanentRedirect".into(),
        _ => "InternalError".into(),
    });
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    let told = element(answer, "Message").unwrap_or_else(|| format!("The endpoint answered {status}."));
    let told: String = told.chars().take(MAX_SHOWN_CHARS).collect();
    let known = SENTENCES.iter().find(|(known, _)| *known == code).map(|(_, sentence)| (*sentence).to_owned());
    failure(&format!("S3.{code}"), known.unwrap_or(told))
}

fn failure(code: &str, message: String) -> Failure {
    let is_permanent = code.strip_prefix("S3.").is_some_and(|code| PERMANENT.contains(&code));
    Failure { code: code.into(), message, is_permanent }
}

/// What stands between an XML element's tags, the first time.
fn element(xml: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(xml);
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    #[test]
    fn a_key_is_addressed_as_it_stands() {
        for (key, path) in [
            ("a/b.gz", "/b/a/b.gz"),
            ("year=2026/a b", "/b/year%3D2026/a%20b"),
            ("a//b/", "/b/a//b/"),
            ("/a", "/b//a"),
            ("50%/%2E%2E/é", "/b/50%25/%252E%252E/%C3%A9"),
            ("a+b?c#d:e", "/b/a%2Bb%3Fc%23d%3Ae"),
            ("\0\n\\", "/b/%00%0A%5C"),
        ] {
            assert_eq!(address("http://s3.test", "b", key).unwrap().path(), path, "{key:?}");
        }
        for (bucket, key) in [("b", "../x"), ("b", "a/./b"), ("..", "x"), ("", "x"), ("a/b", "x")] {
            assert_eq!(address("http://s3.test", bucket, key), None, "{bucket} {key}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_firehoses_words_and_only_the_hopeless_is_permanent() {
        let answer = |code: &str| Bytes::from(format!("<Error><Code>{code}</Code><Message>why</Message></Error>"));
        let denied = refused(StatusCode::FORBIDDEN, &answer("AccessDenied"));
        assert!(
            denied.code == "S3.AccessDenied"
                && denied.message.starts_with("Access was denied.")
                && !denied.is_permanent
        );
        let long = refused(StatusCode::BAD_REQUEST, &answer("KeyTooLongError"));
        assert_eq!((&*long.code, &*long.message, long.is_permanent), ("S3.KeyTooLongError", "why", true));
        let bare = refused(StatusCode::NOT_FOUND, &Bytes::new());
        assert_eq!((&*bare.code, bare.is_permanent), ("S3.NoSuchBucket", false));
        assert_eq!(refused(StatusCode::BAD_GATEWAY, &Bytes::new()).message, "The endpoint answered 502 Bad Gateway.");
    }

    #[tokio::test]
    async fn an_object_is_sent_signed_with_its_key_and_its_kind() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let key = Some(S3Key { id: "AKID".into(), secret: "s".into(), session_token: Some("token".into()) });
        let web = Arc::new(Web::new(Vec::new()));
        let store = S3::new(web, &endpoint, "eu-west-1", key);
        let body = vec![Bytes::from_static(b"hel"), Bytes::new(), Bytes::from_static(b"lo")];
        let object = Object { bucket: "b".into(), key: "x=1//a b".into(), body, content_encoding: Some("gzip") };
        let put = tokio::spawn(async move { store.put(object).await });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = Vec::new();
        while !sent.ends_with(b"hello") {
            assert!(stream.read_buf(&mut sent).await.unwrap() > 0);
        }
        let sent = String::from_utf8(sent).unwrap();
        assert!(sent.starts_with("PUT /b/x%3D1//a%20b HTTP/1.1\r\n"), "{sent}");
        for part in [
            "content-encoding: gzip\r\n",
            "content-length: 5\r\n",
            "content-type: application/octet-stream\r\n",
            "x-amz-security-token: token\r\n",
            "x-amz-content-sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\r\n",
            "/eu-west-1/s3/aws4_request, SignedHeaders=content-encoding;content-type;host;",
        ] {
            assert!(sent.contains(part), "{part}: {sent}");
        }
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-length: 56\r\n\r\n<Error><Code>SlowDown</Code><Message>m</Message></Error>";
        stream.write_all(answer.as_bytes()).await.unwrap();
        drop(stream);
        let failure = put.await.unwrap().unwrap_err();
        assert_eq!((&*failure.code, &*failure.message, failure.is_permanent), ("S3.SlowDown", "m", false));
    }
}
