//! The expression language: text is parsed, its placeholders are resolved and its operands checked, before anything is
//! read. What comes out is pure: a condition of an item, an update from one item to the next, a projection.
//!
//! Invariant: every refusal is the service's own sentence, and checks come in the service's order: syntax, then
//! reserved words and functions, then placeholders, then operands.
mod checks;
mod condition;
mod key_condition;
pub mod legacy;
mod parser;
mod path;
mod placeholders;
mod projection;
mod reserved;
mod resolve_condition;
mod resolve_update;
pub mod syntax;
mod token;
mod update;

pub use condition::{Condition, Operand};
pub use key_condition::{KeyCondition, KeyQuery, KeyTest};
pub use path::{Path, Step};
pub use placeholders::Placeholders;
pub use projection::Projection;
pub use update::Update;

use crate::errors::validation;
use headwater_wire::ServiceError;

/// The parameter an expression came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parameter {
    /// `ConditionExpression`.
    Condition,
    /// `FilterExpression`.
    Filter,
    /// `KeyConditionExpression`.
    KeyCondition,
    /// `UpdateExpression`.
    Update,
    /// `ProjectionExpression`.
    Projection,
}

impl Parameter {
    /// The parameter's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Condition => "ConditionExpression",
            Self::Filter => "FilterExpression",
            Self::KeyCondition => "KeyConditionExpression",
            Self::Update => "UpdateExpression",
            Self::Projection => "ProjectionExpression",
        }
    }

    /// The refusal of an expression, which names its parameter.
    fn invalid(self, why: &str) -> ServiceError {
        validation(format!("Invalid {}: {why}", self.name()))
    }
}

/// Parses a condition, a filter or a key condition, whatever its names are.
///
/// # Errors
/// The service's sentence for what is not an expression.
pub fn parse_condition(parameter: Parameter, text: &str) -> Result<syntax::Condition<'_>, ServiceError> {
    parser::condition(parameter, text).map_err(|why| parameter.invalid(&why))
}

/// Parses an update, whatever its names are.
///
/// # Errors
/// As for [`parse_condition`].
pub fn parse_update(text: &str) -> Result<syntax::Update<'_>, ServiceError> {
    parser::update(text).map_err(|why| Parameter::Update.invalid(&why))
}

/// Parses a projection, whatever its names are.
///
/// # Errors
/// As for [`parse_condition`].
pub fn parse_projection(text: &str) -> Result<syntax::Projection<'_>, ServiceError> {
    parser::projection(text).map_err(|why| Parameter::Projection.invalid(&why))
}

#[cfg(test)]
mod tests;
