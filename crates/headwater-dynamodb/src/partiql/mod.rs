//! `PartiQL` as the service speaks it: one statement is parsed, its parameters are put in, and what comes out are the
//! conditions, updates and items the rest of the service works with.
//!
//! Invariant: a statement means what the same request in the other language means; only its words differ.
mod keys;
mod lower;
mod parser;
mod print;
mod resolve;
pub mod syntax;
mod terms;
mod token;

pub(crate) use keys::{Reading, reading, whole_key};
pub(crate) use resolve::{Asked, Select, read};

use crate::errors;
use headwater_wire::ServiceError;

/// Parses a statement.
///
/// # Errors
/// `ValidationException` for what is none.
pub fn parse(text: &str) -> Result<syntax::Statement, ServiceError> {
    parser::statement(text).map_err(|fault| match fault {
        parser::Fault::Malformed(why) => errors::malformed_statement(why),
        parser::Fault::Unsupported(why) => errors::validation(why),
    })
}

#[cfg(test)]
mod tests;
