//! The one error of this library. Invariant: who catches one knows whether the program is wrong, the service refused, or
//! an answer made no sense, without reading the sentence.
use aws_sdk_kinesis::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};
use std::fmt;

/// A result of this library's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something did not happen.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The library was used wrongly: an argument that no service would take, data that cannot be encoded, a call after the
    /// end. The sentence says what to change.
    Misuse(String),
    /// A request failed: the service refused it, or it was not reached.
    Failed(Failed),
    /// A request succeeded and its answer lacks what the API promises.
    Unexpected(String),
}

/// A request that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Failed {
    /// The operation, as the API calls it.
    pub operation: &'static str,
    /// The answer's HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// The service's code, such as `ProvisionedThroughputExceededException`; `None` if there was no answer, or none with a
    /// code.
    pub code: Option<String>,
    /// The service's sentence, or what stood between.
    pub message: String,
}

impl Error {
    /// The service's code, if this is a refusal of the service's.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Failed(failed) => failed.code.as_deref(),
            Self::Misuse(_) | Self::Unexpected(_) => None,
        }
    }

    /// Makes the SDK's error of `operation` this library's.
    pub(crate) fn of_sdk<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        match error {
            SdkError::ConstructionFailure(_) => Self::Misuse(format!("{operation}: {}", DisplayErrorContext(&error))),
            SdkError::ServiceError(ref refused) => Self::Failed(Failed {
                operation,
                status: Some(refused.raw().status().as_u16()),
                code: refused.err().code().map(Into::into),
                message: refused.err().message().map_or_else(|| DisplayErrorContext(&error).to_string(), Into::into),
            }),
            SdkError::ResponseError(ref response) => {
                let status = response.raw().status();
                Self::Unexpected(format!("{operation}: status {status}: {}", DisplayErrorContext(&error)))
            }
            error => Self::Failed(Failed {
                operation,
                status: None,
                code: None,
                message: DisplayErrorContext(&error).to_string(),
            }),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(sentence) | Self::Unexpected(sentence) => f.write_str(sentence),
            Self::Failed(Failed { operation, code: Some(code), message, .. }) => {
                write!(f, "{operation}: {code}: {message}")
            }
            Self::Failed(Failed { operation, message, .. }) => write!(f, "{operation}: {message}"),
        }
    }
}

impl std::error::Error for Error {}
