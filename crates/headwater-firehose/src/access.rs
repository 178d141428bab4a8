//! Who may do what: each operation says which delivery stream it is about, and whoever decides is asked before it runs.
//!
//! Invariant: no operation with a row runs before it was allowed.
use crate::{Firehose, errors::Result, target};
use headwater_wire::{Ask, Caller, Input, Operation, Row, Service, firehose::Tag, op};
use std::{collections::BTreeMap, future::Future, sync::Arc};

/// What an input is about: a delivery stream or nothing in particular, and the tags it brings.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) tags: &'a [Tag],
}

impl<'a> From<&'a String> for About<'a> {
    fn from(name: &'a String) -> Self {
        Self { name: Some(name), tags: &[] }
    }
}

/// The row of the operation whose input `run` takes and of which `about` says what it is about.
pub(crate) fn guarded_op<I, F, Fut>(run: F, about: fn(&I) -> About<'_>) -> Row<Firehose>
where
    I: Input + Sync + 'static,
    F: Fn(Arc<Firehose>, Caller, I) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = Result<<I::Op as Operation>::Output>> + Send + 'static,
{
    op(move |firehose: Arc<Firehose>, caller: Caller, input: I| async move {
        firehose.authorize(<I::Op as Operation>::NAME, &caller, about(&input))?;
        run(firehose, caller, input).await
    })
    .about(move |_: &Firehose, _, input: &I| about(input).name.map(str::to_owned))
}

static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

impl Firehose {
    /// Asks whether the caller may do it.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn authorize(&self, operation: &'static str, caller: &Caller, about: About<'_>) -> Result<()> {
        if self.access.is_open() {
            return Ok(());
        }
        let catalog = self.catalog.read();
        let held = about.name.and_then(|name| catalog.stream(&caller.account, &caller.region, name));
        let resource =
            about.name.map_or_else(|| "*".to_owned(), |name| target::arn(&caller.account, &caller.region, name));
        self.access.decide(&Ask {
            caller,
            service: Service::Firehose,
            operation,
            resource: &resource,
            policy: None,
            request_tags: &crate::ops::tag_map(about.tags),
            resource_tags: held.map_or(&NO_TAGS, |stream| &stream.tags),
            now_ms: self.clock.now_ms(),
        })
    }
}
