//! `headwater table import` and `export`: whole tables in and out – JSON lines, CSV, models of NoSQL Workbench.
//!
//! Invariant: what is exported as JSON lines is imported again without loss; an import that fails has put what it says it
//! has.
use super::{
    advised, described,
    item::{self, Item},
    kind,
    model::{Model, Table},
    named, names,
    query::items,
    wait,
};
use crate::cli::{
    connection::{Caller, Service::DynamoDb},
    output::{progress, say, tell},
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

/// Writes in a batch at most.
const BATCH: usize = 25;
/// Before a batch is tried again of which nothing was taken.
const PAUSE_MS: u64 = 100;

pub(super) const IMPORT_HELP: &str = "\
By its name a file is a model (.json), items as JSON lines (.jsonl, .ndjson; - for standard input) or as CSV (.csv). Lines
are plain JSON or have DynamoDB's types, also as exports to S3 write them. The first line of CSV names the attributes.

Examples:
  headwater table import model.json
  headwater table import orders.jsonl --table orders";

pub(super) const EXPORT_HELP: &str = "\
Examples:
  headwater table export orders > orders.jsonl
  headwater table export orders --as csv > orders.csv
  headwater table export --as model > model.json";

/// What to read in.
#[derive(Args)]
pub(super) struct Import {
    /// The file
    file: PathBuf,
    /// The table the items go to [default: the file's name]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Delete the model's tables that are there already, with everything in them
    #[arg(long)]
    replace: bool,
}

/// What to write out.
#[derive(Args)]
pub(super) struct Export {
    /// The table; of a model several, or all
    tables: Vec<String>,
    /// In which form
    #[arg(long = "as", value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Sample items of each table of a model, at most
    #[arg(long, value_name = "COUNT", default_value_t = 25)]
    items: usize,
    /// What the model is called
    #[arg(long, value_name = "NAME", default_value = "Headwater")]
    model_name: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A JSON object a line, with DynamoDB's types
    Jsonl,
    /// A JSON object a line, without types
    Json,
    /// Comma-separated values below the attributes' names
    Csv,
    /// A model of NoSQL Workbench
    Model,
}

impl Import {
    pub(super) async fn run(self, caller: &Caller) -> Result<(), String> {
        let name = self.file.display().to_string();
        match self.file.extension().and_then(|ending| ending.to_str()) {
            Some("json") => {
                let text = fs::read_to_string(&self.file).map_err(|error| format!("{name}: {error}"))?;
                let model =
                    Model::parse(&text).map_err(|error| format!("{name}: no model of NoSQL Workbench: {error}"))?;
                for table in &model.data_model {
                    create(caller, table, self.replace).await?;
                    fill(caller, &table.table_name, table.table_data.iter().cloned().map(Ok)).await?;
                    say(&format!("{}: {} items", table.table_name, table.table_data.len()))?;
                }
                Ok(())
            }
            Some("csv") => {
                let table = self.target()?;
                let described = described(caller, &table).await.map_err(advised)?;
                let mut reader = csv::Reader::from_reader(open(&self.file)?);
                let head = reader.headers().map_err(|error| format!("{name}: {error}"))?.clone();
                let items = reader.into_records().map(|row| {
                    let row = row.map_err(|error| format!("{name}: {error}"))?;
                    of_row(&head, &row, &described)
                });
                report(&table, fill(caller, &table, items).await?)
            }
            _ => {
                let table = self.target()?;
                let items = open(&self.file)?.lines().enumerate().filter_map(|(number, line)| {
                    let at = |why: String| format!("{name}:{}: {why}", number + 1);
                    match line {
                        Ok(line) if line.trim().is_empty() => None,
                        Ok(line) => {
                            let value = serde_json::from_str(&line).map_err(|error| at(format!("no JSON: {error}")));
                            Some(value.and_then(|value| item::of_json(value).map_err(at)))
                        }
                        Err(error) => Some(Err(at(error.to_string()))),
                    }
                });
                report(&table, fill(caller, &table, items).await?)
            }
        }
    }

    fn target(&self) -> Result<String, String> {
        let stem = || self.file.file_stem().and_then(|stem| stem.to_str()).filter(|stem| *stem != "-");
        let named = self.table.clone().or_else(|| stem().map(str::to_owned));
        named.ok_or_else(|| "--table NAME tells which table the items go to".into())
    }
}

fn report(table: &str, count: u64) -> Result<(), String> {
    say(&format!("{table}: {count} items"))
}

#[expect(clippy::disallowed_methods, reason = "a file of the user's is read, not one of the log's")]
fn open(file: &Path) -> Result<Box<dyn BufRead>, String> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = fs::File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// The item of a line of CSV: keys have the types they must have, and what is empty is left out.
fn of_row(head: &csv::StringRecord, row: &csv::StringRecord, table: &Value) -> Result<Item, String> {
    let held = head.iter().zip(row).filter(|(_, text)| !text.is_empty());
    held.map(|(name, text)| {
        let value = item::of_text(text, kind(table, name)).map_err(|why| format!("{name}: {why}"))?;
        Ok((name.to_owned(), value))
    })
    .collect()
}

async fn create(caller: &Caller, table: &Table, replaces: bool) -> Result<(), String> {
    let name = &table.table_name;
    let failed = |failure| format!("{name}: {failure}");
    let mut created = caller.call(DynamoDb, "CreateTable", &table.creation()).await;
    if created.as_ref().is_err_and(|failure| failure.is("ResourceInUseException")) {
        if !replaces {
            return Err(format!("{name}: there is such a table already; --replace deletes it and what is in it"));
        }
        caller.call(DynamoDb, "DeleteTable", &named(name)).await.map_err(failed)?;
        wait(caller, name, None).await?;
        created = caller.call(DynamoDb, "CreateTable", &table.creation()).await;
    }
    created.map_err(failed)?;
    wait(caller, name, Some("ACTIVE")).await
}

/// Puts items into a table, a batch at a time, and says how many.
pub(super) async fn fill(
    caller: &Caller,
    name: &str,
    mut items: impl Iterator<Item = Result<Item, String>>,
) -> Result<u64, String> {
    let bar = progress(items.size_hint().1.and_then(|count| u64::try_from(count).ok()), "items");
    let done = |why: String, count: u64| format!("{why}; {count} items are in {name}");
    let mut count = 0;
    loop {
        let batch: Vec<Item> = items.by_ref().take(BATCH).collect::<Result<_, _>>().map_err(|why| done(why, count))?;
        if batch.is_empty() {
            bar.finish_and_clear();
            return Ok(count);
        }
        let puts: Vec<Value> = batch.iter().map(|item| json!({"PutRequest": {"Item": item}})).collect();
        let mut rest = json!({name: puts});
        while rest.as_object().is_some_and(|rest| !rest.is_empty()) {
            let answer = caller.call(DynamoDb, "BatchWriteItem", &json!({"RequestItems": rest})).await;
            let left = answer.map_err(|failure| done(advised(failure), count))?["UnprocessedItems"].take();
            if left == rest {
                caller.clock().sleep(PAUSE_MS).await;
            }
            rest = left;
        }
        count += u64::try_from(batch.len()).unwrap_or_default();
        bar.set_position(count);
    }
}

impl Export {
    pub(super) async fn run(self, caller: &Caller) -> Result<(), String> {
        if matches!(self.format, Format::Model) {
            return self.model(caller).await;
        }
        let [name] = self.tables.as_slice() else {
            return Err("write the name of one table".into());
        };
        let rows = described(caller, name).await.map_err(advised)?["ItemCount"].as_u64();
        let bar = progress(rows, "items");
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut input = named(name);
        let (mut kept, mut count) = (Vec::new(), 0);
        loop {
            let mut page = caller.call(DynamoDb, "Scan", &input).await.map_err(advised)?;
            for item in items(page["Items"].take())? {
                count += 1;
                match self.format {
                    Format::Jsonl => writeln!(out, "{}", json!({"Item": item})).map_err(|error| error.to_string())?,
                    Format::Json => writeln!(out, "{}", item::plain(&item)).map_err(|error| error.to_string())?,
                    // Its first line names all attributes, which only the whole table tells.
                    Format::Csv | Format::Model => kept.push(item),
                }
            }
            bar.set_position(count);
            match page["LastEvaluatedKey"].take() {
                Value::Null => break,
                key => input["ExclusiveStartKey"] = key,
            }
        }
        bar.finish_and_clear();
        if matches!(self.format, Format::Csv) {
            write_csv(&mut out, &kept)?;
        }
        out.flush().map_err(|error| error.to_string())
    }

    async fn model(self, caller: &Caller) -> Result<(), String> {
        let chosen = if self.tables.is_empty() { names(caller).await? } else { self.tables };
        let mut tables = Vec::new();
        for name in chosen {
            let described = described(caller, &name).await.map_err(advised)?;
            if described["LocalSecondaryIndexes"].is_array() {
                tell(&format!("{name}: its local indexes are left out: a model cannot have any"));
            }
            let mut samples = Vec::new();
            if self.items > 0 {
                let input = json!({"TableName": name, "Limit": self.items});
                samples = items(caller.call(DynamoDb, "Scan", &input).await?["Items"].take())?;
            }
            tables.push(Table::of(&described, samples));
        }
        let model = Model::of(&self.model_name, tables);
        say(&serde_json::to_string_pretty(&model).map_err(|error| error.to_string())?)
    }
}

fn write_csv(out: impl Write, items: &[Item]) -> Result<(), String> {
    let names: BTreeSet<&String> = items.iter().flat_map(Item::keys).collect();
    let mut writer = csv::Writer::from_writer(out);
    let failed = |error: csv::Error| error.to_string();
    writer.write_record(&names).map_err(failed)?;
    for item in items {
        let cells = names.iter().map(|name| item.get(*name).map(item::to_text).unwrap_or_default());
        writer.write_record(cells).map_err(failed)?;
    }
    writer.flush().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_csv_has_the_types_of_the_keys() {
        let table = json!({"AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}]});
        let head = csv::StringRecord::from(vec!["k", "n", "empty"]);
        let row = csv::StringRecord::from(vec!["12", "12", ""]);
        let item = of_row(&head, &row, &table).unwrap();
        assert_eq!(Value::Object(item), json!({"k": {"S": "12"}, "n": {"N": "12"}}));
    }

    #[test]
    fn csv_has_a_column_for_each_attribute_of_any_item() {
        let items = [json!({"k": {"S": "a,b"}}), json!({"k": {"S": "c"}, "n": {"N": "1"}})];
        let items: Vec<Item> = items.into_iter().map(|item| item::of_json(item).unwrap()).collect();
        let mut out = Vec::new();
        write_csv(&mut out, &items).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "k,n\n\"a,b\",\nc,1\n");
    }
}
