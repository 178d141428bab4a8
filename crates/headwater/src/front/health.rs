//! `/_headwater/health`: whether the server lives and takes requests, for people, load balancers and supervisors;
//! `/_headwater/metrics`: what it counts; and `/_headwater/published`: the metrics that clients published.
use super::{
    Look,
    dispatch::Table,
    metrics,
    published::Published,
    reply::{self, Reply},
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use serde_json::{Map, Value, json};

/// Under this prefix Headwater speaks for itself; AWS's services ignore the path.
pub(crate) const PREFIX: &str = "/_headwater/";

/// The answer to a request under [`PREFIX`].
pub(crate) fn answer(head: &Parts, table: &Table, published: &Published, look: &Look, is_ready: bool) -> Reply {
    if head.method != Method::GET && head.method != Method::HEAD {
        return page(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "only GET"}));
    }
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match head.uri.path() {
        "/_headwater/health/live" => page(StatusCode::OK, &json!({"status": "live"})),
        "/_headwater/health/ready" => page(status, &json!({"status": state(is_ready)})),
        "/_headwater/health" | "/_headwater/health/" => page(
            status,
            &json!({
                "status": state(is_ready),
                "version": env!("CARGO_PKG_VERSION"),
                "services": services(table),
            }),
        ),
        "/_headwater/metrics" => {
            of_now(reply::page(StatusCode::OK, metrics::CONTENT_TYPE, metrics::page(table, look())))
        }
        "/_headwater/published" => page(StatusCode::OK, &published.shown()),
        _ => page(
            StatusCode::NOT_FOUND,
            &json!({"error": "there are /_headwater/health, with /live and /ready, /_headwater/metrics, /_headwater/published, /_headwater/console, /_headwater/deliveries/NAME, /_headwater/streams/NAME/shards and, to POST to, /_headwater/workflows/run, /_headwater/backup"}),
        ),
    }
}

/// The answer to who must not see these pages.
pub(crate) fn refuse() -> Reply {
    let error = "this page answers to the server's own names, and to no foreign page; see --server-name";
    page(StatusCode::FORBIDDEN, &json!({"error": error}))
}

const fn state(is_ready: bool) -> &'static str {
    if is_ready { "ready" } else { "stopping" }
}

fn services(table: &Table) -> Map<String, Value> {
    let calls = table.calls().into_iter().map(|(service, calls)| {
        let counts = json!({"answered": calls.answered, "refused": calls.refused, "failed": calls.failed});
        (service.to_owned(), counts)
    });
    calls.collect()
}

fn page(status: StatusCode, body: &Value) -> Reply {
    of_now(reply::json(status, body))
}

fn of_now(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
