//! Who may do what: each operation says what it is about, and whoever decides is asked before it runs.
//!
//! Invariant: no operation with a row runs before it was allowed.
use super::{Glue, errors::Result, folded};
use headwater_wire::{Ask, Caller, Input, Operation, Row, Service, op};
use std::{collections::BTreeMap, future::Future, sync::Arc};

static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

/// What an input is about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) catalog_id: Option<&'a str>,
    pub(super) kind: Kind<'a>,
    /// The tags it brings.
    pub(super) tags: Option<&'a BTreeMap<String, String>>,
}

/// The kinds of resources, with their names.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    Catalog,
    Database(&'a str),
    Table(&'a str, &'a str),
}

impl Kind<'_> {
    fn name(self) -> Option<String> {
        match self {
            Self::Catalog => None,
            Self::Database(name) => Some(folded(name)),
            Self::Table(database, name) => Some(format!("{}/{}", folded(database), folded(name))),
        }
    }
}

impl About<'_> {
    fn arn(&self, caller: &Caller) -> String {
        let account = self.catalog_id.unwrap_or(&caller.account);
        let resource = match self.kind {
            Kind::Catalog => "catalog".to_owned(),
            Kind::Database(name) => format!("database/{}", folded(name)),
            Kind::Table(database, name) => format!("table/{}/{}", folded(database), folded(name)),
        };
        format!("arn:aws:glue:{}:{account}:{resource}", caller.region)
    }
}

/// The row of the operation whose input `run` takes and of which `about` says what it is about.
pub(super) fn guarded_op<I, F, Fut>(run: F, about: fn(&I) -> About<'_>) -> Row<Glue>
where
    I: Input + Sync + 'static,
    F: Fn(Arc<Glue>, Caller, I) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = Result<<I::Op as Operation>::Output>> + Send + 'static,
{
    op(move |glue: Arc<Glue>, caller: Caller, input: I| async move {
        if !glue.access.is_open() {
            let about = about(&input);
            glue.access.decide(&Ask {
                caller: &caller,
                service: Service::Glue,
                operation: <I::Op as Operation>::NAME,
                resource: &about.arn(&caller),
                policy: None,
                request_tags: about.tags.unwrap_or(&NO_TAGS),
                resource_tags: &NO_TAGS,
                now_ms: glue.clock.now_ms(),
            })?;
        }
        run(glue, caller, input).await
    })
    .about(move |_: &Glue, _, input: &I| about(input).kind.name())
}
