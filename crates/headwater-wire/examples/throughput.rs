//! Prints how fast the hot bodies are read and written: `cargo run --release -p headwater-wire --example throughput`.
//! Measures, asserts nothing.
#![allow(clippy::print_stdout, clippy::unwrap_used)]
use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use headwater_wire::{Dialect, Timestamp, decode, encode, kinesis};

const RECORD_BYTES: usize = 1024;
const TIME: Duration = Duration::from_secs(2);

#[expect(clippy::disallowed_methods, reason = "this measures real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Runs `work`, which handles `bytes` bytes, again and again and prints its best time.
fn measure(name: &str, bytes: usize, mut work: impl FnMut()) {
    let end = now() + TIME;
    let mut best = Duration::MAX;
    while now() < end {
        let start = now();
        work();
        best = best.min(start.elapsed());
    }
    let rate = bytes as f64 / best.as_secs_f64() / 1e9;
    println!("{name:32} {:9.1} µs  {rate:5.2} GB/s of body", best.as_secs_f64() * 1e6);
}

fn main() {
    let data: Bytes = (0..=u8::MAX).cycle().map(|index| index.wrapping_mul(131)).take(RECORD_BYTES).collect();
    let entry = |index: usize| kinesis::PutRecordsRequestEntry {
        data: data.clone(),
        partition_key: Some(format!("partition-{index}")),
        ..Default::default()
    };
    let put = kinesis::PutRecordsInput {
        records: (0..500).map(entry).collect(),
        stream_name: Some("orders".into()),
        ..Default::default()
    };
    let one = kinesis::PutRecordInput {
        data: data.clone(),
        partition_key: Some("partition-1".into()),
        stream_name: Some("orders".into()),
        ..Default::default()
    };
    let record = |index: usize| kinesis::Record {
        sequence_number: format!("{index:056}"),
        approximate_arrival_timestamp: Some(Timestamp(1_700_000_000_123)),
        data: data.clone(),
        partition_key: Some(format!("partition-{index}")),
        ..Default::default()
    };
    let got = kinesis::GetRecordsOutput {
        records: (0..10_000).map(record).collect(),
        millis_behind_latest: Some(0),
        ..Default::default()
    };
    for (name, dialect) in [("JSON", Dialect::Json11), ("CBOR", Dialect::Cbor11)] {
        let body = Bytes::from(encode(dialect, &put));
        measure(&format!("{name} decode PutRecords 500"), body.len(), || {
            black_box(decode::<kinesis::PutRecordsInput>(dialect, &body).unwrap());
        });
        let body = Bytes::from(encode(dialect, &one));
        measure(&format!("{name} decode PutRecord"), body.len(), || {
            black_box(decode::<kinesis::PutRecordInput>(dialect, &body).unwrap());
        });
        let len = encode(dialect, &got).len();
        measure(&format!("{name} encode GetRecords 10000"), len, || {
            black_box(encode(dialect, &got));
        });
    }
}
