//! Backups: a data folder as it was at one moment, in a folder that many of them share. Invariant: the journal and the rows
//! of a backup belong together, so that opening it is an ordinary start.
//!
//! The map: `source` takes the moment and tells of it in `frame`s, also over the wire; `store` keeps what it is told, as
//! `chunk`s that each have the name of what is in them, and a `manifest` for each backup; `restore` makes a data folder again.
//! What it was like at a moment between backups is had of a `journal` that goes back to it: `history` says how far a data folder
//! does, `reach` which backups serve, `moment` makes the folder.
mod chunk;
mod frame;
mod history;
mod journal;
mod manifest;
mod moment;
mod reach;
mod restore;
mod source;
mod store;

pub(crate) use frame::{CONTENT_TYPE, Decoder, Frame, MAGIC, encode};
pub(crate) use history::{HOUR_MS, History};
pub(crate) use manifest::told;
pub(crate) use moment::restore_to;
pub(crate) use reach::from_ms;
pub(crate) use restore::restore;
pub(crate) use source::{Known, Source};
pub(crate) use store::{Store, Taking, readable};

/// Where a running server tells of itself …
pub(crate) const PATH: &str = "/_headwater/backup";
/// … and what this is called in the scope of a signature.
pub(crate) const SCOPE: &str = "headwater";
