//! From a JSON value to a value of a column's type, as the two deserializers do it.
//!
//! Invariant: a value either becomes one of the column's type whole, or the record fails; none is quietly made another.
//! What is observed of the service is followed to the letter; where nothing is known, the stricter reading is taken.
use super::{
    decimal::Decimal,
    hive::{HiveType, TableSchema},
    joda::Format,
    json::Json,
    time,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

/// What most sentences on a value begin with.
const MISMATCH: &str = "Data does not match the schema.";
/// What the Hive deserializer says of an object or array where a scalar must be.
const NOT_SCALAR: &str = "One or more fields have incorrect format. Exception when validating field (root)";

/// How records are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rules {
    pub(super) serde: SerDe,
    /// Whether names of columns and members match keys of any case.
    pub(super) ignores_case: bool,
    pub(super) dots_become_underscores: bool,
    /// Columns and the keys they are found under, if not their own names.
    pub(super) keys: BTreeMap<String, String>,
    pub(super) formats: Vec<Format>,
}

/// The deserializers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SerDe {
    OpenX,
    Hive,
}

/// A value of a column; text borrows from the record.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Cell<'a> {
    Null,
    Boolean(bool),
    /// Of any width.
    Integer(i64),
    Float(f32),
    Double(f64),
    /// In units of the column's scale.
    Decimal(i128),
    /// Text, and the bytes of a binary column.
    Text(Cow<'a, str>),
    /// Days since the Unix epoch.
    Date(i32),
    /// Microseconds since the Unix epoch.
    Timestamp(i64),
    List(Vec<Cell<'a>>),
    Map(Vec<(Cell<'a>, Cell<'a>)>),
    Struct(Vec<Cell<'a>>),
}

/// A type, with the keys under which its members are found.
#[derive(Debug)]
pub(super) enum Shape<'s> {
    Leaf(&'s HiveType),
    List(Box<Shape<'s>>),
    Map(&'s HiveType, Box<Shape<'s>>),
    Struct { places: HashMap<String, Vec<usize>>, members: Vec<Shape<'s>> },
}

impl Rules {
    /// The columns as a structure to be read.
    pub(super) fn shape<'s>(&self, schema: &'s TableSchema) -> Shape<'s> {
        self.structure(&schema.columns)
    }

    fn structure<'s>(&self, members: &'s [(String, HiveType)]) -> Shape<'s> {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, (name, _)) in members.iter().enumerate() {
            let key = self.keys.get(name).unwrap_or(name);
            places.entry(self.looked_up(key).into_owned()).or_default().push(index);
        }
        Shape::Struct { places, members: members.iter().map(|(_, member)| self.shaped(member)).collect() }
    }

    fn shaped<'s>(&self, hive: &'s HiveType) -> Shape<'s> {
        match hive {
            HiveType::Array(element) => Shape::List(Box::new(self.shaped(element))),
            HiveType::Map(key, value) => Shape::Map(key, Box::new(self.shaped(value))),
            HiveType::Struct(members) => self.structure(members),
            leaf => Shape::Leaf(leaf),
        }
    }

    /// A key as names are compared with it.
    fn looked_up<'k>(&self, key: &'k str) -> Cow<'k, str> {
        let has_upper = self.ignores_case && key.chars().any(char::is_uppercase);
        let key = if has_upper { Cow::Owned(key.to_lowercase()) } else { Cow::Borrowed(key) };
        let has_dots = self.dots_become_underscores && key.contains('.');
        if has_dots { Cow::Owned(key.replace('.', "_")) } else { key }
    }

    /// A key as it is kept: OpenX lowers every key before anything looks at it.
    fn kept(&self, key: &str) -> String {
        if self.serde == SerDe::OpenX && self.ignores_case { key.to_lowercase() } else { key.to_owned() }
    }

    /// The value of this shape that `json` is.
    ///
    /// # Errors
    /// What is told of the record.
    pub(super) fn read<'a>(&self, shape: &Shape<'_>, json: &Json<'a>) -> Result<Cell<'a>, String> {
        match (shape, json) {
            (_, Json::Null) => Ok(Cell::Null),
            (Shape::Leaf(hive), json) => self.leaf(self.serde, hive, json),
            (Shape::List(element), Json::Array(elements)) => {
                elements.iter().map(|json| self.read(element, json)).collect::<Result<_, _>>().map(Cell::List)
            }
            (Shape::List(element), json) => match self.serde {
                SerDe::OpenX => Ok(Cell::List(vec![self.read(element, json)?])),
                SerDe::Hive => Err(format!("{MISMATCH} java.io.IOException: Start of Array expected")),
            },
            (Shape::Map(key, value), Json::Object(members)) => {
                // The last of several entries of one key counts.
                let entries: BTreeMap<String, _> = members.iter().map(|(name, json)| (self.kept(name), json)).collect();
                let read = |(name, json): (String, &Json<'a>)| {
                    // Keys are text, whatever they stand for: neither deserializer can be strict about them.
                    Ok((self.leaf(SerDe::OpenX, key, &Json::Text(name.into()))?, self.read(value, json)?))
                };
                entries.into_iter().map(read).collect::<Result<_, _>>().map(Cell::Map)
            }
            (Shape::Struct { places, members }, Json::Object(values)) => {
                let mut cells = vec![Cell::Null; members.len()];
                for (key, json) in values {
                    for place in places.get(&*self.looked_up(key)).into_iter().flatten() {
                        cells[*place] = self.read(&members[*place], json)?;
                    }
                }
                Ok(Cell::Struct(cells))
            }
            (Shape::Struct { members, .. }, Json::Array(values)) if self.serde == SerDe::OpenX => {
                let mut cells = vec![Cell::Null; members.len()];
                for ((cell, member), json) in cells.iter_mut().zip(members).zip(values) {
                    *cell = self.read(member, json)?;
                }
                Ok(Cell::Struct(cells))
            }
            (Shape::Map(..) | Shape::Struct { .. }, json) => Err(self.no_object(json)),
        }
    }

    fn no_object(&self, json: &Json<'_>) -> String {
        if self.serde == SerDe::Hive {
            return format!("{MISMATCH} java.io.IOException: Start of Object expected");
        }
        let class = match json {
            Json::Number(text) if text.contains(['.', 'e', 'E']) => "java.lang.Double",
            Json::Number(_) => "java.lang.Long",
            Json::Boolean(_) => "java.lang.Boolean",
            Json::Array(_) => "JSONArray",
            _ => "java.lang.String",
        };
        let mut value = String::new();
        match json {
            Json::Text(text) => value.push_str(text),
            json => json.write(&mut value, &|key| self.kept(key)),
        }
        format!("{MISMATCH} Data is not JSONObject  but {class} with value {value}")
    }

    fn leaf<'a>(&self, serde: SerDe, hive: &HiveType, json: &Json<'a>) -> Result<Cell<'a>, String> {
        let no_input = |text: &str| format!("{MISMATCH} For input string: {text:?}");
        let out_of_range = |text: &str| format!("{MISMATCH} Value {text} is out of range for the type {hive}.");
        match hive {
            HiveType::Boolean => match (json, serde) {
                (Json::Boolean(value), _) => Ok(Cell::Boolean(*value)),
                (json, SerDe::Hive) => Err(format!("{MISMATCH} Current token ({}) not of boolean type", token(json))),
                (json, SerDe::OpenX) => match &*self.text(serde, json)? {
                    text if text.eq_ignore_ascii_case("true") => Ok(Cell::Boolean(true)),
                    text if text.eq_ignore_ascii_case("false") => Ok(Cell::Boolean(false)),
                    text => Err(no_input(text)),
                },
            },
            HiveType::TinyInt | HiveType::SmallInt | HiveType::Int | HiveType::BigInt => {
                let text = self.digits(serde, json)?;
                let integer = integer(&text).ok_or_else(|| no_input(&text))?;
                integer.filter(|value| fits(*value, hive)).map(Cell::Integer).ok_or_else(|| out_of_range(&text))
            }
            HiveType::Float => {
                let text = self.digits(serde, json)?;
                let value: f32 = text.parse().map_err(|_| no_input(&text))?;
                if is_meant(value.is_finite(), &text) { Ok(Cell::Float(value)) } else { Err(out_of_range(&text)) }
            }
            HiveType::Double => {
                let text = self.digits(serde, json)?;
                let value: f64 = text.parse().map_err(|_| no_input(&text))?;
                if is_meant(value.is_finite(), &text) { Ok(Cell::Double(value)) } else { Err(out_of_range(&text)) }
            }
            HiveType::Decimal { precision, scale } => {
                let text = self.text(serde, json)?;
                let number = Decimal::parse(text.trim()).ok_or_else(|| no_input(&text))?;
                let limit = 10_i128.pow(u32::from(*precision));
                let units = number.scaled(*scale).filter(|units| (1 - limit..limit).contains(units));
                units.map(Cell::Decimal).ok_or_else(|| out_of_range(&text))
            }
            HiveType::Varchar(most) | HiveType::Char(most) => {
                let cut = first_chars(self.text(serde, json)?, *most);
                let is_padded = matches!(hive, HiveType::Char(_)) && cut.ends_with(' ');
                Ok(Cell::Text(if is_padded { cut.trim_end_matches(' ').to_owned().into() } else { cut }))
            }
            HiveType::Date => {
                let text = self.text(serde, json)?;
                time::days(&text).map(Cell::Date).ok_or_else(|| no_input(&text))
            }
            HiveType::Timestamp => {
                let text = self.text(serde, json)?;
                let at = match serde {
                    SerDe::OpenX => time::open_x(&text),
                    SerDe::Hive => {
                        self.formats.iter().find_map(|format| format.read(&text)).or_else(|| time::sql(&text))
                    }
                };
                at.map(Cell::Timestamp).ok_or_else(|| no_input(&text))
            }
            _ => self.text(serde, json).map(Cell::Text),
        }
    }

    /// The text of a scalar; OpenX takes everything else as text, too.
    fn text<'a>(&self, serde: SerDe, json: &Json<'a>) -> Result<Cow<'a, str>, String> {
        match json {
            Json::Text(text) => Ok(text.clone()),
            Json::Number(text) => Ok(Cow::Borrowed(text)),
            Json::Boolean(value) => Ok(Cow::Borrowed(if *value { "true" } else { "false" })),
            _ if serde == SerDe::Hive => Err(NOT_SCALAR.into()),
            json => {
                let mut text = String::new();
                json.write(&mut text, &|key| self.kept(key));
                Ok(Cow::Owned(text))
            }
        }
    }

    /// The text of a number; OpenX takes one in quotes, too.
    fn digits<'a>(&self, serde: SerDe, json: &Json<'a>) -> Result<Cow<'a, str>, String> {
        match json {
            Json::Number(text) => Ok(Cow::Borrowed(text)),
            json if serde == SerDe::Hive => Err(format!(
                "{MISMATCH} Current token ({}) not numeric, can not use numeric value accessors",
                token(json)
            )),
            json => {
                let text = self.text(serde, json)?;
                let trimmed = text.trim();
                Ok(if trimmed.len() == text.len() { text } else { Cow::Owned(trimmed.to_owned()) })
            }
        }
    }
}

/// What Jackson calls the token a value begins with.
const fn token(json: &Json<'_>) -> &'static str {
    match json {
        Json::Null => "VALUE_NULL",
        Json::Boolean(true) => "VALUE_TRUE",
        Json::Boolean(false) => "VALUE_FALSE",
        Json::Number(_) => "VALUE_NUMBER_INT",
        Json::Text(_) => "VALUE_STRING",
        Json::Array(_) => "START_ARRAY",
        Json::Object(_) => "START_OBJECT",
    }
}

/// The whole number a text is (`None` inside: a very large one), if it is one.
fn integer(text: &str) -> Option<Option<i64>> {
    if let Ok(value) = text.parse() {
        return Some(Some(value));
    }
    let number = Decimal::parse(text).filter(Decimal::is_whole)?;
    Some(number.scaled(0).and_then(|value| i64::try_from(value).ok()))
}

fn fits(value: i64, hive: &HiveType) -> bool {
    match hive {
        HiveType::TinyInt => i8::try_from(value).is_ok(),
        HiveType::SmallInt => i16::try_from(value).is_ok(),
        HiveType::Int => i32::try_from(value).is_ok(),
        _ => true,
    }
}

/// A number that is not finite must have been called so; otherwise it was too large.
fn is_meant(is_finite: bool, text: &str) -> bool {
    is_finite || matches!(text, "NaN" | "Infinity" | "+Infinity" | "-Infinity")
}

fn first_chars(text: Cow<'_, str>, most: u32) -> Cow<'_, str> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    match (text.char_indices().nth(most), text) {
        (None, text) => text,
        (Some((end, _)), Cow::Borrowed(text)) => Cow::Borrowed(&text[..end]),
        (Some((end, _)), Cow::Owned(mut text)) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::json::Documents;

    fn open_x() -> Rules {
        Rules {
            serde: SerDe::OpenX,
            ignores_case: true,
            dots_become_underscores: false,
            keys: BTreeMap::new(),
            formats: Vec::new(),
        }
    }

    fn hive() -> Rules {
        Rules { serde: SerDe::Hive, ..open_x() }
    }

    /// What the column `c` of a type becomes in a record.
    fn read_record(rules: &Rules, hive: &str, record: &'static str) -> Result<Cell<'static>, String> {
        let schema = TableSchema::parse(&[("c".to_owned(), hive.to_owned())]).unwrap();
        let json = Documents::of(record).next().unwrap().unwrap();
        match rules.read(&rules.shape(&schema), &json)? {
            Cell::Struct(mut cells) => Ok(cells.remove(0)),
            other => Ok(other),
        }
    }

    fn read(rules: &Rules, hive: &str, value: &str) -> Result<Cell<'static>, String> {
        read_record(rules, hive, format!("{{\"c\":{value}}}").leak())
    }

    fn text(text: &'static str) -> Cell<'static> {
        Cell::Text(text.into())
    }

    #[test]
    fn scalars_become_what_their_column_is() {
        for (hive_type, value, cell) in [
            ("boolean", "true", Cell::Boolean(true)),
            ("tinyint", "-128", Cell::Integer(-128)),
            ("int", "7.0", Cell::Integer(7)),
            ("bigint", "9223372036854775807", Cell::Integer(i64::MAX)),
            ("float", "1.5", Cell::Float(1.5)),
            ("double", "1e300", Cell::Double(1e300)),
            ("decimal(4,2)", "12.345", Cell::Decimal(1235)),
            (
                "decimal(38,0)",
                "12345678901234567890123456789012345678",
                Cell::Decimal(12345678901234567890123456789012345678),
            ),
            ("decimal(4,2)", "\"1.5\"", Cell::Decimal(150)),
            ("string", "\"a\\n\"", text("a\n")),
            ("string", "1.50", text("1.50")),
            ("string", "false", text("false")),
            ("varchar(2)", "\"äöü\"", text("äö")),
            ("char(3)", "\"a   b\"", text("a")),
            ("date", "\"1970-1-2\"", Cell::Date(1)),
            ("timestamp", "\"1970-01-01 00:00:01.5\"", Cell::Timestamp(1_500_000)),
            ("binary", "\"ab\"", text("ab")),
            ("int", "null", Cell::Null),
            ("map<int,int>", "{\"1\":2}", Cell::Map(vec![(Cell::Integer(1), Cell::Integer(2))])),
        ] {
            for rules in [open_x(), hive()] {
                assert_eq!(read(&rules, hive_type, value), Ok(cell.clone()), "{hive_type} {value}");
            }
        }
    }

    #[test]
    fn open_x_takes_more_forms_than_hive() {
        for (hive_type, value, cell) in [
            ("int", "\" 20 \"", Cell::Integer(20)),
            ("double", "\"NaN\"", Cell::Double(f64::NAN)),
            ("boolean", "\"TRUE\"", Cell::Boolean(true)),
            ("timestamp", "1518033528", Cell::Timestamp(1_518_033_528_000_000)),
            ("array<string>", "\"a\"", Cell::List(vec![text("a")])),
            ("struct<a:string,b:int>", "[\"x\", 9, true]", Cell::Struct(vec![text("x"), Cell::Integer(9)])),
            ("struct<a:string,b:int>", "[\"x\"]", Cell::Struct(vec![text("x"), Cell::Null])),
            ("string", "{\"Outer\": {\"In\": [1, \"é\\\"\"]}}", text("{\"outer\":{\"in\":[1,\"é\\\"\"]}}")),
        ] {
            let shown = |cell: &Cell<'_>| format!("{cell:?}");
            assert_eq!(read(&open_x(), hive_type, value).map(|got| shown(&got)), Ok(shown(&cell)), "{hive_type}");
            assert!(read(&hive(), hive_type, value).is_err(), "{hive_type} {value}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_in_the_services_words() {
        let number = "Current token (VALUE_STRING) not numeric, can not use numeric value accessors";
        for (rules, hive_type, value, why) in [
            (open_x(), "double", "\"oops\"", "For input string: \"oops\""),
            (open_x(), "int", "1.5", "For input string: \"1.5\""),
            (open_x(), "tinyint", "128", "Value 128 is out of range for the type tinyint."),
            (open_x(), "bigint", "1e30", "Value 1e30 is out of range for the type bigint."),
            (open_x(), "double", "1e1000", "Value 1e1000 is out of range for the type double."),
            (open_x(), "float", "1e100", "Value 1e100 is out of range for the type float."),
            (open_x(), "decimal(4,2)", "100", "Value 100 is out of range for the type decimal(4,2)."),
            (open_x(), "decimal(4,2)", "-1e99", "Value -1e99 is out of range for the type decimal(4,2)."),
            (open_x(), "boolean", "\"maybe\"", "For input string: \"maybe\""),
            (open_x(), "timestamp", "\"soon\"", "For input string: \"soon\""),
            (open_x(), "date", "\"2026-02-30\"", "For input string: \"2026-02-30\""),
            (open_x(), "struct<a:int>", "42", "Data is not JSONObject  but java.lang.Long with value 42"),
            (open_x(), "array<struct<q:int>>", "[{\"q\":\"oops\"}]", "For input string: \"oops\""),
            (hive(), "int", "\"7\"", number),
            (hive(), "array<int>", "1", "java.io.IOException: Start of Array expected"),
            (hive(), "struct<a:int>", "[1]", "java.io.IOException: Start of Object expected"),
            (hive(), "boolean", "\"true\"", "Current token (VALUE_STRING) not of boolean type"),
        ] {
            let told = format!("Data does not match the schema. {why}");
            assert_eq!(read(&rules, hive_type, value), Err(told), "{hive_type} {value}");
        }
        assert_eq!(read(&hive(), "string", "{}"), Err(NOT_SCALAR.to_owned()));
    }

    #[test]
    fn nulls_stay_inside_and_what_is_missing_is_null() {
        let of = |hive_type, value| read(&open_x(), hive_type, value).unwrap();
        assert_eq!(of("array<string>", "[null]"), Cell::List(vec![Cell::Null]));
        assert_eq!(of("map<string,int>", "{\"k\":null}"), Cell::Map(vec![(text("k"), Cell::Null)]));
        assert_eq!(of("struct<a:int,b:int>", "{\"b\":1,\"x\":2}"), Cell::Struct(vec![Cell::Null, Cell::Integer(1)]));
        assert_eq!(read_record(&open_x(), "int", "{}"), Ok(Cell::Null));
        assert_eq!(read_record(&open_x(), "int", "[5]"), Ok(Cell::Integer(5)));
        assert!(read_record(&hive(), "int", "[5]").is_err());
    }

    #[test]
    fn case_is_ignored_in_names_and_open_x_lowers_the_keys_of_maps() {
        let of = |rules: &Rules, hive_type| read_record(rules, hive_type, r#"{"C":{"Key":1,"KEY":2}}"#).unwrap();
        let entry = |key, value| Cell::Map(vec![(text(key), Cell::Integer(value))]);
        assert_eq!(of(&open_x(), "map<string,int>"), entry("key", 2));
        assert_eq!(
            of(&hive(), "map<string,int>"),
            Cell::Map(vec![(text("KEY"), Cell::Integer(2)), (text("Key"), Cell::Integer(1))])
        );
        assert_eq!(of(&hive(), "struct<key:int>"), Cell::Struct(vec![Cell::Integer(2)]));
        let exact = Rules { ignores_case: false, ..open_x() };
        assert_eq!(of(&exact, "struct<key:int>"), Cell::Null);
        assert_eq!(read(&exact, "map<string,int>", "{\"Key\":1}"), Ok(entry("Key", 1)));
    }

    #[test]
    fn columns_are_found_under_mapped_keys_and_dots_are_underscores_if_asked() {
        let mapped = Rules { keys: [("c".to_owned(), "Time.Stamp".to_owned())].into(), ..open_x() };
        assert_eq!(read_record(&mapped, "int", r#"{"TIME.stamp":1,"c":2}"#), Ok(Cell::Integer(1)));
        let dotted = Rules { dots_become_underscores: true, ..open_x() };
        let cell = read(&dotted, "struct<a_b:int>", "{\"a.b\":1}");
        assert_eq!(cell, Ok(Cell::Struct(vec![Cell::Integer(1)])));
        assert_eq!(read(&open_x(), "struct<a_b:int>", "{\"a.b\":1}"), Ok(Cell::Struct(vec![Cell::Null])));
    }

    #[test]
    fn hive_reads_timestamps_in_the_formats_it_is_given() {
        let formats = ["yyyy/MM/dd", "millis"].map(|pattern| Format::parse(pattern).unwrap());
        let rules = Rules { formats: formats.into(), ..hive() };
        assert_eq!(read(&rules, "timestamp", "\"1970/01/02\""), Ok(Cell::Timestamp(86_400_000_000)));
        assert_eq!(read(&rules, "timestamp", "1500"), Ok(Cell::Timestamp(1_500_000)));
        assert_eq!(read(&rules, "timestamp", "\"1970-01-01 00:00:01\""), Ok(Cell::Timestamp(1_000_000)));
        assert!(read(&hive(), "timestamp", "1500").is_err());
    }
}
