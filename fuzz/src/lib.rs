//! What the fuzz targets share: bodies decoded as every kind of input, a folder in memory, services in memory and delivery
//! streams at work; and the lines of a text.
mod bodies;
mod delivery;
mod folder;
mod outside;
pub mod services;

pub use bodies::decode_every_input;
pub use delivery::{Delivered, Works};
pub use folder::Folder;

/// Whether a text has a line of this number, the first being 1; it may end with the one behind its last.
pub fn has_line(text: &str, line: usize) -> bool {
    (1..=text.split(['\n', '\r']).count() + 1).contains(&line)
}
