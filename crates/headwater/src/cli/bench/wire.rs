//! One connection of HTTP/1.1, plain or TLS, that a request is sent over as soon as the last is answered. Invariant:
//! requests go out as they were signed.
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// See above.
pub(super) struct Wire(SendRequest<Full<Bytes>>);

impl Wire {
    /// Connects to the URL's host.
    ///
    /// # Errors
    /// A sentence if there is no answer.
    pub(super) async fn open(url: &Url) -> Result<Self, String> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(80);
        let failed = |error: &dyn std::fmt::Display| format!("{url}: {error}; is a server running there?");
        let tcp = TcpStream::connect((host, port)).await.map_err(|error| failed(&error))?;
        tcp.set_nodelay(true).map_err(|error| failed(&error))?;
        if url.scheme() == "http" {
            let (sender, connection) = handshake(TokioIo::new(tcp)).await.map_err(|error| failed(&error))?;
            tokio::spawn(connection);
            return Ok(Self(sender));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
        let tls = TlsConnector::from(Arc::new(trusting()?)).connect(name, tcp).await;
        let (sender, connection) =
            handshake(TokioIo::new(tls.map_err(|error| failed(&error))?)).await.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a request and takes its whole answer.
    ///
    /// # Errors
    /// What broke the connection.
    pub(super) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), hyper::Error> {
        self.0.ready().await?;
        let answer = self.0.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}

/// Trust in whom this machine trusts.
fn trusting() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this machine trusts no certificate authority: install its package of CA certificates".into());
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
