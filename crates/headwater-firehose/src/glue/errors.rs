//! The catalog's sentences: every error it sends is built here, once.
use headwater_log::{LogError, replica::SubmitError};
use headwater_wire::{ErrorKind, ServiceError};

/// What an operation returns.
pub(super) type Result<T> = std::result::Result<T, ServiceError>;

fn not_found(message: impl Into<String>) -> ServiceError {
    ServiceError::new("EntityNotFoundException", message)
}

pub(super) fn no_database(name: &str) -> ServiceError {
    not_found(format!("Database {name} not found."))
}

pub(super) fn no_table(name: &str) -> ServiceError {
    not_found(format!("Table {name} not found."))
}

/// What is said to who only looks.
pub(super) fn no_entity() -> ServiceError {
    not_found("Entity Not Found")
}

pub(super) fn database_exists() -> ServiceError {
    ServiceError::new("AlreadyExistsException", "Database already exists.")
}

pub(super) fn table_exists() -> ServiceError {
    ServiceError::new("AlreadyExistsException", "Table already exists.")
}

pub(super) fn concurrent_update() -> ServiceError {
    ServiceError::new("ConcurrentModificationException", "Update table failed due to concurrent modifications.")
}

pub(super) fn invalid_input(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidInputException", message)
}

/// What was kept cannot be read.
pub(super) fn unreadable(why: &str) -> ServiceError {
    ServiceError::bare("InternalServiceException", ErrorKind::Receiver).because(&why)
}

/// The catalog took no decision; of the log's failure the caller is told no more than that.
pub(super) fn submit(error: SubmitError<ServiceError>) -> ServiceError {
    match error {
        SubmitError::Refused(refusal) => refusal,
        SubmitError::Log(error) => {
            let failure = match error {
                LogError::Full | LogError::Unavailable(_) => {
                    ServiceError::bare("ServiceUnavailable", ErrorKind::Unavailable)
                }
                _ => ServiceError::bare("InternalServiceException", ErrorKind::Receiver),
            };
            failure.because(&error)
        }
    }
}
