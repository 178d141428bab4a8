//! Any headers and query as a signature: refused or checked, never a panic, and never agreed to – nobody here has the
//! key. The input is a line each for `Authorization`, `X-Amz-Date`, `Host`, path and query, then the body.
#![no_main]
use headwater_wire::sigv4::{Claim, Headers, Request, Rules, SigningKey, verify};
use libfuzzer_sys::fuzz_target;

/// The lines; an empty one is a header that is not there.
struct Lines<'a>([&'a [u8]; 3]);

impl Headers for Lines<'_> {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let line = ["authorization", "x-amz-date", "host"].iter().position(|known| *known == name);
        line.map(|line| self.0[line]).filter(|value| !value.is_empty()).into_iter()
    }
}

/// 2026-01-01T00:00:00Z, the day of the seeds.
const NOW_MS: u64 = 1_767_225_600_000;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(6, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let headers = Lines([next(), next(), next()]);
    let (Ok(path), Ok(query)) = (str::from_utf8(next()), str::from_utf8(next())) else { return };
    let Ok(Some(claim)) = Claim::of(&headers, query) else { return };
    let rules = Rules { service: "kinesis", region: None, skew_s: 300 };
    let Ok(scope) = claim.check(NOW_MS, &rules) else { return };
    let key = SigningKey::derive("a secret that no input holds", &scope);
    let request = Request { method: "POST", path, query, headers: &headers, body: next() };
    assert!(verify(&claim, &scope, &key, &request).is_err());
});
