//! Structures kept as text: a model's own shape is the best form for what is shown again as it was given.
use bytes::Bytes;

use crate::{
    Dialect, Service, Structure,
    codec::{encode, read},
    constraint::Violations,
};

/// The text of a structure.
pub fn to_text<T: Structure>(structure: &T) -> String {
    String::from_utf8(encode(Dialect::Json11, structure)).unwrap_or_default()
}

/// The structure of a text that [`to_text`] made. Constraints are not checked again.
///
/// # Errors
/// A sentence if it is none.
pub fn of_text<T: Structure>(text: &str) -> Result<T, String> {
    let body = Bytes::copy_from_slice(text.as_bytes());
    read(Dialect::Json11, Service::Firehose, &body, &mut Violations::default()).map_err(|fault| format!("{fault:?}"))
}
