//! The process, as the system sees it, under the names that every program's metrics have. Invariant: what the system does
//! not tell has no sample.
use super::{Head, family, gauges, number};
use prometheus_client::{
    collector::Collector,
    encoding::DescriptorEncoder,
    metrics::{MetricType, counter::ConstCounter},
    registry::Unit,
};
use std::fmt;

/// What Linux counts a process's time in, whatever the machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is known of this process now.
#[derive(Debug)]
pub(super) struct Process {
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    threads: Option<f64>,
    open_files: Option<f64>,
    most_files: Option<f64>,
    cpu_seconds: Option<f64>,
    started_seconds: Option<f64>,
}

impl Process {
    /// Reads what Linux tells in `/proc`; other systems tell nothing there.
    pub(super) fn look() -> Self {
        let read = |name: &str| std::fs::read_to_string(name).unwrap_or_default();
        let (status, limits) = (read("/proc/self/status"), read("/proc/self/limits"));
        let (own, system) = (read("/proc/self/stat"), read("/proc/stat"));
        let open_files = std::fs::read_dir("/proc/self/fd").ok();
        let kibibytes = |name| word(&status, name).map(|count| count * 1024.0);
        let started_ticks = stat(&own, 22);
        Self {
            resident_bytes: kibibytes("VmRSS:"),
            virtual_bytes: kibibytes("VmSize:"),
            threads: word(&status, "Threads:"),
            open_files: open_files.map(|files| number(files.count() as u64)),
            most_files: word(&limits, "Max open files"),
            cpu_seconds: stat(&own, 14).zip(stat(&own, 15)).map(|(user, own)| (user + own) / TICKS_PER_SECOND),
            started_seconds: started_ticks
                .zip(word(&system, "btime"))
                .map(|(ticks, boot)| boot + ticks / TICKS_PER_SECOND),
        }
    }
}

/// The first number behind a name at the beginning of a line.
fn word(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// A field of `/proc/self/stat`, counted from 1. The second one is a name in brackets, which may hold anything.
fn stat(text: &str, field: usize) -> Option<f64> {
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(field.checked_sub(3)?)?.parse().ok()
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let bytes = Some(Unit::Bytes);
        let one = |value: Option<f64>| value.map(|value| (Vec::new(), value));
        let head = Head("process_resident_memory", "Resident memory", bytes.clone());
        gauges(encoder, head, one(self.resident_bytes))?;
        gauges(encoder, Head("process_virtual_memory", "Virtual memory", bytes), one(self.virtual_bytes))?;
        gauges(encoder, Head("process_threads", "Threads", None), one(self.threads))?;
        gauges(encoder, Head("process_open_fds", "Open file descriptors", None), one(self.open_files))?;
        gauges(encoder, Head("process_max_fds", "File descriptors it may open", None), one(self.most_files))?;
        let cpu = self.cpu_seconds.map(|seconds| (Vec::new(), ConstCounter::new(seconds)));
        let head = Head("process_cpu", "Time that processors worked for it", Some(Unit::Seconds));
        family(encoder, head, MetricType::Counter, cpu)?;
        let head = Head("process_start_time", "When it began, since the Unix epoch", Some(Unit::Seconds));
        gauges(encoder, head, one(self.started_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_shifts_no_field() {
        let text = "7 (a) (b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 12345 1 2";
        assert_eq!((stat(text, 14), stat(text, 15), stat(text, 22)), (Some(250.0), Some(50.0), Some(12345.0)));
        assert_eq!((word("VmRSS:\t  12 kB\n", "VmRSS:"), word("", "VmRSS:")), (Some(12.0), None));
    }
}
