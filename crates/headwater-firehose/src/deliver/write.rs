//! A buffer on its way out: into an object or to an endpoint.
//!
//! Invariant: it comes back as written only when it is durable there; until then it is tried again, for as long as the
//! destination's settings say, and what is given up goes where errors go.
use super::{Delivery, objects, post};
use crate::{
    buffer::Goal,
    plan::Good,
    record::{Failed, Record},
};
use std::sync::Arc;

/// Writes the records of a buffer; returns those that could not be and have to go to the errors.
pub(super) async fn write(delivery: &Arc<Delivery>, goal: &Goal, records: Vec<Record>) -> Vec<Failed> {
    let plan = &delivery.plan;
    match (goal, &plan.good) {
        (Goal::Good(_), Good::Endpoint(endpoint)) => post::post(delivery, endpoint, records).await,
        (Goal::Good(keys), Good::Objects { conversion, retry_ms }) => {
            objects::good(delivery, keys, conversion.as_deref(), *retry_ms, records).await
        }
        (Goal::Raw, _) => {
            if let Some((bucket, _)) = &plan.raw {
                objects::plain(delivery, bucket, None, records).await;
            }
            Vec::new()
        }
        (Goal::Failed(output_type), _) => {
            objects::plain(delivery, &plan.bucket, Some(output_type), records).await;
            Vec::new()
        }
    }
}
