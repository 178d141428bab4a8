//! From records to a file and back, by the reader of another hand than ours.
use super::*;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use headwater_wire::firehose::{
    HiveJsonSerDe, InputFormatConfiguration, OpenXJsonSerDe, OrcSerDe, OutputFormatConfiguration,
};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::Arc;

fn asked() -> DataFormatConversionConfiguration {
    let schema = SchemaConfiguration {
        role_arn: Some("arn:aws:iam::000000000000:role/r".into()),
        database_name: Some("d".into()),
        table_name: Some("t".into()),
        version_id: Some("LATEST".into()),
        ..Default::default()
    };
    let open_x = Deserializer { open_x_json_ser_de: Some(OpenXJsonSerDe::default()), ..Default::default() };
    let parquet = Serializer { parquet_ser_de: Some(ParquetSerDe::default()), ..Default::default() };
    DataFormatConversionConfiguration {
        schema_configuration: Some(schema),
        input_format_configuration: Some(InputFormatConfiguration { deserializer: Some(open_x) }),
        output_format_configuration: Some(OutputFormatConfiguration { serializer: Some(parquet) }),
        enabled: None,
    }
}

fn with_parquet(parquet: ParquetSerDe) -> Plan {
    let serializer = Serializer { parquet_ser_de: Some(parquet), ..Default::default() };
    let output = Some(OutputFormatConfiguration { serializer: Some(serializer) });
    Plan::of(&DataFormatConversionConfiguration { output_format_configuration: output, ..asked() }).unwrap().unwrap()
}

fn with_deserializer(deserializer: Deserializer) -> Result<Option<Plan>, String> {
    let input = Some(InputFormatConfiguration { deserializer: Some(deserializer) });
    Plan::of(&DataFormatConversionConfiguration { input_format_configuration: input, ..asked() })
}

fn plan() -> Plan {
    Plan::of(&asked()).unwrap().unwrap()
}

fn hive_plan() -> Plan {
    let hive = Deserializer { hive_json_ser_de: Some(HiveJsonSerDe::default()), ..Default::default() };
    with_deserializer(hive).unwrap().unwrap()
}

fn schema(columns: &[(&str, &str)]) -> TableSchema {
    let owned: Vec<_> = columns.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect();
    TableSchema::parse(&owned).unwrap()
}

fn record(data: impl Into<Bytes>) -> Record {
    Record { id: Arc::from("1"), time_ms: 5, data: data.into(), origin: None, keys: Default::default() }
}

fn convert(plan: &Plan, schema: &TableSchema, records: &[&str]) -> Converted {
    plan.convert(schema, records.iter().map(|text| record(text.to_string())).collect(), 9)
}

/// The rows of a file, as text.
fn rows(converted: &Converted) -> Vec<String> {
    let reader = SerializedFileReader::new(converted.body.clone().unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()
}

/// How many rows the file has, if there is one.
fn written(converted: &Converted) -> usize {
    converted.body.as_ref().map_or(0, |_| rows(converted).len())
}

#[test]
fn every_type_comes_back() {
    let schema = schema(&[
        ("flag", "boolean"),
        ("tiny", "tinyint"),
        ("small", "smallint"),
        ("whole", "int"),
        ("big", "bigint"),
        ("single", "float"),
        ("real", "double"),
        ("money", "decimal(10,2)"),
        ("wide", "decimal(38,3)"),
        ("name", "string"),
        ("day", "date"),
        ("at", "timestamp"),
        ("raw", "binary"),
        ("list", "array<array<int>>"),
        ("map", "map<string,array<int>>"),
        ("rec", "struct<a:int,b:struct<c:string>>"),
    ]);
    let full = r#"{"flag":true,"tiny":-128,"small":32767,"whole":-7,"big":9007199254740993,"single":1.5,"real":-2.25,
        "money":12.345,"wide":1.5,"name":"é","day":"2017-02-07","at":"2017-02-07 15:13:01.14","raw":"ab",
        "list":[[1],null,[]],"map":{"k":[1,null]},"rec":{"a":1,"b":{"c":"x"}}}"#;
    let converted = convert(&hive_plan(), &schema, &[full, "{}"]);
    assert_eq!((written(&converted), converted.failed.len()), (2, 0));
    assert_eq!(
        rows(&converted),
        [
            "{flag: true, tiny: -128, small: 32767, whole: -7, big: 9007199254740993, single: 1.5, real: -2.25E0, \
             money: 12.35, wide: 1.500, name: \"é\", day: 2017-02-07, at: 2017-02-07 15:13:01.140 +00:00, raw: [97, 98], \
             list: [[1], null, []], map: {\"k\" -> [1, null]}, rec: {a: 1, b: {c: \"x\"}}}",
            "{flag: null, tiny: null, small: null, whole: null, big: null, single: null, real: null, money: null, \
             wide: null, name: null, day: null, at: null, raw: null, list: null, map: null, rec: null}",
        ]
    );
}

#[test]
fn a_record_that_cannot_be_converted_fails_alone_with_its_data() {
    let schema = schema(&[("a", "int")]);
    let records =
        ["{\"a\":1}", "no", "{\"a\":\"x\"}", "", "5", "{\"a\":1}{\"a\":\"x\"}", "{\"A\":2} {\"b\":0}\n", "{\"a\":1}]"];
    let converted = convert(&plan(), &schema, &records);
    assert_eq!(written(&converted), 3);
    assert_eq!(rows(&converted), ["{a: 1}", "{a: 2}", "{a: null}"]);
    let told: Vec<_> =
        converted.failed.iter().map(|failed| (&*failed.record.data, &*failed.code, &*failed.message)).collect();
    let primitive = "The input JSON contained a primitive at the top level. The top level must be an object or array.";
    let mismatch = "Data does not match the schema. For input string: \"x\"";
    assert_eq!(
        told,
        [
            (&b"no"[..], PARSE_ERROR, "Encountered malformed JSON. Unexpected character 'n' at byte 0."),
            (b"{\"a\":\"x\"}", MALFORMED_DATA, mismatch),
            (b"", MALFORMED_DATA, "The record was empty or contained only whitespace."),
            (b"5", MALFORMED_DATA, primitive),
            (b"{\"a\":1}{\"a\":\"x\"}", MALFORMED_DATA, mismatch),
            (b"{\"a\":1}]", PARSE_ERROR, "Encountered malformed JSON. Unexpected character ']' at byte 7."),
        ]
    );
    let first = &converted.failed[0];
    assert_eq!((first.output_type, first.attempts, first.ended_ms), (OUTPUT_TYPE, 1, 9));
}

#[test]
fn without_a_record_to_convert_there_is_no_file() {
    let converted = convert(&plan(), &schema(&[("a", "int")]), &["nope"]);
    assert!(converted.body.is_none() && converted.failed.len() == 1);
    assert!(convert(&plan(), &schema(&[("a", "int")]), &[]).body.is_none());
    let latin = plan().convert(&schema(&[("a", "string")]), vec![record(&b"{\"a\":\"\xe9\"}"[..])], 9);
    assert_eq!(latin.failed[0].code, PARSE_ERROR);
}

#[test]
fn open_x_knows_no_binary_columns() {
    let binary = schema(&[("a", "array<binary>")]);
    let converted = convert(&plan(), &binary, &["{\"a\":[\"x\"]}"]);
    assert_eq!((written(&converted), &*converted.failed[0].code), (0, INVALID_SCHEMA));
    assert_eq!(written(&convert(&hive_plan(), &binary, &["{\"a\":[\"x\"]}"])), 1);
}

#[test]
fn the_file_is_written_as_asked() {
    let schema = schema(&[("a", "string")]);
    let texts: Vec<String> = (0..20_000).map(|index| format!("{{\"a\":\"v{}\"}}", index % 10)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let written = |parquet| {
        let converted = convert(&with_parquet(parquet), &schema, &texts);
        assert_eq!(rows(&converted).len(), 20_000);
        let reader = SerializedFileReader::new(converted.body.unwrap()).unwrap();
        let (file, column) = (reader.metadata().file_metadata(), reader.metadata().row_group(0).column(0).clone());
        assert!(file.key_value_metadata().is_none());
        (file.version(), column.compression(), column.dictionary_page_offset().is_some())
    };
    assert_eq!(written(ParquetSerDe::default()), (1, Compression::SNAPPY, false));
    let asked = ParquetSerDe {
        compression: Some(ParquetCompression::Gzip),
        enable_dictionary_compression: Some(true),
        writer_version: Some(ParquetWriterVersion::V2),
        block_size_bytes: Some(64 << 20),
        page_size_bytes: Some(64 << 10),
        ..Default::default()
    };
    let (version, compression, has_dictionary) = written(asked);
    assert!(matches!(compression, Compression::GZIP(_)) && has_dictionary && version == 2);
    let small =
        convert(&with_parquet(ParquetSerDe { block_size_bytes: Some(1), ..Default::default() }), &schema, &texts);
    assert_eq!(rows(&small).len(), 20_000);
    assert_eq!(SerializedFileReader::new(small.body.unwrap()).unwrap().num_row_groups(), 3);
    let plain = ParquetSerDe { compression: Some(ParquetCompression::Uncompressed), ..Default::default() };
    assert_eq!(written(plain).1, Compression::UNCOMPRESSED);
}

#[test]
fn a_configuration_must_be_whole() {
    let refused = |change: &dyn Fn(&mut DataFormatConversionConfiguration)| {
        let mut asked = asked();
        change(&mut asked);
        Plan::of(&asked).unwrap_err()
    };
    assert_eq!(refused(&|asked| asked.input_format_configuration = None), "InputFormatConfiguration must not be null");
    assert_eq!(refused(&|asked| asked.schema_configuration = None), "SchemaConfiguration must not be null");
    assert_eq!(
        refused(&|asked| asked.schema_configuration.as_mut().unwrap().table_name = None),
        "SchemaConfiguration.TableName must not be null or empty"
    );
    let orc = Serializer { orc_ser_de: Some(OrcSerDe::default()), ..Default::default() };
    let orc = OutputFormatConfiguration { serializer: Some(orc) };
    assert!(refused(&|asked| asked.output_format_configuration = Some(orc.clone())).contains("OrcSerDe"));
    assert_eq!(with_deserializer(Deserializer::default()), Err("Deserializer must not be null".into()));
    let hive = HiveJsonSerDe { timestamp_formats: Some(vec!["yyyy-bb".into()]) };
    let hive = Deserializer { hive_json_ser_de: Some(hive), ..Default::default() };
    assert_eq!(with_deserializer(hive), Err("Invalid deserializer option(s): Illegal pattern component: b".into()));
    let off = DataFormatConversionConfiguration { enabled: Some(false), ..Default::default() };
    assert_eq!(Plan::of(&off), Ok(None));
    assert_eq!(plan().table.version_id, None);
}

/// Types that nest, with values of each.
fn nested() -> impl Strategy<Value = (HiveType, Vec<Value>)> {
    let kind = Just(HiveType::Int).prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|element| HiveType::Array(Box::new(element))),
            inner.clone().prop_map(|value| HiveType::Map(Box::new(HiveType::Text), Box::new(value))),
            (inner.clone(), inner).prop_map(|(a, b)| HiveType::Struct(vec![("a".into(), a), ("b".into(), b)])),
        ]
    });
    kind.prop_flat_map(|kind| (Just(kind.clone()), prop::collection::vec(value(&kind), 1..5)))
}

fn value(kind: &HiveType) -> BoxedStrategy<Value> {
    let there = match kind {
        HiveType::Array(element) => prop::collection::vec(value(element), 0..4).prop_map(Value::from).boxed(),
        HiveType::Map(_, held) => prop::collection::btree_map("[a-c]", value(held), 0..4)
            .prop_map(|entries| entries.into_iter().collect::<Value>())
            .boxed(),
        HiveType::Struct(members) => {
            let values: Vec<_> = members.iter().map(|(_, member)| value(member)).collect();
            let names: Vec<_> = members.iter().map(|(name, _)| name.clone()).collect();
            values.prop_map(move |values| names.iter().cloned().zip(values).collect::<Value>()).boxed()
        }
        _ => (0..10).prop_map(Value::from).boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 4 => there].boxed()
}

/// As the reader shows it.
fn shown(kind: &HiveType, value: &Value) -> String {
    let members = |open, parts: Vec<String>, close| format!("{open}{}{close}", parts.join(", "));
    match (kind, value) {
        (HiveType::Array(element), Value::Array(values)) => {
            members("[", values.iter().map(|value| shown(element, value)).collect(), "]")
        }
        (HiveType::Map(_, held), Value::Object(entries)) => {
            members("{", entries.iter().map(|(key, value)| format!("{key:?} -> {}", shown(held, value))).collect(), "}")
        }
        (HiveType::Struct(named), Value::Object(_)) => members(
            "{",
            named.iter().map(|(name, kind)| format!("{name}: {}", shown(kind, &value[name]))).collect(),
            "}",
        ),
        _ => value.to_string(),
    }
}

proptest! {
    #[test]
    fn what_nests_comes_back_as_it_was((kind, values) in nested()) {
        let schema = schema(&[("c", &kind.to_string()), ("last", "int")]);
        let texts: Vec<String> = values.iter().map(|value| format!("{{\"c\":{value},\"last\":7}}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let wanted: Vec<_> = values.iter().map(|value| format!("{{c: {}, last: 7}}", shown(&kind, value))).collect();
        prop_assert_eq!(rows(&convert(&plan(), &schema, &texts)), wanted, "{}", kind);
    }

    #[test]
    fn whatever_the_schema_no_record_is_lost(
        kinds in prop::collection::vec(hive::tests::any_type(), 1..4),
        values in prop::collection::vec(r#"null|true|-?[0-9]{1,4}|"[a-z0-9. -]{0,6}"|\[[0-9]?\]|\{"a":[0-9]\}"#, 0..12),
    ) {
        let columns: Vec<_> = (0..).zip(&kinds).map(|(index, kind)| (format!("c{index}"), kind.to_string())).collect();
        let schema = TableSchema::parse(&columns).unwrap();
        let texts: Vec<String> = values.iter().map(|value| format!("{{\"c0\":{value},\"c1\":{value}}}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for plan in [plan(), hive_plan()] {
            let converted = convert(&plan, &schema, &texts);
            prop_assert_eq!(written(&converted) + converted.failed.len(), texts.len());
            prop_assert!(converted.failed.iter().all(|failed| failed.code != CONVERSION_FAILURE), "{:?}", converted.failed);
            if converted.body.is_some() {
                prop_assert_eq!(rows(&converted).len(), written(&converted));
            }
        }
    }
}
