//! [`Client`] by the `krafka` crate (decision 0014).
//!
//! A broker answers the requests of one connection in order, so one that waits holds up all behind it. That is why there
//! are three handles, each with connections of its own: for producing and administration, for reading, and for waiting
//! on tails.
mod admin;
mod batch;
mod brokers;
mod fetch;
mod produce;

use crate::{
    Mechanism, Security, Settings,
    checks::Described,
    client::{Answer, Client, ClientError, Ends, NewTopic, Page, Place},
    names::{self, Partition},
};
use ::krafka::{
    Kafka,
    admin::AdminClient,
    auth::{AuthConfig, TlsConfig},
};
use bytes::Bytes;
use fetch::{Reads, Tails};
use headwater_log::{Limits, clock::Clock};
use produce::Producer;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A broker that has not answered by then is asked anew, or another one is.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A call ends by then, one way or the other.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_BACKOFF: Duration = Duration::from_millis(50);
/// How long to wait before looking again whether the cluster has settled.
const SETTLE_MS: u64 = 20;
/// A connection to a cluster.
pub(crate) struct Krafka {
    producer: Arc<Producer<Kafka>>,
    admin: AdminClient,
    reads: Reads,
    /// Asks on the connections of reads, so that these know of the same leaders.
    reads_admin: AdminClient,
    tails: Tails,
    clock: Arc<dyn Clock>,
}

impl Krafka {
    pub(crate) async fn connect(settings: &Settings, clock: Arc<dyn Clock>) -> Answer<Self> {
        let producer = Producer::new(handle(settings).await?, Arc::clone(&clock));
        let reads = Reads::new(handle(settings).await?, Arc::clone(&clock));
        let tails = Tails::new(handle(settings).await?);
        let (admin, reads_admin) = (admin_client(producer.brokers()), admin_client(reads.kafka()));
        Ok(Self { producer, admin, reads, reads_admin, tails, clock })
    }
}

impl Client for Krafka {
    async fn produce(&self, to: &Partition, values: Vec<Bytes>) -> Answer<Vec<Place>> {
        self.producer.produce(to, values).await
    }

    async fn fetch(&self, from: &Partition, offset: i64, limits: Limits) -> Answer<Page> {
        self.reads.fetch(from, offset, limits).await
    }

    async fn await_tails(&self, beyond: &[(Partition, i64)]) -> Answer<Vec<(Partition, Ends)>> {
        self.tails.wait(beyond).await
    }

    async fn ends(&self, of: &[Partition]) -> Answer<Vec<(Partition, Ends)>> {
        admin::ends(&self.admin, of).await
    }

    async fn delete_records(&self, of: &Partition, before: i64) -> Answer<i64> {
        admin::delete_records(&self.admin, of, before).await
    }

    async fn topics(&self) -> Answer<Vec<String>> {
        admin::topics(&self.admin).await
    }

    async fn partitions(&self, of: &[String]) -> Answer<BTreeMap<String, i32>> {
        admin::partitions(&self.admin, of).await
    }

    async fn create_topic(&self, topic: &NewTopic<'_>) -> Answer<bool> {
        let created = admin::create_topic(&self.admin, topic).await?;
        // One that another node has made may have fewer partitions.
        self.settle(topic.name, if created { topic.partitions } else { 1 }).await?;
        Ok(created)
    }

    async fn grow_topic(&self, topic: &str, partitions: i32) -> Answer<()> {
        admin::grow_topic(&self.admin, topic, partitions).await?;
        self.settle(topic, partitions).await
    }

    async fn delete_topic(&self, topic: &str) -> Answer<()> {
        admin::delete_topic(&self.admin, topic).await?;
        self.producer.forget(topic);
        Ok(())
    }

    async fn describe(&self, topics: &[String]) -> Answer<Described> {
        admin::describe(&self.admin, topics).await
    }
}

impl Krafka {
    /// Waits until the partitions have leaders that both the producer and the readers know of: brokers hear of a new
    /// partition one after the other.
    async fn settle(&self, topic: &str, partitions: i32) -> Answer<()> {
        let all = names::partitions(topic, partitions);
        let deadline_us = self.clock.steady_us() + micros(CALL_TIMEOUT);
        for admin in [&self.admin, &self.reads_admin] {
            while let Err(error) = admin::ends(admin, &all).await {
                if self.clock.steady_us() > deadline_us {
                    return Err(ClientError::Unanswered(format!("{topic} does not settle: {error}")));
                }
                self.clock.sleep(SETTLE_MS).await;
            }
        }
        Ok(())
    }
}

/// Connections of their own.
async fn handle(settings: &Settings) -> Answer<Kafka> {
    let connecting = Kafka::builder(settings.brokers.join(","))
        .client_id("headwater")
        .security(security(&settings.security))
        .request_timeout(REQUEST_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .connect();
    connecting.await.map_err(|error| ClientError::Refused(error.to_string()))
}

fn admin_client(kafka: &Kafka) -> AdminClient {
    kafka.admin().default_api_timeout(CALL_TIMEOUT).retry_backoff(RETRY_BACKOFF)
}

fn security(settings: &Security) -> AuthConfig {
    let auth = match &settings.sasl {
        None => AuthConfig::plaintext(),
        Some(sasl) => match sasl.mechanism {
            Mechanism::Plain => AuthConfig::sasl_plain(&sasl.user, &sasl.password),
            Mechanism::ScramSha256 => AuthConfig::sasl_scram_sha256(&sasl.user, &sasl.password),
            Mechanism::ScramSha512 => AuthConfig::sasl_scram_sha512(&sasl.user, &sasl.password),
        },
    };
    let Some(tls) = &settings.tls else { return auth };
    let mut config = TlsConfig::new();
    if let Some(authorities) = &tls.authorities_pem {
        config = config.with_ca_cert_pem(authorities.clone());
    }
    if let Some(identity) = &tls.identity {
        config = config.with_client_cert_pem(identity.certificates_pem.clone(), identity.key_pem.clone());
    }
    if let Some(name) = &tls.server_name {
        config = config.with_sni_hostname(name);
    }
    auth.with_tls(config)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Identity, Sasl, Tls};

    fn sasl(mechanism: Mechanism) -> Option<Sasl> {
        Some(Sasl { mechanism, user: "u".into(), password: "p".into() })
    }

    #[test]
    fn logins_go_over_tls_where_it_is_set() {
        for mechanism in [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512] {
            let open = security(&Security { tls: None, sasl: sasl(mechanism) });
            let sealed = security(&Security { tls: Some(Tls::default()), sasl: sasl(mechanism) });
            assert!(open.requires_sasl() && !open.requires_tls());
            assert!(sealed.requires_sasl() && sealed.requires_tls());
            assert_eq!(open.sasl_mechanism(), sealed.sasl_mechanism());
        }
        let neither = security(&Security::default());
        assert!(!neither.requires_sasl() && !neither.requires_tls());
    }

    #[test]
    fn certificates_are_always_verified() {
        let identity = Identity { certificates_pem: b"c".to_vec(), key_pem: b"k".to_vec() };
        let tls = Tls { identity: Some(identity), server_name: Some("kafka".into()), ..Tls::default() };
        let auth = security(&Security { tls: Some(tls), sasl: None });
        let config = auth.tls_config().unwrap();
        assert!(config.verify_server_cert());
        assert_eq!(config.sni_hostname(), Some("kafka"));
    }
}
