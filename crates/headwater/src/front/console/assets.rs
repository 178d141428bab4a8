//! The files of the console's page, as the build made them: compressed, named by their content. Invariant: what is
//! served was in the binary; no path reaches a file of the machine.
use super::super::reply::Reply;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use std::io::Read;

/// The page itself.
const INDEX: &str = "index.html";
/// Everything under it has its content's hash in its name.
const HASHED: &str = "assets/";
const FOREVER: &str = "public, max-age=31536000, immutable";
/// What stands in the place of a console that was not built.
const WITHOUT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Headwater</title>\
    <h1>This Headwater was built without its console.</h1><p>The server works as ever. To have the console, build it \
    where Node 20.19 or a later one is on the path, and without <code>HEADWATER_CONSOLE=skip</code>: \
    <code>cargo build --release</code>. The released binaries have it.";

/// One file: its path, its content type, the tag of its content, and its bytes, compressed by gzip.
type File = (&'static str, &'static str, &'static str, &'static [u8]);

/// All of them; none if the console was not built.
const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// The file at `path`.
pub(super) fn answer(head: &Parts, path: &str) -> Reply {
    if head.method != Method::GET && head.method != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain", b"only GET\n");
    }
    let wanted = if path.is_empty() { INDEX } else { path };
    let Some((name, kind, tag, packed)) = FILES.iter().find(|(name, ..)| *name == wanted) else {
        return match path {
            "" => plain(StatusCode::OK, "text/html; charset=utf-8", WITHOUT.as_bytes()),
            _ => plain(StatusCode::NOT_FOUND, "text/plain", b"there is no such file\n"),
        };
    };
    let mut reply = if head.headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag) {
        plain(StatusCode::NOT_MODIFIED, kind, b"")
    } else if takes_gzip(head) {
        let mut reply = plain(StatusCode::OK, kind, packed);
        reply.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        reply
    } else {
        let mut bytes = Vec::new();
        match GzDecoder::new(*packed).read_to_end(&mut bytes) {
            Ok(_) => of_bytes(StatusCode::OK, kind, bytes.into()),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", b"the file cannot be unpacked\n"),
        }
    };
    let headers = reply.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_static(tag));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let keep = if name.starts_with(HASHED) { FOREVER } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    reply
}

fn takes_gzip(head: &Parts) -> bool {
    let accepted = head.headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| matches!(coding.trim(), "gzip" | "*"))
}

fn plain(status: StatusCode, kind: &'static str, body: &'static [u8]) -> Reply {
    of_bytes(status, kind, Bytes::from_static(body))
}

fn of_bytes(status: StatusCode, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Reply::new(body.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, headers: &[(&str, &str)]) -> Reply {
        let request = http::Request::get("/");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(&request.body(()).unwrap().into_parts().0, path)
    }

    #[test]
    fn there_is_a_page_whatever_was_built_and_nothing_beside_it() {
        let page = get("", &[]);
        assert_eq!(
            (page.status(), &page.headers()["content-type"]),
            (StatusCode::OK, &"text/html; charset=utf-8".parse::<HeaderValue>().unwrap())
        );
        for path in ["../Cargo.toml", "assets/../index.html", "/etc/passwd", "nothing"] {
            assert_eq!(get(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn every_file_is_served_packed_unpacked_and_not_twice() {
        for (name, kind, tag, packed) in FILES {
            let reply = get(name, &[("accept-encoding", "br, gzip")]);
            assert_eq!(
                (&reply.headers()["content-encoding"], &reply.headers()["content-type"]),
                (&"gzip".parse::<HeaderValue>().unwrap(), &kind.parse::<HeaderValue>().unwrap())
            );
            let mut bytes = Vec::new();
            GzDecoder::new(*packed).read_to_end(&mut bytes).unwrap();
            assert!(!bytes.is_empty() && get(name, &[]).headers().get("content-encoding").is_none(), "{name}");
            assert_eq!(get(name, &[("if-none-match", tag)]).status(), StatusCode::NOT_MODIFIED);
        }
    }
}
