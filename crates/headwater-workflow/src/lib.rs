//! Arazzo workflows: documents are read and checked, and their steps run. The network, files, time and whatever is shown
//! of a run come in by [`Outside`]; everything else is here.
//!
//! [`Library::load`] reads a document and the descriptions it names, [`Library::problems`] says what is wrong with it, and
//! [`run`] runs a workflow of it.
mod builtin;
mod check;
mod condition;
mod criterion;
mod document;
mod expression;
mod inputs;
mod library;
mod openapi;
mod outside;
mod problem;
mod read;
mod request;
mod run;
mod select;
mod template;
mod tree;

pub use document::{Document, Source, SourceKind, Step, Workflow};
pub use inputs::{Field, fields, from_text};
pub use library::Library;
pub use outside::{Event, Outside, Request, Response};
pub use problem::{Problem, Severity};
pub use run::{Outcome, Report, Settings, StepReport, run};

/// The values of a YAML or JSON text.
///
/// # Errors
/// Why it is neither, and on which line.
pub fn values(text: &str) -> Result<serde_json::Value, Problem> {
    tree::Node::parse(text).map(|node| node.json())
}
