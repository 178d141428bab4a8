//! `headwater health`: whether a server takes requests, for scripts and supervisors. Invariant: a good exit status means that
//! it said so itself.
use super::{
    connection::{LOCAL, is_ready},
    output::say,
};
use clap::Args;
use headwater_log::clock::{Clock, SystemClock};

pub(super) const HELP: &str = "\
Examples:
  headwater health --wait 10 && aws --endpoint-url http://127.0.0.1:4566 kinesis list-streams
  headwater health --endpoint https://streams.example:4566";

/// Between two looks.
const POLL_MS: u64 = 50;

/// Which server, and how long it may take.
#[derive(Args)]
pub(super) struct Health {
    /// The server, http://HOST:PORT
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", default_value = LOCAL)]
    endpoint: String,
    /// Wait so long for it to be ready
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u32,
}

impl Health {
    /// Asks the server.
    ///
    /// # Errors
    /// A sentence if it is not ready, or not there, when the time is over.
    pub(super) async fn run(self) -> Result<(), String> {
        let clock = SystemClock::new();
        let deadline_ms = clock.now_ms() + u64::from(self.wait) * 1000;
        loop {
            match is_ready(&self.endpoint).await {
                Ok(()) => return say("ready"),
                Err(why) if clock.now_ms() >= deadline_ms => return Err(why),
                Err(_) => clock.sleep(POLL_MS).await,
            }
        }
    }
}
