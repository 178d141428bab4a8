//! Any records through delivery streams that unpack, split, convert, partition and have them transformed: each arrives or
//! stands among the errors with what it held, and what arrives can be read. The pieces of an input are the way and what a
//! function or an endpoint answers, then records.
#![no_main]
use bytes::Bytes;
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use headwater_fuzz::{Delivered, Works, pieces};
use libfuzzer_sys::fuzz_target;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    sync::{LazyLock, Mutex},
};

/// What a record that is to be packed begins with.
const PACKED: &[u8] = b"gzip:";

#[derive(Clone, Copy, Debug)]
enum Way {
    Plain,
    Unpacked,
    Messages,
    Partitioned,
    Split,
    OpenX,
    Hive,
    Transformed,
    Posted,
}

/// By the digit that an input begins with.
const WAYS: [Way; 9] = [
    Way::Plain,
    Way::Unpacked,
    Way::Messages,
    Way::Partitioned,
    Way::Split,
    Way::OpenX,
    Way::Hive,
    Way::Transformed,
    Way::Posted,
];

/// What a record may unpack to.
const UNPACKED_BYTES: u64 = 16 << 20;
const COLUMNS: &[(&str, &str)] = &[
    ("flag", "boolean"),
    ("small", "smallint"),
    ("whole", "int"),
    ("big", "bigint"),
    ("real", "double"),
    ("money", "decimal(10,2)"),
    ("name", "string"),
    ("day", "date"),
    ("at", "timestamp"),
    ("list", "array<array<int>>"),
    ("map", "map<string,array<int>>"),
    ("rec", "struct<a:int,b:struct<c:string>>"),
];

static WORKS: LazyLock<Mutex<Works>> = LazyLock::new(|| {
    let works = Works::open();
    works.table("t", COLUMNS);
    let create = |way: Way, settings| works.create(&format!("{way:?}"), settings).unwrap();
    let unpack = || processor("Decompression", &[("CompressionFormat", "GZIP")]);
    let messages = processor("CloudWatchLogProcessing", &[("DataMessageExtraction", "true")]);
    let query = [("MetadataExtractionQuery", "{k: .k}"), ("JsonParsingEngine", "JQ-1.6")];
    let query = || processor("MetadataExtraction", &query);
    let partitioned = |processors| {
        json!({
            "Prefix": "by/!{partitionKeyFromQuery:k}/", "DynamicPartitioningConfiguration": {"Enabled": true},
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/", "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
            "ProcessingConfiguration": processors,
        })
    };
    create(Way::Plain, json!({}));
    create(Way::Unpacked, json!({"ProcessingConfiguration": processing(&[unpack()])}));
    create(Way::Messages, json!({"ProcessingConfiguration": processing(&[unpack(), messages])}));
    create(Way::Partitioned, partitioned(processing(&[query(), processor("AppendDelimiterToRecord", &[])])));
    let split = processor("RecordDeAggregation", &[("SubRecordType", "JSON")]);
    create(Way::Split, partitioned(processing(&[split, query()])));
    create(Way::OpenX, converted(json!({"OpenXJsonSerDe": {}})));
    create(Way::Hive, converted(json!({"HiveJsonSerDe": {"TimestampFormats": ["millis", "yyyy-MM-dd'T'HH:mm:ss"]}})));
    let function = [
        ("LambdaArn", "arn:aws:lambda:us-east-1:000000000000:function:f"),
        ("BufferIntervalInSeconds", "1"),
        ("BufferSizeInMBs", "1"),
    ];
    create(Way::Transformed, json!({"ProcessingConfiguration": processing(&[processor("Lambda", &function)])}));
    works.create_to_endpoint(&format!("{:?}", Way::Posted));
    Mutex::new(works)
});

fn processor(kind: &str, parameters: &[(&str, &str)]) -> Value {
    let parameters = parameters.iter().map(|(name, value)| json!({"ParameterName": name, "ParameterValue": value}));
    json!({"Type": kind, "Parameters": parameters.collect::<Vec<_>>()})
}

fn processing(processors: &[Value]) -> Value {
    json!({"Enabled": true, "Processors": processors})
}

fn converted(deserializer: Value) -> Value {
    let schema = json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "DatabaseName": "d", "TableName": "t"});
    json!({"BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 1}, "DataFormatConversionConfiguration": {
        "SchemaConfiguration": schema,
        "InputFormatConfiguration": {"Deserializer": deserializer},
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
    }})
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn unpacked(data: &[u8]) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(data).take(UNPACKED_BYTES + 1).read_to_end(&mut unpacked).ok()?;
    (unpacked.len() as u64 <= UNPACKED_BYTES).then_some(unpacked)
}

/// Rows of a file, each looked at.
fn rows(file: &[u8]) -> usize {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).count()
}

fn is_part(part: &[u8], whole: &[u8]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

fn check(way: Way, records: &[Vec<u8>], delivered: &Delivered) {
    let failed = &delivered.failed;
    match way {
        Way::Plain => assert!(failed.is_empty() && delivered.body() == records.concat()),
        Way::Unpacked => {
            let (good, bad): (Vec<_>, Vec<_>) = records.iter().partition(|record| unpacked(record).is_some());
            assert!(bad.into_iter().eq(failed));
            assert_eq!(
                delivered.body(),
                good.into_iter().flat_map(|record| unpacked(record).unwrap()).collect::<Vec<_>>()
            );
        }
        Way::Messages => {
            assert!(delivered.failed_of(records));
            assert!(records.iter().all(|record| unpacked(record).is_some() || failed.contains(record)));
        }
        Way::Partitioned => {
            assert!(delivered.failed_of(records));
            let bytes = |all: &[Vec<u8>]| all.iter().map(Vec::len).sum::<usize>();
            let delimiters = records.len() - failed.len();
            assert_eq!(delivered.body().len() + bytes(failed), bytes(records) + delimiters);
        }
        Way::Split => {
            let is_of_one = |part: &[u8]| records.iter().any(|record| is_part(part, record));
            assert!(failed.iter().all(|part| is_of_one(part)));
        }
        Way::OpenX | Way::Hive => {
            assert!(delivered.failed_of(records));
            let written: usize = delivered.objects.iter().map(|(_, file)| rows(file)).sum();
            assert!(written >= records.len() - failed.len());
            assert_eq!(written == 0, records.len() == failed.len());
        }
        Way::Transformed => assert!(delivered.failed_of(records)),
        Way::Posted => assert!(failed.is_empty() || failed == records),
    }
}

fuzz_target!(|input: &[u8]| {
    let pieces = pieces(input);
    let (Some((way, answer)), [_, given @ ..]) = (pieces[0].split_first(), &pieces[..]) else { return };
    if given.is_empty() {
        return;
    }
    let way = WAYS[usize::from(way.wrapping_sub(b'0')) % WAYS.len()];
    let record = |data: &&[u8]| data.strip_prefix(PACKED).map_or_else(|| data.to_vec(), gzip);
    let records: Vec<Vec<u8>> = given.iter().take(20).map(record).collect();
    let works = WORKS.lock().unwrap();
    works.answer(answer);
    check(way, &records, &works.deliver(&format!("{way:?}"), &records));
});
