//! `/_headwater/console`: the web console's files, and who is signed in to it. The console itself is a client of the
//! services' public API; its requests carry [`HEADER`] and its cookie in the place of a signature.
//!
//! Invariant: a request of the console is one of its own page – a header that no foreign page can send unasked, an own
//! name, no foreign origin – and its caller is a credential's bearer; without credentials, somebody on this machine.
mod assets;
mod attempts;
mod sessions;

use self::{attempts::Attempts, sessions::Sessions};
use super::{
    Front,
    auth::Auth,
    local::{FETCH_SITE, OwnNames},
    pulse::Pulse,
    reply::{self, Reply},
};
use bytes::Bytes;
use headwater_kinesis::Entropy;
use headwater_log::clock::Clock;
use headwater_wire::{Caller, ErrorKind, Origin, Service, ServiceError};
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use hyper::body::{Body, Incoming};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What the console's page lies under.
const PREFIX: &str = "/_headwater/console";
/// Marks a request of the console; its value names the region, where there are many.
static HEADER: HeaderName = HeaderName::from_static("x-headwater-console");
const COOKIE: &str = "headwater-session";
/// A key id and a secret have room in it many times over.
const LOGIN_BYTES: u64 = 4096;
/// Nothing but what this server serves; styles of elements are set by script through the object model, which is allowed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the console needs of the server: who is signed in, and who has tried to be.
pub(crate) struct Console {
    sessions: Sessions,
    attempts: Attempts,
    entropy: Entropy,
    clock: Arc<dyn Clock>,
}

/// What is asked for under [`PREFIX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked<'a> {
    /// A file of the page.
    File(&'a str),
    /// Who is signed in.
    Session,
    Login,
    Logout,
}

impl<'a> Asked<'a> {
    /// What a request asks of the console; nothing if it speaks of something else.
    pub(super) fn of(head: &'a Parts) -> Option<Self> {
        let rest = head.uri.path().strip_prefix(PREFIX)?;
        match rest {
            "" => Some(Self::File("")),
            "/session" => Some(Self::Session),
            "/login" => Some(Self::Login),
            "/logout" => Some(Self::Logout),
            _ => rest.strip_prefix('/').map(Self::File),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    #[serde(rename = "accessKeyId")]
    access_key_id: String,
    #[serde(rename = "secretAccessKey")]
    secret_access_key: String,
}

impl Console {
    pub(super) fn new(entropy: Entropy, clock: Arc<dyn Clock>) -> Self {
        Self { sessions: Sessions::default(), attempts: Attempts::default(), entropy, clock }
    }

    /// Whether a request says that it is the console's.
    pub(super) fn speaks(head: &Parts) -> bool {
        head.headers.contains_key(&HEADER)
    }

    /// The caller of an operation that the console asks for.
    ///
    /// # Errors
    /// That nobody is signed in, or that it was no page of ours that asked.
    pub(super) fn caller(
        &self,
        head: &Parts,
        own_names: &OwnNames,
        auth: &Auth,
        origin: Origin,
    ) -> Result<Caller, ServiceError> {
        if !own_names.admit(head) || !is_own_page(head) {
            return Err(ServiceError::bare("AccessDeniedException", ErrorKind::Sender));
        }
        self.bearer(head, auth, origin).ok_or_else(|| {
            ServiceError::new("MissingAuthenticationTokenException", "Nobody is signed in to the console here.")
        })
    }

    /// Whose session the request's cookie names; everybody's, on a machine without credentials.
    fn bearer(&self, head: &Parts, auth: &Auth, origin: Origin) -> Option<Caller> {
        let region = head.headers.get(&HEADER).and_then(|value| value.to_str().ok());
        if auth.is_open() {
            return auth.known("console", region).filter(|_| origin.is_local());
        }
        let access_key = self.sessions.whose(token(head)?, self.now_ms())?;
        auth.known(&access_key, region)
    }

    /// Time that never goes back: sessions end when they should, whatever is done to the clock.
    fn now_ms(&self) -> u64 {
        self.clock.steady_us() / 1000
    }
}

/// The answer to a request under [`PREFIX`], which was sent to an own name and from no foreign origin.
pub(super) async fn answer(
    front: &Front,
    asked: Asked<'_>,
    head: &Parts,
    body: Incoming,
    pulse: &Pulse,
    origin: Origin,
) -> Reply {
    let mut reply = match asked {
        Asked::File(path) => assets::answer(head, path),
        _ if !is_own_page(head) || !Console::speaks(head) => {
            said(StatusCode::FORBIDDEN, "only the console's own page may ask this")
        }
        Asked::Session if head.method == Method::GET => who(front, head, origin),
        Asked::Login if head.method == Method::POST => match body.size_hint().upper() {
            Some(bytes) if bytes <= LOGIN_BYTES => match front.intake.take(head, Service::Kinesis, body, pulse).await {
                Ok(taken) => login(front, &taken.bytes, origin),
                Err(_) => said(StatusCode::REQUEST_TIMEOUT, "the body did not come"),
            },
            _ => said(StatusCode::PAYLOAD_TOO_LARGE, "too large for an access key"),
        },
        Asked::Logout if head.method == Method::POST => {
            if let Some(token) = token(head) {
                front.console.sessions.end(token);
            }
            with_cookie(reply::json(StatusCode::OK, &json!({})), "", 0, origin)
        }
        _ => said(StatusCode::METHOD_NOT_ALLOWED, "not this way"),
    };
    guard(&mut reply);
    reply
}

/// Who is signed in, and what a page needs to know before anybody is.
fn who(front: &Front, head: &Parts, origin: Origin) -> Reply {
    let caller = front.console.bearer(head, &front.auth, origin);
    let caller = caller.map(|Caller { account, region, access_key, principal, .. }| {
        json!({"account": &*account, "region": &*region, "accessKeyId": &*access_key, "principal": &*principal})
    });
    let about = json!({
        "open": front.auth.is_open(),
        "caller": caller,
        "region": &*front.region,
        "regions": if front.auth.has_regions() { "many" } else { "one" },
        "version": env!("CARGO_PKG_VERSION"),
    });
    reply::json(StatusCode::OK, &about)
}

/// Begins a session for whoever knows a secret.
fn login(front: &Front, body: &Bytes, origin: Origin) -> Reply {
    let console = &front.console;
    if front.auth.is_open() {
        return said(StatusCode::BAD_REQUEST, "no credential is configured: nobody needs to sign in");
    }
    let now_ms = console.now_ms();
    if let Err(wait_s) = console.attempts.admit(origin.address, now_ms) {
        let mut reply = said(StatusCode::TOO_MANY_REQUESTS, "too many attempts; wait a minute");
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
        return reply;
    }
    let Ok(Login { access_key_id, secret_access_key }) = serde_json::from_slice(body) else {
        return said(StatusCode::BAD_REQUEST, "accessKeyId and secretAccessKey are needed");
    };
    if !front.auth.knows(&access_key_id, &secret_access_key) {
        tracing::warn!(address = ?origin.address, "somebody was not let in to the console");
        return said(StatusCode::FORBIDDEN, "There is no such access key, or the secret key is another.");
    }
    let token = console.sessions.begin(&access_key_id, &*console.entropy, now_ms);
    with_cookie(reply::json(StatusCode::OK, &json!({})), &token, sessions::SESSION_MS / 1000, origin)
}

/// The token in the request's cookie.
fn token(head: &Parts) -> Option<&str> {
    let cookies = head.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token)
}

/// Whether a browser says that the request comes from a page of this very origin; programs say nothing.
fn is_own_page(head: &Parts) -> bool {
    head.headers.get(FETCH_SITE).is_none_or(|site| site == "same-origin")
}

fn with_cookie(mut reply: Reply, token: &str, seconds: u64, origin: Origin) -> Reply {
    let secure = if origin.is_secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        reply.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    reply
}

/// What every answer here tells the browser to keep to.
fn guard(reply: &mut Reply) {
    let headers = reply.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn said(status: StatusCode, sentence: &str) -> Reply {
    reply::json(status, &json!({"error": sentence}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(path: &str, headers: &[(&str, &str)]) -> Parts {
        let request = http::Request::get(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_console_lies_under_its_prefix_and_nothing_beside_it() {
        for (path, asked) in [
            ("/_headwater/console", Some(Asked::File(""))),
            ("/_headwater/console/", Some(Asked::File(""))),
            ("/_headwater/console/assets/a.js", Some(Asked::File("assets/a.js"))),
            ("/_headwater/console/login", Some(Asked::Login)),
            ("/_headwater/consoles", None),
            ("/_headwater/health", None),
        ] {
            assert_eq!(Asked::of(&head(path, &[])), asked, "{path}");
        }
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let of = |cookie: &str| token(&head("/", &[("cookie", cookie)])).map(str::to_owned);
        assert_eq!(of("a=b; headwater-session=t; c=d").as_deref(), Some("t"));
        assert_eq!(of("xheadwater-session=t; a"), None);
    }

    #[test]
    fn a_cookie_given_over_tls_is_for_tls_alone() {
        for is_secure in [true, false] {
            let reply = with_cookie(said(StatusCode::OK, ""), "t", 1, Origin { address: None, is_secure });
            let cookie = reply.headers()["set-cookie"].to_str().unwrap();
            assert_eq!(cookie.contains("; Secure"), is_secure, "{cookie}");
        }
    }

    #[test]
    fn only_pages_of_this_very_origin_and_programs_may_ask() {
        for (site, may) in [("same-origin", true), ("same-site", false), ("cross-site", false), ("none", false)] {
            assert_eq!(is_own_page(&head("/", &[(FETCH_SITE, site)])), may, "{site}");
        }
        assert!(is_own_page(&head("/", &[])));
    }
}
