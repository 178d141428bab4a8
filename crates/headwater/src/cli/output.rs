//! What commands show: tables for people, JSON for programs. Invariant: standard output has what was asked for and nothing
//! else; progress goes to standard error, and only to a terminal.
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// How often a picture of progress moves.
const TICK: Duration = Duration::from_millis(120);

/// In which form.
#[derive(Args, Clone, Copy)]
pub(super) struct Form {
    /// Print JSON, on a terminal too; a pipe gets it anyway
    #[arg(long, global = true)]
    json: bool,
}

impl Form {
    /// Whether a program reads.
    pub(super) fn is_json(self) -> bool {
        self.json || !io::stdout().is_terminal()
    }

    /// Shows `value` to a program, and to people a table of `rows` below `head`.
    ///
    /// # Errors
    /// A sentence if nothing can be written.
    pub(super) fn show(self, value: &Value, head: &[&str], rows: &[Vec<String>]) -> Result<(), String> {
        if self.is_json() {
            return say(&serde_json::to_string_pretty(value).map_err(|error| error.to_string())?);
        }
        if rows.is_empty() {
            return Ok(());
        }
        say(&table(head, rows))
    }
}

/// Columns as wide as their widest cell.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |text: &str| text.chars().count();
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
            cells.chain([width(name)]).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = Vec::new();
    if head.iter().any(|name| !name.is_empty()) {
        lines.push(line(&mut head.iter().copied()));
    }
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// A value as it stands in a cell.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A shard's number, for people: its name less what all have.
pub(super) fn shard_number(id: &str) -> &str {
    let digits = id.trim_start_matches("shardId-");
    match digits.trim_start_matches('0') {
        "" if !digits.is_empty() => "0",
        number => number,
    }
}

/// Whether standard output wants colours.
pub(super) fn has_colours() -> bool {
    io::stdout().is_terminal() && super::variable("NO_COLOR").is_none()
}

/// Writes a line to standard output; that nobody reads on is no error.
///
/// # Errors
/// A sentence if it cannot be written.
pub(super) fn say(line: &str) -> Result<(), String> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Tells people something that is no result.
pub(super) fn tell(line: &str) {
    // Whoever does not look misses nothing.
    let _ = writeln!(io::stderr(), "{line}");
}

/// A picture of work under way, without a known end; gone with the work.
pub(super) fn spinner(what: String) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(TICK);
    bar
}

/// A picture of so many things being done, or of things being done if it is not known how many.
pub(super) fn progress(of: Option<u64>, unit: &str) -> ProgressBar {
    let template = match of {
        Some(_) => format!("{{wide_bar}} {{human_pos}}/{{human_len}} {unit}  {{per_sec}}  {{eta}} left {{msg}}"),
        None => format!("{{spinner}} {{human_pos}} {unit}  {{per_sec}}  {{msg}}"),
    };
    let bar = ProgressBar::with_draw_target(of, ProgressDrawTarget::stderr());
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_called_by_its_number() {
        assert_eq!(shard_number("shardId-000000000000"), "0");
        assert_eq!(shard_number("shardId-000000000120"), "120");
        assert_eq!(shard_number("shardId-00000001795299929-ab"), "1795299929-ab");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["orders".to_owned(), "2".to_owned()], vec!["b".to_owned(), "10".to_owned()]];
        assert_eq!(table(&["NAME", "SHARDS"], &rows), "NAME    SHARDS\norders  2\nb       10");
    }
}
