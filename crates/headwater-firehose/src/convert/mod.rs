//! Conversion of records from JSON to Parquet: what is asked for, and doing it.
//!
//! Invariant: a record is in the file or among the failed, never in both and never in neither; one that cannot be
//! converted keeps none of the others back.
mod cell;
mod decimal;
mod hive;
mod joda;
mod json;
mod parquet;
mod shred;
mod time;

use self::parquet::Layout;
use crate::record::{Failed, Record};
use ::parquet::{
    basic::{Compression, GzipLevel},
    file::properties::WriterVersion,
};
use bytes::Bytes;
use cell::{Cell, Rules, SerDe, Shape};
use headwater_wire::firehose::{
    DataFormatConversionConfiguration, Deserializer, ParquetCompression, ParquetSerDe, ParquetWriterVersion,
    SchemaConfiguration, Serializer,
};
use hive::HiveType;
pub(crate) use hive::TableSchema;
use joda::Format;
use json::{Documents, Json};

/// What `!{firehose:error-output-type}` stands for.
pub(crate) const OUTPUT_TYPE: &str = "format-conversion-failed";
/// A record that is no JSON.
pub(crate) const PARSE_ERROR: &str = "DataFormatConversion.ParseError";
/// A record whose values are not of their columns' types.
pub(crate) const MALFORMED_DATA: &str = "DataFormatConversion.MalformedData";
/// A table with columns that cannot be converted.
pub(crate) const INVALID_SCHEMA: &str = "DataFormatConversion.InvalidSchema";
/// A table, or its database or version, that is not there.
pub(crate) const ENTITY_NOT_FOUND: &str = "DataFormatConversion.EntityNotFoundException";
/// Rows that the file would not take.
pub(crate) const CONVERSION_FAILURE: &str = "DataFormatConversion.ConversionFailureException";

/// The version of a table that is meant where none is named.
const LATEST: &str = "LATEST";
const DEFAULT_BLOCK_BYTES: usize = 256 << 20;
const DEFAULT_PAGE_BYTES: usize = 1 << 20;

/// A conversion that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    /// Where the schema is.
    pub(crate) table: TableReference,
    rules: Rules,
    layout: Layout,
}

/// A table of a data catalog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TableReference {
    /// The account whose catalog it is; the delivery stream's own where none is named.
    pub(crate) catalog_id: Option<String>,
    /// The database's name.
    pub(crate) database: String,
    /// The table's name.
    pub(crate) table: String,
    /// The delivery stream's own where none is named.
    pub(crate) region: Option<String>,
    /// A version's number; none stands for the latest.
    pub(crate) version_id: Option<String>,
    /// What the schema is read as.
    pub(crate) role_arn: String,
}

/// What became of records.
#[derive(Debug)]
pub(crate) struct Converted {
    /// The file; none if no record was converted.
    pub(crate) body: Option<Bytes>,
    /// Those that are not.
    pub(crate) failed: Vec<Failed>,
}

/// Why a record is not converted: a code and a sentence.
type Refusal = (&'static str, String);

impl Plan {
    /// What a configuration asks for; nothing if it is switched off.
    ///
    /// # Errors
    /// The sentence of an `InvalidArgumentException`.
    pub(crate) fn of(asked: &DataFormatConversionConfiguration) -> Result<Option<Self>, String> {
        if asked.enabled == Some(false) {
            return Ok(None);
        }
        let missing = |member: &str| format!("{member} must not be null");
        let input = asked.input_format_configuration.as_ref().ok_or_else(|| missing("InputFormatConfiguration"))?;
        let output = asked.output_format_configuration.as_ref().ok_or_else(|| missing("OutputFormatConfiguration"))?;
        let schema = asked.schema_configuration.as_ref().ok_or_else(|| missing("SchemaConfiguration"))?;
        let rules = rules(input.deserializer.as_ref().ok_or_else(|| missing("Deserializer"))?)?;
        let layout = layout(output.serializer.as_ref().ok_or_else(|| missing("Serializer"))?)?;
        Ok(Some(Self { table: TableReference::of(schema)?, rules, layout }))
    }

    /// One file of all records that can be read by the schema. A record may hold several documents; each is a row.
    #[must_use]
    pub(crate) fn convert(&self, schema: &TableSchema, records: Vec<Record>, now_ms: u64) -> Converted {
        if self.rules.serde == SerDe::OpenX && schema.has(&HiveType::Binary) {
            let told = "The schema is invalid. One or more columns have types that are not supported by \
                        org.openx.data.JsonSerDe";
            return Self::refuse(records, INVALID_SCHEMA, told, now_ms);
        }
        match self.write(schema, &records) {
            Ok((body, refused)) => {
                let has_rows = refused.len() < records.len();
                let fail =
                    |(index, (code, message)): (usize, Refusal)| failed(records[index].clone(), code, message, now_ms);
                let failed = refused.into_iter().map(fail).collect();
                Converted { body: has_rows.then_some(body), failed }
            }
            Err(error) => Self::refuse(records, CONVERSION_FAILURE, &error.to_string(), now_ms),
        }
    }

    /// All records as failed, for a reason that is not theirs, e.g. [`ENTITY_NOT_FOUND`].
    #[must_use]
    pub(crate) fn refuse(records: Vec<Record>, code: &str, message: &str, now_ms: u64) -> Converted {
        let fail = |record| failed(record, code, message.to_owned(), now_ms);
        Converted { body: None, failed: records.into_iter().map(fail).collect() }
    }

    /// The file, and the records that are not in it, by index.
    fn write(
        &self,
        schema: &TableSchema,
        records: &[Record],
    ) -> Result<(Bytes, Vec<(usize, Refusal)>), ::parquet::errors::ParquetError> {
        let shape = self.rules.shape(schema);
        let mut refused = Vec::new();
        let rows = records.iter().enumerate().flat_map(|(index, record)| {
            self.rows(&shape, &record.data).unwrap_or_else(|refusal| {
                refused.push((index, refusal));
                Vec::new()
            })
        });
        let body = parquet::file(schema, &self.layout, rows)?;
        Ok((body, refused))
    }

    /// The rows of a record.
    fn rows<'a>(&self, shape: &Shape<'_>, data: &'a [u8]) -> Result<Vec<Vec<Cell<'a>>>, Refusal> {
        let malformed = |why: String| (PARSE_ERROR, format!("Encountered malformed JSON. {why}"));
        let text = std::str::from_utf8(data).map_err(|error| malformed(format!("The record is no UTF-8: {error}.")))?;
        let mut documents = Documents::of(text);
        let mut rows = Vec::with_capacity(1);
        while let Some(document) = documents.next().map_err(malformed)? {
            if !matches!(document, Json::Object(_) | Json::Array(_)) {
                let told = "The input JSON contained a primitive at the top level. The top level must be an object or \
                            array.";
                return Err((MALFORMED_DATA, told.into()));
            }
            match self.rules.read(shape, &document).map_err(|why| (MALFORMED_DATA, why))? {
                Cell::Struct(row) => rows.push(row),
                other => return Err((MALFORMED_DATA, format!("{other:?} is no row"))),
            }
        }
        if rows.is_empty() {
            return Err((MALFORMED_DATA, "The record was empty or contained only whitespace.".into()));
        }
        Ok(rows)
    }
}

impl TableReference {
    fn of(asked: &SchemaConfiguration) -> Result<Self, String> {
        let required = |member: &str, value: &Option<String>| {
            let given = value.clone().filter(|value| !value.is_empty());
            given.ok_or_else(|| format!("SchemaConfiguration.{member} must not be null or empty"))
        };
        Ok(Self {
            role_arn: required("RoleArn", &asked.role_arn)?,
            database: required("DatabaseName", &asked.database_name)?,
            table: required("TableName", &asked.table_name)?,
            catalog_id: asked.catalog_id.clone(),
            region: asked.region.clone(),
            version_id: asked.version_id.clone().filter(|version| version != LATEST),
        })
    }
}

fn failed(record: Record, code: &str, message: String, ended_ms: u64) -> Failed {
    let code = code.to_owned();
    Failed { record, output_type: OUTPUT_TYPE, code, message, attempts: 1, ended_ms, function_arn: None }
}

fn rules(asked: &Deserializer) -> Result<Rules, String> {
    match (&asked.open_x_json_ser_de, &asked.hive_json_ser_de) {
        (Some(_), Some(_)) => Err("More than one deserializer specified. Only one may be chosen.".into()),
        (None, None) => Err("Deserializer must not be null".into()),
        (Some(open_x), None) => Ok(Rules {
            serde: SerDe::OpenX,
            ignores_case: open_x.case_insensitive.unwrap_or(true),
            dots_become_underscores: open_x.convert_dots_in_json_keys_to_underscores.unwrap_or(false),
            keys: open_x.column_to_json_key_mappings.clone().unwrap_or_default(),
            formats: Vec::new(),
        }),
        (None, Some(hive)) => {
            let formats = hive.timestamp_formats.iter().flatten().map(|pattern| Format::parse(pattern));
            let formats = formats.collect::<Result<_, _>>();
            Ok(Rules {
                serde: SerDe::Hive,
                ignores_case: true,
                dots_become_underscores: false,
                keys: std::collections::BTreeMap::new(),
                formats: formats.map_err(|why| format!("Invalid deserializer option(s): {why}"))?,
            })
        }
    }
}

fn layout(asked: &Serializer) -> Result<Layout, String> {
    match (&asked.parquet_ser_de, &asked.orc_ser_de) {
        (Some(_), Some(_)) => Err("More than one serializer specified. Only one may be chosen.".into()),
        (None, None) => Err("Serializer must not be null".into()),
        (None, Some(_)) => Err("OrcSerDe is not supported by Headwater; choose ParquetSerDe.".into()),
        (Some(parquet), None) => Ok(parquet_layout(parquet)),
    }
}

/// `MaxPaddingBytes` is for files on HDFS, whose blocks objects do not have: there is nothing to pad.
fn parquet_layout(asked: &ParquetSerDe) -> Layout {
    let bytes = |asked: Option<i32>, default| asked.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(default);
    Layout {
        block_bytes: bytes(asked.block_size_bytes, DEFAULT_BLOCK_BYTES),
        page_bytes: bytes(asked.page_size_bytes, DEFAULT_PAGE_BYTES),
        compression: match asked.compression {
            Some(ParquetCompression::Uncompressed) => Compression::UNCOMPRESSED,
            Some(ParquetCompression::Gzip) => Compression::GZIP(GzipLevel::default()),
            Some(ParquetCompression::Snappy) | None => Compression::SNAPPY,
        },
        has_dictionary: asked.enable_dictionary_compression.unwrap_or(false),
        version: match asked.writer_version {
            Some(ParquetWriterVersion::V2) => WriterVersion::PARQUET_2_0,
            Some(ParquetWriterVersion::V1) | None => WriterVersion::PARQUET_1_0,
        },
    }
}

#[cfg(test)]
mod tests;
