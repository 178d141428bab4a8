//! `headwater firehose`: delivery streams made, looked at, filled and ended. Invariant: what a delivery stream is made of is
//! said in the service's own terms, by the fewest of them; for all of them there is AWS's own command line.
use super::{
    connection::{Caller, Connection, Failure, Service},
    output::{Form, cell, tell},
    status,
};
use base64_simd::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::BufRead;
use tokio::sync::mpsc;

/// Before records are put again that were refused for the moment.
const PAUSE_MS: u64 = 200;
/// Records in a request at most, and their bytes.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 3 << 20;

pub(super) const HELP: &str = "\
Examples:
  headwater firehose create archive --to s3://bucket/raw/ --from-stream orders --endpoint http://127.0.0.1:4566
  headwater firehose create clean --to s3://bucket/clean/ --function tidy --compression gzip
  tail -f access.log | headwater firehose put clean";

/// Delivery streams, and where.
#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Firehose {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum Action {
    /// Lists delivery streams
    List,
    /// Shows a delivery stream: where its records come from and go to, and what went wrong last
    Describe { name: String },
    /// Makes a delivery stream into S3
    Create(Box<Create>),
    /// Puts the lines of standard input, a record each
    Put { name: String },
    /// Deletes a delivery stream
    Delete { name: String },
}

/// What to make.
#[derive(Args)]
struct Create {
    name: String,
    /// Where objects go: the bucket, and what their keys begin with
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    to: String,
    /// What the keys of objects of errors begin with
    #[arg(long, value_name = "PREFIX")]
    errors: Option<String>,
    /// The Kinesis stream whose records are delivered; without one, what is put
    #[arg(long, value_name = "NAME")]
    from_stream: Option<String>,
    /// The function that transforms the records: its name or its ARN
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// How objects are compressed
    #[arg(long, value_name = "CODEC", default_value = "none", value_parser = ["none", "gzip", "zip", "snappy", "hadoop-snappy"])]
    compression: String,
    /// An object is written after so many MB …
    #[arg(long, value_name = "MB", default_value_t = 5)]
    size_mb: u32,
    /// … or after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    interval_s: u32,
    /// Write a line break behind each record
    #[arg(long)]
    lines: bool,
    /// The role that AWS takes for it; other servers take any
    #[arg(long, value_name = "ARN", default_value = "arn:aws:iam::000000000000:role/firehose")]
    role: String,
}

impl Firehose {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        let caller = self.connection.open().await?;
        match self.action {
            Action::List => list(&caller, self.form).await,
            Action::Describe { name } => show(&caller, &name, self.form).await,
            Action::Create(create) => create.run(&caller).await,
            Action::Put { name } => put(&caller, &name).await,
            Action::Delete { name } => {
                let input = json!({"DeliveryStreamName": name});
                caller.call(Service::Firehose, "DeleteDeliveryStream", &input).await.map_err(advised)?;
                wait(&caller, &name, None).await
            }
        }
    }
}

async fn described(caller: &Caller, name: &str) -> Result<Value, Failure> {
    let input = json!({"DeliveryStreamName": name});
    Ok(caller.call(Service::Firehose, "DescribeDeliveryStream", &input).await?["DeliveryStreamDescription"].take())
}

/// Waits until the delivery stream has this status; `None`: until it is gone.
async fn wait(caller: &Caller, name: &str, wanted: Option<&str>) -> Result<(), String> {
    status::wait(caller, name, wanted, async || Ok(described(caller, name).await?["DeliveryStreamStatus"].take())).await
}

async fn list(caller: &Caller, form: Form) -> Result<(), String> {
    let (mut names, mut input) = (Vec::new(), json!({}));
    loop {
        let page = caller.call(Service::Firehose, "ListDeliveryStreams", &input).await?;
        names.extend(page["DeliveryStreamNames"].as_array().into_iter().flatten().map(cell));
        match names.last().filter(|_| page["HasMoreDeliveryStreams"] == true) {
            Some(last) => input["ExclusiveStartDeliveryStreamName"] = last.as_str().into(),
            None => break,
        }
    }
    if names.is_empty() && !form.is_json() {
        tell("There are no delivery streams; `headwater firehose create` makes one.");
    }
    let rows: Vec<Vec<String>> = names.iter().map(|name| vec![name.clone()]).collect();
    form.show(&json!(names), &["NAME"], &rows)
}

async fn show(caller: &Caller, name: &str, form: Form) -> Result<(), String> {
    let stream = described(caller, name).await.map_err(advised)?;
    let members = ["DeliveryStreamName", "DeliveryStreamARN", "DeliveryStreamStatus", "DeliveryStreamType"];
    let mut rows: Vec<Vec<String>> = members.iter().map(|name| vec![(*name).into(), cell(&stream[name])]).collect();
    let source = cell(&stream["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"]);
    let s3 = &stream["Destinations"][0]["ExtendedS3DestinationDescription"];
    let endpoint = &stream["Destinations"][0]["HttpEndpointDestinationDescription"]["EndpointConfiguration"]["Url"];
    let failure = &stream["FailureDescription"];
    let failed = [cell(&failure["Type"]), cell(&failure["Details"])].join(" ");
    let about = [
        ("Source", source),
        ("Bucket", cell(&s3["BucketARN"])),
        ("Prefix", cell(&s3["Prefix"])),
        ("ErrorOutputPrefix", cell(&s3["ErrorOutputPrefix"])),
        ("Endpoint", cell(endpoint)),
        ("LastFailure", failed.trim().to_owned()),
    ];
    rows.extend(about.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| vec![name.into(), value]));
    form.show(&stream, &["", ""], &rows)
}

impl Create {
    async fn run(self, caller: &Caller) -> Result<(), String> {
        let place = self.to.strip_prefix("s3://").filter(|place| !place.is_empty());
        let place = place.ok_or_else(|| format!("--to: write s3://BUCKET/PREFIX, not '{}'", self.to))?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let codec = match self.compression.as_str() {
            "none" => "UNCOMPRESSED".to_owned(),
            "hadoop-snappy" => "HADOOP_SNAPPY".into(),
            "snappy" => "Snappy".into(),
            other => other.to_uppercase(),
        };
        let mut destination = json!({
            "RoleARN": self.role,
            "BucketARN": format!("arn:aws:s3:::{bucket}"),
            "Prefix": prefix,
            "CompressionFormat": codec,
            "BufferingHints": {"SizeInMBs": self.size_mb, "IntervalInSeconds": self.interval_s},
        });
        if let Some(prefix) = self.errors {
            destination["ErrorOutputPrefix"] = prefix.into();
        }
        let mut processors = Vec::new();
        if let Some(function) = self.function {
            let arn = if function.starts_with("arn:") {
                function
            } else {
                let account = self.role.split(':').nth(4).unwrap_or("000000000000");
                format!("arn:aws:lambda:{}:{account}:function:{function}", caller.region())
            };
            let parameter = json!({"ParameterName": "LambdaArn", "ParameterValue": arn});
            processors.push(json!({"Type": "Lambda", "Parameters": [parameter]}));
        }
        if self.lines {
            let parameter = json!({"ParameterName": "Delimiter", "ParameterValue": "\\n"});
            processors.push(json!({"Type": "AppendDelimiterToRecord", "Parameters": [parameter]}));
        }
        if !processors.is_empty() {
            destination["ProcessingConfiguration"] = json!({"Enabled": true, "Processors": processors});
        }
        let mut input = json!({
            "DeliveryStreamName": self.name,
            "DeliveryStreamType": "DirectPut",
            "ExtendedS3DestinationConfiguration": destination,
        });
        if let Some(stream) = self.from_stream {
            let input_of = json!({"StreamName": stream});
            let summary = caller.call(Service::Kinesis, "DescribeStreamSummary", &input_of).await?;
            let arn = &summary["StreamDescriptionSummary"]["StreamARN"];
            input["DeliveryStreamType"] = "KinesisStreamAsSource".into();
            input["KinesisStreamSourceConfiguration"] = json!({"KinesisStreamARN": arn, "RoleARN": self.role});
        }
        caller.call(Service::Firehose, "CreateDeliveryStream", &input).await.map_err(advised)?;
        wait(caller, &self.name, Some("ACTIVE")).await
    }
}

async fn put(caller: &Caller, name: &str) -> Result<(), String> {
    let (lines, mut taken) = mpsc::channel(BATCH);
    // What has come is put, and not kept until a batch is full: the next line may be hours away.
    let reader = tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines() {
            if lines.blocking_send(line.map_err(|error| error.to_string())).is_err() {
                break;
            }
        }
    });
    let (mut come, mut count) = (Vec::new(), 0);
    while taken.recv_many(&mut come, BATCH).await > 0 {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for line in come.drain(..) {
            let line = line.map_err(|why| format!("{why}; {count} were put"))?;
            if bytes + line.len() > BATCH_BYTES && !batch.is_empty() {
                count += send(caller, name, std::mem::take(&mut batch), count).await?;
                bytes = 0;
            }
            bytes += line.len();
            batch.push(json!({"Data": STANDARD.encode_to_string(line.as_bytes())}));
        }
        count += send(caller, name, batch, count).await?;
    }
    reader.await.map_err(|error| error.to_string())?;
    tell(&format!("{name}: {count} records"));
    Ok(())
}

/// Puts a batch, after so many others; what is refused for the moment is put again. Gives how many it were.
async fn send(caller: &Caller, name: &str, mut batch: Vec<Value>, before: usize) -> Result<usize, String> {
    let count = batch.len();
    while !batch.is_empty() {
        let input = json!({"DeliveryStreamName": name, "Records": batch});
        let answer = caller.call(Service::Firehose, "PutRecordBatch", &input).await;
        let answer = answer.map_err(|failure| format!("{}; {before} were put", advised(failure)))?;
        let results = answer["RequestResponses"].as_array().into_iter().flatten();
        let refused = results.map(|result| result["ErrorCode"].is_string());
        let held = std::mem::take(&mut batch);
        batch = held.into_iter().zip(refused).filter(|(_, is_refused)| *is_refused).map(|(record, _)| record).collect();
        if !batch.is_empty() {
            caller.clock().sleep(PAUSE_MS).await;
        }
    }
    Ok(count)
}

/// A failure, and what to do next.
fn advised(failure: Failure) -> String {
    failure.told("headwater firehose list")
}
