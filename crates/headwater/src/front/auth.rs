//! Who sends a request. Invariant: as soon as one credential is configured, nobody is a caller whose signature over
//! this very request was not verified, or who has not signed in to the console; without any, a request still has to claim one, as AWS asks.
use crate::{
    access::Principal,
    credentials::{Credentials, Key},
    settings::{Settings, is_region},
};
use headwater_log::clock::Clock;
use headwater_wire::{
    Caller, Origin, ServiceError,
    sigv4::{self, Claim, Request, Rules, Scope, SigningKey},
};
use http::{HeaderName, header, request::Parts};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use subtle::ConstantTimeEq;

/// When a request was signed.
static AMAZON_DATE: HeaderName = HeaderName::from_static("x-amz-date");

/// Derived keys kept at once. They are few (a key id, a day, a region); a caller who makes up regions only makes the
/// cache start anew.
const MAX_DERIVED_KEYS: usize = 1024;

/// The rules for callers.
pub(crate) struct Auth {
    credentials: Credentials,
    account: Arc<str>,
    /// Who everybody is as long as nobody can be told apart.
    principal: Arc<str>,
    region: Arc<str>,
    multi_region: bool,
    skew_s: u64,
    derived: RwLock<HashMap<String, SigningKey>>,
}

/// A request's headers as the signer saw them.
pub(super) struct Headers<'a>(pub(super) &'a Parts);

impl sigv4::Headers for Headers<'_> {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let headers = &self.0.headers;
        let values = match name {
            // What is looked for in every request need not be made out first.
            "authorization" => headers.get_all(header::AUTHORIZATION),
            "x-amz-date" => headers.get_all(&AMAZON_DATE),
            name => headers.get_all(name),
        };
        let mut values = values.iter().map(http::HeaderValue::as_bytes).peekable();
        // HTTP/2 carries the host outside the headers.
        let authority = (name == "host" && values.peek().is_none()).then(|| self.0.uri.authority()).flatten();
        values.chain(authority.map(|authority| authority.as_str().as_bytes()))
    }
}

impl Auth {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            credentials: settings.credentials.clone(),
            account: Arc::clone(&settings.account),
            principal: Principal::root(&settings.account).arn.into(),
            region: Arc::clone(&settings.region),
            multi_region: settings.multi_region,
            skew_s: settings.clock_skew_s,
            derived: RwLock::default(),
        }
    }

    /// The caller of a request to `service`.
    ///
    /// # Errors
    /// AWS's own, in AWS's order: the claim's form, its age and scope, the key, the signature.
    pub(crate) fn caller(
        &self,
        service: &'static str,
        head: &Parts,
        body: &[u8],
        clock: &dyn Clock,
    ) -> Result<Caller, ServiceError> {
        let headers = Headers(head);
        let claim = Claim::of(&headers, head.uri.query().unwrap_or_default())?;
        let claim = claim.ok_or_else(|| missing("Missing Authentication Token"))?;
        if self.credentials.is_empty() {
            let region = if self.multi_region { claim.region() } else { None };
            return Ok(self.bearer(claim.access_key(), None, region));
        }
        let region = (!self.multi_region).then_some(&*self.region);
        let scope = claim.check(clock.now_ms(), &Rules { service, region, skew_s: self.skew_s })?;
        let Some(key) = self.credentials.key(scope.access_key) else {
            return Err(ServiceError::new(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ));
        };
        let request = Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &headers,
            body,
        };
        sigv4::verify(&claim, &scope, &self.derived_key(&key.secret, &scope), &request)?;
        if !is_region(scope.region) {
            let text = format!("Credential should be scoped to a valid region, not '{}'.", scope.region);
            return Err(ServiceError::new("InvalidSignatureException", text));
        }
        Ok(self.bearer(scope.access_key, Some(key), Some(scope.region)))
    }

    /// Whether no credential is configured, so that nobody can be told apart.
    pub(crate) fn is_open(&self) -> bool {
        self.credentials.is_empty()
    }

    /// Whether each region has its own streams and tables.
    pub(crate) fn has_regions(&self) -> bool {
        self.multi_region
    }

    /// Whether `secret` is that of `access_key`. An unknown key takes as long as a wrong secret.
    pub(crate) fn knows(&self, access_key: &str, secret: &str) -> bool {
        let key = self.credentials.key(access_key);
        let right = Sha256::digest(key.map_or("", |key| &key.secret));
        let is_same = right.as_slice().ct_eq(Sha256::digest(secret).as_slice());
        bool::from(is_same) && key.is_some()
    }

    /// The bearer of an access key who needs to prove nothing any more; nobody if there is no such key.
    pub(crate) fn known(&self, access_key: &str, region: Option<&str>) -> Option<Caller> {
        let key = if self.is_open() { None } else { Some(self.credentials.key(access_key)?) };
        Some(self.bearer(access_key, key, region))
    }

    fn bearer(&self, access_key: &str, key: Option<&Key>, region: Option<&str>) -> Caller {
        let region = region.filter(|region| self.multi_region && is_region(region));
        Caller {
            account: Arc::clone(key.map_or(&self.account, |key| &key.account)),
            region: region.map_or_else(|| Arc::clone(&self.region), Arc::from),
            access_key: access_key.into(),
            principal: key.map_or_else(|| Arc::clone(&self.principal), |key| key.principal.arn.as_str().into()),
            origin: Origin::default(),
        }
    }

    /// Whether the caller is of the account that runs this server.
    pub(crate) fn is_own(&self, caller: &Caller) -> bool {
        caller.account == self.account
    }

    fn derived_key(&self, secret: &str, scope: &Scope<'_>) -> SigningKey {
        let name = [scope.access_key, scope.date, scope.region, scope.service].join("/");
        if let Some(key) = self.derived.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return key.clone();
        }
        let key = SigningKey::derive(secret, scope);
        let mut derived = self.derived.write().unwrap_or_else(PoisonError::into_inner);
        if derived.len() >= MAX_DERIVED_KEYS {
            derived.clear();
        }
        derived.insert(name, key.clone());
        key
    }
}

/// The access key that a request claims, whether it is right or not.
pub(crate) fn claimed_key(head: &Parts) -> Option<String> {
    let headers = Headers(head);
    let claim = Claim::of(&headers, head.uri.query().unwrap_or_default()).ok()??;
    Some(claim.access_key().to_owned())
}

/// Whether a request with this refusal was not signed, or not in full: its body is then looked at first.
pub(crate) fn is_unsigned(refusal: &ServiceError) -> bool {
    matches!(refusal.code, "MissingAuthenticationTokenException" | "IncompleteSignatureException")
}

/// `DynamoDB` takes a header of another scheme for none, and says so in its own words.
pub(crate) fn in_dynamo_words(refusal: ServiceError, head: &Parts) -> ServiceError {
    let foreign = |value: &http::HeaderValue| !value.as_bytes().trim_ascii().starts_with(b"AWS4-");
    let foreign = head.headers.get(header::AUTHORIZATION).is_some_and(foreign);
    if refusal.code == "MissingAuthenticationTokenException" || foreign && is_unsigned(&refusal) {
        return missing("Request is missing Authentication Token");
    }
    refusal
}

fn missing(sentence: &str) -> ServiceError {
    ServiceError::new("MissingAuthenticationTokenException", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Raw;
    use headwater_log::clock::ManualClock;

    /// The moment of AWS's published examples.
    fn now() -> Box<dyn Clock> {
        Box::new(ManualClock::at(1_440_938_160_000))
    }

    const GOOD: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kinesis/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
        Signature=b17dc820c667f2535042c4b306ec9e10d3e841bff768c072b389984f39d4139b";

    fn auth(secret: Option<&str>, multi_region: bool) -> Auth {
        let raw = Raw { multi_region: Some(multi_region), ..Raw::default() };
        let key = secret.map(|secret| ("AKIDEXAMPLE".into(), secret.into()));
        Auth::new(&raw.check(key).unwrap())
    }

    fn head(authorization: &str, host: bool) -> Parts {
        let uri = if host { "/" } else { "http://127.0.0.1:4566/" };
        let mut request = http::Request::post(uri)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "Kinesis_20131202.ListStreams")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization);
        if host {
            request = request.header("host", "127.0.0.1:4566");
        }
        request.body(()).unwrap().into_parts().0
    }

    fn refused(auth: &Auth, authorization: &str, body: &[u8]) -> String {
        auth.caller("kinesis", &head(authorization, true), body, &*now()).unwrap_err().to_string()
    }

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    #[test]
    fn a_verified_signature_makes_a_caller_again_and_again() {
        let auth = auth(Some(SECRET), false);
        for host in [true, false, true] {
            let caller = auth.caller("kinesis", &head(GOOD, host), b"{}", &*now()).unwrap();
            assert_eq!(
                (&*caller.account, &*caller.region, &*caller.access_key),
                ("000000000000", "us-east-1", "AKIDEXAMPLE")
            );
        }
    }

    #[test]
    fn with_a_credential_nothing_is_taken_on_trust() {
        let mismatch = "InvalidSignatureException: The request signature we calculated does not match";
        assert!(refused(&auth(Some("other"), false), GOOD, b"{}").starts_with(mismatch));
        let auth = auth(Some(SECRET), false);
        assert!(refused(&auth, GOOD, b"{} ").starts_with(mismatch));
        let stranger = GOOD.replace("AKIDEXAMPLE", "AKIDSTRANGER");
        assert_eq!(
            refused(&auth, &stranger, b"{}"),
            "UnrecognizedClientException: The security token included in the request is invalid."
        );
        assert!(
            refused(&auth, &GOOD.replace("us-east-1", "eu-west-1"), b"{}").contains("valid region, not 'eu-west-1'")
        );
    }

    #[test]
    fn without_credentials_any_complete_claim_will_do() {
        let claim =
            "AWS4-HMAC-SHA256 Credential=me/20150830/eu-west-1/kinesis/aws4_request, SignedHeaders=host, Signature=0";
        let region = |multi_region| {
            auth(None, multi_region).caller("kinesis", &head(claim, true), b"", &*now()).unwrap().region.to_string()
        };
        assert_eq!((region(false).as_str(), region(true).as_str()), ("us-east-1", "eu-west-1"));
        assert!(
            refused(&auth(None, false), "X", b"").starts_with("IncompleteSignatureException: Authorization header")
        );
        let unsigned = http::Request::post("/").body(()).unwrap().into_parts().0;
        let error = auth(None, false).caller("kinesis", &unsigned, b"", &*now()).unwrap_err();
        assert_eq!(error.to_string(), "MissingAuthenticationTokenException: Missing Authentication Token");
        assert_eq!(in_dynamo_words(error, &unsigned).message.unwrap(), "Request is missing Authentication Token");
    }
}
