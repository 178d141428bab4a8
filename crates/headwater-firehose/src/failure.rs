//! The lines of objects of errors: one JSON document a record, in the form that the kind of failure has.
//!
//! Invariant: a line holds the record's data, so that what failed can be put again.
use crate::record::Failed;
use base64_simd::STANDARD;
use headwater_wire::firehose::SchemaConfiguration;
use serde::Serialize;

/// A function, a query or a processor refused the record.
pub(crate) const PROCESSING_FAILED: &str = "processing-failed";
/// There are no keys to tell the record's partition by.
pub(crate) const METADATA_EXTRACTION_FAILED: &str = "metadata-extraction-failed";
/// The record does not fit the schema.
pub(crate) const FORMAT_CONVERSION_FAILED: &str = "format-conversion-failed";
/// An endpoint did not take the record.
pub(crate) const HTTP_ENDPOINT_FAILED: &str = "http-endpoint-failed";

/// What is written of a record that a function, a query or a processor refused. Members, their order and `lambdaARN`
/// (the documentation has `lambdaArn`) are those of objects that the service has written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Processing<'a> {
    raw_data: String,
    error_code: &'a str,
    error_message: &'a str,
    attempts_made: u32,
    arrival_timestamp: u64,
    attempt_ending_timestamp: u64,
    #[serde(rename = "lambdaARN", skip_serializing_if = "Option::is_none")]
    function_arn: Option<&'a str>,
}

/// What is written of a record that does not fit the schema.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conversion<'a> {
    attempts_made: u32,
    arrival_timestamp: u64,
    last_error_code: &'a str,
    last_error_message: &'a str,
    attempt_ending_timestamp: u64,
    raw_data: String,
    sequence_number: Option<&'a str>,
    sub_sequence_number: Option<u64>,
    data_catalog_table: Option<CatalogTable<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CatalogTable<'a> {
    catalog_id: Option<&'a str>,
    database_name: Option<&'a str>,
    table_name: Option<&'a str>,
    region: Option<&'a str>,
    version_id: Option<&'a str>,
    /// Of catalogs that are named by an ARN, which a schema's configuration cannot do.
    catalog_arn: Option<&'a str>,
}

impl<'a> From<&'a SchemaConfiguration> for CatalogTable<'a> {
    fn from(schema: &'a SchemaConfiguration) -> Self {
        Self {
            catalog_id: schema.catalog_id.as_deref(),
            database_name: schema.database_name.as_deref(),
            table_name: schema.table_name.as_deref(),
            region: schema.region.as_deref(),
            version_id: schema.version_id.as_deref(),
            catalog_arn: None,
        }
    }
}

/// What is written of a record that an endpoint did not take.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    attempts_made: u32,
    arrival_timestamp: u64,
    error_code: &'a str,
    error_message: &'a str,
    attempt_ending_timestamp: u64,
    raw_data: String,
    subsequence_number: u64,
    data_id: String,
}

/// The line of a record that failed, with its end; the schema is the one that its destination converts to.
#[must_use]
pub(crate) fn line(failed: &Failed, schema: Option<&SchemaConfiguration>) -> Vec<u8> {
    let Failed { record, output_type, code, message, attempts, ended_ms, function_arn } = failed;
    let raw_data = STANDARD.encode_to_string(&record.data);
    let origin = record.origin.as_deref();
    let subsequence_number = origin.map(|origin| origin.subsequence_number);
    let json = match *output_type {
        FORMAT_CONVERSION_FAILED => serde_json::to_vec(&Conversion {
            attempts_made: *attempts,
            arrival_timestamp: record.time_ms,
            last_error_code: code,
            last_error_message: message,
            attempt_ending_timestamp: *ended_ms,
            raw_data,
            sequence_number: origin.map(|origin| origin.sequence_number.as_str()),
            sub_sequence_number: subsequence_number,
            data_catalog_table: schema.map(CatalogTable::from),
        }),
        HTTP_ENDPOINT_FAILED => serde_json::to_vec(&Endpoint {
            attempts_made: *attempts,
            arrival_timestamp: record.time_ms,
            error_code: code,
            error_message: message,
            attempt_ending_timestamp: *ended_ms,
            raw_data,
            subsequence_number: subsequence_number.unwrap_or(0),
            data_id: format!(
                "{}.{}",
                origin.map_or(&*record.id, |origin| origin.sequence_number.as_str()),
                subsequence_number.unwrap_or(0)
            ),
        }),
        _ => serde_json::to_vec(&Processing {
            raw_data,
            error_code: code,
            error_message: message,
            attempts_made: *attempts,
            arrival_timestamp: record.time_ms,
            attempt_ending_timestamp: *ended_ms,
            function_arn: function_arn.as_deref(),
        }),
    };
    // Numbers and strings can always be written as JSON.
    let mut line = json.unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Origin, PartitionKeys, Record};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn failed(output_type: &'static str, origin: Option<Origin>) -> Failed {
        let record = Record {
            id: "an-id".into(),
            time_ms: 1_789_014_240_448,
            data: "FAIL this one\n".into(),
            origin: origin.map(Arc::new),
            keys: PartitionKeys::default(),
        };
        Failed {
            record,
            output_type,
            code: "A.Code".to_owned(),
            message: "It \"failed\".\n".to_owned(),
            attempts: 4,
            ended_ms: 1_789_014_301_529,
            function_arn: None,
        }
    }

    fn origin() -> Origin {
        Origin {
            sequence_number: "4960".to_owned(),
            subsequence_number: 3,
            partition_key: "p".to_owned(),
            shard_id: "shardId-000000000000".to_owned(),
        }
    }

    fn read(line: &[u8]) -> Value {
        let (end, json) = line.split_last().unwrap();
        assert_eq!((*end, json.contains(&b'\n')), (b'\n', false), "a record is one line");
        serde_json::from_slice(json).unwrap()
    }

    #[test]
    fn a_function_that_failed_is_named() {
        let mut failed = failed(PROCESSING_FAILED, None);
        let expected = json!({
            "rawData": "RkFJTCB0aGlzIG9uZQo=",
            "errorCode": "A.Code",
            "errorMessage": "It \"failed\".\n",
            "attemptsMade": 4,
            "arrivalTimestamp": 1_789_014_240_448_u64,
            "attemptEndingTimestamp": 1_789_014_301_529_u64,
        });
        assert_eq!(read(&line(&failed, None)), expected);
        failed.function_arn = Some("arn:aws:lambda:us-west-2:123456789012:function:f".into());
        let mut named = expected;
        named["lambdaARN"] = "arn:aws:lambda:us-west-2:123456789012:function:f".into();
        assert_eq!(read(&line(&failed, None)), named);
    }

    #[test]
    fn what_does_not_fit_the_schema_tells_where_it_is_from_and_which_table_it_was_to_fit() {
        let schema = SchemaConfiguration {
            database_name: Some("d".to_owned()),
            table_name: Some("t".to_owned()),
            region: Some("us-east-1".to_owned()),
            version_id: Some("LATEST".to_owned()),
            ..SchemaConfiguration::default()
        };
        let expected = json!({
            "attemptsMade": 4,
            "arrivalTimestamp": 1_789_014_240_448_u64,
            "lastErrorCode": "A.Code",
            "lastErrorMessage": "It \"failed\".\n",
            "attemptEndingTimestamp": 1_789_014_301_529_u64,
            "rawData": "RkFJTCB0aGlzIG9uZQo=",
            "sequenceNumber": "4960",
            "subSequenceNumber": 3,
            "dataCatalogTable": {
                "catalogId": null, "databaseName": "d", "tableName": "t", "region": "us-east-1", "versionId": "LATEST",
                "catalogArn": null
            },
        });
        assert_eq!(read(&line(&failed(FORMAT_CONVERSION_FAILED, Some(origin())), Some(&schema))), expected);
    }

    #[test]
    fn what_an_endpoint_did_not_take_is_told_by_its_place_in_the_stream_or_its_id() {
        let read_back = |origin| read(&line(&failed(HTTP_ENDPOINT_FAILED, origin), None));
        let of_a_stream = read_back(Some(origin()));
        assert_eq!((&of_a_stream["dataId"], &of_a_stream["subsequenceNumber"]), (&json!("4960.3"), &json!(3)));
        assert_eq!(of_a_stream["errorCode"], json!("A.Code"));
        assert_eq!(read_back(None)["dataId"], json!("an-id.0"));
    }
}
