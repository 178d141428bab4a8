//! The model files of NoSQL Workbench for `DynamoDB`: tables with their keys, indexes and sample items.
//!
//! Invariant: what a model says of a table's shape is what CreateTable is asked for, and the other way round.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What Workbench calls the service; it refuses files that say anything else.
const SERVICE: &str = "Amazon DynamoDB";
const VERSION: &str = "3.0";
/// Throughput of a provisioned table of which the model says none.
const DEFAULT_UNITS: i64 = 5;

/// An item, in the service's JSON.
pub(super) type Item = Map<String, Value>;

/// A file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Model {
    #[serde(default)]
    pub(super) model_name: String,
    #[serde(default)]
    model_metadata: Value,
    pub(super) data_model: Vec<Table>,
}

/// A table.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Table {
    pub(super) table_name: String,
    pub(super) key_attributes: Keys,
    pub(super) non_key_attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) global_secondary_indexes: Vec<Index>,
    pub(super) table_data: Vec<Item>,
    pub(super) billing_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provisioned_capacity_settings: Option<Capacity>,
}

/// The attributes of a key.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Keys {
    pub(super) partition_key: Attribute,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sort_key: Option<Attribute>,
}

/// An attribute and its type.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

/// A global secondary index.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Index {
    index_name: String,
    key_attributes: Keys,
    /// As the service has it.
    #[serde(default = "all")]
    projection: Value,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Capacity {
    provisioned_throughput: Value,
}

fn all() -> Value {
    json!({"ProjectionType": "ALL"})
}

impl Model {
    /// The model in a file's text.
    ///
    /// # Errors
    /// What cannot be understood, and where.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// A model of these tables.
    pub(super) fn of(name: &str, tables: Vec<Table>) -> Self {
        let metadata = json!({"Author": "", "Description": "", "AWSService": SERVICE, "Version": VERSION});
        Self { model_name: name.into(), model_metadata: metadata, data_model: tables }
    }
}

impl Keys {
    fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        std::iter::once(&self.partition_key).chain(&self.sort_key)
    }

    fn schema(&self) -> Value {
        let element =
            |(attribute, kind): (&Attribute, &str)| json!({"AttributeName": attribute.attribute_name, "KeyType": kind});
        self.attributes().zip(["HASH", "RANGE"]).map(element).collect()
    }

    /// From the service's words: a schema and the attributes' types.
    fn of(schema: &Value, types: &BTreeMap<&str, &str>) -> Self {
        let part = |kind: &str| {
            let elements = schema.as_array().into_iter().flatten();
            let name =
                elements.filter(|element| element["KeyType"] == kind).find_map(|part| part["AttributeName"].as_str());
            name.map(|name| Attribute::new(name, types.get(name).copied().unwrap_or("S")))
        };
        Self { partition_key: part("HASH").unwrap_or_default(), sort_key: part("RANGE") }
    }
}

impl Attribute {
    fn new(name: &str, kind: &str) -> Self {
        Self { attribute_name: name.into(), attribute_type: kind.into() }
    }
}

impl Table {
    /// What CreateTable is asked for.
    pub(super) fn creation(&self) -> Value {
        let keys = std::iter::once(&self.key_attributes);
        let keys = keys.chain(self.global_secondary_indexes.iter().map(|index| &index.key_attributes));
        let types: BTreeMap<&str, &str> = keys
            .flat_map(Keys::attributes)
            .map(|attribute| (attribute.attribute_name.as_str(), attribute.attribute_type.as_str()))
            .collect();
        let definition = |(name, kind)| json!({"AttributeName": name, "AttributeType": kind});
        let mut input = json!({
            "TableName": self.table_name,
            "AttributeDefinitions": types.into_iter().map(definition).collect::<Vec<_>>(),
            "KeySchema": self.key_attributes.schema(),
        });
        let throughput = self.throughput();
        input["BillingMode"] = json!(if throughput.is_some() { "PROVISIONED" } else { "PAY_PER_REQUEST" });
        let indexes = self.global_secondary_indexes.iter().map(|index| {
            let schema = index.key_attributes.schema();
            let mut input = json!({"IndexName": index.index_name, "KeySchema": schema, "Projection": index.projection});
            if let Some(throughput) = &throughput {
                input["ProvisionedThroughput"] = throughput.clone();
            }
            input
        });
        let indexes: Vec<Value> = indexes.collect();
        if !indexes.is_empty() {
            input["GlobalSecondaryIndexes"] = indexes.into();
        }
        if let Some(throughput) = throughput {
            input["ProvisionedThroughput"] = throughput;
        }
        input
    }

    /// The throughput of a provisioned table.
    fn throughput(&self) -> Option<Value> {
        let is_provisioned = self.billing_mode.as_deref() == Some("PROVISIONED");
        let given = self.provisioned_capacity_settings.as_ref().map(|capacity| capacity.provisioned_throughput.clone());
        let default = || json!({"ReadCapacityUnits": DEFAULT_UNITS, "WriteCapacityUnits": DEFAULT_UNITS});
        is_provisioned.then(|| given.unwrap_or_else(default))
    }

    /// The table that DescribeTable describes so, with these of its items.
    pub(super) fn of(described: &Value, items: Vec<Item>) -> Self {
        let text = |value: &'_ Value, member: &str| value[member].as_str().unwrap_or_default().to_owned();
        let definitions = described["AttributeDefinitions"].as_array().into_iter().flatten();
        let types = definitions.filter_map(|it| Some((it["AttributeName"].as_str()?, it["AttributeType"].as_str()?)));
        let types: BTreeMap<&str, &str> = types.collect();
        let indexes = described["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        let by_request = described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST";
        let throughput = &described["ProvisionedThroughput"];
        let units = |name: &str| throughput[name].as_i64().filter(|units| *units > 0).unwrap_or(DEFAULT_UNITS);
        let capacity = Capacity {
            provisioned_throughput: json!({
                "ReadCapacityUnits": units("ReadCapacityUnits"), "WriteCapacityUnits": units("WriteCapacityUnits"),
            }),
        };
        let key_attributes = Keys::of(&described["KeySchema"], &types);
        let non_key_attributes = items
            .iter()
            .flatten()
            .filter(|(name, _)| key_attributes.attributes().all(|key| key.attribute_name != **name))
            .filter_map(|(name, value)| Some((name, value.as_object()?.keys().next()?)))
            .collect::<BTreeMap<_, _>>();
        Self {
            table_name: text(described, "TableName"),
            non_key_attributes: non_key_attributes.into_iter().map(|(name, kind)| Attribute::new(name, kind)).collect(),
            key_attributes,
            global_secondary_indexes: indexes
                .map(|index| Index {
                    index_name: text(index, "IndexName"),
                    key_attributes: Keys::of(&index["KeySchema"], &types),
                    projection: index["Projection"].clone(),
                })
                .collect(),
            table_data: items,
            billing_mode: Some(if by_request { "PAY_PER_REQUEST" } else { "PROVISIONED" }.into()),
            provisioned_capacity_settings: (!by_request).then_some(capacity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str = r#"{
        "ModelName": "Library",
        "ModelMetadata": {"Author": "a", "AWSService": "Amazon DynamoDB", "Version": "3.0"},
        "DataModel": [{
            "TableName": "books",
            "KeyAttributes": {
                "PartitionKey": {"AttributeName": "shelf", "AttributeType": "S"},
                "SortKey": {"AttributeName": "place", "AttributeType": "N"}
            },
            "NonKeyAttributes": [{"AttributeName": "title", "AttributeType": "S"}],
            "TableFacets": [],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by-title",
                "KeyAttributes": {"PartitionKey": {"AttributeName": "title", "AttributeType": "S"}},
                "Projection": {"ProjectionType": "KEYS_ONLY"}
            }],
            "TableData": [{"shelf": {"S": "a"}, "place": {"N": "1"}, "title": {"S": "t"}}],
            "DataAccess": {"MySql": {}},
            "BillingMode": "PROVISIONED",
            "ProvisionedCapacitySettings": {"ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 2}}
        }]
    }"#;

    #[test]
    fn a_model_says_what_its_tables_are() {
        let model = Model::parse(LIBRARY).unwrap();
        let units = json!({"ReadCapacityUnits": 3, "WriteCapacityUnits": 2});
        let expected = json!({
            "TableName": "books",
            "AttributeDefinitions": [
                {"AttributeName": "place", "AttributeType": "N"},
                {"AttributeName": "shelf", "AttributeType": "S"},
                {"AttributeName": "title", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "shelf", "KeyType": "HASH"},
                {"AttributeName": "place", "KeyType": "RANGE"},
            ],
            "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": units,
            "GlobalSecondaryIndexes": [{
                "IndexName": "by-title",
                "KeySchema": [{"AttributeName": "title", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
                "ProvisionedThroughput": units,
            }],
        });
        assert_eq!(model.data_model[0].creation(), expected);
    }

    #[test]
    fn a_table_comes_back_as_the_model_had_it() {
        let model = Model::parse(LIBRARY).unwrap();
        let table = &model.data_model[0];
        assert_eq!(Table::of(&table.creation(), table.table_data.clone()), *table);
        let written = serde_json::to_string(&Model::of("Library", model.data_model)).unwrap();
        assert_eq!(Model::parse(&written).unwrap().data_model, Model::parse(LIBRARY).unwrap().data_model);
    }

    #[test]
    fn a_model_may_leave_out_all_but_names_and_keys() {
        let least = r#"{"DataModel": [{"TableName": "abc",
            "KeyAttributes": {"PartitionKey": {"AttributeName": "k", "AttributeType": "B"}}}]}"#;
        let model = Model::parse(least).unwrap();
        assert_eq!(model.data_model[0].creation()["BillingMode"], "PAY_PER_REQUEST");
        assert!(Model::parse(r#"{"Tables": []}"#).unwrap_err().to_string().contains("DataModel"));
    }
}
