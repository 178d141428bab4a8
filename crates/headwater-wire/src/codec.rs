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

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::{AttributeValue, dynamodb, kinesis};

    const DIALECTS: [Dialect; 2] = [Dialect::Json11, Dialect::Cbor11];

    fn blob() -> impl Strategy<Value = Bytes> {
        vec(any::<u8>(), 0..200).prop_map(Bytes::from)
    }

    prop_compose! {
        fn put_entry()(data in blob(), explicit_hash_key in option::of(".*"), partition_key in option::of(".*"))
            -> kinesis::PutRecordsRequestEntry {
            kinesis::PutRecordsRequestEntry { data, explicit_hash_key, partition_key }
        }
    }

    prop_compose! {
        fn put_records()(records in vec(put_entry(), 0..5), stream_name in option::of(".*"), dry_run in option::of(any::<bool>()))
            -> kinesis::PutRecordsInput {
            kinesis::PutRecordsInput { records, stream_name, dry_run, ..Default::default() }
        }
    }

    prop_compose! {
        fn put_result()(failed in option::of(any::<i32>()), codes in vec(option::of(".*"), 0..5)) -> kinesis::PutRecordsOutput {
            let entry = |error_code| kinesis::PutRecordsResultEntry { error_code, ..Default::default() };
            kinesis::PutRecordsOutput {
                failed_record_count: failed,
                records: codes.into_iter().map(entry).collect(),
                encryption_type: Some(kinesis::EncryptionType::Kms),
            }
        }
    }

    prop_compose! {
        fn record()(sequence_number in "[0-9]{56}", data in blob(), millis in option::of(-4_000_000_000_000_i64..4_000_000_000_000))
            -> kinesis::Record {
            kinesis::Record { sequence_number, data, approximate_arrival_timestamp: millis.map(Timestamp), ..Default::default() }
        }
    }

    prop_compose! {
        fn got_records()(records in vec(record(), 0..5), next in option::of(".*"), behind in option::of(any::<i64>()))
            -> kinesis::GetRecordsOutput {
            let child = kinesis::ChildShard { shard_id: "shardId-000000000001".into(), ..Default::default() };
            kinesis::GetRecordsOutput {
                records,
                next_shard_iterator: next,
                millis_behind_latest: behind,
                child_shards: Some(vec![child]),
            }
        }
    }

    fn attribute() -> impl Strategy<Value = AttributeValue> {
        let leaf = prop_oneof![
            ".*".prop_map(AttributeValue::S),
            "-?[0-9]{1,38}".prop_map(AttributeValue::N),
            blob().prop_map(AttributeValue::B),
            vec(".*", 1..3).prop_map(AttributeValue::Ss),
            vec(blob(), 1..3).prop_map(AttributeValue::Bs),
            any::<bool>().prop_map(AttributeValue::Bool),
            Just(AttributeValue::Null(true)),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
                proptest::collection::btree_map(".*", inner, 0..4).prop_map(AttributeValue::M),
            ]
        })
    }

    fn comes_back<T: Encode + Decode + PartialEq + std::fmt::Debug>(value: &T) {
        for dialect in DIALECTS {
            let body = Bytes::from(encode(dialect, value));
            let back: T = read(dialect, Service::Kinesis, &body, &mut Violations::default()).unwrap();
            assert_eq!(&back, value, "{dialect:?}");
            assert!(well_formed(dialect, &body).is_ok());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(put in put_records(), result in put_result(), got in got_records(), item in attribute()) {
            comes_back(&put);
            comes_back(&result);
            comes_back(&got);
            comes_back(&dynamodb::PutItemInput { item: [("a".to_owned(), item)].into(), ..Default::default() });
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..300)) {
            let body = Bytes::from(bytes);
            for dialect in DIALECTS {
                let _ = decode::<kinesis::PutRecordsInput>(dialect, &body);
                let _ = decode::<dynamodb::CreateTableInput>(dialect, &body);
                let _ = well_formed(dialect, &body);
            }
        }

        #[test]
        fn no_damage_makes_it_panic(put in put_records(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            for dialect in DIALECTS {
                let mut body = encode(dialect, &put);
                let at = at.index(body.len());
                body[at] = byte;
                let _ = decode::<kinesis::PutRecordsInput>(dialect, &body.into());
            }
        }

        #[test]
        fn a_body_cut_short_is_refused(put in put_records(), at in any::<prop::sample::Index>()) {
            for dialect in DIALECTS {
                let mut body = encode(dialect, &put);
                body.truncate(at.index(body.len()));
                let error = decode::<kinesis::PutRecordsInput>(dialect, &body.into()).unwrap_err();
                prop_assert_eq!((error.code, error.message), ("SerializationException", None));
            }
        }
    }

    #[test]
    fn json_is_written_as_the_services_write_it() {
        let record = kinesis::Record {
            sequence_number: "4\"\\\n\u{1}é".into(),
            approximate_arrival_timestamp: Some(Timestamp(1_459_799_926_480)),
            data: Bytes::from_static(b"\xff\xff"),
            ..Default::default()
        };
        let output =
            kinesis::GetRecordsOutput { records: vec![record], millis_behind_latest: Some(-1), ..Default::default() };
        assert_eq!(
            String::from_utf8(encode(Dialect::Json11, &output)).unwrap(),
            r#"{"Records":[{"SequenceNumber":"4\"\\\n\u0001é","ApproximateArrivalTimestamp":1459799926.48,"Data":"//8="}],"MillisBehindLatest":-1}"#
        );
        assert_eq!(encode(Dialect::Json11, &Timestamp(-1_005)), b"-1.005");
        assert_eq!(encode(Dialect::Json11, &Timestamp(7_000)), b"7");
    }
}
