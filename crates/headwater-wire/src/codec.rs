//! Between bytes and values: what a shape needs of an encoding, and the doors into the crate. Shapes know only
//! [`Reader`] and [`Writer`], never the encoding behind them, so each is compiled once.
use bytes::Bytes;

use crate::{
    Dialect, Input, Operation, SerializationFault, Service, ServiceError,
    cbor::{CborReader, CborWriter},
    constraint::Violations,
    fault::Wording,
    gauge::Gauge,
    json::{JsonReader, JsonWriter},
    timestamp::Timestamp,
};

/// The facts of a structure that readers and writers ask for.
#[derive(Debug)]
pub struct Shape {
    /// The Java class name the service prints in its sentences.
    pub java: &'static str,
    /// Member names as they travel, in the model's order.
    pub members: &'static [&'static str],
    /// Bit `n` is set if member `n` must be there.
    pub required: u64,
}

/// A value that can be read from any encoding.
pub trait Decode: Sized {
    /// Whether violations inside the value are told one by one, with their path.
    const NESTED: bool = false;
    /// The Java class name the service prints for the value.
    const JAVA: &'static str = "java.util.List";

    /// What a null in a list or map stands for; `None`: it must not stand there.
    #[must_use]
    fn null() -> Option<Self> {
        None
    }

    /// Reads the next value, which isn't null.
    ///
    /// # Errors
    /// The value is malformed or of another type.
    fn decode(reader: &mut dyn Reader, violations: &mut Violations) -> Result<Self, SerializationFault>;
}

/// A value that can be written in any encoding.
pub trait Encode {
    /// Writes the value.
    fn encode(&self, writer: &mut dyn Writer);
}

/// Reads one body, value by value. Nulls are asked for with [`Reader::null`] before anything else.
pub trait Reader {
    /// Consumes the next value if it is null.
    ///
    /// # Errors
    /// The body ends or is malformed here.
    fn null(&mut self) -> Result<bool, SerializationFault>;
    /// Enters a structure.
    ///
    /// # Errors
    /// Malformed, too deep, or another type.
    fn begin_structure(&mut self, shape: &'static Shape) -> Result<(), SerializationFault>;
    /// The index of the next member the shape knows; others are skipped. `None` leaves the structure.
    ///
    /// # Errors
    /// Malformed.
    fn next_member(&mut self, shape: &'static Shape) -> Result<Option<usize>, SerializationFault>;
    /// Enters a list.
    ///
    /// # Errors
    /// Malformed, too deep, or another type.
    fn begin_list(&mut self) -> Result<(), SerializationFault>;
    /// Whether another element follows; `false` leaves the list.
    ///
    /// # Errors
    /// Malformed.
    fn next_element(&mut self) -> Result<bool, SerializationFault>;
    /// Enters a map whose values are of the Java class `java`.
    ///
    /// # Errors
    /// Malformed, too deep, or another type.
    fn begin_map(&mut self, java: &'static str) -> Result<(), SerializationFault>;
    /// The next key; `None` leaves the map.
    ///
    /// # Errors
    /// Malformed.
    fn next_key(&mut self) -> Result<Option<String>, SerializationFault>;
    /// Reads a string.
    ///
    /// # Errors
    /// Malformed or another type.
    fn string(&mut self) -> Result<String, SerializationFault>;
    /// Reads a 32-bit number; fractions are cut off, numbers out of range become the nearest in range.
    ///
    /// # Errors
    /// Malformed or another type.
    fn integer(&mut self) -> Result<i32, SerializationFault>;
    /// Reads a 64-bit number; fractions are cut off, numbers out of range become the nearest in range.
    ///
    /// # Errors
    /// Malformed or another type.
    fn long(&mut self) -> Result<i64, SerializationFault>;
    /// Reads a finite floating point number.
    ///
    /// # Errors
    /// Malformed or another type.
    fn double(&mut self) -> Result<f64, SerializationFault>;
    /// Reads a truth value; the words `true`, `yes`, `1` and their opposites are taken for one too.
    ///
    /// # Errors
    /// Malformed or another type.
    fn boolean(&mut self) -> Result<bool, SerializationFault>;
    /// Reads bytes.
    ///
    /// # Errors
    /// Malformed or another type.
    fn blob(&mut self) -> Result<Bytes, SerializationFault>;
    /// Reads a point in time.
    ///
    /// # Errors
    /// Malformed or another type.
    fn timestamp(&mut self) -> Result<Timestamp, SerializationFault>;
}

/// Writes one value into one buffer. Calls come in the order of the text.
pub trait Writer {
    /// Opens a structure.
    fn begin_structure(&mut self, shape: &'static Shape);
    /// Names the member whose value comes next. Names never need escaping.
    fn member(&mut self, name: &'static str);
    /// Closes a structure.
    fn end_structure(&mut self);
    /// Opens a list of `len` elements.
    fn begin_list(&mut self, len: usize);
    /// Closes a list.
    fn end_list(&mut self);
    /// Opens a map of `len` entries.
    fn begin_map(&mut self, len: usize);
    /// Names the entry whose value comes next.
    fn key(&mut self, key: &str);
    /// Closes a map.
    fn end_map(&mut self);
    /// Writes a string.
    fn string(&mut self, value: &str);
    /// Writes a whole number.
    fn long(&mut self, value: i64);
    /// Writes a floating point number.
    fn double(&mut self, value: f64);
    /// Writes a truth value.
    fn boolean(&mut self, value: bool);
    /// Writes bytes.
    fn blob(&mut self, value: &[u8]);
    /// Writes a point in time.
    fn timestamp(&mut self, value: Timestamp);
}

/// The input in `body`, checked against the model's constraints.
///
/// # Errors
/// `SerializationException` where the body isn't of the input's shape, otherwise `ValidationException` with every
/// violated constraint.
pub fn decode<I: Input>(dialect: Dialect, body: &Bytes) -> Result<I, ServiceError> {
    let mut violations = Violations::default();
    let input = read(dialect, <I::Op as Operation>::SERVICE, body, &mut violations)?;
    violations.into_result()?;
    Ok(input)
}

/// Whether `body` is one structure in the dialect, whatever its members. The front asks before it looks at the
/// signature: the services report a body they can't parse first.
///
/// # Errors
/// `SerializationException` where it isn't.
pub fn well_formed(dialect: Dialect, body: &Bytes) -> Result<(), ServiceError> {
    read::<Anything>(dialect, Service::Kinesis, body, &mut Violations::default())
        .map(drop)
        .map_err(|_| SerializationFault::MALFORMED.into())
}

/// A structure none of whose members are of interest.
struct Anything;

impl Decode for Anything {
    fn decode(reader: &mut dyn Reader, _violations: &mut Violations) -> Result<Self, SerializationFault> {
        static SHAPE: Shape = Shape { java: "", members: &[], required: 0 };
        reader.begin_structure(&SHAPE)?;
        reader.next_member(&SHAPE)?;
        Ok(Self)
    }
}

/// The value in `body`; what violates constraints is put down in `violations`.
pub(crate) fn read<T: Decode>(
    dialect: Dialect,
    service: Service,
    body: &Bytes,
    violations: &mut Violations,
) -> Result<T, SerializationFault> {
    let wording = Wording::of(service);
    match dialect {
        Dialect::Json10 | Dialect::Json11 => {
            let mut reader = JsonReader::new(body, wording);
            let value = read_top(&mut reader, violations)?;
            reader.end()?;
            Ok(value)
        }
        Dialect::Cbor11 => {
            let mut reader = CborReader::new(body, wording);
            let value = read_top(&mut reader, violations)?;
            reader.end()?;
            Ok(value)
        }
    }
}

fn read_top<T: Decode>(reader: &mut dyn Reader, violations: &mut Violations) -> Result<T, SerializationFault> {
    if reader.null()? { Err(SerializationFault::MALFORMED) } else { T::decode(reader, violations) }
}

/// `output` in the dialect.
pub fn encode<O: Encode + ?Sized>(dialect: Dialect, output: &O) -> Vec<u8> {
    let mut gauge = Gauge::default();
    output.encode(&mut gauge);
    match dialect {
        Dialect::Json10 | Dialect::Json11 => {
            let mut writer = JsonWriter::with_capacity(gauge.bytes());
            output.encode(&mut writer);
            writer.into_bytes()
        }
        Dialect::Cbor11 => {
            let mut writer = CborWriter::with_capacity(gauge.bytes());
            output.encode(&mut writer);
            writer.into_bytes()
        }
    }
}
