//! A record on its way from a source to a destination, and what becomes of one that cannot go on.
//!
//! Invariant: a record carries the data it has now; one that failed carries the data it came with, so that nothing is lost.
use crate::outside::Failure;
use bytes::Bytes;
use std::{collections::BTreeMap, sync::Arc};

/// One record on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// What functions are told it by; unique within a call.
    pub(crate) id: Arc<str>,
    /// Arrival, in milliseconds since the Unix epoch.
    pub(crate) time_ms: u64,
    /// What it carries.
    pub(crate) data: Bytes,
    /// Where it comes from, if that is a stream.
    pub(crate) origin: Option<Arc<Origin>>,
    /// What its place in a partitioned destination follows from.
    pub(crate) keys: PartitionKeys,
}

/// Where a record of a stream comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    /// As the stream's readers see it.
    pub(crate) sequence_number: String,
    /// Its place in an aggregate, 0 where there is none.
    pub(crate) subsequence_number: u64,
    /// Its partition key; empty where it has none.
    pub(crate) partition_key: String,
    /// E.g. `shardId-000000000000`.
    pub(crate) shard_id: Arc<str>,
}

/// Names and values, as a query or a function gave them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct PartitionKeys {
    /// For `!{partitionKeyFromQuery:…}`.
    pub(crate) from_query: BTreeMap<String, String>,
    /// For `!{partitionKeyFromLambda:…}`.
    pub(crate) from_lambda: BTreeMap<String, String>,
}

/// A record that goes to the place of errors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failed {
    /// The record, with the data to be kept.
    pub(crate) record: Record,
    /// What `!{firehose:error-output-type}` stands for, e.g. `processing-failed`.
    pub(crate) output_type: &'static str,
    /// The service's word, e.g. `Lambda.FunctionError`.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) message: String,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// When the last try ended, in milliseconds since the Unix epoch.
    pub(crate) ended_ms: u64,
    /// The function that failed, if one did.
    pub(crate) function_arn: Option<Arc<str>>,
}

impl Failed {
    /// Records that failed together, for one reason.
    pub(crate) fn all(
        records: Vec<Record>,
        output_type: &'static str,
        why: &Failure,
        attempts: u32,
        ended_ms: u64,
    ) -> Vec<Self> {
        let fail = |record| Self {
            record,
            output_type,
            code: why.code.clone(),
            message: why.message.clone(),
            attempts,
            ended_ms,
            function_arn: None,
        };
        records.into_iter().map(fail).collect()
    }
}
