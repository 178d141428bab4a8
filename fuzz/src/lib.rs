//! What the fuzz targets share: bodies decoded as every kind of input, a folder in memory, services in memory and delivery
//! streams at work; the lines of a text, and the pieces of an input.
mod bodies;
mod delivery;
mod folder;
mod outside;
pub mod services;

pub use bodies::{decode_every_input, read_what_is_kept};
pub use delivery::{Delivered, Works};
pub use folder::Folder;

/// Whether a text has a line of this number, the first being 1; it may end with the one behind its last.
pub fn has_line(text: &str, line: usize) -> bool {
    (1..=text.split(['\n', '\r']).count() + 1).contains(&line)
}

/// What stands between the pieces of an input.
pub const BETWEEN: &str = "\n%%%\n";

/// The pieces of an input that has several parts, so that its seeds can be read.
pub fn pieces(mut input: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = input.windows(BETWEEN.len()).position(|window| window == BETWEEN.as_bytes()) {
        pieces.push(&input[..at]);
        input = &input[at + BETWEEN.len()..];
    }
    pieces.push(input);
    pieces
}
