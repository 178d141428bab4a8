//! Pages of items: a range of a table or of an index, walked in one view until it, the limit or a megabyte is over.
//!
//! Invariant: a page ends by what it looked at, not by what it kept – filters and projections come after.
use crate::{
    DynamoDb,
    capacity::{Consistency, Consumed, read_units},
    database::{self, Image},
    errors::{self, Result},
    expression::{Condition, Projection},
    table::{Index, IndexKind, Table},
    value::{self, Item},
};
use bytes::Bytes;
use headwater_log::{LogError, kv::View};
use std::{
    collections::BTreeSet,
    ops::{Bound, ControlFlow},
};

/// A page ends with the item that brings it to this size.
pub(crate) const PAGE_BYTES: u64 = 1 << 20;

/// A range of rows to walk.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) from: Bound<Vec<u8>>,
    pub(crate) to: Bound<Vec<u8>>,
    pub(crate) backwards: bool,
}

/// What a page is made of.
pub(crate) struct Plan<'a> {
    pub(crate) table: &'a Table,
    pub(crate) index: Option<&'a Index>,
    pub(crate) range: Range,
    pub(crate) limit: usize,
    pub(crate) filter: Option<&'a Condition>,
    pub(crate) projection: Option<&'a Projection>,
    pub(crate) is_consistent: bool,
    /// Only the count is wanted.
    pub(crate) counts_only: bool,
    /// Items are read whole from the table though the index shows less: what the caller asks for is not all in it.
    pub(crate) fetches_whole: bool,
}

/// A page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) count: usize,
    pub(crate) scanned: usize,
    /// The keys (table's and index's) of the last item looked at, if there may be more behind it.
    pub(crate) last_key: Option<Item>,
    /// The size of the items looked at.
    pub(crate) bytes: u64,
    pub(crate) consumed: Consumed,
}

impl DynamoDb {
    /// Has a read see what any process acknowledged before, if it asks for that.
    ///
    /// # Errors
    /// The log's.
    pub(crate) async fn read_consistently(&self, asked: Option<bool>) -> Result<()> {
        if asked == Some(true) { self.database.catch_up().await } else { Ok(()) }
    }
}

impl Plan<'_> {
    /// Reads the page.
    ///
    /// # Errors
    /// The store's; never more than that.
    pub(crate) fn read(&self, view: &dyn View) -> Result<Page> {
        let shown = self.index.and_then(|index| index.seen(self.table));
        let mut walk = Walk { plan: self, shown, page: Page::default(), bytes: 0, fetched_units: 0.0, last: None };
        let mut failure: Option<headwater_wire::ServiceError> = None;
        let space = if self.index.is_some() { database::INDEXES } else { database::ITEMS };
        let (from, to) = (self.range.from.as_ref().map(Vec::as_slice), self.range.to.as_ref().map(Vec::as_slice));
        let walked =
            view.range(space, from, to, self.range.backwards, &mut |key, value| match walk.step(view, key, value) {
                Ok(flow) => flow,
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            });
        walked.map_err(|error| errors::engine(&error))?;
        if let Some(error) = failure {
            return Err(error);
        }
        Ok(walk.end())
    }

    fn consistency(&self) -> Consistency {
        if self.is_consistent { Consistency::Strong } else { Consistency::Eventual }
    }
}

struct Walk<'a> {
    plan: &'a Plan<'a>,
    /// The attributes the index shows; `None` for all.
    shown: Option<BTreeSet<&'a str>>,
    page: Page,
    bytes: u64,
    /// Units for items fetched from the table behind a local index.
    fetched_units: f64,
    /// The item the page was ended with.
    last: Option<Item>,
}

impl Walk<'_> {
    fn step(&mut self, view: &dyn View, key: &[u8], value: &Bytes) -> Result<ControlFlow<()>> {
        let Plan { table, index, .. } = self.plan;
        let image = match index {
            None => Image::stored(value.clone()),
            Some(_) => {
                let key = database::item_key(key, value).unwrap_or_default();
                let held = view.get(database::ITEMS, &database::item_row(table.id, key));
                let Some(held) = held.map_err(|error| errors::engine(&error))? else {
                    return Err(errors::engine(&LogError::Io("a row of an index has no item".into())));
                };
                Image::stored(held)
            }
        };
        let mut seen = image.item().map_err(|error| errors::engine(&error))?;
        let full_bytes = u64::from(image.size_bytes());
        self.bytes += match &self.shown {
            None => full_bytes,
            Some(shown) if self.plan.fetches_whole => {
                let part: Vec<_> = seen.iter().filter(|(name, _)| shown.contains(name.as_str())).collect();
                if part.len() < seen.len() {
                    self.fetched_units += read_units(full_bytes, self.plan.consistency());
                }
                part.iter().map(|(name, value)| name.len() + value.size_bytes()).sum::<usize>() as u64
            }
            Some(shown) => {
                seen.retain(|name, _| shown.contains(name.as_str()));
                value::size_bytes(&seen) as u64
            }
        };
        self.page.scanned += 1;
        let is_over = self.page.scanned >= self.plan.limit || self.bytes >= PAGE_BYTES;
        let keeps = match self.plan.filter {
            Some(filter) => filter.holds(Some(&seen)),
            None => true,
        };
        if is_over {
            self.last = Some(keys(table, *index, &seen));
        }
        if keeps {
            self.page.count += 1;
            if !self.plan.counts_only {
                self.page.items.push(shown(self.plan.projection, seen));
            }
        }
        Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn end(self) -> Page {
        let units = read_units(self.bytes, self.plan.consistency());
        let consumed = match self.plan.index {
            None => Consumed::read(units, None),
            Some(index) if index.kind == IndexKind::Local => Consumed::read(self.fetched_units, Some((index, units))),
            Some(index) => Consumed::read(0.0, Some((index, units))),
        };
        Page { last_key: self.last, bytes: self.bytes, consumed, ..self.page }
    }
}

/// The key attributes of an item, of its table and of an index.
fn keys(table: &Table, index: Option<&Index>, item: &Item) -> Item {
    let mut keys = table.key.attributes(item);
    keys.extend(index.into_iter().flat_map(|index| index.key.attributes(item)));
    keys
}

/// What is shown of an item: what a projection shows, or all of it.
pub(crate) fn shown(projection: Option<&Projection>, item: Item) -> Item {
    match projection {
        Some(projection) => projection.project(item),
        None => item,
    }
}
