//! The operations: one file and one row each.
//!
//! Invariant: rows and refusals together are the model's operations, each once.
pub(crate) mod create_delivery_stream;
pub(crate) mod delete_delivery_stream;
pub(crate) mod describe_delivery_stream;
pub(crate) mod list_delivery_streams;
pub(crate) mod list_tags_for_delivery_stream;
mod new_key;
pub(crate) mod put_record;
pub(crate) mod put_record_batch;
pub(crate) mod start_delivery_stream_encryption;
pub(crate) mod stop_delivery_stream_encryption;
pub(crate) mod tag_delivery_stream;
pub(crate) mod untag_delivery_stream;
pub(crate) mod update_destination;

use crate::{
    Firehose,
    access::{About, guarded_op},
    catalog::{Action, Command, DeliveryStream},
    errors::{self, Result},
    target,
};
use headwater_wire::{Caller, Row, firehose::Tag};
use std::collections::BTreeMap;

/// Tag keys that begin so are AWS's.
const RESERVED: &str = "aws:";

/// Every operation the service can do.
#[must_use]
pub fn operations() -> Vec<Row<Firehose>> {
    vec![
        guarded_op(create_delivery_stream::run, |input| About {
            name: Some(&input.delivery_stream_name),
            tags: input.tags.as_deref().unwrap_or_default(),
        }),
        guarded_op(delete_delivery_stream::run, |input| About::from(&input.delivery_stream_name)),
        guarded_op(describe_delivery_stream::run, |input| About::from(&input.delivery_stream_name)),
        guarded_op(list_delivery_streams::run, |_| About { name: None, tags: &[] }),
        guarded_op(list_tags_for_delivery_stream::run, |input| About::from(&input.delivery_stream_name)),
        guarded_op(put_record::run, |input| About::from(&input.delivery_stream_name)),
        guarded_op(put_record_batch::run, |input| About::from(&input.delivery_stream_name)),
        guarded_op(start_delivery_stream_encryption::run, |input| About::from(&input.delivery_stream_name)),
        guarded_op(stop_delivery_stream_encryption::run, |input| About::from(&input.delivery_stream_name)),
        guarded_op(tag_delivery_stream::run, |input| About {
            name: Some(&input.delivery_stream_name),
            tags: &input.tags,
        }),
        guarded_op(untag_delivery_stream::run, |input| About::from(&input.delivery_stream_name)),
        guarded_op(update_destination::run, |input| About::from(&input.delivery_stream_name)),
    ]
}

/// The model's operations that are not offered.
pub const REFUSED: &[&str] = &[];

impl Firehose {
    /// Looks at the caller's delivery stream called `name`.
    ///
    /// # Errors
    /// The service's own, if there is none.
    pub(crate) fn with_stream<T>(
        &self,
        caller: &Caller,
        name: &str,
        look: impl FnOnce(&DeliveryStream) -> T,
    ) -> Result<T> {
        let catalog = self.catalog.read();
        let stream = catalog.stream(&caller.account, &caller.region, name);
        stream.map(look).ok_or_else(|| errors::stream_not_found(name, &caller.account))
    }

    /// Has the catalog decide; the decision is durable and applied when this returns.
    async fn submit(&self, caller: &Caller, name: &str, action: Action) -> Result<()> {
        let command = Command::Stream { address: target::address(caller, name), action };
        self.catalog.submit(command, self.clock.now_ms()).await.map_err(errors::submit)
    }
}

/// Tags as they are kept; one without a value has an empty one.
pub(crate) fn tag_map(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key.clone(), tag.value.clone().unwrap_or_default())).collect()
}

/// # Errors
/// The service's own, if one of the keys is not the caller's to set.
fn check_tag_keys<'a>(mut keys: impl Iterator<Item = &'a String>) -> Result<()> {
    let is_reserved = |key: &String| key.get(..RESERVED.len()).is_some_and(|key| key.eq_ignore_ascii_case(RESERVED));
    if keys.any(is_reserved) { Err(errors::tag_reserved()) } else { Ok(()) }
}

/// A validated count: never negative.
fn page_size(asked: Option<i32>, default: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(default)
}
