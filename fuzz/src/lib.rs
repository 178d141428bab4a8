//! What the fuzz targets share: bodies decoded as every kind of input, and a folder in memory.
mod bodies;
mod folder;

pub use bodies::decode_every_input;
pub use folder::Folder;
