//! Spans and metrics on their way to a collector: OTLP over HTTP, in its JSON form
//! ([decision 0016](../../../../../docs/decisions/0016-telemetry.md)).
//!
//! Invariant: nobody waits for a collector. Spans queue up to [`QUEUED_SPANS`]; what there is no room for, and what the
//! collector does not take after [`TRIES`] tries, is dropped and counted.
mod metrics;
mod settings;
mod spans;

pub(crate) use settings::{TelemetrySettings, Written as WrittenTelemetry};
pub(crate) use spans::{Attribute, Span};

use super::web::Web;
use headwater_log::clock::Clock;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// Spans that wait to be sent.
const QUEUED_SPANS: usize = 4096;
/// Spans of one request to the collector.
const BATCH_SPANS: usize = 512;
/// How long a span waits for others.
const BATCH_MS: u64 = 1000;
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often one batch is sent before it is given up …
const TRIES: usize = 3;
/// … and the pause between.
const PAUSE_MS: u64 = 1000;
/// How long what is left may take when the server stops.
const FLUSH_MS: u64 = 3000;

/// Where spans are put.
#[derive(Clone)]
pub(crate) struct SpanSink {
    out: mpsc::Sender<Span>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl SpanSink {
    fn new() -> (Self, mpsc::Receiver<Span>) {
        let (out, spans) = mpsc::channel(QUEUED_SPANS);
        (Self { out, counts: Arc::default() }, spans)
    }

    /// Queues a span, if there is room.
    pub(crate) fn put(&self, span: Span) {
        if self.out.try_send(span).is_err() {
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Spans that the collector took, and spans that were dropped.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.counts.sent.load(Relaxed), self.counts.dropped.load(Relaxed))
    }

    /// One that nothing comes out of.
    #[cfg(test)]
    pub(crate) fn closed() -> Self {
        Self::new().0
    }
}

/// Who sends them.
pub(crate) struct Telemetry {
    sink: SpanSink,
    collector: Arc<Collector>,
    /// Turns true when what is left is to be sent.
    ending: watch::Sender<bool>,
    exporter: JoinHandle<()>,
}

/// The collector, and who tells it something.
struct Collector {
    web: Arc<Web>,
    settings: TelemetrySettings,
    clock: Arc<dyn Clock>,
    /// When the server began, since the Unix epoch.
    began_ns: u64,
    /// It did not take the last that was sent to it.
    is_failing: AtomicBool,
}

impl Telemetry {
    /// Begins to send what will be put.
    pub(super) fn start(web: &Arc<Web>, settings: TelemetrySettings, clock: &Arc<dyn Clock>) -> Self {
        let (sink, spans) = SpanSink::new();
        let collector = Arc::new(Collector {
            web: Arc::clone(web),
            settings,
            clock: Arc::clone(clock),
            began_ns: nanos(clock.now_ms()),
            is_failing: AtomicBool::new(false),
        });
        let ending = watch::Sender::new(false);
        let task = Arc::clone(&collector).send_spans(spans, ending.subscribe(), Arc::clone(&sink.counts));
        Self { sink, collector, ending, exporter: tokio::spawn(task) }
    }

    /// Where spans are to be put.
    pub(crate) fn sink(&self) -> SpanSink {
        self.sink.clone()
    }

    /// The share of traces beginning here that are sampled.
    pub(crate) fn ratio(&self) -> f64 {
        self.collector.settings.ratio
    }

    /// Sends the metrics of `page`, in OpenMetrics' form, from now on, again and again.
    pub(crate) fn send_metrics(&self, page: impl Fn() -> String + Send + 'static) {
        let collector = Arc::clone(&self.collector);
        tokio::spawn(async move {
            loop {
                collector.clock.sleep(collector.settings.metrics_every_ms).await;
                let now_ns = nanos(collector.clock.now_ms());
                let metrics = metrics::of_page(&page(), collector.began_ns, now_ns);
                let scope = json!([{"scope": scope(), "metrics": metrics}]);
                let all = json!({"resourceMetrics": [{"resource": collector.resource(), "scopeMetrics": scope}]});
                // The next ones say the same and more.
                let _ = collector.send("metrics", &all).await;
            }
        });
    }

    /// Sends what is left, if that does not take too long.
    pub(crate) async fn finish(self) {
        self.ending.send_replace(true);
        let flushed = self.collector.clock.sleep(FLUSH_MS);
        tokio::select! {
            _ = self.exporter => {}
            () = flushed => tracing::warn!("the collector is slow; the last spans are not sent"),
        }
    }
}

impl Collector {
    async fn send_spans(
        self: Arc<Self>,
        mut spans: mpsc::Receiver<Span>,
        mut ending: watch::Receiver<bool>,
        counts: Arc<Counts>,
    ) {
        loop {
            let mut batch = Vec::with_capacity(BATCH_SPANS);
            let is_ending = tokio::select! {
                biased;
                taken = spans.recv_many(&mut batch, 1) => taken == 0,
                _ = ending.wait_for(|ending| *ending) => true,
            };
            let mut rest = self.clock.sleep(if is_ending { 0 } else { BATCH_MS });
            while batch.len() < BATCH_SPANS {
                let room = BATCH_SPANS - batch.len();
                let taken = tokio::select! {
                    biased;
                    taken = spans.recv_many(&mut batch, room) => taken,
                    () = &mut rest => 0,
                    _ = ending.wait_for(|ending| *ending), if !is_ending => 0,
                };
                if taken == 0 {
                    break;
                }
            }
            if batch.is_empty() {
                return;
            }
            let spans: Vec<Value> = batch.iter().map(Span::json).collect();
            let scope = json!([{"scope": scope(), "spans": spans}]);
            let all = json!({"resourceSpans": [{"resource": self.resource(), "scopeSpans": scope}]});
            let count = if self.send("traces", &all).await { &counts.sent } else { &counts.dropped };
            count.fetch_add(batch.len() as u64, Relaxed);
        }
    }

    fn resource(&self) -> Value {
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let version = env!("CARGO_PKG_VERSION");
        json!({"attributes": [text("service.name", &self.settings.service), text("service.version", version)]})
    }

    /// Sends one request; whether it was taken. A failure is told once, until something is taken again.
    async fn send(&self, signal: &str, all: &Value) -> bool {
        let url = self.settings.url(signal);
        let mut outcome = Ok(());
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.clock.sleep(PAUSE_MS).await;
            }
            outcome = match self.post(&url, all).await {
                Ok(status) if status.is_success() => Ok(()),
                Ok(status) => Err((format!("it answers {status}"), is_temporary(status))),
                Err(why) => Err((why, true)),
            };
            if !matches!(outcome, Err((_, true))) {
                break;
            }
        }
        let failed_before = self.is_failing.swap(outcome.is_err(), Relaxed);
        match &outcome {
            Err((why, _)) if !failed_before => tracing::warn!(%url, why, "the collector does not take telemetry"),
            Ok(()) if failed_before => tracing::info!(%url, "the collector takes telemetry again"),
            _ => {}
        }
        outcome.is_ok()
    }

    async fn post(&self, url: &Url, all: &Value) -> Result<StatusCode, String> {
        let request = self.web.trusted()?.post(url.clone()).timeout(TIMEOUT);
        let request = request.header("content-type", "application/json").body(all.to_string());
        let headers = self.settings.headers.iter();
        let request = headers.fold(request, |request, (name, value)| request.header(name, value));
        let response = request.send().await.map_err(|error| super::web::whole(&error))?;
        Ok(response.status())
    }
}

fn scope() -> Value {
    json!({"name": "headwater", "version": env!("CARGO_PKG_VERSION")})
}

/// Whether what was answered so may be taken a little later, as OTLP has it.
fn is_temporary(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

const fn nanos(ms: u64) -> u64 {
    ms * 1_000_000
}
