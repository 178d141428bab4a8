//! Every operation of the services' models is done (it has a row in its service's table), refused (it stands in the
//! list beside the table, and `docs/refusals.md` says why), or its whole service is absent. `docs/operations.md` is
//! that, as a table.
use crate::tree::Tree;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const TABLE: &str = "docs/operations.md";
const REFUSALS: &str = "docs/refusals.md";

/// A service, its model, and the file with its rows and its `REFUSED`.
struct Service {
    name: &'static str,
    model: &'static str,
    rows: &'static str,
}

const SERVICES: [Service; 5] = [
    Service {
        name: "Kinesis Data Streams",
        model: "models/kinesis.json",
        rows: "crates/headwater-kinesis/src/ops/mod.rs",
    },
    Service { name: "DynamoDB", model: "models/dynamodb.json", rows: "crates/headwater-dynamodb/src/ops/mod.rs" },
    Service {
        name: "DynamoDB Streams",
        model: "models/dynamodb_streams.json",
        rows: "crates/headwater-dynamodb/src/stream_ops/mod.rs",
    },
    Service { name: "Data Firehose", model: "models/firehose.json", rows: "crates/headwater-firehose/src/ops/mod.rs" },
    Service {
        name: "Glue Data Catalog (in part)",
        model: "models/glue.json",
        rows: "crates/headwater-firehose/src/glue/ops/mod.rs",
    },
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Done,
    Refused,
    /// Neither: allowed only where the whole service is absent.
    Absent,
}

/// Writes `docs/operations.md`.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    let text = render(&Tree::load(root)?)?;
    fs::write(root.join(TABLE), text).map_err(|error| format!("{TABLE}: {error}"))
}

pub(crate) fn problems(tree: &Tree) -> Vec<String> {
    match render(tree) {
        Err(why) => vec![why],
        Ok(text) => {
            let mut found: Vec<String> = SERVICES.iter().flat_map(|service| undecided(tree, service)).collect();
            if tree.text(TABLE) != Some(&text) {
                found.push(format!("{TABLE}: not what the code says: run `cargo xtask gen`"));
            }
            found
        }
    }
}

/// Operations of a service under way that are neither done nor refused, both at once, unknown to the model, or refused
/// without a reason.
fn undecided(tree: &Tree, service: &Service) -> Vec<String> {
    let Some(table) = tree.text(service.rows) else { return Vec::new() };
    let (rows, refused, explained) = (rows_of(table), refused_of(table), explained(tree, service));
    let model = model(tree, service).unwrap_or_default();
    let known: BTreeSet<String> = rows.union(&refused).cloned().collect();
    let at = service.rows;
    let faults = [
        (model.difference(&known).collect(), at, "add its row, or put it into `REFUSED`"),
        (known.difference(&model).collect(), at, "the model has no such operation"),
        (rows.intersection(&refused).collect(), at, "it has a row: take it out of `REFUSED`"),
        (refused.difference(&explained).collect(), REFUSALS, "say why it is refused"),
        (explained.difference(&refused).collect(), REFUSALS, "it is not refused: take it out"),
    ];
    let say = |(names, place, remedy): (Vec<&String>, &str, &str)| {
        names.into_iter().map(|name| format!("{place}: {name}: {remedy}")).collect::<Vec<_>>()
    };
    faults.into_iter().flat_map(say).collect()
}

fn render(tree: &Tree) -> Result<String, String> {
    let mut text = "# Operations\n\nWritten by `cargo xtask gen` from the models, the services' tables and \
         [refusals.md](refusals.md).\n"
        .to_owned();
    for service in &SERVICES {
        let states = states(tree, service)?;
        let count = |wanted| states.values().filter(|&&state| state == wanted).count();
        let (done, refused) = (count(State::Done), count(State::Refused));
        text.push_str(&format!("\n## {}\n\n", service.name));
        if tree.text(service.rows).is_none() {
            text.push_str(&format!("Absent: none of its {} operations is there yet.\n", states.len()));
            continue;
        }
        text.push_str(&format!("{done} done, {refused} refused, of {}.\n\n", states.len()));
        text.push_str("| operation | state |\n|---|---|\n");
        for (name, state) in states {
            let word = match state {
                State::Done => "done",
                State::Refused => "refused",
                State::Absent => "absent",
            };
            text.push_str(&format!("| {name} | {word} |\n"));
        }
    }
    Ok(text)
}

fn states(tree: &Tree, service: &Service) -> Result<BTreeMap<String, State>, String> {
    let table = tree.text(service.rows).unwrap_or_default();
    let (rows, refused) = (rows_of(table), refused_of(table));
    let state = |name: String| {
        let state = match (rows.contains(&name), refused.contains(&name)) {
            (true, _) => State::Done,
            (false, true) => State::Refused,
            (false, false) => State::Absent,
        };
        (name, state)
    };
    Ok(model(tree, service)?.into_iter().map(state).collect())
}

/// The names of the model's operations.
fn model(tree: &Tree, service: &Service) -> Result<BTreeSet<String>, String> {
    let text = tree.text(service.model).ok_or_else(|| format!("{}: missing", service.model))?;
    let model: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("{}: {error}", service.model))?;
    let operations = model.get("operations").and_then(serde_json::Value::as_object);
    let operations = operations.ok_or_else(|| format!("{}: no `operations`", service.model))?;
    Ok(operations.keys().cloned().collect())
}

/// The operations with a row `op(put_record::run)`, by their AWS names.
fn rows_of(table: &str) -> BTreeSet<String> {
    let lines = table.lines().map(|line| line.split("//").next().unwrap_or_default());
    let rows = lines.flat_map(|line| line.split("op(").skip(1).filter_map(|rest| rest.split_once("::run")));
    rows.map(|(module, _)| operation_name(module.trim())).filter(|name| !name.is_empty()).collect()
}

/// `put_record` → `PutRecord`.
fn operation_name(module: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    };
    module.split('_').map(capital).collect()
}

/// The names in the list `REFUSED`.
fn refused_of(table: &str) -> BTreeSet<String> {
    let list = table.split_once("REFUSED: &[&str] = &[").and_then(|(_, rest)| rest.split_once("];"));
    let names = list.map(|(names, _)| names).unwrap_or_default().split('"').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

/// The operations that `docs/refusals.md` names under a service's heading, in the first cell of a row.
fn explained(tree: &Tree, service: &Service) -> BTreeSet<String> {
    let text = tree.text(REFUSALS).unwrap_or_default();
    let mut sections = text.split("\n## ").skip(1);
    let section = sections.find(|section| section.lines().next() == Some(service.name)).unwrap_or_default();
    let operations = section.split("\n### ").next().unwrap_or_default();
    let cells = operations.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('|'));
    // One row may stand for a family of operations that share their reason.
    cells.flat_map(|(cell, _)| cell.split(',')).map(|name| name.trim_matches([' ', '`']).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = r#"{"operations": {"PutRecord": {}, "CreateQueue": {}, "DeleteQueue": {}}}"#;
    const EMPTY: &str = r#"{"operations": {}}"#;
    const ROWS: &str = "vec![\n    op(put_record::run),\n    // op(create_queue::run),\n];\n\
         pub const REFUSED: &[&str] = &[\n    \"CreateQueue\",\n    \"DeleteQueue\",\n];\n";
    const REASONS: &str = "# R\n\n## Kinesis Data Streams\n\n| op | why |\n|---|---|\n\
         | `CreateQueue`, `DeleteQueue` | not yet |\n\n### Parameters\n| `X` | y |\n## Other\n| `PutRecord` | x |\n";

    fn tree(rows: &str, refusals: &str) -> Tree {
        let models = SERVICES.iter().map(|service| (service.model, EMPTY)).skip(1);
        let own = [(SERVICES[0].model, MODEL), (SERVICES[0].rows, rows), (REFUSALS, refusals)];
        Tree::of(&models.chain(own).collect::<Vec<_>>())
    }

    fn faults(rows: &str, refusals: &str) -> String {
        undecided(&tree(rows, refusals), &SERVICES[0]).join("\n")
    }

    #[test]
    fn every_operation_is_done_or_refused() {
        assert_eq!(faults(ROWS, REASONS), "");
        assert!(faults(&ROWS.replace("\"DeleteQueue\"", ""), REASONS).contains("DeleteQueue: add its row"));
    }

    #[test]
    fn a_refusal_needs_a_reason_and_a_reason_a_refusal() {
        assert!(faults(ROWS, "").contains("docs/refusals.md: CreateQueue: say why"));
        let reasons = REASONS.replace("`CreateQueue`", "`CreateQueue`, `PutRecord`");
        assert!(faults(ROWS, &reasons).contains("PutRecord: it is not refused"));
    }

    #[test]
    fn done_and_refused_at_once_and_names_the_model_lacks_are_faults() {
        let found = faults(&format!("{ROWS}op(create_queue::run), op(fly::run)"), REASONS);
        assert!(found.contains("CreateQueue: it has a row") && found.contains("Fly: the model has no such operation"));
    }

    #[test]
    fn the_table_must_be_fresh() {
        let stale = problems(&tree(ROWS, REASONS));
        assert!(stale[0].contains("cargo xtask gen"));
        let text = render(&tree(ROWS, REASONS)).unwrap();
        assert!(text.contains("| PutRecord | done |") && text.contains("| CreateQueue | refused |"));
        assert!(text.contains("1 done, 2 refused, of 3."));
    }
}
