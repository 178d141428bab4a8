//! What the client alone does on a cluster, with nothing of ours above it: `cargo run --release -p headwater-log-kafka
//! --example raw -- <brokers> <partitions> <records at a time> <under way> <seconds>`. Prints one object of JSON; a
//! record's CPU is that of this process.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
use bytes::Bytes;
use hdrhistogram::Histogram;
use krafka::{
    Kafka, Record,
    admin::{CreateTopicsOptions, DeleteTopicsOptions, NewTopic},
    producer::{Acks, Producer},
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const RECORD_BYTES: usize = 1024;
/// What the kernel counts the time of processes in, a second.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, partitions, records, under_way, seconds] = words.as_slice() else { panic!("five arguments") };
    let (partitions, records): (i32, usize) = (partitions.parse().unwrap(), records.parse().unwrap());
    let (under_way, seconds): (i32, u64) = (under_way.parse().unwrap(), seconds.parse().unwrap());
    let kafka = Kafka::builder(brokers.clone()).client_id("raw").connect().await.unwrap();
    let replicas = i16::try_from(brokers.split(',').count().min(3)).unwrap();
    let topic = format!("raw-{}", std::process::id());
    let new = NewTopic::new(&topic, partitions, replicas).unwrap();
    let new = new.with_config("min.insync.replicas", replicas.min(2).to_string());
    let admin = kafka.admin();
    admin.create_topics([new], CreateTopicsOptions::default()).await.unwrap();
    // Brokers hear of a topic one after the other.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let producer = kafka.producer().acks(Acks::All).idempotent(true).batch_size(1 << 20).max_request_size(32 << 20);
    let producer = Arc::new(producer.linger(Duration::from_millis(100)).build().await.unwrap());

    let took = Arc::new(Mutex::new(Histogram::<u64>::new(3).unwrap()));
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let end = begin + Duration::from_secs(seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..under_way {
        let (producer, topic, took) = (Arc::clone(&producer), topic.clone(), Arc::clone(&took));
        tasks.spawn(async move {
            let (mut done, mut at) = (0, number);
            while Instant::now() < end {
                let begin = Instant::now();
                put(&producer, &topic, at % partitions, records).await;
                took.lock().unwrap().record(u64::try_from(begin.elapsed().as_micros()).unwrap()).unwrap();
                (done, at) = (done + records, at + under_way);
            }
            done
        });
    }
    let done: usize = tasks.join_all().await.into_iter().sum();
    let (elapsed, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    admin.delete_topics([topic], DeleteTopicsOptions::default()).await.unwrap();
    let took = took.lock().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let done = done as f64;
    println!(
        r#"{{"records_per_second": {:.0}, "cpu_us_per_record": {:.2}, "p50_us": {}, "p99_us": {}}}"#,
        done / elapsed,
        cpu * 1e6 / done,
        took.value_at_quantile(0.5),
        took.value_at_quantile(0.99),
    );
}

/// Puts records into a partition, and waits until all of them are acknowledged.
async fn put(producer: &Producer, topic: &str, partition: i32, records: usize) {
    let value = Bytes::from(vec![1; RECORD_BYTES]);
    let mut handles = Vec::with_capacity(records);
    for _ in 0..records {
        handles.push(producer.enqueue(Record::new(topic, value.clone()).partition(partition)).await.unwrap());
    }
    // Sends what is complete, without waiting for what others have put.
    tokio::select! {
        biased;
        _ = producer.flush() => {}
        () = std::future::ready(()) => {}
    }
    for handle in handles {
        assert!(handle.await.unwrap().is_success(), "a record was not told where it is");
    }
}

/// The processor time this process has used.
fn cpu_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = told.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS
}
