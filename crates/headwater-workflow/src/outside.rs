//! What a run needs of the world, and what it tells about itself. Invariant: nothing else here touches the network, files or
//! time.
use crate::run::StepReport;
use serde_json::Value;
use std::future::Future;

/// A request, complete but for its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// E.g. `POST`.
    pub method: String,
    /// Absolute, without a fragment.
    pub url: String,
    /// Names as they were given; none twice.
    pub headers: Vec<(String, String)>,
    /// What is sent; none with methods that send nothing.
    pub body: Option<String>,
    /// The service to sign for with AWS Signature Version 4; none: it is not signed.
    pub service: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// E.g. 200.
    pub status: u16,
    /// Names in any case.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

/// The world around a run.
pub trait Outside {
    /// Sends a request, and waits `timeout_ms` for its answer, or as long as the world does.
    ///
    /// # Errors
    /// A sentence on why there is no answer.
    fn call(&mut self, request: &Request, timeout_ms: Option<u64>) -> impl Future<Output = Result<Response, String>>;

    /// The text at a path or a URL; `None` if nothing is there.
    ///
    /// # Errors
    /// A sentence on why it cannot be read.
    fn read(&mut self, location: &str) -> impl Future<Output = Result<Option<String>, String>>;

    /// Waits.
    fn sleep(&mut self, ms: u64) -> impl Future<Output = ()>;

    /// Hears what goes on.
    fn tell(&mut self, event: Event<'_>);
}

/// Something that happens in a run. `depth` counts the workflows around it; the outermost has 0.
#[derive(Debug)]
pub enum Event<'a> {
    /// A workflow begins.
    Workflow {
        /// See above.
        depth: usize,
        /// Its name.
        id: &'a str,
        /// A line about it.
        summary: &'a str,
    },
    /// A step begins.
    Step {
        /// See above.
        depth: usize,
        /// Its name.
        id: &'a str,
    },
    /// A request is about to be sent – or would be, in a dry run.
    Request {
        /// See above.
        depth: usize,
        /// Itself.
        request: &'a Request,
    },
    /// A step is over.
    Done(&'a StepReport),
    /// An action leads elsewhere, or back.
    Turn {
        /// See above.
        depth: usize,
        /// The action's name.
        action: &'a str,
        /// Where to.
        to: &'a str,
        /// How long is waited first.
        pause_ms: u64,
    },
    /// A workflow is over.
    Over {
        /// See above.
        depth: usize,
        /// Its name.
        id: &'a str,
        /// What it gives.
        outputs: &'a Value,
        /// Why it failed, if it did.
        failure: Option<&'a str>,
    },
}
