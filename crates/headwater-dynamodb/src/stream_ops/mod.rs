//! The operations of `DynamoDB` Streams: one file and one row each.
//!
//! Invariant: what is told of a stream and what is read from it come from one state of tables and rows.
pub(crate) mod describe_stream;
pub(crate) mod get_records;
pub(crate) mod get_shard_iterator;
mod iterator;
pub(crate) mod list_streams;
mod reading;
mod shapes;

use crate::{
    DynamoDb,
    access::{About, guarded_op},
    errors::{self, Result},
    table::Tables,
};
use headwater_wire::Row;

/// Every operation on streams.
#[must_use]
pub(crate) fn operations() -> Vec<Row<DynamoDb>> {
    vec![
        guarded_op(describe_stream::run, |input| About::arn(&input.stream_arn)),
        guarded_op(get_records::run, |input| About::arn(iterator::arn(&input.shard_iterator))),
        guarded_op(get_shard_iterator::run, |input| About::arn(&input.stream_arn)),
        guarded_op(list_streams::run, |_| About::nothing()),
    ]
}

/// Whether there is a stream with this ARN.
pub(crate) fn is_known(tables: &Tables, arn: &str) -> bool {
    reading::find(tables, arn).is_ok()
}

/// How many a request wants at a time; without a word as many as there can be.
fn page_size(asked: Option<i32>, most: usize) -> Result<usize> {
    match asked {
        None => Ok(most),
        Some(asked) => {
            let wanted = usize::try_from(asked).unwrap_or_default();
            if wanted > most { Err(errors::limit_too_large(asked, most)) } else { Ok(wanted) }
        }
    }
}
