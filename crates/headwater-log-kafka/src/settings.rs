//! How a Kafka cluster is reached and what is asked of it. Secrets never show in debug output, and nothing here reads a
//! file: who constructs the settings hands in PEM texts.
use crate::Prefix;
use std::fmt;

/// Everything [`crate::KafkaEngine::open`] needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to begin, each `host:port`; the cluster names its other brokers itself.
    pub brokers: Vec<String>,
    /// Tells this Headwater cluster's topics from those of others on the same Kafka.
    pub prefix: Prefix,
    /// Take a cluster that keeps fewer than three copies. What it acknowledges does not survive the loss of a machine.
    pub allow_single_replica: bool,
    /// Encryption and identity.
    pub security: Security,
}

/// How connections are secured. The default is neither TLS nor a login.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// Encrypt connections.
    pub tls: Option<Tls>,
    /// Log in.
    pub sasl: Option<Sasl>,
}

/// TLS to the brokers. Their certificates are always verified.
#[derive(Clone, Default)]
pub struct Tls {
    /// Authorities to trust, PEM; the public ones of the web if there is none.
    pub authorities_pem: Option<Vec<u8>>,
    /// What to show the brokers who we are.
    pub identity: Option<Identity>,
    /// The name their certificates must carry, if not the host's.
    pub server_name: Option<String>,
}

/// A client's certificate.
#[derive(Clone)]
pub struct Identity {
    /// The certificate and those above it, PEM.
    pub certificates_pem: Vec<u8>,
    /// The private key, PEM.
    pub key_pem: Vec<u8>,
}

/// A login by name and password.
#[derive(Clone)]
pub struct Sasl {
    /// How the password is shown.
    pub mechanism: Mechanism,
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// SASL mechanisms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// The password itself travels: only over TLS is it a secret.
    Plain,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("authorities", &self.authorities_pem.is_some())
            .field("identity", &self.identity.is_some())
            .field("server_name", &self.server_name)
            .finish()
    }
}
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}
impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.mechanism).field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let secret = || "hush".to_owned();
        let identity = Identity { certificates_pem: secret().into(), key_pem: secret().into() };
        let security = Security {
            tls: Some(Tls { identity: Some(identity.clone()), ..Tls::default() }),
            sasl: Some(Sasl { mechanism: Mechanism::Plain, user: "hw".into(), password: secret() }),
        };
        let shown = format!("{security:?} {identity:?}");
        assert!(shown.contains("hw") && !shown.contains("hush"), "{shown}");
    }
}
