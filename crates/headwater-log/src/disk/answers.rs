//! How callers hear of what became durable. Invariant: each is answered exactly once, after readers can see it.
//!
//! To wake a task from outside its runtime costs a system call, each time. So the writer hands over a whole group at once
//! to a task inside, and that one wakes the callers.
use super::intake::Item;
use crate::Stamp;
use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedSender, unbounded_channel},
};

/// The items of a group, each with its stamps.
type Group = Vec<(Item, Vec<Stamp>)>;

/// The way back to the callers.
pub(super) enum Answers {
    /// From the writer itself.
    Direct,
    /// Through a task of the runtime the engine was opened in.
    Inside(UnboundedSender<Group>),
}

impl Answers {
    /// Through the runtime this is called in, if it is called in one.
    pub(super) fn through_runtime() -> Self {
        let Ok(runtime) = Handle::try_current() else { return Self::Direct };
        let (groups, mut durable) = unbounded_channel::<Group>();
        runtime.spawn(async move {
            while let Some(group) = durable.recv().await {
                answer(group);
            }
        });
        Self::Inside(groups)
    }

    pub(super) fn send(&self, group: Group) {
        let unsent = match self {
            Self::Direct => Some(group),
            Self::Inside(groups) => groups.send(group).err().map(|unsent| unsent.0), // the runtime is gone
        };
        unsent.into_iter().for_each(answer);
    }
}

/// Nobody may be listening any more.
fn answer(group: Group) {
    for (item, stamps) in group {
        match item {
            Item::Append { reply, .. } => drop(reply.send(Ok(stamps))),
            Item::Trim { reply: Some(reply), .. } => drop(reply.send(Ok(()))),
            Item::Trim { reply: None, .. } => {}
        }
    }
}
