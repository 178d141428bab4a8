//! A worker: with others of its kind it shares the shards of a stream, and appends what it processes to a file, a line
//! `SHARD SEQUENCE_NUMBER PARTITION_KEY DATA` for each record.
//!
//! `worker STREAM TABLE FILE [FAIL_OVER_SECONDS [FAN_OUT_CONSUMER]]`: the leases are in the DynamoDB table TABLE, which is
//! made when it is missing. Ctrl-C or a TERM signal shuts it down. Which services, region and credentials is told by the
//! usual variables, such as `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`.
use aws_config::BehaviorVersion;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use headwater_client::{
    Checkpointer, Consumer, Processor, Worker,
    consumer::Arrived,
    worker::{DynamoDbLeases, ProcessorError},
};
use std::{
    fmt::Write as _,
    fs::File,
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

struct Writer(Arc<Mutex<File>>);

impl Writer {
    fn append(&self, lines: &str) -> std::io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines.as_bytes())
    }
}

impl Processor for Writer {
    async fn records(&mut self, batch: Arrived, checkpointer: &Checkpointer) -> Result<(), ProcessorError> {
        let mut lines = String::new();
        for record in &batch.records {
            let data = String::from_utf8_lossy(&record.data);
            writeln!(lines, "{} {} {} {data}", batch.shard_id, record.sequence_number, record.partition_key)?;
        }
        self.append(&lines)?;
        checkpointer.checkpoint().await?;
        Ok(())
    }

    async fn shard_ended(&mut self, checkpointer: &Checkpointer) -> Result<(), ProcessorError> {
        Ok(self.append(&format!("{} ended - -\n", checkpointer.shard_id()))?)
    }
}

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "the file is the user's")]
async fn main() -> Result<(), ProcessorError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stream, table, file, options @ ..] = &*arguments else {
        return Err("usage: worker STREAM TABLE FILE [FAIL_OVER_SECONDS [FAN_OUT_CONSUMER]]".into());
    };
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    let mut consumer = Consumer::new(aws_sdk_kinesis::Client::new(&config), stream);
    if let Some(name) = options.get(1) {
        consumer = consumer.fan_out(name);
    }
    let leases = DynamoDbLeases::new(aws_sdk_dynamodb::Client::new(&config), table);
    let file = Arc::new(Mutex::new(File::options().append(true).create(true).open(file)?));

    let seconds: f64 = options.first().map_or(Ok(10.0), |seconds| seconds.parse())?;
    let worker = Worker::builder(consumer, leases).name("example").fail_over(Duration::from_secs_f64(seconds));
    let mut worker = worker.spawn(move |_shard| Writer(Arc::clone(&file)));
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = worker.ended() => return Ok(ended?),
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
    Ok(worker.shutdown().await?)
}
