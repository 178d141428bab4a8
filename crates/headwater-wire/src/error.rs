//! The caller's errors: a code of the model's closed list and AWS's own sentence. How they look on the wire is the
//! front's affair.
use std::{collections::BTreeMap, fmt};

use crate::{
    AttributeValue, Dialect, Service,
    codec::{Encode, Shape, Writer, encode},
    dynamodb::{CancellationReason, ThrottlingReason},
    value::put,
};

/// Whose fault it was; decides the HTTP status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// 400: the request is at fault.
    Sender,
    /// 500: the service is at fault; clients try again.
    Receiver,
    /// 503: not now; clients try again.
    Unavailable,
    /// 421: nothing was done, as another node does it. Whoever knows that node passes the request on; no client sees this.
    Elsewhere,
}

/// One refusal, as the service would say it.
#[derive(Clone, PartialEq, Debug)]
pub struct ServiceError {
    /// The model's name, e.g. `ResourceNotFoundException`; never with a name space.
    pub code: &'static str,
    /// AWS's sentence; `None` where the service sends a bare `__type`.
    pub message: Option<String>,
    /// Whose fault.
    pub kind: ErrorKind,
    /// What it says besides, where its shape has more than a sentence.
    pub members: Option<Box<ErrorMembers>>,
}

/// What some errors say besides the sentence.
#[derive(Clone, PartialEq, Debug)]
pub enum ErrorMembers {
    /// The item that did not meet a condition.
    Item(BTreeMap<String, AttributeValue>),
    /// Why a transaction was given up: one for each of its items, in their order.
    CancellationReasons(Vec<CancellationReason>),
    /// What was asked too much of.
    ThrottlingReasons(Vec<ThrottlingReason>),
    /// Another service's word for it.
    Code(String),
    /// What failed, for the operator: it stands in the log, and is told to nobody who calls.
    Cause(String),
}

impl ServiceError {
    /// An error of the sender's with the service's sentence.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()), kind: ErrorKind::Sender, members: None }
    }

    /// An error without a sentence.
    #[must_use]
    pub const fn bare(code: &'static str, kind: ErrorKind) -> Self {
        Self { code, message: None, kind, members: None }
    }

    /// The same, saying more.
    #[must_use]
    pub fn with(self, members: ErrorMembers) -> Self {
        Self { members: Some(Box::new(members)), ..self }
    }

    /// The same, and what it comes from.
    #[must_use]
    pub fn because(self, cause: &impl fmt::Display) -> Self {
        self.with(ErrorMembers::Cause(cause.to_string()))
    }

    /// What it comes from, if that is known.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self.members.as_deref() {
            Some(ErrorMembers::Cause(cause)) => Some(cause),
            _ => None,
        }
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

/// Errors whose message member the model or the framework writes with a capital.
const CAPITAL_MESSAGE: [&str; 4] = [
    "IdempotentParameterMismatchException",
    "SerializationException",
    "TransactionCanceledException",
    "TransactionInProgressException",
];
/// Errors `DynamoDB`'s framework raises before the service itself is asked.
const FRAMEWORK_ERRORS: [&str; 11] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InternalFailure",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "SerializationException",
    "ServiceUnavailableException",
    "UnknownOperationException",
    "UnrecognizedClientException",
];

static SHAPE: Shape = Shape { java: "", members: &[], required: 0 };

/// An error on its way out: `__type`, the sentence if there is one, and its other members.
struct Told<'a>(Service, &'a ServiceError);

impl Encode for Told<'_> {
    fn encode(&self, writer: &mut dyn Writer) {
        let Self(service, error) = self;
        let name_space = match service {
            Service::Kinesis | Service::Firehose | Service::Glue => "",
            _ if error.code == "ValidationException" => "com.amazon.coral.validate#",
            _ if FRAMEWORK_ERRORS.contains(&error.code) => "com.amazon.coral.service#",
            Service::DynamoDb | Service::DynamoDbStreams => "com.amazonaws.dynamodb.v20120810#",
        };
        writer.begin_structure(&SHAPE);
        writer.member("__type");
        writer.string(&[name_space, error.code].concat());
        if let Some(message) = &error.message {
            let is_capital = *service == Service::Glue || CAPITAL_MESSAGE.contains(&error.code);
            writer.member(if is_capital { "Message" } else { "message" });
            writer.string(message);
        }
        match error.members.as_deref() {
            None | Some(ErrorMembers::Cause(_)) => {}
            Some(ErrorMembers::Item(item)) => put(writer, "Item", item),
            Some(ErrorMembers::CancellationReasons(reasons)) => put(writer, "CancellationReasons", reasons),
            Some(ErrorMembers::ThrottlingReasons(reasons)) => put(writer, "ThrottlingReasons", reasons),
            Some(ErrorMembers::Code(code)) => put(writer, "code", code),
        }
        writer.end_structure();
    }
}

/// `error` as `service` says it in the dialect.
#[must_use]
pub fn encode_error(dialect: Dialect, service: Service, error: &ServiceError) -> Vec<u8> {
    encode(dialect, &Told(service, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(service: Service, error: &ServiceError) -> String {
        String::from_utf8(encode_error(Dialect::Json11, service, error)).unwrap()
    }

    #[test]
    fn kinesis_names_errors_barely() {
        let error = ServiceError::new("ResourceNotFoundException", "no \"s\"");
        let told = r#"{"__type":"ResourceNotFoundException","message":"no \"s\""}"#;
        assert_eq!(json(Service::Kinesis, &error), told);
        assert_eq!(json(Service::Firehose, &error), told);
        assert_eq!(json(Service::Glue, &error), told.replace("message", "Message"));
        let error = ServiceError::new("SerializationException", "x");
        assert_eq!(json(Service::Kinesis, &error), r#"{"__type":"SerializationException","Message":"x"}"#);
        let error = ServiceError::bare("UnknownOperationException", ErrorKind::Sender);
        assert_eq!(json(Service::Kinesis, &error), r#"{"__type":"UnknownOperationException"}"#);
    }

    #[test]
    fn dynamodb_names_errors_in_three_name_spaces() {
        let told = |code| json(Service::DynamoDb, &ServiceError::bare(code, ErrorKind::Sender));
        assert_eq!(told("ValidationException"), r#"{"__type":"com.amazon.coral.validate#ValidationException"}"#);
        assert_eq!(told("SerializationException"), r#"{"__type":"com.amazon.coral.service#SerializationException"}"#);
        assert_eq!(
            told("ResourceNotFoundException"),
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}"#
        );
    }

    #[test]
    fn an_error_may_carry_an_item_or_reasons() {
        let item = BTreeMap::from([("k".to_owned(), AttributeValue::N("1".into()))]);
        let failed = ServiceError::bare("ConditionalCheckFailedException", ErrorKind::Sender);
        let failed = json(Service::DynamoDb, &failed.with(ErrorMembers::Item(item.clone())));
        assert!(failed.ends_with(r#"#ConditionalCheckFailedException","Item":{"k":{"N":"1"}}}"#), "{failed}");
        let reasons = vec![
            CancellationReason { code: Some("None".into()), ..CancellationReason::default() },
            CancellationReason { code: Some("X".into()), message: Some("m".into()), item: Some(item) },
        ];
        let cancelled = ServiceError::new("TransactionCanceledException", "t");
        let cancelled = json(Service::DynamoDb, &cancelled.with(ErrorMembers::CancellationReasons(reasons)));
        let told = r#","Message":"t","CancellationReasons":[{"Code":"None"},{"Item":{"k":{"N":"1"}},"Code":"X","Message":"m"}]}"#;
        assert!(cancelled.ends_with(told), "{cancelled}");
    }

    #[test]
    fn in_cbor_an_error_is_a_map_without_a_length() {
        let error = ServiceError::bare("SerializationException", ErrorKind::Sender);
        let told = encode_error(Dialect::Cbor11, Service::Kinesis, &error);
        assert_eq!(told, [b"\xbf\x66__type\x76".as_slice(), b"SerializationException\xff"].concat());
    }
}
