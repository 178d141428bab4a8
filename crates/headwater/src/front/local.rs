//! Who may see `/_headwater/`: a request sent to this server by a name that is its own, and from no foreign page. A
//! page that makes its own name resolve to this address (DNS rebinding) is refused by its `Host`.
use super::protocol;
use headwater_wire::Origin;
use http::{header, request::Parts};
use std::net::{IpAddr, SocketAddr};

/// Where a browser says that a request comes from; programs say nothing.
pub(super) const FETCH_SITE: &str = "sec-fetch-site";

/// The names and addresses this server goes by.
pub(crate) struct OwnNames {
    addresses: Vec<IpAddr>,
    names: Vec<String>,
}

impl OwnNames {
    pub(crate) fn new(listen: &[SocketAddr], names: &[String]) -> Self {
        Self { addresses: listen.iter().map(SocketAddr::ip).collect(), names: names.to_vec() }
    }

    /// Whether the request names this server, and its page, if it comes from one, was served by it.
    pub(crate) fn admit(&self, head: &Parts) -> bool {
        let host = protocol::host(head);
        if !self.is_own(without_port(host)) {
            return false;
        }
        let Some(origin) = head.headers.get(header::ORIGIN) else { return true };
        let page = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        page.is_some_and(|(_, page)| page.eq_ignore_ascii_case(host))
    }

    fn is_own(&self, host: &str) -> bool {
        if let Ok(address) = host.parse::<IpAddr>() {
            // Listening everywhere, every address a request got here by is one's own.
            let own = |own: &IpAddr| *own == address || own.is_unspecified();
            return address.is_loopback() || self.addresses.iter().any(own);
        }
        let host = host.to_ascii_lowercase();
        // What ends so is this machine wherever it is resolved, so that no foreign page can come by it.
        host == "localhost"
            || host.ends_with(".localhost")
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(&host))
    }
}

/// Whether a program on this machine asks, and no page in a browser.
pub(super) fn is_local_program(head: &Parts, origin: Origin) -> bool {
    origin.is_local() && !head.headers.contains_key(header::ORIGIN) && !head.headers.contains_key(FETCH_SITE)
}

/// A host without its port.
pub(crate) fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(own: &OwnNames, host: &str, origin: Option<&str>) -> bool {
        let mut request = http::Request::get("/_headwater/health").header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        own.admit(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_own_names_are_answered_to() {
        let own = OwnNames::new(&["10.1.2.3:4566".parse().unwrap()], &["headwater.test".into()]);
        for host in [
            "localhost:4566",
            "127.0.0.1",
            "127.8.8.8:1",
            "[::1]:4566",
            "10.1.2.3:4566",
            "HEADWATER.test:80",
            "transform.localhost",
        ] {
            assert!(admits(&own, host, None), "{host}");
        }
        for host in ["evil.example", "10.1.2.4", "localhost.evil.example", "", "[", "127.0.0.1.evil.example:4566"] {
            assert!(!admits(&own, host, None), "{host}");
        }
        let anywhere = OwnNames::new(&["0.0.0.0:4566".parse().unwrap()], &[]);
        assert!(admits(&anywhere, "192.168.0.9:4566", None) && !admits(&anywhere, "evil.example", None));
    }

    #[test]
    fn a_foreign_page_is_refused() {
        let own = OwnNames::new(&[], &[]);
        assert!(admits(&own, "localhost:4566", Some("http://localhost:4566")));
        for origin in ["http://evil.example", "http://localhost:8080", "null", "localhost:4566"] {
            assert!(!admits(&own, "localhost:4566", Some(origin)), "{origin}");
        }
    }
}
