//! The types of a table's columns, as Glue writes them: `array<struct<a:int,b:decimal(10,2)>>`.
//!
//! Invariant: a type that parses can be written to Parquet; names of columns and members are in lower case, and no two
//! beside one another are the same.
use std::fmt;

/// How deep types may nest.
const MAX_DEPTH: u32 = 32;
/// The widest decimal there is.
const MAX_PRECISION: u8 = 38;
/// What `decimal` alone stands for.
const DEFAULT_DECIMAL: HiveType = HiveType::Decimal { precision: 10, scale: 0 };
/// The longest `char` and `varchar`, in characters.
const MAX_CHAR: u32 = 255;
const MAX_VARCHAR: u32 = 65_535;

/// The columns of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TableSchema {
    pub(super) columns: Vec<(String, HiveType)>,
}

/// A column's type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum HiveType {
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Text,
    /// At most so many characters.
    Varchar(u32),
    /// At most so many characters, without spaces at the end.
    Char(u32),
    Date,
    Timestamp,
    Binary,
    Array(Box<HiveType>),
    /// The first is none of the nested types.
    Map(Box<HiveType>, Box<HiveType>),
    Struct(Vec<(String, HiveType)>),
}

impl TableSchema {
    /// The schema of columns given by name and type.
    ///
    /// # Errors
    /// A sentence on the column that cannot be: its type is unknown or malformed, or another has its name.
    pub(crate) fn parse(columns: &[(String, String)]) -> Result<Self, String> {
        let mut parsed: Vec<(String, HiveType)> = Vec::with_capacity(columns.len());
        for (name, text) in columns {
            let column = HiveType::parse(text)
                .map_err(|why| format!("Column {name} has the type {text}, which is not supported: {why}."))?;
            add(&mut parsed, name, column).map_err(|why| format!("The schema is invalid: {why}."))?;
        }
        if parsed.is_empty() { Err("The table has no columns.".into()) } else { Ok(Self { columns: parsed }) }
    }

    /// Whether a column is of such a type, at any depth.
    pub(super) fn has(&self, wanted: &HiveType) -> bool {
        self.columns.iter().any(|(_, column)| column.has(wanted))
    }
}

/// Adds a member unless there is one of its name.
fn add(members: &mut Vec<(String, HiveType)>, name: &str, member: HiveType) -> Result<(), String> {
    let name = name.to_lowercase();
    if name.is_empty() {
        return Err("a name is empty".into());
    }
    if members.iter().any(|(other, _)| *other == name) {
        return Err(format!("there are two {name}"));
    }
    members.push((name, member));
    Ok(())
}

impl HiveType {
    /// # Errors
    /// Half a sentence on what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text.trim_start() };
        let parsed = parser.hive_type(MAX_DEPTH)?;
        if parser.rest.is_empty() { Ok(parsed) } else { Err(format!("{:?} is too much", parser.rest)) }
    }

    fn has(&self, wanted: &Self) -> bool {
        let is_inside = match self {
            Self::Array(element) => element.has(wanted),
            Self::Map(key, value) => key.has(wanted) || value.has(wanted),
            Self::Struct(members) => members.iter().any(|(_, member)| member.has(wanted)),
            _ => false,
        };
        is_inside || self == wanted
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// The text up to the first of `ends`; what is behind it is left.
    fn word(&mut self, ends: &[char]) -> &'a str {
        let (word, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        word.trim_end()
    }

    fn takes(&mut self, mark: char) -> bool {
        let behind = self.rest.strip_prefix(mark);
        self.rest = behind.map_or(self.rest, str::trim_start);
        behind.is_some()
    }

    fn expect(&mut self, mark: char) -> Result<(), String> {
        if self.takes(mark) {
            return Ok(());
        }
        let found = if self.rest.is_empty() { "the end".to_owned() } else { format!("{:?}", self.rest) };
        Err(format!("{mark:?} is missing before {found}"))
    }

    /// A width: digits.
    fn width(&mut self) -> Result<u32, String> {
        let word = self.word(&[',', ')']);
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse().ok().filter(|_| is_number).ok_or_else(|| format!("{word:?} is no width"))
    }

    fn hive_type(&mut self, depth: u32) -> Result<HiveType, String> {
        let Some(depth) = depth.checked_sub(1) else { return Err(format!("it nests deeper than {MAX_DEPTH} levels")) };
        let word = self.word(&['<', '>', '(', ')', ',']);
        match word.to_ascii_lowercase().as_str() {
            "boolean" => Ok(HiveType::Boolean),
            "tinyint" => Ok(HiveType::TinyInt),
            "smallint" => Ok(HiveType::SmallInt),
            "int" | "integer" => Ok(HiveType::Int),
            "bigint" => Ok(HiveType::BigInt),
            "float" => Ok(HiveType::Float),
            "double" | "double precision" => Ok(HiveType::Double),
            "decimal" | "numeric" => self.decimal(),
            "string" => Ok(HiveType::Text),
            "varchar" => self.length(MAX_VARCHAR).map(HiveType::Varchar),
            "char" => self.length(MAX_CHAR).map(HiveType::Char),
            "date" => Ok(HiveType::Date),
            "timestamp" => Ok(HiveType::Timestamp),
            "binary" => Ok(HiveType::Binary),
            "array" => {
                self.expect('<')?;
                let element = self.hive_type(depth)?;
                self.expect('>')?;
                Ok(HiveType::Array(Box::new(element)))
            }
            "map" => self.map(depth),
            "struct" => self.structure(depth),
            "" => Err("a type is missing".into()),
            _ => Err(format!("there is no type {word}")),
        }
    }

    fn decimal(&mut self) -> Result<HiveType, String> {
        if !self.takes('(') {
            return Ok(DEFAULT_DECIMAL);
        }
        let precision = self.width()?;
        let scale = if self.takes(',') { self.width()? } else { 0 };
        self.expect(')')?;
        let fits = |width: u32, most: u8| u8::try_from(width).ok().filter(|width| *width <= most);
        let widths = fits(precision, MAX_PRECISION).filter(|precision| *precision > 0);
        let widths = widths.and_then(|precision| Some((precision, fits(scale, precision)?)));
        let (precision, scale) = widths.ok_or_else(|| format!("there is no decimal({precision},{scale})"))?;
        Ok(HiveType::Decimal { precision, scale })
    }

    fn length(&mut self, most: u32) -> Result<u32, String> {
        self.expect('(')?;
        let length = self.width()?;
        self.expect(')')?;
        if (1..=most).contains(&length) { Ok(length) } else { Err(format!("a length is 1 to {most}")) }
    }

    fn map(&mut self, depth: u32) -> Result<HiveType, String> {
        self.expect('<')?;
        let key = self.hive_type(depth)?;
        if matches!(key, HiveType::Array(_) | HiveType::Map(..) | HiveType::Struct(_)) {
            return Err("a map's key is of a nested type".into());
        }
        self.expect(',')?;
        let value = self.hive_type(depth)?;
        self.expect('>')?;
        Ok(HiveType::Map(Box::new(key), Box::new(value)))
    }

    fn structure(&mut self, depth: u32) -> Result<HiveType, String> {
        self.expect('<')?;
        let mut members = Vec::new();
        loop {
            let name = self.name()?;
            self.expect(':')?;
            let member = self.hive_type(depth)?;
            add(&mut members, &name, member)?;
            if self.takes('>') {
                return Ok(HiveType::Struct(members));
            }
            self.expect(',')?;
        }
    }

    /// A member's name; between back quotes any character may stand, and a back quote doubled.
    fn name(&mut self) -> Result<String, String> {
        if !self.takes('`') {
            return Ok(self.word(&[':', ',', '<', '>']).to_owned());
        }
        let mut name = String::new();
        loop {
            let Some((part, rest)) = self.rest.split_once('`') else { return Err("a back quote is missing".into()) };
            name.push_str(part);
            if let Some(more) = rest.strip_prefix('`') {
                name.push('`');
                self.rest = more;
            } else {
                self.rest = rest.trim_start();
                return Ok(name);
            }
        }
    }
}

impl fmt::Display for HiveType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::TinyInt => f.write_str("tinyint"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Text => f.write_str("string"),
            Self::Varchar(length) => write!(f, "varchar({length})"),
            Self::Char(length) => write!(f, "char({length})"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Binary => f.write_str("binary"),
            Self::Array(element) => write!(f, "array<{element}>"),
            Self::Map(key, value) => write!(f, "map<{key},{value}>"),
            Self::Struct(members) => {
                f.write_str("struct<")?;
                for (index, (name, member)) in members.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}`{}`:{member}", name.replace('`', "``"))?;
                }
                f.write_str(">")
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        HiveType::parse(text).map_or_else(|why| format!("! {why}"), |parsed| parsed.to_string())
    }

    #[test]
    fn types_are_read_as_glue_writes_them() {
        for (text, same) in [
            (" INT ", "int"),
            ("integer", "int"),
            ("decimal", "decimal(10,0)"),
            ("decimal( 10 , 2 )", "decimal(10,2)"),
            ("double precision", "double"),
            (
                "array< struct<A:int, b : map<string,array<date>>> >",
                "array<struct<`a`:int,`b`:map<string,array<date>>>>",
            ),
            ("struct<`a``b:c`:string>", "struct<`a``b:c`:string>"),
            ("varchar(65535)", "varchar(65535)"),
        ] {
            assert_eq!(shown(text), same);
        }
    }

    #[test]
    fn what_is_no_type_is_said_why() {
        for (text, why) in [
            ("", "a type is missing"),
            ("uniontype<int,string>", "there is no type uniontype"),
            ("array<string", "'>' is missing before the end"),
            ("array<string>>", "\">\" is too much"),
            ("struct<a:>", "a type is missing"),
            ("struct<a:int,A:string>", "there are two a"),
            ("struct<:int>", "a name is empty"),
            ("struct<>", "':' is missing before \">\""),
            ("map<string>", "',' is missing before \">\""),
            ("map<array<int>,int>", "a map's key is of a nested type"),
            ("varchar(6 5)", "\"6 5\" is no width"),
            ("varchar(0)", "a length is 1 to 65535"),
            ("char(256)", "a length is 1 to 255"),
            ("decimal(39,2)", "there is no decimal(39,2)"),
            ("decimal(2,3)", "there is no decimal(2,3)"),
            ("decimal(0)", "there is no decimal(0,0)"),
        ] {
            assert_eq!(shown(text), format!("! {why}"), "{text}");
        }
        assert!(shown(&"array<".repeat(10_000)).contains("nests deeper"));
    }

    #[test]
    fn columns_are_in_lower_case_and_each_is_there_once() {
        let parse = |columns: &[(&str, &str)]| {
            let owned: Vec<_> = columns.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            TableSchema::parse(&owned)
        };
        assert_eq!(parse(&[("Id", "int")]).unwrap().columns, [("id".to_owned(), HiveType::Int)]);
        assert_eq!(parse(&[("a", "int"), ("A", "int")]).unwrap_err(), "The schema is invalid: there are two a.");
        assert_eq!(parse(&[]).unwrap_err(), "The table has no columns.");
        let nested = parse(&[("a", "array<struct<b:binary>>")]).unwrap();
        assert!(nested.has(&HiveType::Binary) && !nested.has(&HiveType::Int));
    }

    pub(in super::super) fn any_type() -> impl Strategy<Value = HiveType> {
        let leaf = prop_oneof![
            Just(HiveType::Boolean),
            Just(HiveType::TinyInt),
            Just(HiveType::SmallInt),
            Just(HiveType::Int),
            Just(HiveType::BigInt),
            Just(HiveType::Float),
            Just(HiveType::Double),
            (1_u8..=38)
                .prop_flat_map(|p| (Just(p), 0..=p))
                .prop_map(|(precision, scale)| HiveType::Decimal { precision, scale }),
            Just(HiveType::Text),
            (1..=MAX_VARCHAR).prop_map(HiveType::Varchar),
            (1..=MAX_CHAR).prop_map(HiveType::Char),
            Just(HiveType::Date),
            Just(HiveType::Timestamp),
            Just(HiveType::Binary),
        ];
        leaf.clone().prop_recursive(4, 24, 4, move |inner| {
            let members = prop::collection::btree_map("[^A-Z\\s\\p{Lu}\\p{Lt}]{1,5}", inner.clone(), 1..4);
            prop_oneof![
                inner.clone().prop_map(|element| HiveType::Array(Box::new(element))),
                (leaf.clone(), inner).prop_map(|(key, value)| HiveType::Map(Box::new(key), Box::new(value))),
                members.prop_map(|members| {
                    let mut distinct = Vec::new();
                    for (name, member) in members {
                        let _ = add(&mut distinct, &name, member);
                    }
                    HiveType::Struct(distinct)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_type_that_is_written_is_read_again(hive in any_type()) {
            prop_assert_eq!(HiveType::parse(&hive.to_string()), Ok(hive));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-z<>(),:`0-9 é]{0,60}") {
            let _ = HiveType::parse(&text);
        }
    }
}
