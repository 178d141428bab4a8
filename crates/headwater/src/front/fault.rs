//! Faults on purpose: an operation answers with one of its errors in a share of all calls, so that clients' retries can
//! be tested. A faulted request has no effect.
use super::chance::Draw;
use headwater_wire::{
    ErrorKind, Service, ServiceError, dynamodb::error_code as dynamodb, dynamodb_streams::error_code as streams,
    kinesis::error_code as kinesis,
};

/// A fault as asked for; whether there are such an operation and such an error is found out when the table is made.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Fault {
    pub(crate) operation: String,
    pub(crate) error: String,
    /// 0 to 1.
    pub(crate) probability: f64,
}

impl Fault {
    /// Reads `OPERATION:ERROR=PROBABILITY`.
    ///
    /// # Errors
    /// A sentence on what cannot be read.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(operation, rest)| Some((operation, rest.split_once('=')?)));
        let Some((operation, (error, probability))) = parts else {
            return Err(format!("--fault {text}: write OPERATION:ERROR=PROBABILITY"));
        };
        match probability.parse() {
            Ok(probability) if (0.0..=1.0).contains(&probability) => {
                Ok(Self { operation: operation.into(), error: error.into(), probability })
            }
            _ => Err(format!("--fault {text}: a probability is a number from 0 to 1, not '{probability}'")),
        }
    }
}

/// Errors that every operation of every service may answer with.
const COMMON_ERRORS: [(&str, ErrorKind); 3] = [
    ("InternalFailure", ErrorKind::Receiver),
    ("ServiceUnavailable", ErrorKind::Unavailable),
    ("ThrottlingException", ErrorKind::Sender),
];

/// The errors of Kinesis' operations that say something about the service and not about one request's contents.
const KINESIS_ERRORS: [&str; 14] = [
    kinesis::ACCESS_DENIED_EXCEPTION,
    kinesis::EXPIRED_ITERATOR_EXCEPTION,
    kinesis::EXPIRED_NEXT_TOKEN_EXCEPTION,
    kinesis::INVALID_ARGUMENT_EXCEPTION,
    kinesis::KMS_ACCESS_DENIED_EXCEPTION,
    kinesis::KMS_DISABLED_EXCEPTION,
    kinesis::KMS_INVALID_STATE_EXCEPTION,
    kinesis::KMS_NOT_FOUND_EXCEPTION,
    kinesis::KMS_THROTTLING_EXCEPTION,
    kinesis::LIMIT_EXCEEDED_EXCEPTION,
    kinesis::PROVISIONED_THROUGHPUT_EXCEEDED_EXCEPTION,
    kinesis::RESOURCE_IN_USE_EXCEPTION,
    kinesis::RESOURCE_NOT_FOUND_EXCEPTION,
    kinesis::VALIDATION_EXCEPTION,
];

/// Those of `DynamoDB`'s operations; errors that say more than a sentence come without what they say.
const DYNAMODB_ERRORS: [&str; 11] = [
    dynamodb::CONDITIONAL_CHECK_FAILED_EXCEPTION,
    dynamodb::INTERNAL_SERVER_ERROR,
    dynamodb::ITEM_COLLECTION_SIZE_LIMIT_EXCEEDED_EXCEPTION,
    dynamodb::LIMIT_EXCEEDED_EXCEPTION,
    dynamodb::PROVISIONED_THROUGHPUT_EXCEEDED_EXCEPTION,
    dynamodb::REQUEST_LIMIT_EXCEEDED,
    dynamodb::RESOURCE_IN_USE_EXCEPTION,
    dynamodb::RESOURCE_NOT_FOUND_EXCEPTION,
    dynamodb::TRANSACTION_CANCELED_EXCEPTION,
    dynamodb::TRANSACTION_CONFLICT_EXCEPTION,
    dynamodb::TRANSACTION_IN_PROGRESS_EXCEPTION,
];

/// Those of `DynamoDB` Streams' operations.
const STREAMS_ERRORS: [&str; 5] = [
    streams::EXPIRED_ITERATOR_EXCEPTION,
    streams::INTERNAL_SERVER_ERROR,
    streams::LIMIT_EXCEEDED_EXCEPTION,
    streams::RESOURCE_NOT_FOUND_EXCEPTION,
    streams::TRIMMED_DATA_ACCESS_EXCEPTION,
];

/// The error `name` as an operation of `service` would answer with it.
///
/// # Errors
/// A sentence with the errors there are, if this is none of them.
pub(crate) fn injected(service: Service, operation: &str, name: &str) -> Result<ServiceError, String> {
    let own: &[&'static str] = match service {
        Service::Kinesis => &KINESIS_ERRORS,
        Service::DynamoDb => &DYNAMODB_ERRORS,
        Service::DynamoDbStreams => &STREAMS_ERRORS,
        Service::Firehose => &[],
    };
    let kind = |code| if code == dynamodb::INTERNAL_SERVER_ERROR { ErrorKind::Receiver } else { ErrorKind::Sender };
    let own = own.iter().map(|code| (*code, kind(*code)));
    let mut known = COMMON_ERRORS.into_iter().chain(own);
    if let Some((code, kind)) = known.clone().find(|(code, _)| *code == name) {
        return Ok(ServiceError { kind, ..ServiceError::new(code, "Injected by --fault.") });
    }
    let names: Vec<&str> = known.by_ref().map(|(code, _)| code).collect();
    Err(format!("--fault {operation}:{name}: {operation} has no such error; it has {}", names.join(", ")))
}

/// A fault ready to happen.
#[derive(Debug)]
pub(crate) struct Armed {
    error: ServiceError,
    probability: f64,
}

impl Armed {
    pub(crate) const fn new(error: ServiceError, probability: f64) -> Self {
        Self { error, probability }
    }

    /// The error, if it is this request's turn.
    pub(crate) fn strike(&self, draw: &mut Draw) -> Option<ServiceError> {
        draw.happens(self.probability).then(|| self.error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_whole_or_refused() {
        let fault = Fault::parse("PutRecord:InternalFailure=0.25").unwrap();
        assert_eq!(
            (fault.operation.as_str(), fault.error.as_str(), fault.probability),
            ("PutRecord", "InternalFailure", 0.25)
        );
        for bad in ["PutRecord", "PutRecord:X", "PutRecord=1", "A:B=2", "A:B=-0.1", "A:B=NaN", "A:B="] {
            assert!(Fault::parse(bad).unwrap_err().starts_with(&format!("--fault {bad}: ")), "{bad}");
        }
    }
}
