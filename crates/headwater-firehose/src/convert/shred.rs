//! Rows taken apart into the columns of their leaves, as Dremel's paper does it: each value, or what is absent in its
//! place, with how much of the way to it is there (its definition level) and which list it goes on (its repetition level).
//!
//! Invariant: a row leaves at least one entry in every column, and only the first of them begins a row.
use super::{cell::Cell, hive::HiveType};
use ::parquet::{
    column::writer::ColumnWriter,
    data_type::{
        BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
        Int32Type, Int64Type, Int96, Int96Type,
    },
    errors::ParquetError,
};
use bytes::Bytes;
use std::mem;

const MICROS_A_DAY: i64 = 86_400_000_000;
/// The Unix epoch's day in the calendar of `INT96`.
const JULIAN_DAY_OF_EPOCH: i64 = 2_440_588;

/// Takes rows apart, and hands on what it has of them.
pub(super) struct Shredder {
    members: Vec<Node>,
    columns: Vec<Column>,
}

/// A type, as a tree over its columns.
enum Node {
    /// What is required has no definition level of its own.
    Leaf {
        column: usize,
        is_required: bool,
    },
    Struct(Vec<Node>),
    /// A list's elements, or a map's keys and values. All but the first repeat at this level.
    Repeated {
        level: i16,
        members: Vec<Node>,
    },
}

/// What is gathered of a leaf.
struct Column {
    values: Values,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

/// The values of a column that are there.
enum Values {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// One behind the other, and how long each is.
    Bytes(Vec<u8>, Vec<usize>),
    /// One behind the other, all of this width.
    Fixed(Vec<u8>, usize),
}

impl Shredder {
    /// For rows of these members.
    pub(super) fn new(members: &[(String, HiveType)]) -> Self {
        let mut columns = Vec::new();
        Self { members: nodes(members, 0, &mut columns), columns }
    }

    /// Adds a row: one cell a member.
    pub(super) fn push(&mut self, row: Vec<Cell<'_>>) {
        for (member, cell) in self.members.iter().zip(row) {
            member.shred(cell, 0, 0, &mut self.columns);
        }
    }

    /// Hands what was added to the writers of its columns; so many bytes it had.
    ///
    /// # Errors
    /// The writers'.
    pub(super) fn write(&mut self, writers: &mut [ColumnWriter<'_>]) -> Result<usize, ParquetError> {
        self.columns.iter_mut().zip(writers).map(|(column, writer)| column.write(writer)).sum()
    }
}

fn nodes(members: &[(String, HiveType)], level: i16, columns: &mut Vec<Column>) -> Vec<Node> {
    members.iter().map(|(_, member)| Node::of(member, false, level, columns)).collect()
}

impl Node {
    /// `level` is that of the list around it, 0 outside of all.
    fn of(hive: &HiveType, is_required: bool, level: i16, columns: &mut Vec<Column>) -> Self {
        let inner = level + 1;
        match hive {
            HiveType::Struct(members) => Self::Struct(nodes(members, level, columns)),
            HiveType::Array(element) => {
                Self::Repeated { level: inner, members: vec![Self::of(element, false, inner, columns)] }
            }
            HiveType::Map(key, value) => {
                let members = vec![Self::of(key, true, inner, columns), Self::of(value, false, inner, columns)];
                Self::Repeated { level: inner, members }
            }
            leaf => {
                columns.push(Column::of(leaf));
                Self::Leaf { column: columns.len() - 1, is_required }
            }
        }
    }

    /// Takes a cell apart, to which so much of the way is there, and which goes on the list of that level.
    fn shred(&self, cell: Cell<'_>, definition: i16, repetition: i16, columns: &mut [Column]) {
        match (self, cell) {
            (Self::Leaf { column, is_required }, cell) => {
                let column = &mut columns[*column];
                let is_there = column.values.push(cell);
                column.definitions.push(definition + i16::from(is_there && !is_required));
                column.repetitions.push(repetition);
            }
            (Self::Struct(members), Cell::Struct(cells)) => {
                shred_all(members, cells, definition + 1, repetition, columns);
            }
            (Self::Repeated { level, members }, Cell::List(elements)) if !elements.is_empty() => {
                for (element, repetition) in elements.into_iter().zip(repetitions(repetition, *level)) {
                    shred_all(members, [element], definition + 2, repetition, columns);
                }
            }
            (Self::Repeated { level, members }, Cell::Map(entries)) if !entries.is_empty() => {
                for ((key, value), repetition) in entries.into_iter().zip(repetitions(repetition, *level)) {
                    shred_all(members, [key, value], definition + 2, repetition, columns);
                }
            }
            (Self::Struct(members) | Self::Repeated { members, .. }, cell) => {
                let is_empty = matches!(cell, Cell::List(_) | Cell::Map(_));
                let definition = definition + i16::from(is_empty);
                members.iter().for_each(|member| member.shred(Cell::Null, definition, repetition, columns));
            }
        }
    }
}

fn shred_all<'a>(
    members: &[Node],
    cells: impl IntoIterator<Item = Cell<'a>>,
    definition: i16,
    repetition: i16,
    columns: &mut [Column],
) {
    for (member, cell) in members.iter().zip(cells) {
        member.shred(cell, definition, repetition, columns);
    }
}

/// The first goes on what is around the list, all others the list.
fn repetitions(first: i16, level: i16) -> impl Iterator<Item = i16> {
    std::iter::once(first).chain(std::iter::repeat(level))
}

impl Column {
    fn of(leaf: &HiveType) -> Self {
        let values = match leaf {
            HiveType::Boolean => Values::Boolean(Vec::new()),
            HiveType::TinyInt | HiveType::SmallInt | HiveType::Int | HiveType::Date => Values::Int32(Vec::new()),
            HiveType::BigInt => Values::Int64(Vec::new()),
            HiveType::Float => Values::Float(Vec::new()),
            HiveType::Double => Values::Double(Vec::new()),
            HiveType::Decimal { precision, .. } => Values::Fixed(Vec::new(), decimal_bytes(*precision)),
            HiveType::Timestamp => Values::Int96(Vec::new()),
            _ => Values::Bytes(Vec::new(), Vec::new()),
        };
        Self { values, definitions: Vec::new(), repetitions: Vec::new() }
    }

    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<usize, ParquetError> {
        let Self { values, definitions, repetitions } = self;
        let size_bytes = values.size_bytes() + mem::size_of_val(&**definitions);
        let levels = (&**definitions, &**repetitions);
        match values {
            Values::Boolean(values) => put::<BoolType>(writer, mem::take(values), levels),
            Values::Int32(values) => put::<Int32Type>(writer, mem::take(values), levels),
            Values::Int64(values) => put::<Int64Type>(writer, mem::take(values), levels),
            Values::Int96(values) => put::<Int96Type>(writer, mem::take(values), levels),
            Values::Float(values) => put::<FloatType>(writer, mem::take(values), levels),
            Values::Double(values) => put::<DoubleType>(writer, mem::take(values), levels),
            Values::Bytes(bytes, lengths) => {
                let mut rest = Bytes::from(mem::take(bytes));
                let values = mem::take(lengths).into_iter().map(|length| ByteArray::from(rest.split_to(length)));
                put::<ByteArrayType>(writer, values.collect(), levels)
            }
            Values::Fixed(bytes, width) => {
                let mut rest = Bytes::from(mem::take(bytes));
                let count = rest.len() / *width;
                let values = (0..count).map(|_| FixedLenByteArray::from(ByteArray::from(rest.split_to(*width))));
                put::<FixedLenByteArrayType>(writer, values.collect(), levels)
            }
        }?;
        definitions.clear();
        repetitions.clear();
        Ok(size_bytes)
    }
}

fn put<T: DataType>(
    writer: &mut ColumnWriter<'_>,
    values: Vec<T::T>,
    (definitions, repetitions): (&[i16], &[i16]),
) -> Result<usize, ParquetError> {
    let unlike = || ParquetError::General("a column is of another type than its values".into());
    let writer = T::get_column_writer_mut(writer).ok_or_else(unlike)?;
    writer.write_batch(&values, Some(definitions), Some(repetitions))
}

impl Values {
    /// Whether the cell holds a value of this column, which is then added.
    fn push(&mut self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Boolean(values), Cell::Boolean(value)) => values.push(value),
            (Self::Int32(values), Cell::Integer(value)) => match i32::try_from(value) {
                Ok(value) => values.push(value),
                Err(_) => return false,
            },
            (Self::Int32(values), Cell::Date(days)) => values.push(days),
            (Self::Int64(values), Cell::Integer(value)) => values.push(value),
            (Self::Int96(values), Cell::Timestamp(micros)) => values.push(int96(micros)),
            (Self::Float(values), Cell::Float(value)) => values.push(value),
            (Self::Double(values), Cell::Double(value)) => values.push(value),
            (Self::Bytes(bytes, lengths), Cell::Text(text)) => {
                bytes.extend_from_slice(text.as_bytes());
                lengths.push(text.len());
            }
            (Self::Fixed(bytes, width), Cell::Decimal(units)) => {
                let units = units.to_be_bytes();
                bytes.extend_from_slice(&units[units.len() - *width..]);
            }
            _ => return false,
        }
        true
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::Boolean(values) => values.len(),
            Self::Int32(values) => mem::size_of_val(&**values),
            Self::Int64(values) => mem::size_of_val(&**values),
            Self::Int96(values) => mem::size_of_val(&**values),
            Self::Float(values) => mem::size_of_val(&**values),
            Self::Double(values) => mem::size_of_val(&**values),
            Self::Bytes(bytes, _) | Self::Fixed(bytes, _) => bytes.len(),
        }
    }
}

/// The fewest bytes that hold every number of so many digits, and its sign: 1 to 16 for 1 to 38 digits.
pub(super) fn decimal_bytes(precision: u8) -> usize {
    let most = 10_u128.pow(u32::from(precision));
    (1..16).find(|bytes| 1 << (8 * bytes - 1) >= most).unwrap_or(16)
}

/// A point in time as Hive and Spark have it: nanoseconds of the day, and the day.
fn int96(micros: i64) -> Int96 {
    let nanos = micros.rem_euclid(MICROS_A_DAY).cast_unsigned() * 1000;
    let day = micros.div_euclid(MICROS_A_DAY) + JULIAN_DAY_OF_EPOCH;
    let word = |value: u64| u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default();
    let mut value = Int96::new();
    value.set_data(word(nanos), word(nanos >> 32), word(day.cast_unsigned()));
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_take_the_bytes_that_hive_gives_them() {
        for (precision, bytes) in [(1, 1), (2, 1), (3, 2), (4, 2), (9, 4), (10, 5), (18, 8), (19, 9), (38, 16)] {
            assert_eq!(decimal_bytes(precision), bytes, "{precision}");
        }
    }

    #[test]
    fn points_in_time_before_the_epoch_are_of_the_day_before() {
        let days = |micros| int96(micros).data()[2];
        assert_eq!((days(-1), days(0)), (2_440_587, 2_440_588));
        assert_eq!((int96(-1).to_nanos(), int96(0).to_nanos()), (-1000, 0));
        assert_eq!(int96(1_500_000).to_nanos(), 1_500_000_000);
    }
}
