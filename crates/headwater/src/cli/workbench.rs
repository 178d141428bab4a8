//! `headwater import` and `headwater export-model`: from the model files of NoSQL Workbench into a running server's tables,
//! and back.
use super::{
    calls::{Client, Server},
    model::{Item, Model, Table},
};
use clap::Args;
use headwater_log::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// Writes in a batch at most.
const BATCH: usize = 25;
/// Between two looks at a table that is coming to be or going.
const POLL_MS: u64 = 100;

/// What to read in.
#[derive(Args)]
pub(super) struct Import {
    /// The model file
    #[arg(value_name = "MODEL.json")]
    file: PathBuf,
    /// Delete tables that are there already, with everything in them
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    server: Server,
}

/// What to write out.
#[derive(Args)]
pub(super) struct ExportModel {
    /// Only these tables [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    tables: Vec<String>,
    /// Sample items of each table, at most
    #[arg(long, value_name = "COUNT", default_value_t = 25)]
    items: usize,
    /// What the model is called
    #[arg(long, value_name = "NAME", default_value = "Headwater")]
    name: String,
    #[command(flatten)]
    server: Server,
}

impl Import {
    /// Makes the tables of the model and puts its items into them.
    ///
    /// # Errors
    /// A sentence on what cannot be read or done; tables made before it stay.
    pub(super) fn run(self) -> Result<(), String> {
        let name = self.file.display().to_string();
        let text = std::fs::read_to_string(&self.file).map_err(|error| format!("{name}: {error}"))?;
        let model = Model::parse(&text).map_err(|error| format!("{name}: no model of NoSQL Workbench: {error}"))?;
        block_on(async {
            let mut client = Client::connect(self.server).await?;
            for table in &model.data_model {
                create(&mut client, table, self.replace).await?;
                fill(&mut client, table).await?;
                say(&format!("{}: {} items", table.table_name, table.table_data.len()))?;
            }
            Ok(())
        })
    }
}

async fn create(client: &mut Client, table: &Table, replaces: bool) -> Result<(), String> {
    let name = &table.table_name;
    let named = json!({"TableName": name});
    let failed = |error| format!("{name}: {error}");
    let mut created = client.call("CreateTable", &table.creation()).await;
    if created.as_ref().is_err_and(|failure| failure.is("ResourceInUseException")) {
        if !replaces {
            return Err(format!("{name}: there is such a table already; --replace deletes it and what is in it"));
        }
        client.call("DeleteTable", &named).await.map_err(failed)?;
        wait(client, name, |answer| answer.is_none()).await?;
        created = client.call("CreateTable", &table.creation()).await;
    }
    created.map_err(failed)?;
    wait(client, name, |answer| answer.is_some_and(|table| table["Table"]["TableStatus"] == "ACTIVE")).await
}

/// Waits until what DescribeTable says (`None`: no such table) is as it should be.
async fn wait(client: &mut Client, name: &str, is_so: impl Fn(Option<&Value>) -> bool) -> Result<(), String> {
    let clock = SystemClock::new();
    loop {
        let described = match client.call("DescribeTable", &json!({"TableName": name})).await {
            Ok(answer) => Some(answer),
            Err(failure) if failure.is("ResourceNotFoundException") => None,
            Err(failure) => return Err(format!("{name}: {failure}")),
        };
        if is_so(described.as_ref()) {
            return Ok(());
        }
        clock.sleep(POLL_MS).await;
    }
}

async fn fill(client: &mut Client, table: &Table) -> Result<(), String> {
    let name = &table.table_name;
    let clock = SystemClock::new();
    for items in table.table_data.chunks(BATCH) {
        let puts: Vec<Value> = items.iter().map(|item| json!({"PutRequest": {"Item": item}})).collect();
        let mut rest = json!({name: puts});
        while rest.as_object().is_some_and(|rest| !rest.is_empty()) {
            let answer = client.call("BatchWriteItem", &json!({"RequestItems": rest})).await;
            let left = answer.map_err(|failure| format!("{name}: {failure}"))?["UnprocessedItems"].take();
            if left == rest {
                clock.sleep(POLL_MS).await;
            }
            rest = left;
        }
    }
    Ok(())
}

impl ExportModel {
    /// Writes a model of the tables to standard output.
    ///
    /// # Errors
    /// A sentence on what cannot be read.
    pub(super) fn run(self) -> Result<(), String> {
        let model = block_on(async {
            let mut client = Client::connect(self.server).await?;
            let names = if self.tables.is_empty() { all(&mut client).await? } else { self.tables };
            let mut tables = Vec::new();
            for name in names {
                tables.push(read(&mut client, &name, self.items).await?);
            }
            Ok(Model::of(&self.name, tables))
        })?;
        say(&serde_json::to_string_pretty(&model).map_err(|error| error.to_string())?)
    }
}

/// The names of all tables.
async fn all(client: &mut Client) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut input = json!({});
    loop {
        let page = client.call("ListTables", &input).await.map_err(|failure| failure.to_string())?;
        names.extend(page["TableNames"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        match &page["LastEvaluatedTableName"] {
            Value::Null => return Ok(names),
            last => input = json!({"ExclusiveStartTableName": last}),
        }
    }
}

async fn read(client: &mut Client, name: &str, most: usize) -> Result<Table, String> {
    let failed = |failure| format!("{name}: {failure}");
    let described = client.call("DescribeTable", &json!({"TableName": name})).await.map_err(failed)?;
    if described["Table"]["LocalSecondaryIndexes"].is_array() {
        // Nobody may be listening.
        let _ = writeln!(io::stderr(), "{name}: its local indexes are left out: a model cannot have any");
    }
    let items = if most == 0 {
        Vec::new()
    } else {
        let mut page = client.call("Scan", &json!({"TableName": name, "Limit": most})).await.map_err(failed)?;
        serde_json::from_value::<Vec<Item>>(page["Items"].take()).map_err(|error| format!("{name}: {error}"))?
    };
    Ok(Table::of(&described["Table"], items))
}

fn say(line: &str) -> Result<(), String> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn block_on<T>(task: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(task)
}
