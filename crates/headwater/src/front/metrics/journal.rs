//! The journal: what is written, how it syncs, what it takes. Invariant: a server in memory has none of these samples.
use super::{Head, MICROS, Spread, counters, family, gauges, number};
use headwater_log::disk::Measures;
use prometheus_client::{encoding::DescriptorEncoder, metrics::MetricType, registry::Unit};
use std::fmt;

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, journal: Option<&Measures>) -> fmt::Result {
    let help = "How long the journal's syncs took";
    let sync = journal.map(|it| (Vec::new(), Spread(&it.sync_us, MICROS)));
    family(encoder, Head("journal_sync_duration", help, Some(Unit::Seconds)), MetricType::Histogram, sync)?;
    let help = "Entries that a sync made durable";
    let group = journal.map(|it| (Vec::new(), Spread(&it.group_entries, 1.0)));
    family(encoder, Head("journal_group_entries", help, None), MetricType::Histogram, group)?;
    let written = journal.map(|it| (Vec::new(), it.stats.written_bytes));
    counters(encoder, Head("journal_written", "Bytes written to the journal", Some(Unit::Bytes)), written)?;
    let help = "The journal's files, those that are ready for use too";
    let size = journal.map(|it| (Vec::new(), number(it.size_bytes)));
    gauges(encoder, Head("journal_size", help, Some(Unit::Bytes)), size)?;
    let help =
        "The journal's files that hold entries: as written (live), sorted by log (sorted), or no longer needed (dead)";
    let files = journal.into_iter().flat_map(|it| {
        let kinds = [("live", it.live_segments), ("sorted", it.live_runs), ("dead", it.dead_files)];
        kinds.map(|(state, count)| (vec![("state", state)], number(count)))
    });
    gauges(encoder, Head("journal_segments", help, None), files)?;
    let logs = journal.map(|it| (Vec::new(), number(it.stats.logs)));
    gauges(encoder, Head("journal_logs", "Logs in the journal: shards, tables and catalogs", None), logs)?;
    let full = journal.map(|it| (Vec::new(), number(u64::from(it.stats.full))));
    gauges(encoder, Head("journal_full", "1 while writes are refused for want of space on the disk", None), full)
}
