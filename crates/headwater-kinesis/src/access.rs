//! Who may do what: each operation says what it is about, and whoever decides is asked before it runs.
//!
//! Invariant: no operation with a row runs before it was allowed. What it is allowed across accounts it does in the
//! account of the resource: from here on that account stands in the caller, and no operation need know.
use crate::{
    Kinesis,
    catalog::Catalog,
    errors::Result,
    iterator,
    ops::page_token,
    target::{self, Target},
};
use headwater_wire::{Ask, Caller, Events, Input, Operation, Row, Service, event_op, op};
use std::{collections::BTreeMap, future::Future, sync::Arc};

/// What an input is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// Nothing in particular.
    Nothing,
    Stream(Target<'a>),
    /// What a NextToken is about.
    Page(&'a str),
    /// The shard of an iterator.
    Iterator(&'a str),
}

/// What an input is about, and the tags it brings.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) tags: Option<&'a BTreeMap<String, String>>,
}

impl<'a> From<Subject<'a>> for About<'a> {
    fn from(subject: Subject<'a>) -> Self {
        Self { subject, tags: None }
    }
}

/// The row of the operation whose input `run` takes and of which `about` says what it is about.
pub(crate) fn guarded_op<I, F, Fut>(run: F, about: fn(&I) -> About<'_>) -> Row<Kinesis>
where
    I: Input + Sync + 'static,
    F: Fn(Arc<Kinesis>, Caller, I) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = Result<<I::Op as Operation>::Output>> + Send + 'static,
{
    op(move |kinesis: Arc<Kinesis>, caller: Caller, input: I| async move {
        let caller = kinesis.authorize(<I::Op as Operation>::NAME, caller, about(&input))?;
        run(kinesis, caller, input).await
    })
    .about(move |kinesis: &Kinesis, caller, input: &I| kinesis.name_of(caller, about(input)))
}

/// The row of an operation that answers with events, guarded in the same way.
pub(crate) fn guarded_event_op<I, F, Fut, E>(run: F, about: fn(&I) -> About<'_>) -> Row<Kinesis>
where
    I: Input + Sync + 'static,
    F: Fn(Arc<Kinesis>, Caller, I) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = Result<E>> + Send + 'static,
    E: Events,
{
    event_op(move |kinesis: Arc<Kinesis>, caller: Caller, input: I| async move {
        let caller = kinesis.authorize(<I::Op as Operation>::NAME, caller, about(&input))?;
        run(kinesis, caller, input).await
    })
    .about(move |kinesis: &Kinesis, caller, input: &I| kinesis.name_of(caller, about(input)))
}

static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

/// A stream or a consumer of one, there or not, by the parts of its ARN.
struct Named {
    account: Arc<str>,
    region: Arc<str>,
    /// What follows `stream/`.
    name: String,
}

impl Named {
    /// Its policy and its tags.
    fn kept<'a>(&self, catalog: &'a Catalog) -> (Option<&'a str>, &'a BTreeMap<String, String>) {
        let (stream, consumer) = match self.name.split_once("/consumer/") {
            Some((stream, consumer)) => (stream, Some(consumer)),
            None => (&*self.name, None),
        };
        let Some(stream) = catalog.stream(&self.account, &self.region, stream) else { return (None, &NO_TAGS) };
        let Some(consumer) = consumer else { return (stream.policy.as_deref(), &stream.tags) };
        let held = consumer.rsplit_once(':').and_then(|(name, secs)| {
            let held = stream.consumers.get(name)?;
            (secs.parse() == Ok(held.created_secs())).then_some(held)
        });
        held.map_or((None, &NO_TAGS), |held| (held.policy.as_deref(), &held.tags))
    }
}

impl Kinesis {
    /// The caller as the operation is to see it, if it may do it.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn authorize(&self, operation: &'static str, caller: Caller, about: About<'_>) -> Result<Caller> {
        if self.access.is_open() {
            return Ok(caller);
        }
        let catalog = self.catalog.read();
        let named = self.named(&caller, about.subject);
        let (policy, tags) = named.as_ref().map_or((None, &NO_TAGS), |named| named.kept(&catalog));
        let resource = named
            .as_ref()
            .map_or_else(|| "*".to_owned(), |named| target::arn(&named.account, &named.region, &named.name));
        self.access.decide(&Ask {
            caller: &caller,
            service: Service::Kinesis,
            operation,
            resource: &resource,
            policy,
            request_tags: about.tags.unwrap_or(&NO_TAGS),
            resource_tags: tags,
            now_ms: self.clock.now_ms(),
        })?;
        Ok(match named {
            Some(named) => Caller { account: named.account, ..caller },
            None => caller,
        })
    }

    /// What an input is about: a stream, or a consumer behind its stream.
    fn name_of(&self, caller: &Caller, about: About<'_>) -> Option<String> {
        self.named(caller, about.subject).map(|named| named.name)
    }

    /// The stream a subject names. What names none is nothing in particular: the operation will say what is wrong.
    fn named(&self, caller: &Caller, subject: Subject<'_>) -> Option<Named> {
        let own = |name: &str| Named {
            account: Arc::clone(&caller.account),
            region: Arc::clone(&caller.region),
            name: name.to_owned(),
        };
        match subject {
            Subject::Nothing => None,
            Subject::Stream(Target { arn: Some(arn), .. }) => {
                let (region, account, name) = target::parts(arn)?;
                Some(Named { account: account.into(), region: region.into(), name: name.to_owned() })
            }
            Subject::Stream(target) => target.name(caller).ok().map(own),
            Subject::Page(token) => {
                let (account, region, name) = page_token::stream_of(self, token)?;
                Some(Named { account: account.into(), region: region.into(), name })
            }
            Subject::Iterator(token) => {
                let opened = iterator::open(&self.sealer, token, self.clock.now_ms()).ok()?;
                let position = opened.position().ok()?;
                let (account, region) = (position.account.into(), position.region.into());
                Some(Named { account, region, name: position.stream.to_owned() })
            }
        }
    }
}
