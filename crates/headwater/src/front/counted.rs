//! The front without a network, for counting what a request costs. Invariant: a request goes the way of all others, from its
//! head and its body to its answer.
use super::{Front, Reply, auth::Headers, protocol::Addressee};
use bytes::Bytes;
use headwater_wire::{
    Origin, Service,
    sigv4::{self, Scope, SigningKey},
};
use http::{Request, header, request::Parts};
use http_body_util::{BodyExt, Collected};

/// A request of a caller, signed.
pub(crate) struct Signed {
    head: Parts,
    body: Bytes,
}

/// Who signs, and when.
pub(crate) struct Signer<'a> {
    pub(crate) access_key: &'a str,
    pub(crate) secret: &'a str,
    /// As in `X-Amz-Date`.
    pub(crate) moment: &'a str,
    pub(crate) region: &'a str,
}

const HOST: &str = "localhost";
const SIGNED: &str = "content-type;host;x-amz-date;x-amz-target";

impl Signed {
    /// # Errors
    /// A sentence if it cannot be a request.
    pub(crate) fn new(
        signer: &Signer<'_>,
        service: Service,
        target: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Self, String> {
        let request = Request::post("/").header(header::HOST, HOST).header(header::CONTENT_TYPE, content_type);
        let request = request.header("x-amz-date", signer.moment).header("x-amz-target", target).body(());
        let (mut head, ()) = request.map_err(|error| format!("{target}: {error}"))?.into_parts();
        let scope = Scope::new(signer.access_key, signer.moment, signer.region, service.scope());
        let key = SigningKey::derive(signer.secret, &scope);
        let headers = Headers(&head);
        let asked = sigv4::Request { method: "POST", path: "/", query: "", headers: &headers, body: &body };
        let signature = sigv4::authorization(&scope, &key, &asked, SIGNED).parse();
        head.headers.insert(header::AUTHORIZATION, signature.map_err(|error| format!("{target}: {error}"))?);
        Ok(Self { head, body: body.into() })
    }
}

impl Front {
    /// The answer to a request.
    ///
    /// # Errors
    /// A sentence if it is an error.
    pub(crate) async fn answer_to(&self, Signed { head, body }: &Signed) -> Result<Reply, String> {
        let addressee = Addressee::of(head);
        let mut exchange = self.exchange(head, Origin::default(), addressee.service);
        let reply = self.respond_and_tell(&mut exchange, addressee, body).await;
        if reply.status().is_success() {
            return Ok(reply);
        }
        let target = head.headers.get("x-amz-target").map(|target| String::from_utf8_lossy(target.as_bytes()));
        Err(format!("{}: {}", target.unwrap_or_default(), String::from_utf8_lossy(&whole(reply).await)))
    }
}

/// The body of an answer.
pub(crate) async fn whole(reply: Reply) -> Bytes {
    reply.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default()
}
