//! Type faults in a request, in the words of the service that would have met them. A fault is found before any
//! constraint is looked at, and only the first one is told.
use crate::{ErrorKind, Service, ServiceError};

/// The body isn't what the input's shape says. `None`: the body isn't even well-formed, of which the services say
/// nothing but the error's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SerializationFault(pub(crate) Option<String>);

impl SerializationFault {
    /// Not well-formed JSON or CBOR.
    pub(crate) const MALFORMED: Self = Self(None);

    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(Some(message.into()))
    }
}

impl From<SerializationFault> for ServiceError {
    fn from(fault: SerializationFault) -> Self {
        Self { message: fault.0, ..Self::bare("SerializationException", ErrorKind::Sender) }
    }
}

/// What stood in the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found<'a> {
    Text(&'a str),
    Bytes,
    Whole,
    Decimal,
    True,
    False,
    List,
    Map,
}

/// What the shape wanted there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    String,
    Integer,
    Long,
    Double,
    Boolean,
    Blob,
    Timestamp,
    List,
    /// With the Java name of the values' class.
    Map(&'static str),
    /// With the Java name of the class.
    Structure(&'static str),
}

/// Whose words a fault is put in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wording {
    /// The Coral framework with Java's class names: Kinesis, Firehose.
    Coral,
    /// `DynamoDB`'s own parser.
    Dynamo,
}

impl Wording {
    pub(crate) const fn of(service: Service) -> Self {
        match service {
            Service::Kinesis | Service::Firehose | Service::Glue => Self::Coral,
            Service::DynamoDb | Service::DynamoDbStreams => Self::Dynamo,
        }
    }

    /// `found` can't become what is `wanted`; `element`: it stands in a list or map and not directly in a structure.
    pub(crate) fn mismatch(self, found: Found<'_>, wanted: Wanted, element: bool) -> SerializationFault {
        SerializationFault::new(match self {
            Self::Coral => coral_mismatch(found, wanted),
            Self::Dynamo => dynamo_mismatch(found, wanted, element),
        })
    }

    /// `text` isn't base64 of the strict kind the services want.
    pub(crate) fn base64(self, text: &str) -> SerializationFault {
        let reason = base64_fault(text.as_bytes());
        SerializationFault::new(match self {
            Self::Coral => format!("'{text}' can not be converted to a Blob: {reason}"),
            Self::Dynamo => reason,
        })
    }
}

fn coral_mismatch(found: Found<'_>, wanted: Wanted) -> String {
    let class = match (found, wanted) {
        (Found::Map, _) => return "Start of structure or map found where not expected.".into(),
        (Found::List, _) => return "Start of list found where not expected".into(),
        (_, Wanted::List) => return "Expected list or null".into(),
        (_, Wanted::Map(_)) => return "Expected map or null".into(),
        (_, Wanted::Structure(_)) => return "Expected null".into(),
        (Found::Text(text), Wanted::Boolean) => {
            return format!("'{}' can not be converted to an Boolean", text.to_uppercase());
        }
        (Found::Text(_), _) => "java.lang.String",
        (Found::Bytes, _) => "java.nio.HeapByteBuffer",
        (Found::Whole | Found::Decimal, _) => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        (Found::True | Found::False, _) => "java.lang.Boolean",
    };
    let target = match wanted {
        Wanted::Blob => "a Blob",
        Wanted::Timestamp => "milliseconds since epoch",
        Wanted::Integer => "an Integer",
        Wanted::Long => "an Long",
        Wanted::Double => "an Double",
        Wanted::Boolean => "an Boolean",
        Wanted::String | Wanted::List | Wanted::Map(_) | Wanted::Structure(_) => "an String",
    };
    format!("class {class} can not be converted to {target}")
}

fn dynamo_mismatch(found: Found<'_>, wanted: Wanted, element: bool) -> String {
    let target = match wanted {
        Wanted::String => "String",
        Wanted::Integer => "Integer",
        Wanted::Long => "Long",
        Wanted::Double => "Double",
        Wanted::Boolean => "Boolean",
        Wanted::Timestamp => "Date",
        Wanted::Blob => "ByteBuffer",
        Wanted::List => "List",
        Wanted::Map(class) | Wanted::Structure(class) => class,
    };
    let token = match (found, wanted) {
        (Found::Map, _) => return "Start of structure or map found where not expected".into(),
        (Found::List, Wanted::Map(class)) => {
            return format!("Unrecognized collection type java.util.Map<java.lang.String, {class}>");
        }
        (Found::List, Wanted::Structure(class)) => return format!("Unrecognized collection type class {class}"),
        (Found::List, Wanted::Blob) => return "Unrecognized collection type class java.nio.ByteBuffer".into(),
        (Found::List, Wanted::Timestamp) => return "Unrecognized collection type class java.util.Date".into(),
        (Found::List, _) => return format!("Unrecognized collection type class java.lang.{target}"),
        (_, Wanted::Structure(_)) if element => return "Unexpected value type in payload".into(),
        (_, Wanted::Structure(_) | Wanted::List | Wanted::Map(_)) => return "Unexpected field type".into(),
        (Found::Text(_), Wanted::Boolean) => return "Unexpected token received from parser".into(),
        (_, Wanted::Blob) => return "only base-64-encoded strings are convertible to bytes".into(),
        (Found::Text(_), _) => "STRING_VALUE",
        (Found::Bytes, _) => "EMBEDDED_OBJECT_VALUE",
        (Found::Whole, _) => "NUMBER_VALUE",
        (Found::Decimal, _) => "DECIMAL_VALUE",
        (Found::True, _) => "TRUE_VALUE",
        (Found::False, _) => "FALSE_VALUE",
    };
    format!("{token} cannot be converted to {target}")
}

/// Which of the three rules of base64 `text` breaks; the services look for them in this order.
fn base64_fault(text: &[u8]) -> String {
    if !text.len().is_multiple_of(4) {
        return format!("Base64 encoded length is expected a multiple of 4 bytes but found: {}", text.len());
    }
    let data_end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let padding_too_long = text.len() - data_end > 2;
    let stranger =
        text.iter().take(data_end).find(|byte| !byte.is_ascii_alphanumeric() && **byte != b'+' && **byte != b'/');
    match stranger {
        Some(byte) => format!("Invalid Base64 character: '{}'", char::from(*byte)),
        None if padding_too_long => "Invalid Base64 character: '='".into(),
        None => "Invalid last non-pad Base64 character dectected".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_three_faults() {
        let told = |text: &str| base64_fault(text.as_bytes());
        assert_eq!(told("23456"), "Base64 encoded length is expected a multiple of 4 bytes but found: 5");
        assert_eq!(told("=+/="), "Invalid Base64 character: '='");
        assert_eq!(told("+/+="), "Invalid last non-pad Base64 character dectected");
        assert_eq!(told("a==="), "Invalid Base64 character: '='");
    }

    #[test]
    fn dynamodb_has_its_own_words() {
        let told = |found, wanted| Wording::Dynamo.mismatch(found, wanted, false).0.unwrap();
        assert_eq!(told(Found::Whole, Wanted::String), "NUMBER_VALUE cannot be converted to String");
        assert_eq!(told(Found::True, Wanted::String), "TRUE_VALUE cannot be converted to String");
        assert_eq!(told(Found::Text("23"), Wanted::Integer), "STRING_VALUE cannot be converted to Integer");
        assert_eq!(told(Found::Map, Wanted::String), "Start of structure or map found where not expected");
        assert_eq!(told(Found::Text("a"), Wanted::List), "Unexpected field type");
    }
}
