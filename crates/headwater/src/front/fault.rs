//! Faults on purpose: an operation answers with one of its errors in a share of all calls, so that clients' retries can
//! be tested. A faulted request has no effect.
use super::chance::Draw;
use headwater_wire::{ErrorKind, ServiceError};
use std::collections::BTreeMap;

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

/// AWS's common errors: every operation of every service may answer with them.
const COMMON_ERRORS: [(&str, ErrorKind); 7] = [
    ("AccessDeniedException", ErrorKind::Sender),
    ("ExpiredTokenException", ErrorKind::Sender),
    ("InternalFailure", ErrorKind::Receiver),
    ("ServiceUnavailable", ErrorKind::Unavailable),
    ("ThrottlingException", ErrorKind::Sender),
    ("UnrecognizedClientException", ErrorKind::Sender),
    ("ValidationException", ErrorKind::Sender),
];

/// The error `name` as an operation would answer with it whose own errors are `own`.
///
/// # Errors
/// A sentence with the errors there are, if this is none of them.
pub(crate) fn injected(own: &[(&'static str, ErrorKind)], operation: &str, name: &str) -> Result<ServiceError, String> {
    let known: BTreeMap<_, _> = COMMON_ERRORS.iter().chain(own).copied().collect();
    if let Some((code, kind)) = known.get_key_value(name) {
        return Ok(ServiceError { kind: *kind, ..ServiceError::new(code, "Injected by --fault.") });
    }
    let names: Vec<&str> = known.into_keys().collect();
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
    use headwater_wire::{Operation, kinesis};

    #[test]
    fn an_operation_has_its_own_errors_and_the_common_ones() {
        let of = |name| injected(kinesis::GetRecords::ERRORS, "GetRecords", name);
        assert_eq!(of("ExpiredIteratorException").unwrap().kind, ErrorKind::Sender);
        assert_eq!(of("InternalFailureException").unwrap().kind, ErrorKind::Receiver);
        assert_eq!(of("ServiceUnavailable").unwrap().kind, ErrorKind::Unavailable);
        let said = of("ResourceInUseException").unwrap_err();
        assert!(
            said.contains("it has AccessDeniedException, ") && said.contains(", ExpiredIteratorException, "),
            "{said}"
        );
        assert!(!said.contains("ResourceInUseException,"), "{said}");
    }

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
