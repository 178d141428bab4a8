//! The caller's errors: a code of the model's closed list and AWS's own sentence. How they look on the wire is the
//! front's affair.
use std::fmt;

/// Whose fault it was; decides the HTTP status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// 400: the request is at fault.
    Sender,
    /// 500: the service is at fault; clients try again.
    Receiver,
    /// 503: not now; clients try again.
    Unavailable,
}

/// One refusal, as the service would say it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceError {
    /// The model's name, e.g. `ResourceNotFoundException`; never with a name space.
    pub code: &'static str,
    /// AWS's sentence; `None` where the service sends a bare `__type`.
    pub message: Option<String>,
    /// Whose fault.
    pub kind: ErrorKind,
}

impl ServiceError {
    /// An error of the sender's with the service's sentence.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()), kind: ErrorKind::Sender }
    }

    /// An error without a sentence.
    #[must_use]
    pub const fn bare(code: &'static str, kind: ErrorKind) -> Self {
        Self { code, message: None, kind }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.code),
            None => f.write_str(self.code),
        }
    }
}
impl std::error::Error for ServiceError {}
