//! What Headwater reaches outside: stores of objects, endpoints of others, functions that run elsewhere, a collector. The only room
//! with a client for HTTP.
//!
//! Invariant: where a caller of ours gave the address, the guard decides whether it is reached; what the operator
//! configured is trusted. Nothing follows a redirection, and everything ends within a bounded time.
mod folder;
mod guard;
mod key_path;
mod peer;
mod remote;
mod s3;
mod settings;
mod signing;
mod telemetry;
mod web;

pub(crate) use self::{
    peer::{CARRIED, Carried, Peers},
    remote::Remote,
    settings::{OutwardSettings, Store, Written},
    telemetry::{Attribute, Span, SpanSink, Telemetry, TelemetrySettings, WrittenTelemetry},
};

use headwater_firehose::outside::{Endpoints, Objects};
use headwater_log::clock::Clock;
use std::{io, path::Path, sync::Arc};

/// The folder of buckets, in the data folder.
pub(crate) const DEFAULT_FOLDER: &str = "s3";

/// What there is outside.
pub(crate) struct Outward {
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) endpoints: Arc<dyn Endpoints>,
    pub(crate) remote: Remote,
    /// Where objects go, for people.
    pub(crate) objects_at: String,
    web: Arc<web::Web>,
}

impl Outward {
    /// Opens it; `data` is the data folder if there is one, `number` a random one.
    ///
    /// # Errors
    /// A sentence with the setting and what is wrong.
    pub(crate) fn open(settings: &OutwardSettings, data: Option<&Path>, number: u128) -> Result<Self, String> {
        let web = Arc::new(web::Web::new(settings.allowed.clone()));
        let remote = Remote::new(settings, &web);
        let (objects, objects_at): (Arc<dyn Objects>, String) = match (&settings.store, data) {
            (Store::Endpoint { url, region, key }, _) => {
                (Arc::new(s3::S3::new(Arc::clone(&web), url, region, key.clone())), url.clone())
            }
            (Store::Folder(folder), _) => in_folder(folder::Folder::open(folder), folder)?,
            (Store::Default, Some(data)) => {
                let folder = data.join(DEFAULT_FOLDER);
                in_folder(folder::Folder::open(&folder), &folder)?
            }
            (Store::Default, None) => in_folder(Ok(folder::Folder::temporary(number)), &std::env::temp_dir())?,
        };
        Ok(Self { objects, endpoints: Arc::clone(&web) as Arc<dyn Endpoints>, remote, objects_at, web })
    }

    /// The way to the other servers on the same Kafka.
    pub(crate) fn peers(&self) -> Peers {
        Peers::new(&self.web)
    }

    /// Begins to send telemetry to the collector that the settings name.
    pub(crate) fn telemetry(&self, settings: TelemetrySettings, clock: &Arc<dyn Clock>) -> Telemetry {
        Telemetry::start(&self.web, settings, clock)
    }
}

fn in_folder(opened: io::Result<folder::Folder>, named: &Path) -> Result<(Arc<dyn Objects>, String), String> {
    let folder = opened.map_err(|error| format!("--s3-dir {}: {error}", named.display()))?;
    let at = folder.root().display().to_string();
    Ok((Arc::new(folder), at))
}
