//! The canonical form of a request: one text for all the ways of writing the same request. Both sides must arrive at
//! the same bytes, so nothing here is a matter of taste.
use sha2::{Digest, Sha256};

use super::{Headers, Request, hex};

/// The text whose hash is signed; `signed_headers` as the claim lists them.
pub(super) fn request<H: Headers>(request: &Request<'_, H>, signed_headers: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    path(request.path, &mut out);
    out.push(b'\n');
    query(request.query, &mut out);
    out.push(b'\n');
    for name in signed_headers.split(';') {
        let name = name.to_ascii_lowercase();
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        for (index, value) in request.headers.values(&name).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
            out.extend_from_slice(words.next().unwrap_or_default());
            words.for_each(|word| {
                out.push(b' ');
                out.extend_from_slice(word);
            });
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(hex(&Sha256::digest(request.body)).as_bytes());
    out
}

/// Dot segments and doubled slashes fall away; each segment is encoded once more than on the wire, as every service
/// but S3 has it.
fn path(raw: &str, out: &mut Vec<u8>) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push(b'/');
        percent_encode(segment.as_bytes(), out);
    }
    if segments.is_empty() || raw.ends_with('/') {
        out.push(b'/');
    }
}

fn query(raw: &str, out: &mut Vec<u8>) {
    let encoded = |text: &str| {
        let mut bytes = Vec::with_capacity(text.len());
        percent_encode(&percent_decode(text), &mut bytes);
        bytes
    };
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .filter(|(name, _)| name != b"X-Amz-Signature")
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

fn percent_encode(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            out.push(*byte);
        } else {
            out.push(b'%');
            out.extend_from_slice(hex(&[*byte]).to_ascii_uppercase().as_bytes());
        }
    }
}

/// What cannot be decoded stays as it is.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let Some((byte, tail)) = rest.split_first() {
        let escaped = || Some((hex_value(*tail.first()?)? << 4 | hex_value(*tail.get(1)?)?, tail.get(2..)?));
        let (byte, tail) = if *byte == b'%' { escaped().unwrap_or((*byte, tail)) } else { (*byte, tail) };
        out.push(byte);
        rest = tail;
    }
    out
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_loses_its_dots_and_is_encoded_once_more() {
        for (raw, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/a/./b/../c", "/a/c"),
            ("/a/", "/a/"),
            ("/../..", "/"),
            ("/a%20b/%e1~", "/a%2520b/%25e1~"),
        ] {
            let mut out = Vec::new();
            path(raw, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn a_query_is_sorted_and_encoded_alike_without_the_signature() {
        let mut out = Vec::new();
        query("b=2&a=%c3%bc&X-Amz-Signature=0&c&b=1&d=a+b%", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a=%C3%BC&b=1&b=2&c=&d=a%2Bb%25");
    }
}
