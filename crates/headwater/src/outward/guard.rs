//! Where requests may go that a caller, not the operator, has given the address of.
//!
//! Invariant: such a request reaches a public address over TLS, or what the operator allowed by name. It is the address
//! that a name resolves to that counts, and it is looked at in the step that connects to it, so that a name that answers
//! differently the second time gains nothing. Link-local addresses and those of metadata services are reached by nobody.
use headwater_firehose::outside::Failure;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Metadata services that are not at a link-local address: those of AWS (IPv6), Alibaba and Azure.
const METADATA: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// A destination the operator allows: `HOST`, `HOST:PORT`, or `*` for all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Allowed {
    /// As URLs have it: lower case, IPv6 in brackets; `*` for all.
    host: String,
    port: Option<u16>,
}

impl Allowed {
    /// # Errors
    /// A sentence with the setting.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("--allow-destination: write HOST, HOST:PORT or *, not '{text}'");
        if text == "*" {
            return Ok(Self { host: text.into(), port: None });
        }
        let bare_v6 = text.parse::<Ipv6Addr>().is_ok();
        let authority = if bare_v6 { format!("[{text}]") } else { text.to_owned() };
        // The port apart, as a URL does not tell the default port that is written from none.
        let port =
            authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map(|(_, port)| port.parse::<u16>());
        let port = port.transpose().map_err(|_| wrong())?;
        let url = Url::parse(&format!("http://{authority}/")).map_err(|_| wrong())?;
        let host = url.host_str().filter(|_| url.username().is_empty() && url.path() == "/" && url.query().is_none());
        Ok(Self { host: host.ok_or_else(wrong)?.to_owned(), port })
    }

    fn covers(&self, url: &Url) -> bool {
        let host = self.host == "*" || url.host_str().is_some_and(|host| host == self.host);
        host && self.port.is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}

/// Whom a request may reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// Public addresses alone.
    Public,
    /// What the operator named, wherever it is.
    Named,
}

/// The reach of a request to a URL that a caller gave.
///
/// # Errors
/// A permanent failure if there must be no such request.
pub(super) fn judge(url: &Url, allowed: &[Allowed]) -> Result<Reach, Failure> {
    let reach = if allowed.iter().any(|allowed| allowed.covers(url)) { Reach::Named } else { Reach::Public };
    match (url.scheme(), reach) {
        ("https", _) | ("http", Reach::Named) => {}
        ("http", Reach::Public) => return Err(refused("the URL of an endpoint begins with https://")),
        _ => return Err(refused("an endpoint is reached over HTTPS")),
    }
    let host = url.host_str().unwrap_or_default();
    // A name is looked at when it is resolved; an address never is.
    match host.trim_matches(['[', ']']).parse() {
        Ok(address) => admit(address, reach).map_err(|why| refused(&why)).map(|()| reach),
        Err(_) => Ok(reach),
    }
}

fn refused(why: &str) -> Failure {
    let message = format!("The destination is refused: {why}; see --allow-destination.");
    Failure { code: "HttpEndpoint.DestinationNotAllowed".into(), message, is_permanent: true }
}

fn admit(address: IpAddr, reach: Reach) -> Result<(), String> {
    let real = embedded(address);
    if is_link_local(real) || METADATA.contains(&real) {
        return Err(format!("{address} is a link-local or metadata address"));
    }
    if reach == Reach::Public && !is_public(real) {
        return Err(format!("{address} is no public address"));
    }
    Ok(())
}

/// The IPv4 address that an IPv6 address stands for, if it does: mapped, compatible, NAT64, 6to4.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let v4 = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] if high != 0 => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Whether an address is one of the open Internet's.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_documentation();
            // This network, shared by carriers, protocol assignments, benchmarks, multicast and what is reserved.
            let reserved =
                a == 0 || (a, b & 0xc0) == (100, 64) || (a, b, c) == (192, 0, 0) || (a, b & 0xfe) == (198, 18);
            !special && !reserved && a < 224
        }
        // Everything public is in 2000::/3; of that, 2001:db8::/32 is for documents.
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000 && v6.segments()[..2] != [0x2001, 0x0db8],
    }
}

/// Resolves names, and tells only addresses that may be reached.
pub(super) struct Lookup(pub(super) Reach);

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut refusal = None;
            let admitted = found.into_iter().filter(|found| match admit(found.ip(), reach) {
                Ok(()) => true,
                Err(why) => {
                    refusal = Some(why);
                    false
                }
            });
            let admitted: Vec<SocketAddr> = admitted.collect();
            match (admitted.is_empty(), refusal) {
                (true, Some(why)) => {
                    let why = format!("{}: {why}; see --allow-destination", name.as_str());
                    Err(io::Error::new(io::ErrorKind::PermissionDenied, why).into())
                }
                _ => Ok(Box::new(admitted.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(url: &str, allowed: &[&str]) -> Option<Reach> {
        let allowed: Vec<Allowed> = allowed.iter().map(|text| Allowed::parse(text).unwrap()).collect();
        judge(&Url::parse(url).unwrap(), &allowed).ok()
    }

    #[test]
    fn only_public_addresses_over_tls_are_reached_unasked() {
        for url in ["https://example.com/x", "https://8.8.8.8", "https://[2606:4700::1]/"] {
            assert_eq!(judged(url, &[]), Some(Reach::Public), "{url}");
        }
        for url in [
            "http://example.com",
            "ftp://example.com",
            "https://127.0.0.1",
            "https://2130706433",
            "https://0x7f.1",
            "https://0",
            "https://10.1.2.3",
            "https://172.31.0.1",
            "https://192.168.1.1",
            "https://100.64.0.1",
            "https://198.18.0.1",
            "https://224.0.0.1",
            "https://255.255.255.255",
            "https://[::1]",
            "https://[::]",
            "https://[::ffff:127.0.0.1]",
            "https://[::ffff:10.0.0.1]",
            "https://[64:ff9b::10.0.0.1]",
            "https://[2002:7f00:1::]",
            "https://[fc00::1]",
            "https://[ff02::1]",
        ] {
            assert_eq!(judged(url, &[]), None, "{url}");
        }
    }

    #[test]
    fn what_is_named_is_reached_and_nothing_beside_it() {
        assert_eq!(judged("http://localhost:8080/x", &["localhost"]), Some(Reach::Named));
        assert_eq!(judged("http://LOCALHOST:8080/x", &["localHost:8080"]), Some(Reach::Named));
        assert_eq!(judged("http://localhost:8081/x", &["localhost:8080"]), None);
        assert_eq!(judged("http://localhost/", &["localhost:80"]), Some(Reach::Named));
        assert_eq!(judged("http://127.0.0.1:1/", &["127.0.0.1"]), Some(Reach::Named));
        assert_eq!(judged("http://[::1]:1/", &["::1"]), Some(Reach::Named));
        assert_eq!(judged("http://[::1]:1/", &["[::1]:2"]), None);
        assert_eq!(judged("http://10.0.0.1/", &["*"]), Some(Reach::Named));
        for wrong in ["", "a b", "host:port", "host:99999", "user@host", "host/path", "http://host"] {
            assert!(Allowed::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn metadata_is_reached_by_nobody() {
        for url in [
            "http://169.254.169.254/latest",
            "http://2852039166/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[64:ff9b::169.254.169.254]/",
            "http://168.63.129.16/",
        ] {
            assert_eq!(judged(url, &["*", "169.254.169.254", "[fd00:ec2::254]"]), None, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_counts_as_what_it_resolves_to() {
        let resolve =
            async |reach| Lookup(reach).resolve("localhost".parse().unwrap()).await.map(|found| found.count());
        assert!(resolve(Reach::Named).await.unwrap() > 0);
        let refusal = resolve(Reach::Public).await.unwrap_err().to_string();
        assert!(refusal.contains("is no public address"), "{refusal}");
    }
}
