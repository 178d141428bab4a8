//! One write of one item: what is asked for, and what comes of it. Pure but for reading what the item was.
//!
//! Invariant: what is put is an item the table can hold – keys of the right types, of a permitted size.
use crate::{
    database::{Deciding, Image},
    errors::{self, Result},
    expression::{Condition, Update},
    key,
    table::Table,
    value::{self, Item},
};
use bytes::Bytes;
use headwater_wire::ServiceError;
use std::sync::Arc;

/// An item is at most this large, names included.
const MAX_ITEM_BYTES: u32 = 400 << 10;

/// One write.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) table: Arc<Table>,
    /// The item's stored key.
    pub(crate) key: Bytes,
    pub(crate) condition: Option<Condition>,
    pub(crate) action: Action,
    /// What is put or inserted, as it is stored.
    pub(crate) image: Option<Image>,
    /// Whether the item is shown to a caller whose condition fails.
    pub(crate) shows_failed: bool,
    /// Whether the caller must know what the item was.
    pub(crate) wants_items: bool,
}

/// What a write does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Nothing, but its condition has to hold.
    Check,
    Put(Item),
    /// As [`Action::Put`], but only where nothing is.
    Insert(Item),
    Update(Update),
    Delete,
}

/// What came of a write.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// What was there; `None` where nobody has to know.
    pub(crate) old: Option<Item>,
    pub(crate) new: Option<Item>,
}

/// Why a write is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Its condition does not hold; with what is there, if the caller wants to see it.
    Condition(Option<Item>),
    /// There is an item where one was to be inserted.
    Duplicate,
    /// Anything else.
    Other(ServiceError),
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::Other(error)
    }
}

impl Refusal {
    /// Whether it is only that what is provisioned is used up.
    pub(crate) fn is_throughput(&self) -> bool {
        matches!(self, Self::Other(error) if errors::is_throughput(error))
    }

    /// What the caller of a single write is told.
    pub(crate) fn told(self) -> ServiceError {
        match self {
            Self::Condition(item) => errors::condition_failed(item.map(value::write_item)),
            Self::Duplicate => errors::duplicate_item(),
            Self::Other(error) => error,
        }
    }
}

impl Write {
    /// Reads the key of `item` and checks it against the table's.
    ///
    /// # Errors
    /// The service's words on a key that is missing, of another type, or too long.
    pub(crate) fn put(table: Arc<Table>, item: Item) -> Result<Self> {
        Self::whole(table, item, Action::Put)
    }

    /// As [`Self::put`], but only where nothing is.
    ///
    /// # Errors
    /// As for [`Self::put`].
    pub(crate) fn insert(table: Arc<Table>, item: Item) -> Result<Self> {
        Self::whole(table, item, Action::Insert)
    }

    fn whole(table: Arc<Table>, item: Item, action: fn(Item) -> Action) -> Result<Self> {
        let mut key = Vec::new();
        table.key.put_key(&item, &mut key)?;
        let image = Some(stored(&item, errors::item_too_large)?);
        Ok(Self { image, ..Self::new(table, key, action(item)) })
    }

    /// A write of the item that has exactly `item` as its key.
    ///
    /// # Errors
    /// The service's words on a key that does not fit the table.
    pub(crate) fn at(table: Arc<Table>, item: &Item, action: Action) -> Result<Self> {
        let mut key = Vec::new();
        table.key.named_key(item, &mut key)?;
        if let Action::Update(update) = &action
            && let Some(name) = update.attributes().find(|name| table.key.has(name))
        {
            return Err(errors::key_is_updated(name));
        }
        Ok(Self::new(table, key, action))
    }

    fn new(table: Arc<Table>, key: Vec<u8>, action: Action) -> Self {
        let key = key.into();
        Self { table, key, condition: None, action, image: None, shows_failed: false, wants_items: false }
    }

    /// The key's attributes.
    pub(crate) fn key_item(&self) -> Item {
        key_item(&self.table, &self.key)
    }

    /// Decides the write and adds its change to the decision.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn decide(self, deciding: &mut Deciding<'_>) -> std::result::Result<Written, Refusal> {
        // The table may have changed since it was looked up, or be another one of that name.
        let table = deciding.tables().get(self.table.id).map(Arc::clone).ok_or_else(errors::resource_not_found)?;
        let held = deciding.image(&table, &self.key)?;
        let must_read = self.condition.is_some() || self.wants_items || matches!(self.action, Action::Update(_));
        let old = if must_read { held.as_ref().map(Image::item).transpose() } else { Ok(None) };
        let mut old = old.map_err(|error| errors::engine(&error))?;
        if let Some(condition) = &self.condition
            && !condition.holds(old.as_ref())
        {
            return Err(Refusal::Condition(old.filter(|_| self.shows_failed)));
        }
        let (new, image) = match self.action {
            Action::Check => return Ok(Written { new: old.clone(), old }),
            Action::Delete => (None, None),
            Action::Insert(_) if held.is_some() => return Err(Refusal::Duplicate),
            Action::Put(item) | Action::Insert(item) => {
                check_indexes(&table, &item, key::Write::Put)?;
                (Some(item), self.image)
            }
            Action::Update(update) => {
                let before = if self.wants_items { old.clone() } else { old.take() };
                let item = update.evolve(before, || key_item(&table, &self.key))?;
                let image = item.as_ref().map(|item| stored(item, errors::updated_item_too_large)).transpose()?;
                item.iter().try_for_each(|item| check_indexes(&table, item, key::Write::Update))?;
                (item, image)
            }
        };
        deciding.put(&table, self.key, held, image);
        Ok(Written { old, new })
    }
}

/// The attributes of a stored key.
fn key_item(table: &Table, key: &[u8]) -> Item {
    table.key.decode(key).map(|(item, _)| item).unwrap_or_default()
}

/// The item as it is stored, unless it is too large.
fn stored(item: &Item, refusal: fn() -> ServiceError) -> Result<Image> {
    let image = Image::new(item);
    if image.size_bytes() > MAX_ITEM_BYTES { Err(refusal()) } else { Ok(image) }
}

/// Attributes that are keys of an index have to be of its types where they are there.
fn check_indexes(table: &Table, item: &Item, write: key::Write) -> Result<()> {
    for index in table.kept_indexes() {
        index.key.index_key(item, &index.name, write, &mut Vec::new())?;
    }
    Ok(())
}
