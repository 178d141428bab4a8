//! `cargo xtask gen`: the services' Rust shapes, made from `models/`. What is generated depends on nothing else, so it
//! can be made again and compared.
mod emit;
mod model;
mod names;
mod pattern;
mod reduce;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use model::Model;
pub(crate) use reduce::reduce;

/// Where the generated files lie.
const GENERATED: &str = "crates/headwater-wire/src/generated";

/// One service to generate.
struct Service {
    /// The name of the model's file and of the Rust module.
    module: &'static str,
    /// The variant of `headwater_wire::Service`.
    variant: &'static str,
    /// Botocore's folder of the model.
    folder: &'static str,
    /// The Java package whose class names the service prints.
    java: &'static str,
    /// The name in prose.
    title: &'static str,
    /// What of the description is carried.
    extent: Extent,
}

/// How much of a service's description the model carries.
enum Extent {
    All,
    /// Some operations with what they need, without some members: `Structure.Member`.
    Of {
        operations: &'static [&'static str],
        without: &'static [&'static str],
    },
}

/// The part of Glue's Data Catalog in which schemas are kept. Left out are Iceberg tables, Lake Formation's transactions
/// and row filters, views of several dialects, partition indexes, and the status of changes that take time.
const GLUE: Extent = Extent::Of {
    operations: &[
        "CreateDatabase",
        "CreateTable",
        "DeleteDatabase",
        "DeleteTable",
        "GetDatabase",
        "GetDatabases",
        "GetTable",
        "GetTableVersion",
        "GetTableVersions",
        "GetTables",
        "UpdateTable",
    ],
    without: &[
        "CreateTableRequest.Name",
        "CreateTableRequest.OpenTableFormatInput",
        "CreateTableRequest.PartitionIndexes",
        "CreateTableRequest.TransactionId",
        "DeleteTableRequest.TransactionId",
        "GetTableRequest.AuditContext",
        "GetTableRequest.IncludeStatusDetails",
        "GetTableRequest.QueryAsOfTime",
        "GetTableRequest.TransactionId",
        "GetTableVersionRequest.AuditContext",
        "GetTableVersionsRequest.AuditContext",
        "GetTablesRequest.AuditContext",
        "GetTablesRequest.IncludeStatusDetails",
        "GetTablesRequest.QueryAsOfTime",
        "GetTablesRequest.TransactionId",
        "Table.IcebergTableMetadata",
        "Table.IsMaterializedView",
        "Table.IsMultiDialectView",
        "Table.RLSProperties",
        "Table.Status",
        "Table.ViewDefinition",
        "TableInput.ViewDefinition",
        "UpdateTableRequest.Force",
        "UpdateTableRequest.Name",
        "UpdateTableRequest.TransactionId",
        "UpdateTableRequest.UpdateOpenTableFormatInput",
        "UpdateTableRequest.ViewUpdateAction",
    ],
};

const SERVICES: [Service; 5] = [
    Service {
        module: "kinesis",
        variant: "Kinesis",
        folder: "kinesis/2013-12-02",
        java: "com.amazonaws.kinesis.v20131202",
        title: "Kinesis Data Streams",
        extent: Extent::All,
    },
    Service {
        module: "dynamodb",
        variant: "DynamoDb",
        folder: "dynamodb/2012-08-10",
        java: "com.amazonaws.dynamodb.v20120810",
        title: "DynamoDB",
        extent: Extent::All,
    },
    Service {
        module: "dynamodb_streams",
        variant: "DynamoDbStreams",
        folder: "dynamodbstreams/2012-08-10",
        java: "com.amazonaws.dynamodb.v20120810",
        title: "DynamoDB Streams",
        extent: Extent::All,
    },
    Service {
        module: "firehose",
        variant: "Firehose",
        folder: "firehose/2015-08-04",
        java: "com.amazonaws.firehose.v20150804",
        title: "Data Firehose",
        extent: Extent::All,
    },
    Service {
        module: "glue",
        variant: "Glue",
        folder: "glue/2017-03-31",
        java: "com.amazonaws.glue.v20170331",
        title: "the Data Catalog of Glue",
        extent: GLUE,
    },
];

/// Makes the generated files under `root`, or only checks that they are what would be made.
///
/// # Errors
/// A model can't be read or understood, rustfmt fails, or (with `check_only`) a file differs.
pub(crate) fn run(root: &Path, check_only: bool) -> Result<(), String> {
    let folder = root.join(GENERATED);
    let mut stale = Vec::new();
    for (file, text) in files(root)? {
        let path = folder.join(file);
        if fs::read_to_string(&path).ok().as_ref() == Some(&text) {
            continue;
        }
        if check_only {
            stale.push(path.display().to_string());
        } else {
            write(&path, &text)?;
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!("not as generated: {}; run `cargo xtask gen`", stale.join(", ")))
    }
}

/// The generated files: name and text.
fn files(root: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let observed = parse(&root.join("models/observed.json"))?;
    let mut files = vec![(PathBuf::from("mod.rs"), formatted(&emit::root(&SERVICES))?)];
    for service in &SERVICES {
        let value = parse(&root.join("models").join(service.module).with_extension("json"))?;
        let model = Model::read(&value, observed.get(service.module))
            .map_err(|error| format!("{}: {error}", service.module))?;
        let text = emit::service(service, &model).map_err(|error| format!("{}: {error}", service.module))?;
        files.push((PathBuf::from(service.module).with_extension("rs"), formatted(&text)?));
    }
    Ok(files)
}

fn parse(path: &Path) -> Result<serde_json::Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "project chores write files")]
fn write(path: &Path, text: &str) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// `text` as rustfmt writes it with the project's settings.
fn formatted(text: &str) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("rustfmt: {error}");
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=120,use_small_heuristics=Max"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let mut stdin = rustfmt.stdin.take().ok_or("rustfmt has no input")?;
    let text = text.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = rustfmt.wait_with_output().map_err(|error| failed(&error))?;
    feeder.join().map_err(|_| "rustfmt's input broke off")?.map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(&error))
}
