//! The settings of `--engine kafka`. Invariant: without it none of them may be given, as none would be heeded; a secret is
//! never shown.
use super::{EngineKind, Mechanism, Raw};
use headwater_log_kafka::{self as kafka, Prefix};
use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

const DEFAULT_PREFIX: &str = "headwater";

/// A Kafka cluster to keep the logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KafkaSettings {
    brokers: Vec<String>,
    pub(super) prefix: Prefix,
    allow_single_replica: bool,
    /// How other servers reach this one.
    pub(crate) advertise: String,
    tls: Option<Tls>,
    login: Option<Login>,
    password: Password,
}

/// That of the environment, which is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
struct Password(Option<String>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// The files of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tls {
    authorities: Option<PathBuf>,
    /// Certificate and key.
    identity: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Login {
    user: String,
    password_file: Option<PathBuf>,
    mechanism: Mechanism,
}

impl KafkaSettings {
    /// Checks what is written.
    ///
    /// # Errors
    /// A sentence with the setting and what to do about it.
    pub(super) fn check(written: &Raw, listen: &[SocketAddr]) -> Result<Option<Self>, String> {
        if written.engine.unwrap_or_default() == EngineKind::Disk {
            return match unheeded(written) {
                Some(setting) => Err(format!("{setting} is for Kafka: give --engine kafka as well, or leave it out")),
                None => Ok(None),
            };
        }
        if written.brokers.is_empty() {
            return Err("--engine kafka: say where the cluster is with --brokers HOST:PORT".into());
        }
        if let Some(broker) = written.brokers.iter().find(|broker| !is_address(broker)) {
            return Err(format!("--brokers: a broker is written HOST:PORT, not '{broker}'"));
        }
        let prefix = Prefix::new(written.kafka_prefix.as_deref().unwrap_or(DEFAULT_PREFIX));
        let identity = match (&written.kafka_cert, &written.kafka_key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return Err("--kafka-cert and --kafka-key belong together: give both or neither".into()),
        };
        let asks_for_tls = written.kafka_ca.is_some() || identity.is_some();
        let tls = match written.kafka_tls {
            Some(false) if asks_for_tls => return Err("--kafka-tls=false leaves no use for certificates".into()),
            None if !asks_for_tls => None,
            Some(false) => None,
            _ => Some(Tls { authorities: written.kafka_ca.clone(), identity }),
        };
        Ok(Some(Self {
            brokers: written.brokers.clone(),
            prefix: prefix.map_err(|why| format!("--kafka-prefix: {why}"))?,
            allow_single_replica: written.allow_single_replica.unwrap_or_default(),
            advertise: advertised(written.advertise.as_deref(), listen)?,
            tls,
            login: login(written)?,
            password: Password::default(),
        }))
    }

    /// Takes the password of the environment, if there is one.
    pub(crate) fn log_in_with(&mut self, password: Option<String>) {
        self.password = Password(password);
    }

    /// Why a cluster cannot be used, and what to do about it, by what was said of it.
    pub(crate) fn advised(&self, why: String) -> String {
        match self.advice(&why) {
            Some(advice) => format!("{why}; {advice}"),
            None => why,
        }
    }

    fn advice(&self, why: &str) -> Option<&'static str> {
        let says = |part| why.contains(part);
        let (tls, login) = (self.tls.is_some(), self.login.is_some());
        [
            (says("UnknownIssuer"), "give, in --kafka-ca, the authority that signed the brokers' certificates"),
            (
                says("not valid for name"),
                "reach the brokers by a name in their certificates, in --brokers and in their advertised.listeners",
            ),
            (says("certificates found in CA"), "--kafka-ca must be a file of certificates, as PEM"),
            (says("certificates found in client"), "--kafka-cert must be a file of certificates, as PEM"),
            (says("KeyMismatch"), "--kafka-key must be the key of the certificate in --kafka-cert"),
            (says("is encrypted"), "give, in --kafka-key, the key without its password"),
            (says("client key"), "--kafka-key must be a file with a private key, as PEM"),
            (says("received fatal alert"), "give a certificate the brokers trust, in --kafka-cert and --kafka-key"),
            (
                says("tls handshake"),
                "name a port of the brokers that speaks TLS, or leave out --kafka-tls and --kafka-ca",
            ),
            (!tls && says("InvalidLength"), "if the brokers speak TLS at that port, give --kafka-tls or --kafka-ca"),
            (says("IllegalSaslState"), "name a port of the brokers that takes logins, or leave out --kafka-user"),
            (says("UnsupportedSaslMechanism"), "give, in --kafka-mechanism, one that the brokers support"),
            (
                says("SaslAuthenticationFailed"),
                "see to --kafka-user, --kafka-password-file and --kafka-mechanism, and to the user in the brokers",
            ),
            (says("AuthorizationFailed"), "give the user the rights that docs/operate-kafka.md names"),
            (!login && says("connection closed"), "if the brokers want a login, give --kafka-user"),
        ]
        .into_iter()
        .find_map(|(fits, advice)| fits.then_some(advice))
    }

    /// What the engine needs, files read.
    ///
    /// # Errors
    /// A sentence with the setting and what is wrong.
    pub(crate) fn engine(&self) -> Result<kafka::Settings, String> {
        let tls = self.tls.as_ref().map(Tls::read);
        let sasl = self.login.as_ref().map(|login| login.shown(self.password.0.clone()));
        Ok(kafka::Settings {
            brokers: self.brokers.clone(),
            prefix: self.prefix.clone(),
            allow_single_replica: self.allow_single_replica,
            security: kafka::Security { tls: tls.transpose()?, sasl: sasl.transpose()? },
        })
    }
}

impl Tls {
    fn read(&self) -> Result<kafka::Tls, String> {
        let authorities_pem = self.authorities.as_deref().map(|file| pem("--kafka-ca", file)).transpose()?;
        let identity = match &self.identity {
            None => None,
            Some((certificate, key)) => Some(kafka::Identity {
                certificates_pem: pem("--kafka-cert", certificate)?,
                key_pem: pem("--kafka-key", key)?,
            }),
        };
        Ok(kafka::Tls { authorities_pem, identity, server_name: None })
    }
}

impl Login {
    fn shown(&self, password: Option<String>) -> Result<kafka::Sasl, String> {
        let password = match (&self.password_file, password) {
            (Some(_), Some(_)) => Err("--kafka-password-file and HEADWATER_KAFKA_PASSWORD: give one of the two".into()),
            (Some(file), None) => fs::read_to_string(file)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| format!("--kafka-password-file {}: {error}", file.display())),
            (None, Some(password)) => Ok(password),
            (None, None) => {
                Err("--kafka-user: there is no password; give --kafka-password-file FILE or HEADWATER_KAFKA_PASSWORD"
                    .to_owned())
            }
        };
        let mechanism = match self.mechanism {
            Mechanism::Plain => kafka::Mechanism::Plain,
            Mechanism::ScramSha256 => kafka::Mechanism::ScramSha256,
            Mechanism::ScramSha512 => kafka::Mechanism::ScramSha512,
        };
        Ok(kafka::Sasl { mechanism, user: self.user.clone(), password: password? })
    }
}

impl Raw {
    /// The cluster that is written, whatever else is.
    ///
    /// # Errors
    /// A sentence with the setting and what to do about it.
    pub(crate) fn cluster(&self) -> Result<KafkaSettings, String> {
        let written = Self { advertise: None, ..self.clone() };
        let checked = KafkaSettings::check(&written, &[SocketAddr::from(([127, 0, 0, 1], 0))])?;
        checked.ok_or_else(|| "say where the cluster is with --brokers HOST:PORT".into())
    }
}

/// The first setting that only Kafka heeds.
fn unheeded(written: &Raw) -> Option<&'static str> {
    [
        (!written.brokers.is_empty(), "--brokers"),
        (written.kafka_prefix.is_some(), "--kafka-prefix"),
        (written.allow_single_replica.is_some_and(|allowed| allowed), "--allow-single-replica"),
        (written.advertise.is_some(), "--advertise"),
        (written.kafka_tls.is_some_and(|tls| tls), "--kafka-tls"),
        (written.kafka_ca.is_some(), "--kafka-ca"),
        (written.kafka_cert.is_some(), "--kafka-cert"),
        (written.kafka_key.is_some(), "--kafka-key"),
        (written.kafka_user.is_some(), "--kafka-user"),
        (written.kafka_password_file.is_some(), "--kafka-password-file"),
        (written.kafka_mechanism.is_some(), "--kafka-mechanism"),
    ]
    .into_iter()
    .find_map(|(given, setting)| given.then_some(setting))
}

fn login(written: &Raw) -> Result<Option<Login>, String> {
    match &written.kafka_user {
        Some(user) => Ok(Some(Login {
            user: user.clone(),
            password_file: written.kafka_password_file.clone(),
            mechanism: written.kafka_mechanism.unwrap_or_default(),
        })),
        None if written.kafka_password_file.is_some() || written.kafka_mechanism.is_some() => {
            Err("--kafka-user: a login needs a name".into())
        }
        None => Ok(None),
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// How others reach this server.
fn advertised(written: Option<&str>, listen: &[SocketAddr]) -> Result<String, String> {
    if let Some(url) = written {
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        return match rest.map(|rest| rest.trim_end_matches('/')) {
            Some(rest) if !rest.is_empty() && !rest.contains(['/', '?', '#', '@']) => {
                Ok(url.trim_end_matches('/').into())
            }
            _ => Err(format!("--advertise: write http://HOST:PORT, not '{url}'")),
        };
    }
    match listen.iter().find(|address| !address.ip().is_unspecified()) {
        Some(address) => Ok(format!("http://{address}")),
        None => Err("--advertise: say how the other servers reach this one, as http://HOST:PORT; --listen names no \
                     single address"
            .into()),
    }
}

fn pem(setting: &str, file: &Path) -> Result<Vec<u8>, String> {
    fs::read_to_string(file).map(String::into_bytes).map_err(|error| format!("{setting} {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kafka(more: Raw) -> Raw {
        let brokers = if more.brokers.is_empty() { vec!["a:9092".into(), "b:9092".into()] } else { more.brokers };
        Raw { engine: Some(EngineKind::Kafka), brokers, ..more }
    }

    fn checked(written: Raw) -> Result<Option<KafkaSettings>, String> {
        written.check(Some(("AKID".into(), "secret".into()))).map(|settings| settings.kafka)
    }

    #[test]
    fn a_cluster_needs_its_brokers_and_no_more() {
        let settings = checked(kafka(Raw::default())).unwrap().unwrap();
        assert_eq!(
            (settings.advertise.as_str(), settings.prefix.to_string().as_str()),
            ("http://127.0.0.1:4566", "headwater")
        );
        assert_eq!(settings.engine().unwrap().brokers, ["a:9092", "b:9092"]);
        assert_eq!(checked(Raw::default()), Ok(None));
    }

    #[test]
    fn each_mistake_is_told_by_its_setting() {
        for (written, start) in [
            (Raw { brokers: vec!["a:1".into()], ..Raw::default() }, "--brokers is for Kafka"),
            (Raw { kafka_user: Some("u".into()), ..Raw::default() }, "--kafka-user is for Kafka"),
            (Raw { engine: Some(EngineKind::Kafka), ..Raw::default() }, "--engine kafka: "),
            (kafka(Raw { brokers: vec!["a".into()], ..Raw::default() }), "--brokers: "),
            (kafka(Raw { kafka_prefix: Some("A.b".into()), ..Raw::default() }), "--kafka-prefix: "),
            (kafka(Raw { kafka_cert: Some("a".into()), ..Raw::default() }), "--kafka-cert and --kafka-key"),
            (kafka(Raw { kafka_tls: Some(false), kafka_ca: Some("a".into()), ..Raw::default() }), "--kafka-tls=false"),
            (kafka(Raw { kafka_mechanism: Some(Mechanism::Plain), ..Raw::default() }), "--kafka-user: "),
            (kafka(Raw { advertise: Some("node:1".into()), ..Raw::default() }), "--advertise: "),
            (kafka(Raw { listen: vec!["0.0.0.0:1".into()], ..Raw::default() }), "--advertise: "),
        ] {
            let error = checked(written).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }

    /// What brokers and the client said; `suites/kafka/secured.py` has them say it.
    #[test]
    fn a_cluster_that_cannot_be_used_is_told_with_what_to_set() {
        let advice = |raw: Raw, why: &str| checked(kafka(raw)).unwrap().unwrap().advice(why).unwrap_or_default();
        for (why, setting) in [
            ("TLS handshake failed: invalid peer certificate: UnknownIssuer", "--kafka-ca"),
            ("invalid peer certificate: certificate not valid for name \"a\"", "advertised.listeners"),
            ("configuration error: no certificates found in CA bundle (in-memory PEM)", "--kafka-ca"),
            ("keys may not be consistent: KeyMismatch", "--kafka-key"),
            ("client key (in-memory PEM) is encrypted; decrypting it", "without its password"),
            ("network error: received fatal alert: BadCertificate", "--kafka-cert"),
            ("network error: tls handshake eof", "--kafka-tls"),
            ("protocol error (InvalidLength): message size 352518912", "--kafka-tls"),
            ("SASL handshake failed: IllegalSaslState. Broker supports: []", "--kafka-user"),
            ("SASL authentication failed: SaslAuthenticationFailed - invalid credentials", "--kafka-password-file"),
            ("broker error: ClusterAuthorizationFailed - InitProducerId", "rights"),
            ("network error: connection closed", "--kafka-user"),
        ] {
            assert!(advice(Raw::default(), why).contains(setting), "{why}");
        }
        assert_eq!(advice(Raw::default(), "Connection refused (os error 111)"), "");
        let logs_in = Raw { kafka_user: Some("u".into()), kafka_tls: Some(true), ..Raw::default() };
        assert_eq!(advice(logs_in.clone(), "network error: connection closed"), "");
        assert_eq!(advice(logs_in, "protocol error (InvalidLength)"), "");
    }

    #[test]
    fn a_login_takes_its_password_from_one_place() {
        let mut settings = checked(kafka(Raw { kafka_user: Some("u".into()), ..Raw::default() })).unwrap().unwrap();
        assert!(settings.engine().unwrap_err().contains("HEADWATER_KAFKA_PASSWORD"));
        settings.log_in_with(Some("hush".into()));
        let shown = format!("{:?} {settings:?}", settings.engine().unwrap());
        assert!(!shown.contains("hush"), "{shown}");
    }
}
