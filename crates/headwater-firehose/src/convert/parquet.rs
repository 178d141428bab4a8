//! From rows to a Parquet file: the types of its columns, as Hive's writer has them, and its row groups.
//!
//! Invariant: what is in the file is what the rows hold; a reader needs nothing but the file.
use super::{
    cell::Cell,
    hive::{HiveType, TableSchema},
    shred::{Shredder, decimal_bytes},
};
use ::parquet::{
    basic::{Compression, LogicalType, Repetition, Type as Physical},
    column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer},
    errors::ParquetError,
    file::{
        properties::{WriterProperties, WriterPropertiesPtr, WriterVersion},
        writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite},
    },
    schema::types::{SchemaDescriptor, Type, TypePtr},
};
use bytes::Bytes;
use std::sync::Arc;

/// Rows that are taken apart at a time.
const BATCH_ROWS: usize = 8192;

/// How a file is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// Of a row group: its values, before they are encoded and compressed.
    pub(super) block_bytes: usize,
    pub(super) page_bytes: usize,
    pub(super) compression: Compression,
    pub(super) has_dictionary: bool,
    pub(super) version: WriterVersion,
}

/// The file of all rows, each of one cell a column.
///
/// # Errors
/// The writer's.
pub(super) fn file<'a>(
    table: &TableSchema,
    layout: &Layout,
    rows: impl Iterator<Item = Vec<Cell<'a>>>,
) -> Result<Bytes, ParquetError> {
    let properties = WriterProperties::builder()
        .set_writer_version(layout.version)
        .set_compression(layout.compression)
        .set_dictionary_enabled(layout.has_dictionary)
        .set_data_page_size_limit(layout.page_bytes);
    let properties = Arc::new(properties.build());
    let schema = schema(table)?;
    let columns = SchemaDescriptor::new(Arc::clone(&schema));
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::clone(&properties))?;
    let mut shredder = Shredder::new(&table.columns);
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let mut chunks: Vec<_> = columns.columns().iter().map(|_| TrackedWrite::new(Vec::new())).collect();
        let written = fill(&mut chunks, &columns, &properties, layout, &mut shredder, &mut rows)?;
        let mut group = file.next_row_group()?;
        for (chunk, closed) in chunks.into_iter().zip(written) {
            group.append_column(&Bytes::from(chunk.into_inner()?), closed)?;
        }
        group.close()?;
    }
    file.into_inner().map(Bytes::from)
}

/// Writes rows to the chunks of a row group, until that is full or there are no more.
fn fill<'a>(
    chunks: &mut [TrackedWrite<Vec<u8>>],
    columns: &SchemaDescriptor,
    properties: &WriterPropertiesPtr,
    layout: &Layout,
    shredder: &mut Shredder,
    rows: &mut impl Iterator<Item = Vec<Cell<'a>>>,
) -> Result<Vec<ColumnCloseResult>, ParquetError> {
    let writer = |(chunk, column): (_, &Arc<_>)| {
        get_column_writer(Arc::clone(column), Arc::clone(properties), Box::new(SerializedPageWriter::new(chunk)))
    };
    let mut writers: Vec<ColumnWriter<'_>> = chunks.iter_mut().zip(columns.columns()).map(writer).collect();
    let mut bytes = 0;
    loop {
        rows.take(BATCH_ROWS).for_each(|row| shredder.push(row));
        let written = shredder.write(&mut writers)?;
        bytes += written;
        if written == 0 || bytes >= layout.block_bytes {
            return writers.into_iter().map(ColumnWriter::close).collect();
        }
    }
}

fn schema(table: &TableSchema) -> Result<TypePtr, ParquetError> {
    Type::group_type_builder("hive_schema").with_fields(fields(&table.columns)?).build().map(Arc::new)
}

fn fields(members: &[(String, HiveType)]) -> Result<Vec<TypePtr>, ParquetError> {
    members.iter().map(|(name, member)| field(name, member, Repetition::OPTIONAL)).collect()
}

fn field(name: &str, hive: &HiveType, repetition: Repetition) -> Result<TypePtr, ParquetError> {
    let group = |fields| Type::group_type_builder(name).with_repetition(repetition).with_fields(fields);
    let repeated =
        |name, fields| Type::group_type_builder(name).with_repetition(Repetition::REPEATED).with_fields(fields).build();
    let leaf = |physical| Type::primitive_type_builder(name, physical).with_repetition(repetition);
    let integer =
        |bit_width| leaf(Physical::INT32).with_logical_type(Some(LogicalType::integer(bit_width, true))).build();
    match hive {
        HiveType::Boolean => leaf(Physical::BOOLEAN).build(),
        HiveType::TinyInt => integer(8),
        HiveType::SmallInt => integer(16),
        HiveType::Int => leaf(Physical::INT32).build(),
        HiveType::BigInt => leaf(Physical::INT64).build(),
        HiveType::Float => leaf(Physical::FLOAT).build(),
        HiveType::Double => leaf(Physical::DOUBLE).build(),
        HiveType::Decimal { precision, scale } => {
            let width = i32::try_from(decimal_bytes(*precision))?;
            let (precision, scale) = (i32::from(*precision), i32::from(*scale));
            let decimal = leaf(Physical::FIXED_LEN_BYTE_ARRAY).with_length(width);
            let decimal = decimal.with_logical_type(Some(LogicalType::decimal(scale, precision)));
            decimal.with_precision(precision).with_scale(scale).build()
        }
        HiveType::Text | HiveType::Varchar(_) | HiveType::Char(_) => {
            leaf(Physical::BYTE_ARRAY).with_logical_type(Some(LogicalType::String)).build()
        }
        HiveType::Binary => leaf(Physical::BYTE_ARRAY).build(),
        HiveType::Date => leaf(Physical::INT32).with_logical_type(Some(LogicalType::Date)).build(),
        HiveType::Timestamp => leaf(Physical::INT96).build(),
        HiveType::Array(element) => {
            let list = repeated("list", vec![field("element", element, Repetition::OPTIONAL)?])?;
            group(vec![Arc::new(list)]).with_logical_type(Some(LogicalType::List)).build()
        }
        HiveType::Map(key, value) => {
            let key = field("key", key, Repetition::REQUIRED)?;
            let entries = repeated("key_value", vec![key, field("value", value, Repetition::OPTIONAL)?])?;
            group(vec![Arc::new(entries)]).with_logical_type(Some(LogicalType::Map)).build()
        }
        HiveType::Struct(members) => group(fields(members)?).build(),
    }
    .map(Arc::new)
}
