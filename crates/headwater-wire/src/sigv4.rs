//! AWS Signature Version 4: what a request claims, and whether the claim holds.
//!
//! Invariant: [`verify`] agrees only if the signature was made with the key over this very method, path, query, signed
//! headers and body. The body is always hashed here: what `x-amz-content-sha256` says of it is not believed, so an
//! unsigned payload is refused. Pure: keys, time and the request are handed in.
mod canonical;
mod moment;

use std::{borrow::Cow, fmt};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ServiceError;

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// AWS refuses presigned requests that ask for more than a week.
const MAX_EXPIRES_S: u64 = 7 * 24 * 3600;

/// A request's headers, by lower-case name.
pub trait Headers {
    /// The values of `name`, in order; none if it is absent. `host` is the authority of an HTTP/2 request.
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]>;
}

/// A request as its signer saw it.
#[derive(Debug)]
pub struct Request<'a, H> {
    /// E.g. `POST`.
    pub method: &'a str,
    /// As on the wire, percent-encoded.
    pub path: &'a str,
    /// As on the wire, without the question mark.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a H,
    /// The whole body.
    pub body: &'a [u8],
}

/// What a request says of its signature; nothing of it is checked but that all parts are there.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    algorithm: Cow<'a, str>,
    credential: Cow<'a, str>,
    signed_headers: Cow<'a, str>,
    signature: Cow<'a, str>,
    timestamp: Cow<'a, str>,
    /// `X-Amz-Expires` of a presigned request.
    expires_s: Option<Cow<'a, str>>,
}

/// What the server expects of every claim.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The scope's service, e.g. `kinesis`.
    pub service: &'a str,
    /// The scope's region; `None` takes any.
    pub region: Option<&'a str>,
    /// How far the signer's clock may be off, in seconds.
    pub skew_s: u64,
}

/// The checked scope of a claim: which key must have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Access key id.
    pub access_key: &'a str,
    /// `YYYYMMDD`.
    pub date: &'a str,
    /// E.g. `us-east-1`.
    pub region: &'a str,
    /// E.g. `kinesis`.
    pub service: &'a str,
    /// The moment of signing, `YYYYMMDDThhmmssZ`.
    moment: String,
}

impl<'a> Scope<'a> {
    /// The scope of what is signed at `moment`, `YYYYMMDDThhmmssZ`.
    #[must_use]
    pub fn new(access_key: &'a str, moment: &'a str, region: &'a str, service: &'a str) -> Self {
        let date = moment.split('T').next().unwrap_or_default();
        Self { access_key, date, region, service, moment: moment.into() }
    }
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// The key of one secret, day, region and service. Costs four HMACs to derive, so callers keep it for the day.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// Derives the key of `scope` from the secret access key.
    #[must_use]
    pub fn derive(secret: &str, scope: &Scope<'_>) -> Self {
        let day = hmac(&[b"AWS4", secret.as_bytes()].concat(), scope.date.as_bytes());
        let region = hmac(&day, scope.region.as_bytes());
        let service = hmac(&region, scope.service.as_bytes());
        Self(hmac(&service, TERMINATOR.as_bytes()))
    }
}

impl<'a> Claim<'a> {
    /// The claim of a request, from its `Authorization` header or its query; `None` if it is not signed at all.
    ///
    /// # Errors
    /// `InvalidSignatureException` if it is signed both ways, `IncompleteSignatureException` naming each missing part.
    pub fn of<H: Headers>(headers: &'a H, query: &'a str) -> Result<Option<Self>, ServiceError> {
        let header = first(headers, "authorization");
        match (header, parameter(query, "X-Amz-Algorithm")) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(invalid("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."))
            }
            (Some(header), None) => Self::of_header(header, headers).map(Some),
            (None, Some(algorithm)) => Self::of_query(algorithm, query).map(Some),
        }
    }

    fn of_header<H: Headers>(header: &'a str, headers: &'a H) -> Result<Self, ServiceError> {
        let mut parts = parts(header);
        let algorithm = parts.next().unwrap_or_default();
        let (mut credential, mut signature, mut signed_headers) = ("", "", "");
        for part in parts {
            if let Some(value) = part.strip_prefix("Credential=") {
                credential = value;
            } else if let Some(value) = part.strip_prefix("Signature=") {
                signature = value;
            } else if let Some(value) = part.strip_prefix("SignedHeaders=") {
                signed_headers = value;
            }
        }
        let timestamp = first(headers, "x-amz-date").or_else(|| first(headers, "date")).unwrap_or("");
        let mut missing = String::new();
        for (name, value) in [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)] {
            if value.is_empty() {
                missing += &format!("Authorization header requires '{name}' parameter. ");
            }
        }
        if timestamp.is_empty() {
            missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
        }
        if !missing.is_empty() {
            return Err(incomplete(format!("{missing}Authorization={header}")));
        }
        Ok(Self {
            algorithm: algorithm.into(),
            credential: credential.into(),
            signed_headers: signed_headers.into(),
            signature: signature.into(),
            timestamp: timestamp.into(),
            expires_s: None,
        })
    }

    fn of_query(algorithm: Cow<'a, str>, query: &'a str) -> Result<Self, ServiceError> {
        let value = |name| parameter(query, name).unwrap_or_default();
        let claim = Self {
            algorithm,
            credential: value("X-Amz-Credential"),
            signed_headers: value("X-Amz-SignedHeaders"),
            signature: value("X-Amz-Signature"),
            timestamp: value("X-Amz-Date"),
            expires_s: parameter(query, "X-Amz-Expires"),
        };
        let parts = [
            ("X-Amz-Algorithm", &claim.algorithm),
            ("X-Amz-Credential", &claim.credential),
            ("X-Amz-Signature", &claim.signature),
            ("X-Amz-SignedHeaders", &claim.signed_headers),
            ("X-Amz-Date", &claim.timestamp),
        ];
        let missing: String = parts
            .iter()
            .filter(|(_, value)| value.is_empty())
            .map(|(name, _)| format!("AWS query-string parameters must include '{name}'. "))
            .collect();
        if missing.is_empty() {
            Ok(claim)
        } else {
            Err(incomplete(format!("{missing}Re-examine the query-string parameters.")))
        }
    }

    /// The access key id as claimed.
    #[must_use]
    pub fn access_key(&self) -> &str {
        self.credential.split('/').next().unwrap_or_default()
    }

    /// The region of the claimed scope, if there is one.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.credential.split('/').nth(2).filter(|region| !region.is_empty())
    }

    /// Checks everything but the signature itself, in AWS's order.
    ///
    /// # Errors
    /// `IncompleteSignatureException` or `InvalidSignatureException` with AWS's sentence.
    pub fn check(&self, now_ms: u64, rules: &Rules<'_>) -> Result<Scope<'_>, ServiceError> {
        let Some(signed_s) = moment::parse_basic(&self.timestamp).or_else(|| moment::parse_http_date(&self.timestamp))
        else {
            return Err(incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
                self.timestamp
            )));
        };
        let moment = moment::format_basic(signed_s);
        self.check_age(signed_s, &moment, now_ms / 1000, rules.skew_s)?;
        if !self.signed_headers.split(';').any(|name| name.eq_ignore_ascii_case("host")) {
            return Err(invalid("'Host' must be a 'SignedHeader' in the AWS Authorization."));
        }
        if self.algorithm != ALGORITHM {
            return Err(incomplete(format!(
                "Unsupported AWS 'algorithm': '{}' (only {ALGORITHM} for now). ",
                self.algorithm
            )));
        }
        let mut elements = self.credential.trim_end_matches('/').split('/');
        let mut next = || elements.next();
        let (Some(access_key), Some(date), Some(region), Some(service), Some(end), None) =
            (next(), next(), next(), next(), next(), next())
        else {
            return Err(incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                self.credential
            )));
        };
        let mut faults = Vec::new();
        if rules.region.is_some_and(|expected| expected != region) {
            faults.push(format!("Credential should be scoped to a valid region, not '{region}'. "));
        }
        if service != rules.service {
            faults.push(format!("Credential should be scoped to correct service: '{}'. ", rules.service));
        }
        if end != TERMINATOR {
            faults.push(format!("Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{end}'. "));
        }
        if !moment.starts_with(date) || date.len() != 8 {
            faults.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{date}' != '{}', from '{moment}'.",
                moment.get(..8).unwrap_or_default()
            ));
        }
        if faults.is_empty() {
            Ok(Scope { access_key, date, region, service, moment })
        } else {
            Err(invalid(faults.concat().trim_end()))
        }
    }

    fn check_age(&self, signed_s: u64, moment: &str, now_s: u64, skew_s: u64) -> Result<(), ServiceError> {
        let (allowed_s, allowed) = match &self.expires_s {
            None => (skew_s, format!("{} min.", skew_s.div_ceil(60))),
            Some(text) => {
                let expires_s = text.parse().ok().filter(|expires_s| (1..=MAX_EXPIRES_S).contains(expires_s));
                let fault = || incomplete(format!("X-Amz-Expires must be between 1 and {MAX_EXPIRES_S} seconds"));
                let expires_s = expires_s.ok_or_else(fault)?;
                (expires_s, format!("{expires_s} sec."))
            }
        };
        let now = moment::format_basic(now_s);
        if signed_s.saturating_add(allowed_s) < now_s {
            let edge = moment::format_basic(now_s - allowed_s);
            return Err(invalid(format!("Signature expired: {moment} is now earlier than {edge} ({now} - {allowed})")));
        }
        if signed_s > now_s.saturating_add(skew_s) {
            let edge = moment::format_basic(now_s.saturating_add(skew_s));
            let minutes = skew_s.div_ceil(60);
            return Err(invalid(format!(
                "Signature not yet current: {moment} is still later than {edge} ({now} + {minutes} min.)"
            )));
        }
        Ok(())
    }
}

/// Whether `key` signed `request` as `claim` says.
///
/// # Errors
/// `InvalidSignatureException` with what should have been signed.
pub fn verify<H: Headers>(
    claim: &Claim<'_>,
    scope: &Scope<'_>,
    key: &SigningKey,
    request: &Request<'_, H>,
) -> Result<(), ServiceError> {
    let Signed { canonical, to_sign, signature } = Signed::new(scope, key, request, &claim.signed_headers);
    if bool::from(signature.as_bytes().ct_eq(claim.signature.as_bytes())) {
        return Ok(());
    }
    Err(invalid(format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this \
         request should have been\n'{}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n",
        String::from_utf8_lossy(&canonical)
    )))
}

/// The `Authorization` header of `request`, signed with the key over `signed_headers`: lower-case names in order, between
/// semicolons.
pub fn authorization<H: Headers>(
    scope: &Scope<'_>,
    key: &SigningKey,
    request: &Request<'_, H>,
    signed_headers: &str,
) -> String {
    let Signed { signature, .. } = Signed::new(scope, key, request, signed_headers);
    let Scope { access_key, .. } = scope;
    format!("{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed_headers}, Signature={signature}")
}

/// A signature and the texts it comes from.
struct Signed {
    canonical: Vec<u8>,
    to_sign: String,
    signature: String,
}

impl Signed {
    fn new<H: Headers>(scope: &Scope<'_>, key: &SigningKey, request: &Request<'_, H>, signed_headers: &str) -> Self {
        let canonical = canonical::request(request, signed_headers);
        let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{}", scope.moment, hex(&Sha256::digest(&canonical)));
        let signature = hex(&hmac(&key.0, to_sign.as_bytes()));
        Self { canonical, to_sign, signature }
    }
}

/// The parts of an `Authorization` header, between blanks and commas.
fn parts(header: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memchr2(b' ', b',', text.as_bytes());
        let (part, more) =
            end.and_then(|end| text.split_at_checked(end)).map_or((text, None), |(part, more)| (part, more.get(1..)));
        rest = more;
        Some(part)
    })
}

/// The decoded value of a query parameter; empty if it stands there without one.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    if query.is_empty() {
        return None;
    }
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    if value.contains('%') {
        return Some(Cow::Owned(String::from_utf8_lossy(&canonical::percent_decode(value)).into_owned()));
    }
    Some(Cow::Borrowed(value))
}

fn first<'a, H: Headers>(headers: &'a H, name: &str) -> Option<&'a str> {
    headers.values(name).next().and_then(|value| std::str::from_utf8(value).ok())
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // A whole block as key is the one form that cannot fail; shorter keys are filled up, longer ones hashed, as RFC
    // 2104 says.
    let mut block = [0; 64];
    let digest = Sha256::digest(key);
    let key = if key.len() > block.len() { digest.as_slice() } else { key };
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidSignatureException", message)
}

fn incomplete(message: impl Into<String>) -> ServiceError {
    ServiceError::new("IncompleteSignatureException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    /// 2015-08-30T12:36:00Z, the moment of AWS's published examples.
    const MOMENT_MS: u64 = 1_440_938_160_000;
    const LIST: [(&str, &str); 4] = [
        ("host", "127.0.0.1:4566"),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "Kinesis_20131202.ListStreams"),
        ("x-amz-date", "20150830T123600Z"),
    ];
    const LIST_SIGNED: &str = "content-type;host;x-amz-date;x-amz-target";
    const LIST_SIGNATURE: &str = "b17dc820c667f2535042c4b306ec9e10d3e841bff768c072b389984f39d4139b";

    struct Pairs(Vec<(&'static str, String)>);
    impl Headers for Pairs {
        fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
            self.0.iter().filter(move |(key, _)| *key == name).map(|(_, value)| value.as_bytes())
        }
    }

    fn pairs(headers: &[(&'static str, &str)]) -> Pairs {
        Pairs(headers.iter().map(|(name, value)| (*name, (*value).to_string())).collect())
    }

    fn signed(headers: &[(&'static str, &str)], service: &str, names: &str, signature: &str) -> Pairs {
        let mut signed = pairs(headers);
        let scope = format!("AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request");
        let header = format!("{ALGORITHM} Credential={scope}, SignedHeaders={names}, Signature={signature}");
        signed.0.push(("authorization", header));
        signed
    }

    fn run(
        method: &str,
        url: &str,
        headers: &Pairs,
        body: &str,
        service: &str,
        now_ms: u64,
    ) -> Result<(), ServiceError> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let claim = Claim::of(headers, query)?.ok_or(ServiceError::new("Missing", ""))?;
        let scope = claim.check(now_ms, &Rules { service, region: Some("us-east-1"), skew_s: 300 })?;
        let request = Request { method, path, query, headers, body: body.as_bytes() };
        verify(&claim, &scope, &SigningKey::derive(SECRET, &scope), &request)
    }

    fn refusal(headers: &Pairs, query: &str, now_ms: u64) -> String {
        run("POST", &format!("/?{query}"), headers, "{}", "kinesis", now_ms).unwrap_err().to_string()
    }

    #[test]
    fn what_is_signed_here_is_signed_as_everywhere() {
        let scope = Scope::new("AKIDEXAMPLE", "20150830T123600Z", "us-east-1", "kinesis");
        let headers = pairs(&LIST);
        let request = Request { method: "POST", path: "/", query: "", headers: &headers, body: b"{}" };
        let told = authorization(&scope, &SigningKey::derive(SECRET, &scope), &request, LIST_SIGNED);
        let expected = signed(&LIST, "kinesis", LIST_SIGNED, LIST_SIGNATURE);
        assert_eq!(told.as_bytes(), expected.values("authorization").next().unwrap());
    }

    #[test]
    fn published_examples_hold() {
        let host = ("host", "example.amazonaws.com");
        let date = ("x-amz-date", "20150830T123600Z");
        let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        for path in ["/", "//", "/.", "/example/..", "/./"] {
            let headers = signed(&[host, date], "service", "host;x-amz-date", vanilla);
            assert_eq!(run("GET", path, &headers, "", "service", MOMENT_MS), Ok(()), "{path}");
        }
        let post = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        let headers = signed(&[host, date], "service", "host;x-amz-date", post);
        assert_eq!(run("POST", "/", &headers, "", "service", MOMENT_MS), Ok(()));
        let ordered = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
        let headers = signed(&[host, date], "service", "host;x-amz-date", ordered);
        assert_eq!(run("GET", "/?Param2=value2&Param1=value1", &headers, "", "service", MOMENT_MS), Ok(()));
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let users = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        let headers =
            signed(&[("host", "iam.amazonaws.com"), date, form], "iam", "content-type;host;x-amz-date", users);
        assert_eq!(run("GET", "/?Action=ListUsers&Version=2010-05-08", &headers, "", "iam", MOMENT_MS), Ok(()));
    }

    #[test]
    fn header_values_are_trimmed_squeezed_and_joined() {
        let headers = [
            ("host", "example.amazonaws.com"),
            ("my-header1", " value1"),
            ("my-header2", " \"a   b   c\""),
            ("x-amz-date", "20150830T123600Z"),
        ];
        let trimmed = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736";
        let headers = signed(&headers, "service", "host;my-header1;my-header2;x-amz-date", trimmed);
        assert_eq!(run("GET", "/", &headers, "", "service", MOMENT_MS), Ok(()));
        let headers = [
            ("host", "example.amazonaws.com"),
            ("my-header1", "value2"),
            ("my-header1", "value2"),
            ("my-header1", "value1"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        let joined = "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea";
        let headers = signed(&headers, "service", "host;my-header1;x-amz-date", joined);
        assert_eq!(run("GET", "/", &headers, "", "service", MOMENT_MS), Ok(()));
    }

    #[test]
    fn what_botocore_signs_holds_and_any_change_breaks_it() {
        let good = signed(&LIST, "kinesis", LIST_SIGNED, LIST_SIGNATURE);
        assert_eq!(run("POST", "/", &good, "{}", "kinesis", MOMENT_MS), Ok(()));
        let refused = |method, url, headers: &Pairs, body| {
            let error = run(method, url, headers, body, "kinesis", MOMENT_MS).unwrap_err();
            assert_eq!(error.code, "InvalidSignatureException");
            assert!(error.message.unwrap().starts_with("The request signature we calculated does not match"));
        };
        refused("POST", "/", &good, "{ }");
        refused("PUT", "/", &good, "{}");
        refused("POST", "/x", &good, "{}");
        refused("POST", "/?a=b", &good, "{}");
        let mut other = LIST;
        other[2].1 = "Kinesis_20131202.DeleteStream";
        refused("POST", "/", &signed(&other, "kinesis", LIST_SIGNED, LIST_SIGNATURE), "{}");
        refused("POST", "/", &signed(&LIST, "kinesis", LIST_SIGNED, &LIST_SIGNATURE[1..]), "{}");
        refused("POST", "/", &signed(&LIST, "kinesis", "content-type;host;x-amz-target", LIST_SIGNATURE), "{}");
    }

    #[test]
    fn a_path_is_encoded_twice_and_its_dots_fall_away() {
        let signature = "c8cdac85d0bddde53c38c28b016effd487e6dcad8d95a37e09523151e368b26f";
        let headers = signed(&LIST, "kinesis", LIST_SIGNED, signature);
        assert_eq!(run("POST", "/a%20b/../c/", &headers, "{}", "kinesis", MOMENT_MS), Ok(()));
    }

    const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fkinesis\
        %2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-amz-target&\
        X-Amz-Signature=bb0c260171cda7df4e6db6cf949b782d5dfb9b15bb0c66a3aa11ed7a9f4c379d";

    #[test]
    fn a_presigned_request_holds_until_it_expires() {
        let headers = pairs(&[LIST[0], LIST[2]]);
        let url = format!("/?{PRESIGNED}");
        for (late_s, holds) in [(0, true), (60, true), (61, false)] {
            let outcome = run("POST", &url, &headers, "", "kinesis", MOMENT_MS + late_s * 1000);
            assert_eq!(outcome.is_ok(), holds, "{late_s} s later");
        }
        let longer = PRESIGNED.replace("Expires=60", "Expires=61");
        assert!(refusal(&headers, &longer, MOMENT_MS).contains("does not match"));
        let week = PRESIGNED.replace("Expires=60", "Expires=604801");
        assert!(refusal(&headers, &week, MOMENT_MS).starts_with("IncompleteSignatureException: X-Amz-Expires"));
    }

    #[test]
    fn the_date_may_go_unsigned_and_stand_in_the_date_header_alone() {
        // The Electric Imp library signs exactly these three.
        let names = "content-type;host;x-amz-target";
        let headers = signed(&LIST, "kinesis", names, "");
        let request = Request { method: "POST", path: "/", query: "", headers: &headers, body: b"{}" };
        let scope = Scope {
            access_key: "AKIDEXAMPLE",
            date: "20150830",
            region: "us-east-1",
            service: "kinesis",
            moment: "20150830T123600Z".into(),
        };
        let canonical = hex(&Sha256::digest(canonical::request(&request, names)));
        let to_sign = format!("{ALGORITHM}\n20150830T123600Z\n20150830/us-east-1/kinesis/{TERMINATOR}\n{canonical}");
        let signature = hex(&hmac(&SigningKey::derive(SECRET, &scope).0, to_sign.as_bytes()));
        for date in [LIST[3], ("date", "20150830T123600Z"), ("date", "Sun, 30 Aug 2015 12:36:00 GMT")] {
            let headers = signed(&[LIST[0], LIST[1], LIST[2], date], "kinesis", names, &signature);
            assert_eq!(run("POST", "/", &headers, "{}", "kinesis", MOMENT_MS), Ok(()), "{date:?}");
        }
    }

    #[test]
    fn missing_parts_are_listed_sentence_by_sentence() {
        let part = |name: &str| format!("Authorization header requires '{name}' parameter. ");
        let header = |value: &'static str| pairs(&[("authorization", value), LIST[3]]);
        assert_eq!(
            refusal(&pairs(&[("authorization", "X")]), "", MOMENT_MS),
            format!(
                "IncompleteSignatureException: {}{}{}Authorization header requires existence of either a 'X-Amz-Date' \
                 or a 'Date' header. Authorization=X",
                part("Credential"),
                part("Signature"),
                part("SignedHeaders")
            )
        );
        for value in
            ["AWS4- Signature=b Credential=a", "AWS4- Signature=b,Credential=a", "AWS4- Signature=b, Credential=a"]
        {
            let expected = format!("IncompleteSignatureException: {}Authorization={value}", part("SignedHeaders"));
            assert_eq!(refusal(&header(value), "", MOMENT_MS), expected);
        }
        assert_eq!(
            refusal(&pairs(&[]), "X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-Date=d", MOMENT_MS),
            "IncompleteSignatureException: AWS query-string parameters must include 'X-Amz-SignedHeaders'. \
             Re-examine the query-string parameters."
        );
        assert_eq!(Claim::of(&pairs(&[]), "X-Amz-Credential=a&X-Amz-Date=d"), Ok(None));
        assert_eq!(
            refusal(&header("X"), "X-Amz-Algorithm", MOMENT_MS),
            "InvalidSignatureException: Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as \
             HTTP header."
        );
    }

    #[test]
    fn a_clock_too_far_off_is_told_so() {
        let headers = signed(&LIST, "kinesis", LIST_SIGNED, LIST_SIGNATURE);
        assert_eq!(
            refusal(&headers, "", MOMENT_MS + 301_000),
            "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
             (20150830T124101Z - 5 min.)"
        );
        assert_eq!(
            refusal(&headers, "", MOMENT_MS - 301_000),
            "InvalidSignatureException: Signature not yet current: 20150830T123600Z is still later than \
             20150830T123559Z (20150830T123059Z + 5 min.)"
        );
        assert_eq!(run("POST", "/", &headers, "{}", "kinesis", MOMENT_MS + 300_000), Ok(()));
    }

    #[test]
    fn scope_algorithm_host_and_date_are_checked_in_order() {
        let refused = |credential: &str, algorithm: &str, names: &str, date: &str| {
            let header = format!("{algorithm} Credential={credential}, SignedHeaders={names}, Signature=0");
            let headers = Pairs(vec![("authorization", header), ("x-amz-date", date.into())]);
            refusal(&headers, "", MOMENT_MS)
        };
        let now = "20150830T123600Z";
        assert_eq!(
            refused("a/b/c/d/e", "A", "h", "201"),
            "IncompleteSignatureException: Date must be in ISO-8601 'basic format'. Got '201'. See \
             http://en.wikipedia.org/wiki/ISO_8601"
        );
        assert!(
            refused("a/b/c/d/e", "A", "h", now).ends_with("'Host' must be a 'SignedHeader' in the AWS Authorization.")
        );
        assert!(refused("a/b/c/d/e", "A", "Host", now).contains("Unsupported AWS 'algorithm': 'A' (only"));
        assert!(refused("a/b/c/d", ALGORITHM, "host", now).ends_with("term, got 'a/b/c/d'"));
        assert_eq!(
            refused("a/b/c/d/e", ALGORITHM, "host", now),
            "InvalidSignatureException: Credential should be scoped to a valid region, not 'c'. Credential should be \
             scoped to correct service: 'kinesis'. Credential should be scoped with a valid terminator: \
             'aws4_request', not 'e'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
             from HTTP: 'b' != '20150830', from '20150830T123600Z'."
        );
    }

    proptest::proptest! {
        #[test]
        fn no_header_and_no_query_makes_it_panic(header in ".*", query in ".*", date in ".*") {
            let headers = Pairs(vec![("authorization", header), ("x-amz-date", date)]);
            let _ = run("POST", "/", &headers, "", "kinesis", MOMENT_MS);
            let unsigned = pairs(&[LIST[3]]);
            let url = format!("/?X-Amz-Algorithm=x&{query}");
            let _ = run("POST", &url, &unsigned, "", "kinesis", MOMENT_MS);
        }
    }
}
