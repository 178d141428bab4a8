//! Log lines on standard error. Invariant: one event is one line, whatever names are in it: a control character inside
//! a line is written as its escape.
use crate::settings::{LogFormat, Settings};
use std::io::{self, IsTerminal, Write};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

/// What begins the names of targets in this house.
const HOUSE: &str = "headwater";

/// Begins to log as the settings say.
pub(crate) fn start(settings: &Settings) {
    let Settings { log: level, log_format, log_requests, .. } = *settings;
    // What others log in detail is about their insides, and may be about what they carry.
    let others = level.min(LevelFilter::INFO);
    // The store of rows tells of every file it makes; Kafka's client of every connection, and it warns of what the engine
    // sees and mends, or tells.
    let quiet = [("fjall", LevelFilter::WARN), ("lsm_tree", LevelFilter::WARN), ("krafka", LevelFilter::ERROR)];
    let quiet = quiet.map(|(name, most)| (name, level.min(most)));
    let lists = log_requests || level >= LevelFilter::DEBUG;
    let listing = if lists { LevelFilter::INFO } else { LevelFilter::OFF };
    let shown = Targets::new().with_default(others).with_targets(quiet);
    let shown = shown.with_target(HOUSE, level).with_target(crate::front::LISTING, listing);
    let log = tracing_subscriber::fmt()
        .with_writer(Lines)
        .with_ansi(io::stderr().is_terminal())
        .with_max_level(level.max(listing))
        .with_target(false);
    match log_format {
        LogFormat::Text => log.finish().with(shown).init(),
        LogFormat::Json => log.json().flatten_event(true).finish().with(shown).init(),
    }
}

/// Makes writers of single lines.
struct Lines;

/// Writes events, each of which comes in one piece.
struct Line<W>(W);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<io::Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(io::stderr())
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let inner = event.strip_suffix(b"\n").unwrap_or(event);
        // Colours begin with an escape; a name's own escapes were made visible before.
        let is_plain = |byte: u8| !byte.is_ascii_control() || byte == b'\x1b';
        if inner.iter().copied().all(is_plain) {
            self.0.write_all(event)?;
            return Ok(event.len());
        }
        let mut line = Vec::with_capacity(event.len() + 16);
        for byte in inner {
            if is_plain(*byte) { line.push(*byte) } else { line.extend(byte.escape_ascii()) }
        }
        line.push(b'\n');
        self.0.write_all(&line)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let written = |event: &[u8]| {
            let mut line = Line(Vec::new());
            line.write_all(event).unwrap();
            String::from_utf8(line.0).unwrap()
        };
        assert_eq!(written(b"a request of \x1b[1mthis\x1b[0m\n"), "a request of \x1b[1mthis\x1b[0m\n");
        assert_eq!(written("a\nERROR b\r\t\u{7}é\n".as_bytes()), "a\\nERROR b\\r\\t\\x07é\n");
    }
}
