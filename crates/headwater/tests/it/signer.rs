//! Signature version 4 from AWS's description of it, for requests that must be taken and ones that must not.
use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Whose key signs what.
pub(crate) struct Signer {
    pub(crate) key_id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) region: &'static str,
    pub(crate) service: &'static str,
    /// `YYYYMMDDTHHMMSSZ`
    pub(crate) date: String,
}

impl Signer {
    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", &self.date[..8], self.region, self.service)
    }

    fn signature(&self, canonical: &str) -> String {
        let text = format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", self.date, self.scope(), hash(canonical.as_bytes()));
        let key = [&self.date[..8], self.region, self.service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{}", self.secret).into_bytes(), |key, part| mac(&key, part.as_bytes()));
        hex(&mac(&key, text.as_bytes()))
    }

    /// The Authorization header over `headers`, lower-case names in order.
    pub(crate) fn authorization(&self, headers: &[(&str, &str)], body: &[u8]) -> String {
        self.authorization_for(headers, &hash(body))
    }

    /// The same, with what stands for the body in it.
    pub(crate) fn authorization_for(&self, headers: &[(&str, &str)], body: &str) -> String {
        let canonical = format!("POST\n/\n\n{}\n{}\n{body}", lines(headers), names(headers));
        let signature = self.signature(&canonical);
        let (id, scope, names) = (self.key_id, self.scope(), names(headers));
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    /// The path and query that carry the signature, valid for five minutes.
    pub(crate) fn query(&self, headers: &[(&str, &str)], body: &[u8]) -> String {
        let credential = format!("{}/{}", self.key_id, self.scope()).replace('/', "%2F");
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={}&X-Amz-Expires=300&X-Amz-SignedHeaders={}",
            self.date,
            names(headers).replace(';', "%3B"),
        );
        let canonical = format!("POST\n/\n{query}\n{}\n{}\n{}", lines(headers), names(headers), hash(body));
        format!("/?{query}&X-Amz-Signature={}", self.signature(&canonical))
    }
}

fn names(headers: &[(&str, &str)]) -> String {
    headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
}

fn lines(headers: &[(&str, &str)]) -> String {
    headers.iter().fold(String::new(), |mut lines, (name, value)| {
        let _ = writeln!(lines, "{name}:{value}");
        lines
    })
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `seconds` since 1970 as `YYYYMMDDTHHMMSSZ`.
pub(crate) fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut day) = (1970, days);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 0;
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{:02}{:02}T{hour:02}{minute:02}{second:02}Z", month + 1, day + 1)
}

#[test]
fn a_date_of_the_description_is_written_as_there() {
    assert_eq!(date(1_440_938_160), "20150830T123600Z");
}
