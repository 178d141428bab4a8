//! TLS on the port that also speaks plain HTTP: a given certificate, or one of our own made on the first TLS hello.
//!
//! Invariant: the made certificate stays the same for a data folder as long as the names it stands for do, so that a
//! client which trusts it goes on trusting it; its key is readable by its owner alone.
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::OnceCell;
use tokio_rustls::TlsAcceptor;

/// The folder of the made certificate, in the data folder.
const FOLDER: &str = "tls";
/// What a client may ask for by ALPN; whoever asks for nothing is listened to all the same.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The TLS side of the port.
pub(crate) struct Tls {
    /// What a made certificate stands for.
    names: Vec<String>,
    /// Where a made certificate is kept.
    folder: Option<PathBuf>,
    acceptor: OnceCell<TlsAcceptor>,
}

impl Tls {
    /// A certificate made on demand: for the loopback names, AWS's names in `region`, and `names`; kept in the data
    /// folder if there is one.
    pub(crate) fn made(region: &str, names: &[String], data: Option<&Path>) -> Self {
        let services = ["kinesis", "dynamodb", "streams.dynamodb", "firehose", "sts"];
        let mut all: Vec<String> = vec!["localhost".into(), "127.0.0.1".into(), "::1".into()];
        all.extend(services.iter().map(|service| format!("{service}.{region}.amazonaws.com")));
        all.extend_from_slice(names);
        Self { names: all, folder: data.map(|data| data.join(FOLDER)), acceptor: OnceCell::new() }
    }

    /// The certificate of these PEM files, read now so that a mistake is told at start.
    ///
    /// # Errors
    /// A sentence with the file and what is wrong with it.
    pub(crate) fn given(certificate: &Path, key: &Path) -> Result<Self, String> {
        let text = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        let acceptor = acceptor(&text(certificate)?, &text(key)?)
            .map_err(|error| format!("{} with {}: {error}", certificate.display(), key.display()))?;
        Ok(Self { names: Vec::new(), folder: None, acceptor: OnceCell::new_with(Some(acceptor)) })
    }

    /// The acceptor; the first call makes the certificate if none was given.
    ///
    /// # Errors
    /// A sentence on what could not be made, read or kept.
    pub(crate) async fn acceptor(&self) -> Result<&TlsAcceptor, String> {
        self.acceptor.get_or_try_init(|| async { self.make() }).await
    }

    fn make(&self) -> Result<TlsAcceptor, String> {
        let head = format!("Headwater's own certificate, for {}\n", self.names.join(", "));
        if let Some(folder) = &self.folder {
            let kept = (fs::read_to_string(folder.join("cert.pem")), fs::read_to_string(folder.join("key.pem")));
            if let (Ok(certificate), Ok(key)) = kept
                && certificate.starts_with(&head)
            {
                return acceptor(&certificate, &key).map_err(|error| format!("{}: {error}", folder.display()));
            }
        }
        let (certificate, key) = certificate(&self.names).map_err(|error| error.to_string())?;
        // Text before the first PEM block is ignored by whoever reads the file.
        let certificate = head + &certificate;
        if let Some(folder) = &self.folder {
            keep(folder, &certificate, &key).map_err(|error| format!("{}: {error}", folder.display()))?;
            tracing::info!(certificate = %folder.join("cert.pem").display(), "made a certificate for TLS");
        }
        acceptor(&certificate, &key)
    }
}

/// A new self-signed certificate for `names` and its key, as PEM.
fn certificate(names: &[String]) -> Result<(String, String), rcgen::Error> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, "Headwater");
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    Ok((parameters.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// Writes the key first: a certificate is only found together with its key.
#[expect(clippy::disallowed_methods, reason = "the certificate is the front's own file, beside the log's")]
fn keep(folder: &Path, certificate: &str, key: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, text) in [("key.pem", key), ("cert.pem", certificate)] {
        let draft = folder.join(name).with_extension("new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, folder.join(name))?;
    }
    Ok(())
}

fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor, String> {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| format!("not a PEM certificate: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| format!("not a PEM key: {error}"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| error.to_string())?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_made_certificate_is_kept_for_the_same_names_and_its_key_is_private() {
        let data = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(data.path().join(FOLDER).join(name)).unwrap();
        let mut seen = Vec::new();
        for names in [&[][..], &[], &["headwater.test".to_owned()]] {
            assert!(Tls::made("us-east-1", names, Some(data.path())).acceptor().await.is_ok());
            seen.push((read("cert.pem"), read("key.pem")));
        }
        assert_eq!(seen[0], seen[1]);
        assert_ne!(seen[1], seen[2]);
        #[cfg(unix)]
        {
            let key = fs::metadata(data.path().join(FOLDER).join("key.pem")).unwrap();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
        }
    }

    #[test]
    fn a_given_certificate_must_be_readable_and_fit_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = certificate(&["localhost".into()]).unwrap();
        let (_, other) = super::certificate(&["localhost".into()]).unwrap();
        keep(folder.path(), &certificate, &key).unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(Tls::given(&path("cert.pem"), &path("key.pem")).is_ok());
        assert!(Tls::given(&path("none.pem"), &path("key.pem")).is_err_and(|error| error.contains("none.pem")));
        assert!(Tls::given(&path("key.pem"), &path("key.pem")).is_err());
        keep(folder.path(), &certificate, &other).unwrap();
        assert!(Tls::given(&path("cert.pem"), &path("key.pem")).is_err());
    }
}
