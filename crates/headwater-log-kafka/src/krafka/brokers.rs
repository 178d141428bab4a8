//! The brokers that batches are sent to, by `krafka`'s connections and messages.
use super::{
    REQUEST_TIMEOUT,
    batch::{self, Batch},
    produce::{Brokers, Told, Unanswered},
};
use crate::names::Partition;
use ::krafka::{
    __private::{
        kafka_metadata,
        protocol::{
            ApiKey, InitProducerIdRequest, InitProducerIdResponse, ProduceResponse, VersionedDecode, VersionedEncode,
        },
    },
    Kafka, KrafkaError,
    error::ErrorCode,
};
use bytes::BytesMut;
use std::{collections::HashMap, sync::Arc};

/// The versions of the request for an id that ask for the same.
const ID_VERSIONS: (i16, i16) = (0, 4);

impl Brokers for Kafka {
    async fn leader(&self, of: &Partition) -> Result<i32, KrafkaError> {
        let metadata = kafka_metadata(self);
        let known = || metadata.leader(&of.topic, of.index).filter(|id| *id >= 0);
        if let Some(leader) = known() {
            return Ok(leader);
        }
        metadata.force_refresh(Some(&[&of.topic])).await?;
        known().ok_or_else(|| {
            let code = metadata.topic_error(&of.topic).unwrap_or(ErrorCode::LeaderNotAvailable);
            KrafkaError::broker(code, format!("{of} has no leader"))
        })
    }

    async fn look_again(&self, topic: &str) {
        let _ = kafka_metadata(self).force_refresh(Some(&[topic])).await; // all who look now wait for one answer
    }

    async fn new_id(&self) -> Result<i64, KrafkaError> {
        let mut why = KrafkaError::timeout("asking for an id");
        for broker in kafka_metadata(self).brokers() {
            match ask_for_id(self, broker.id()).await {
                Ok(id) => return Ok(id),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    async fn send(&self, leader: i32, batches: &[&Batch]) -> Result<HashMap<Partition, Told>, Unanswered> {
        let broker = kafka_metadata(self).get_broker_connection(leader).await.map_err(Unanswered::Unsent)?;
        let version = broker.negotiate_api_version(ApiKey::Produce, batch::VERSIONS.1, batch::VERSIONS.0);
        let version = version.ok_or_else(|| Unanswered::Unsent(too_old()))?;
        let timeout_ms = i32::try_from(REQUEST_TIMEOUT.as_millis()).unwrap_or(i32::MAX);
        let encode = |body: &mut BytesMut| {
            batch::put_request(body, batches, timeout_ms);
            Ok(())
        };
        let mut answer = broker.send_request(ApiKey::Produce, version, encode).await.map_err(Unanswered::Sent)?;
        let response = ProduceResponse::decode_versioned(version, &mut answer).map_err(Unanswered::Sent)?;
        broker.notify_throttle(response.throttle_time_ms);
        let mut told = HashMap::with_capacity(batches.len());
        for topic in response.responses {
            let name: Arc<str> = topic.name.into();
            told.extend(topic.partition_responses.into_iter().map(|answer| {
                let of = Partition { topic: Arc::clone(&name), index: answer.index };
                let (code, first, time_ms) = (answer.error_code, answer.base_offset, answer.log_append_time_ms);
                (of, Told { code, first, time_ms })
            }));
        }
        Ok(told)
    }
}

async fn ask_for_id(kafka: &Kafka, broker: i32) -> Result<i64, KrafkaError> {
    let broker = kafka_metadata(kafka).get_broker_connection(broker).await?;
    let version = broker.negotiate_api_version(ApiKey::InitProducerId, ID_VERSIONS.1, ID_VERSIONS.0);
    let version = version.ok_or_else(too_old)?;
    let request = InitProducerIdRequest::idempotent();
    let encode = |body: &mut BytesMut| request.encode_versioned(version, body);
    let mut answer = broker.send_request(ApiKey::InitProducerId, version, encode).await?;
    let told = InitProducerIdResponse::decode_versioned(version, &mut answer)?;
    if told.error_code.is_ok() {
        Ok(told.producer_id)
    } else {
        Err(KrafkaError::broker(told.error_code, "asking for an id"))
    }
}

fn too_old() -> KrafkaError {
    KrafkaError::config("the broker is too old: Kafka 1.1 or newer is needed")
}
