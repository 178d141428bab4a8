//! `headwater table put`, `get`, `query`, `scan` and `sql`: items in and out, one at a time or many.
use super::{
    advised,
    condition::{Expression, Placeholders},
    described,
    item::{self, Item},
    keys, kind,
    transfer::fill,
};
use crate::cli::{
    connection::{Caller, Service::DynamoDb},
    output::{Form, say, tell},
};
use clap::Args;
use serde_json::{Value, json};
use std::{collections::BTreeSet, io::BufRead};

/// What to put.
#[derive(Args)]
pub(super) struct Put {
    name: String,
    /// An item as JSON, plain or with DynamoDB's types [default: of standard input, one a line]
    #[arg(value_name = "ITEM")]
    items: Vec<String>,
}

impl Put {
    pub(super) async fn run(self, caller: &Caller) -> Result<(), String> {
        let read = |text: &str| {
            let value = serde_json::from_str(text).map_err(|error| format!("{text}: no JSON: {error}"))?;
            item::of_json(value)
        };
        let items: Vec<Item> = if self.items.is_empty() {
            let lines = std::io::stdin().lock().lines().map(|line| line.map_err(|error| error.to_string()));
            let lines = lines.filter(|line| !line.as_ref().is_ok_and(|line| line.trim().is_empty()));
            lines.map(|line| read(&line?)).collect::<Result<_, _>>()?
        } else {
            self.items.iter().map(|text| read(text)).collect::<Result<_, _>>()?
        };
        let count = items.len();
        // One is put alone, so that its error is told in the service's words for it.
        if let [item] = items.as_slice() {
            let input = json!({"TableName": self.name, "Item": item});
            caller.call(DynamoDb, "PutItem", &input).await.map_err(advised)?;
        } else {
            fill(caller, &self.name, items.into_iter().map(Ok)).await?;
        }
        tell(&format!("{}: {count} put", self.name));
        Ok(())
    }
}

/// Which item.
#[derive(Args)]
pub(super) struct Get {
    name: String,
    /// The value of the partition key, or NAME=VALUE
    partition: String,
    /// The value of the sort key, if the table has one, or NAME=VALUE
    sort: Option<String>,
    /// Show the types of attributes
    #[arg(long)]
    typed: bool,
}

impl Get {
    async fn input(&self, caller: &Caller) -> Result<Value, String> {
        let table = described(caller, &self.name).await.map_err(advised)?;
        let keys: Vec<_> = keys(&table).collect();
        let values = [Some(&self.partition), self.sort.as_ref()].into_iter().flatten();
        if keys.len() != values.clone().count() {
            let keys: Vec<String> = keys.iter().map(|(name, kind)| format!("{name} ({kind})")).collect();
            return Err(format!("the key of {} is {}", self.name, keys.join(" and ")));
        }
        let key = keys.iter().zip(values).map(|((name, kind), text)| {
            // As conditions of a query are written.
            let named = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
            let value = item::of_text(named.unwrap_or(text), Some(kind)).map_err(|why| format!("{name}: {why}"))?;
            Ok(((*name).into(), value))
        });
        Ok(json!({"TableName": self.name, "Key": key.collect::<Result<Item, String>>()?}))
    }

    pub(super) async fn run(&self, caller: &Caller, form: Form) -> Result<(), String> {
        let mut input = self.input(caller).await?;
        input["ConsistentRead"] = true.into();
        match caller.call(DynamoDb, "GetItem", &input).await.map_err(advised)?["Item"].take() {
            Value::Object(item) => show(&[item], self.typed, form),
            _ => Err(format!("{} has no such item", self.name)),
        }
    }

    pub(super) async fn remove(&self, caller: &Caller) -> Result<(), String> {
        let mut input = self.input(caller).await?;
        input["ReturnValues"] = "ALL_OLD".into();
        let answer = caller.call(DynamoDb, "DeleteItem", &input).await.map_err(advised)?;
        tell(if answer["Attributes"].is_object() { "removed" } else { "there was none" });
        Ok(())
    }
}

/// What all readings of several items can be told.
#[derive(Args)]
struct Which {
    /// Read an index instead
    #[arg(long, value_name = "NAME")]
    index: Option<String>,
    /// Only items of which this holds too; may be repeated
    #[arg(long = "filter", value_name = "CONDITION")]
    filters: Vec<String>,
    /// So many items at most
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
    /// Show the types of attributes
    #[arg(long)]
    typed: bool,
}

/// Which items of a partition.
#[derive(Args)]
pub(super) struct Query {
    name: String,
    /// PARTITION=VALUE, and a condition on the sort key if one is wanted
    #[arg(required = true, num_args = 1.., value_name = "CONDITION")]
    keys: Vec<String>,
    /// The last first
    #[arg(long)]
    descending: bool,
    #[command(flatten)]
    which: Which,
}

/// Which items.
#[derive(Args)]
pub(super) struct Scan {
    name: String,
    #[command(flatten)]
    which: Which,
}

/// A statement.
#[derive(Args)]
pub(super) struct Sql {
    /// Such as "SELECT * FROM orders WHERE customer = 'ann'"
    statement: String,
    /// Show the types of attributes
    #[arg(long)]
    typed: bool,
}

impl Which {
    /// The input of a reading; `held` has the placeholders of its key conditions.
    fn input(&self, name: &str, table: &Value, mut held: Placeholders) -> Result<Value, String> {
        let mut input = json!({"TableName": name});
        if let Some(index) = &self.index {
            input["IndexName"] = index.as_str().into();
        }
        if !self.filters.is_empty() {
            let filters = Expression::of(&self.filters, |name| kind(table, name), &mut held)?;
            input["FilterExpression"] = filters.text.into();
        }
        held.put_into(&mut input);
        Ok(input)
    }
}

impl Query {
    pub(super) async fn run(self, caller: &Caller, form: Form) -> Result<(), String> {
        let table = described(caller, &self.name).await.map_err(advised)?;
        let mut held = Placeholders::default();
        let keys = Expression::of(&self.keys, |name| kind(&table, name), &mut held)?;
        let mut input = self.which.input(&self.name, &table, held)?;
        input["KeyConditionExpression"] = keys.text.into();
        input["ScanIndexForward"] = (!self.descending).into();
        let found = pages(caller, "Query", input, self.which.limit).await?;
        show(&found, self.which.typed, form)
    }
}

impl Scan {
    pub(super) async fn run(self, caller: &Caller, form: Form) -> Result<(), String> {
        let table = described(caller, &self.name).await.map_err(advised)?;
        let input = self.which.input(&self.name, &table, Placeholders::default())?;
        let found = pages(caller, "Scan", input, self.which.limit).await?;
        show(&found, self.which.typed, form)
    }
}

impl Sql {
    pub(super) async fn run(self, caller: &Caller, form: Form) -> Result<(), String> {
        let (mut found, mut input) = (Vec::new(), json!({"Statement": self.statement}));
        loop {
            let mut page = caller.call(DynamoDb, "ExecuteStatement", &input).await.map_err(advised)?;
            found.extend(items(page["Items"].take())?);
            match page["NextToken"].take() {
                Value::Null => return show(&found, self.typed, form),
                token => input["NextToken"] = token,
            }
        }
    }
}

/// The items of all pages, or the first so many.
async fn pages(caller: &Caller, operation: &str, mut input: Value, limit: usize) -> Result<Vec<Item>, String> {
    let mut found = Vec::new();
    loop {
        let mut page = caller.call(DynamoDb, operation, &input).await.map_err(advised)?;
        found.extend(items(page["Items"].take())?);
        match page["LastEvaluatedKey"].take() {
            key @ Value::Object(_) if found.len() < limit => input["ExclusiveStartKey"] = key,
            _ => break,
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// The items of an answer.
pub(super) fn items(value: Value) -> Result<Vec<Item>, String> {
    if value.is_null() { Ok(Vec::new()) } else { serde_json::from_value(value).map_err(|error| error.to_string()) }
}

/// Shows items: a line of JSON each to a program, a table to people.
fn show(items: &[Item], is_typed: bool, form: Form) -> Result<(), String> {
    if is_typed || form.is_json() {
        let line = |item: &Item| if is_typed { Value::Object(item.clone()) } else { item::plain(item) };
        return items.iter().try_for_each(|item| say(&line(item).to_string()));
    }
    let names: BTreeSet<&str> = items.iter().flat_map(|item| item.keys().map(String::as_str)).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let cells = |item: &Item| names.iter().map(|name| item.get(*name).map(item::to_text).unwrap_or_default()).collect();
    let rows: Vec<Vec<String>> = items.iter().map(cells).collect();
    if rows.is_empty() {
        tell("nothing found");
    }
    form.show(&Value::Null, &names, &rows)
}
