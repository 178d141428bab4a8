//! `headwater table`: tables and their items. Invariant: names and values of the user's are never read as expressions; an
//! answer of several pages is read to its end, or to as many items as were asked for.
mod changes;
mod condition;
mod item;
mod model;
mod query;
mod transfer;

use super::{
    connection::{Caller, Connection, Failure, Service::DynamoDb},
    output::{Form, cell, tell},
    status,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

pub(super) const HELP: &str = "\
Examples:
  headwater table create orders customer:S placed:N --endpoint http://127.0.0.1:4566
  headwater table put orders '{\"customer\": \"ann\", \"placed\": 7, \"total\": 12.5}'
  headwater table query orders customer=ann 'placed>=5'
  headwater table export orders > orders.jsonl
  headwater table import orders.csv --table orders";

/// Tables, and where.
#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Table {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum Action {
    /// Lists tables
    List,
    /// Shows a table: its keys, indexes, size
    Describe { name: String },
    /// Makes a table, on demand
    Create(Create),
    /// Deletes a table with everything in it
    Delete { name: String },
    /// Puts items: of the command line, or of standard input, a JSON object a line
    Put(query::Put),
    /// Shows the item with a key
    Get(query::Get),
    /// Deletes the item with a key
    Remove(query::Get),
    /// Shows the items of a partition, in order
    #[command(after_help = condition::HELP)]
    Query(query::Query),
    /// Shows all items
    #[command(after_help = condition::HELP)]
    Scan(query::Scan),
    /// Runs a statement of PartiQL
    Sql(query::Sql),
    /// Shows changes as they come, of the table's stream
    Tail(changes::Tail),
    /// Reads items of a file in – JSON lines or CSV –, or a model of NoSQL Workbench: its tables and sample items
    #[command(after_help = transfer::IMPORT_HELP)]
    Import(transfer::Import),
    /// Writes a table's items to standard output, or tables as a model of NoSQL Workbench
    #[command(after_help = transfer::EXPORT_HELP)]
    Export(transfer::Export),
}

/// What to make.
#[derive(Args)]
struct Create {
    name: String,
    /// The attribute whose value an item's partition hangs on, and its type: S, N or B
    #[arg(value_name = "PARTITION:TYPE", value_parser = attribute)]
    partition: (String, String),
    /// The attribute by which the items of a partition are in order
    #[arg(value_name = "SORT:TYPE", value_parser = attribute)]
    sort: Option<(String, String)>,
    /// Stream its changes, with the items before and after
    #[arg(long)]
    stream: bool,
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let (name, kind) = text.rsplit_once(':').unwrap_or((text, "S"));
    if ["S", "N", "B"].contains(&kind) {
        Ok((name.into(), kind.into()))
    } else {
        Err(format!("the type of a key is S, N or B, not '{kind}'"))
    }
}

impl Table {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        let caller = self.connection.open().await?;
        let form = self.form;
        match self.action {
            Action::List => list(&caller, form).await,
            Action::Describe { name } => describe(&caller, &name, form).await,
            Action::Create(create) => create.run(&caller).await,
            Action::Delete { name } => {
                caller.call(DynamoDb, "DeleteTable", &named(&name)).await.map_err(advised)?;
                wait(&caller, &name, None).await
            }
            Action::Put(put) => put.run(&caller).await,
            Action::Get(get) => get.run(&caller, form).await,
            Action::Remove(get) => get.remove(&caller).await,
            Action::Query(query) => query.run(&caller, form).await,
            Action::Scan(scan) => scan.run(&caller, form).await,
            Action::Sql(sql) => sql.run(&caller, form).await,
            Action::Tail(tail) => tail.run(&caller, form).await,
            Action::Import(import) => import.run(&caller).await,
            Action::Export(export) => export.run(&caller).await,
        }
    }
}

fn named(name: &str) -> Value {
    json!({"TableName": name})
}

/// What DescribeTable says of a table.
async fn described(caller: &Caller, name: &str) -> Result<Value, Failure> {
    Ok(caller.call(DynamoDb, "DescribeTable", &named(name)).await?["Table"].take())
}

/// Waits until the table has this status; `None`: until it is gone.
async fn wait(caller: &Caller, name: &str, wanted: Option<&str>) -> Result<(), String> {
    status::wait(caller, name, wanted, async || Ok(described(caller, name).await?["TableStatus"].take())).await
}

/// The names of all tables.
async fn names(caller: &Caller) -> Result<Vec<String>, String> {
    let (mut names, mut input) = (Vec::new(), json!({}));
    loop {
        let page = caller.call(DynamoDb, "ListTables", &input).await?;
        names.extend(page["TableNames"].as_array().into_iter().flatten().map(cell));
        match &page["LastEvaluatedTableName"] {
            Value::Null => return Ok(names),
            last => input = json!({"ExclusiveStartTableName": last}),
        }
    }
}

async fn list(caller: &Caller, form: Form) -> Result<(), String> {
    let names = names(caller).await?;
    if form.is_json() {
        return form.show(&json!(names), &[], &[]);
    }
    let mut rows = Vec::new();
    for name in &names {
        let table = described(caller, name).await.map_err(advised)?;
        let keys = keys(&table).map(|(name, kind)| format!("{name}:{kind}")).collect::<Vec<_>>().join(" ");
        let stream = table["StreamSpecification"]["StreamViewType"].as_str().unwrap_or("-");
        let about = ["TableStatus", "ItemCount", "TableSizeBytes"].map(|member| cell(&table[member]));
        let [status, items, bytes] = about;
        rows.push(vec![name.clone(), status, keys, items, bytes, stream.to_owned()]);
    }
    if rows.is_empty() {
        tell("There are no tables; `headwater table create NAME KEY:TYPE` makes one.");
    }
    form.show(&Value::Null, &["NAME", "STATUS", "KEYS", "ITEMS", "BYTES", "STREAM"], &rows)
}

async fn describe(caller: &Caller, name: &str, form: Form) -> Result<(), String> {
    let table = described(caller, name).await.map_err(advised)?;
    if form.is_json() {
        return form.show(&table, &[], &[]);
    }
    let mut rows: Vec<Vec<String>> = ["TableName", "TableArn", "TableStatus", "ItemCount", "TableSizeBytes"]
        .iter()
        .map(|member| vec![(*member).to_owned(), cell(&table[member])])
        .collect();
    rows.push(vec![
        "Keys".into(),
        keys(&table).map(|(name, kind)| format!("{name}:{kind}")).collect::<Vec<_>>().join(" "),
    ]);
    for (member, what) in [("GlobalSecondaryIndexes", "GlobalIndex"), ("LocalSecondaryIndexes", "LocalIndex")] {
        for index in table[member].as_array().into_iter().flatten() {
            let keys: Vec<String> =
                index["KeySchema"].as_array().into_iter().flatten().map(|key| cell(&key["AttributeName"])).collect();
            rows.push(vec![what.into(), format!("{}  {}", cell(&index["IndexName"]), keys.join(" "))]);
        }
    }
    rows.push(vec!["Stream".into(), cell(&table["LatestStreamArn"])]);
    form.show(&table, &["", ""], &rows)
}

/// The attributes of a table's key and their types.
fn keys(table: &Value) -> impl Iterator<Item = (&str, &str)> {
    table["KeySchema"].as_array().into_iter().flatten().filter_map(|part| {
        let name = part["AttributeName"].as_str()?;
        Some((name, kind(table, name)?))
    })
}

/// The type of an attribute that is part of a key of the table or of an index.
fn kind<'a>(table: &'a Value, name: &str) -> Option<&'a str> {
    let mut definitions = table["AttributeDefinitions"].as_array().into_iter().flatten();
    definitions.find(|definition| definition["AttributeName"] == name)?["AttributeType"].as_str()
}

impl Create {
    async fn run(self, caller: &Caller) -> Result<(), String> {
        let parts: Vec<(String, String)> = [self.partition].into_iter().chain(self.sort).collect();
        let definition = |(name, kind): &(String, String)| json!({"AttributeName": name, "AttributeType": kind});
        let part = |((name, _), kind): (&(String, String), &str)| json!({"AttributeName": name, "KeyType": kind});
        let mut input = json!({
            "TableName": self.name,
            "AttributeDefinitions": parts.iter().map(definition).collect::<Vec<_>>(),
            "KeySchema": parts.iter().zip(["HASH", "RANGE"]).map(part).collect::<Vec<_>>(),
            "BillingMode": "PAY_PER_REQUEST",
        });
        if self.stream {
            input["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"});
        }
        caller.call(DynamoDb, "CreateTable", &input).await.map_err(advised)?;
        wait(caller, &self.name, Some("ACTIVE")).await
    }
}

/// A failure, and what to do next.
fn advised(failure: Failure) -> String {
    failure.told("headwater table list")
}
