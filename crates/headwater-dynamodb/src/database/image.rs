//! An item as it is stored: its size by the service's rules (4 bytes, little endian), then its attributes.
use crate::value::{self, Item};
use bytes::Bytes;
use headwater_log::LogError;

/// One stored item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Image(Bytes);

impl Image {
    pub(crate) fn new(item: &Item) -> Self {
        let size = u32::try_from(value::size_bytes(item)).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(size as usize + 64);
        bytes.extend_from_slice(&size.to_le_bytes());
        value::encode(item, &mut bytes);
        Self(bytes.into())
    }

    pub(crate) const fn stored(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// A row that was read: the item and its size, 0 if there is none.
    ///
    /// # Errors
    /// `Io` if the bytes are not what was stored.
    pub(crate) fn read(row: Option<Bytes>) -> Result<(Option<Item>, u64), LogError> {
        let Some(image) = row.map(Self) else { return Ok((None, 0)) };
        Ok((Some(image.item()?), u64::from(image.size_bytes())))
    }

    pub(crate) const fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// By the service's rules.
    pub(crate) fn size_bytes(&self) -> u32 {
        self.0.first_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size))
    }

    /// The item.
    ///
    /// # Errors
    /// `Io` if the bytes are not what was stored.
    pub(crate) fn item(&self) -> Result<Item, LogError> {
        let encoded = if self.0.len() < 4 { Bytes::new() } else { self.0.slice(4..) };
        value::decode(encoded).map_err(|why| LogError::Io(format!("a stored item cannot be understood: {why}")))
    }
}
