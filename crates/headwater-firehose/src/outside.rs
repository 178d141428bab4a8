//! What delivery reaches outside: stores of objects, functions, endpoints. The binary hands them in.
//!
//! Invariant: what one of them says it has done is done for good: an object is durable once `put` has answered.
use bytes::Bytes;
use std::{future::Future, pin::Pin};

/// Something under way.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why something outside did not work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The service's word for it, e.g. `S3.AccessDenied` or `Lambda.FunctionTimedOut`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Whether trying again cannot help.
    pub is_permanent: bool,
}

/// An object to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    /// The bucket's name.
    pub bucket: String,
    /// The key, as it stands.
    pub key: String,
    /// What it holds, part by part, compressed if it is to be.
    pub body: Vec<Bytes>,
    /// What the store is told of how it is compressed.
    pub content_encoding: Option<&'static str>,
}

/// A store of objects.
pub trait Objects: Send + Sync + 'static {
    /// Writes an object, whole or not at all; writing the same one twice does no harm.
    fn put(&self, object: Object) -> Doing<'_, Result<(), Failure>>;
    /// What an object holds, as it was written; a failure for one that is not there, or larger than `most_bytes`.
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str, most_bytes: usize) -> Doing<'a, Result<Bytes, Failure>>;
}

/// Functions, by their ARN.
pub trait Functions: Send + Sync + 'static {
    /// Calls the function and waits for its answer, for as long as a function may take.
    fn invoke<'a>(&'a self, arn: &'a str, payload: Bytes) -> Doing<'a, Result<Bytes, Failure>>;
}

/// A request to an endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Post {
    /// Where to.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub body: Bytes,
}

/// What an endpoint answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Posted {
    /// The HTTP status.
    pub status: u16,
    /// The media type, as it was sent.
    pub content_type: String,
    /// The body, of which no more is taken than an answer may have.
    pub body: Bytes,
}

/// Endpoints that take records over HTTP.
pub trait Endpoints: Send + Sync + 'static {
    /// Posts, follows no redirection, and waits three minutes at most.
    fn post(&self, post: Post) -> Doing<'_, Result<Posted, Failure>>;
}
