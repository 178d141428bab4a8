//! From rows to a Parquet file: columns are put together a batch of rows at a time, and written as they come.
//!
//! Invariant: what is in the file is what the rows hold; a reader needs nothing but the file.
use super::{
    cell::Cell,
    hive::{HiveType, TableSchema, fields},
};
use ::parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::Compression,
    errors::ParquetError,
    file::properties::{WriterProperties, WriterVersion},
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    ListArray, MapArray, PrimitiveArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
    types::{Int8Type, Int16Type, Int32Type, Int64Type},
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType};
use bytes::Bytes;
use std::sync::Arc;

/// Rows that are put together at a time.
const BATCH_ROWS: usize = 8192;

/// How a file is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// Of a row group, as encoded, before compression.
    pub(super) block_bytes: usize,
    pub(super) page_bytes: usize,
    pub(super) compression: Compression,
    pub(super) has_dictionary: bool,
    pub(super) version: WriterVersion,
}

/// A file being written.
pub(super) struct File<'s, 'a> {
    schema: &'s TableSchema,
    rows: Vec<Vec<Cell<'a>>>,
    writer: ArrowWriter<Vec<u8>>,
}

impl<'s, 'a> File<'s, 'a> {
    pub(super) fn new(schema: &'s TableSchema, layout: &Layout) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder()
            .set_writer_version(layout.version)
            .set_compression(layout.compression)
            .set_dictionary_enabled(layout.has_dictionary)
            .set_data_page_size_limit(layout.page_bytes)
            .set_max_row_group_bytes(Some(layout.block_bytes))
            .set_max_row_group_row_count(None);
        // The columns' types say all; Arrow's own schema beside them would only matter to Arrow.
        let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), schema.arrow(), options)?;
        Ok(Self { schema, rows: Vec::new(), writer })
    }

    /// Adds a row: one cell a column.
    pub(super) fn push(&mut self, row: Vec<Cell<'a>>) -> Result<(), ParquetError> {
        self.rows.push(row);
        if self.rows.len() == BATCH_ROWS { self.write() } else { Ok(()) }
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Result<Bytes, ParquetError> {
        self.write()?;
        self.writer.into_inner().map(Bytes::from)
    }

    fn write(&mut self) -> Result<(), ParquetError> {
        let count = self.rows.len();
        let columns = arrays(&self.schema.columns, self.rows.drain(..), count)?;
        self.writer.write(&RecordBatch::try_new(self.schema.arrow(), columns)?)
    }
}

/// The members of rows, each on its own.
fn arrays<'a>(
    members: &[(String, HiveType)],
    rows: impl Iterator<Item = Vec<Cell<'a>>>,
    count: usize,
) -> Result<Vec<ArrayRef>, ArrowError> {
    let mut columns: Vec<Vec<Cell<'a>>> = members.iter().map(|_| Vec::with_capacity(count)).collect();
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    members.iter().zip(columns).map(|((_, hive), cells)| array(hive, cells)).collect()
}

/// What is in a cell of a variant; nothing is in any other.
macro_rules! held {
    ($variant:ident) => {
        |cell| match cell {
            Cell::$variant(value) => Some(*value),
            _ => None,
        }
    };
}

fn array(hive: &HiveType, cells: Vec<Cell<'_>>) -> Result<ArrayRef, ArrowError> {
    let all = cells.iter();
    Ok(match hive {
        HiveType::Boolean => Arc::new(all.map(held!(Boolean)).collect::<BooleanArray>()),
        HiveType::TinyInt => integers::<Int8Type>(&cells),
        HiveType::SmallInt => integers::<Int16Type>(&cells),
        HiveType::Int => integers::<Int32Type>(&cells),
        HiveType::BigInt => integers::<Int64Type>(&cells),
        HiveType::Float => Arc::new(all.map(held!(Float)).collect::<Float32Array>()),
        HiveType::Double => Arc::new(all.map(held!(Double)).collect::<Float64Array>()),
        HiveType::Decimal { precision, scale } => {
            let units: Decimal128Array = all.map(held!(Decimal)).collect();
            Arc::new(units.with_precision_and_scale(*precision, scale.cast_signed())?)
        }
        HiveType::Text | HiveType::Varchar(_) | HiveType::Char(_) => Arc::new(all.map(text).collect::<StringArray>()),
        HiveType::Binary => Arc::new(all.map(|cell| text(cell).map(str::as_bytes)).collect::<BinaryArray>()),
        HiveType::Date => Arc::new(all.map(held!(Date)).collect::<Date32Array>()),
        HiveType::Timestamp => Arc::new(all.map(held!(Timestamp)).collect::<TimestampMicrosecondArray>()),
        HiveType::Array(element) => list(hive, element, cells)?,
        HiveType::Map(key, value) => map(hive, key, value, cells)?,
        HiveType::Struct(members) => structure(members, cells)?,
    })
}

fn text<'c>(cell: &'c Cell<'_>) -> Option<&'c str> {
    match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    }
}

fn integers<T: ArrowPrimitiveType>(cells: &[Cell<'_>]) -> ArrayRef
where
    T::Native: TryFrom<i64>,
{
    let values = cells.iter().map(held!(Integer));
    Arc::new(values.map(|value| T::Native::try_from(value?).ok()).collect::<PrimitiveArray<T>>())
}

fn list(hive: &HiveType, element: &HiveType, cells: Vec<Cell<'_>>) -> Result<ArrayRef, ArrowError> {
    let DataType::List(field) = hive.arrow() else { return Err(unlike(hive)) };
    let (mut lengths, mut present, mut elements) =
        (Vec::with_capacity(cells.len()), Vec::with_capacity(cells.len()), Vec::new());
    for cell in cells {
        let (length, is_present) = match cell {
            Cell::List(mut inner) => {
                let length = inner.len();
                elements.append(&mut inner);
                (length, true)
            }
            _ => (0, false),
        };
        lengths.push(length);
        present.push(is_present);
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field, offsets, array(element, elements)?, Some(present.into()))?))
}

fn map(hive: &HiveType, key: &HiveType, value: &HiveType, cells: Vec<Cell<'_>>) -> Result<ArrayRef, ArrowError> {
    let DataType::Map(entry, is_sorted) = hive.arrow() else { return Err(unlike(hive)) };
    let DataType::Struct(members) = entry.data_type() else { return Err(unlike(hive)) };
    let (mut lengths, mut present) = (Vec::with_capacity(cells.len()), Vec::with_capacity(cells.len()));
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for cell in cells {
        let is_present = matches!(cell, Cell::Map(_));
        let entries = if let Cell::Map(entries) = cell { entries } else { Vec::new() };
        lengths.push(entries.len());
        present.push(is_present);
        for (key, value) in entries {
            keys.push(key);
            values.push(value);
        }
    }
    let entries = StructArray::try_new(members.clone(), vec![array(key, keys)?, array(value, values)?], None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(MapArray::try_new(Arc::clone(&entry), offsets, entries, Some(present.into()), is_sorted)?))
}

fn structure(members: &[(String, HiveType)], cells: Vec<Cell<'_>>) -> Result<ArrayRef, ArrowError> {
    let count = cells.len();
    let present: Vec<bool> = cells.iter().map(|cell| matches!(cell, Cell::Struct(_))).collect();
    let rows = cells.into_iter().map(|cell| match cell {
        Cell::Struct(inner) => inner,
        _ => vec![Cell::Null; members.len()],
    });
    let columns = arrays(members, rows, count)?;
    Ok(Arc::new(StructArray::try_new(fields(members), columns, Some(present.into()))?))
}

/// A nested type whose form in Arrow is another than it was.
fn unlike(hive: &HiveType) -> ArrowError {
    ArrowError::SchemaError(format!("{hive} has another form"))
}
