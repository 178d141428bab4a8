//! `headwater backup`: what a server holds, into a folder of backups. Invariant: it says it is done only when the backup is
//! whole and durable; whatever interrupts it leaves earlier ones as they were.
use super::{
    connection::{Connection, LOCAL},
    output::{progress, say},
};
use crate::{
    backup::{self, Decoder, Store, Taking},
    serve::open_stopped,
    settings::data_folder,
};
use clap::Args;
use headwater_log::clock::{Clock, SystemClock};
use indicatif::ProgressBar;
use std::{path::PathBuf, sync::Arc};

pub(super) const HELP: &str = "\
A backup is the server as it was at one moment: streams and their records, tables and their streams, delivery streams, and the
master key if it lies in the data folder – so guard it as you guard that folder. It holds all that was acknowledged before the
command began. Objects that delivery streams have written are not in it.

A server with credentials asks for one of them that may do headwater:Backup; without, it answers on its own machine alone.

Examples:
  headwater backup ./backups
  headwater backup ./backups --keep 14 --endpoint https://streams.example:4566
  headwater backup ./backups --data ./headwater-data";

/// Of what, and where to.
#[derive(Args)]
pub(super) struct Backup {
    /// The folder of backups, made if it is not there
    folder: PathBuf,
    /// The data folder of a server that does not run, in place of a server
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Keep this many backups, the newest, and drop older ones
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    #[command(flatten)]
    connection: Connection,
}

impl Backup {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        let clock = SystemClock::new();
        let begun_us = clock.steady_us();
        let store = Store::create(&self.folder)?;
        let mut taking = store.take()?;
        let bar = progress(None, "bytes");
        match &self.data {
            Some(data) => {
                let shared: Arc<dyn Clock> = clock.clone();
                let source = open_stopped(&data_folder(Some(data))?, &shared)?;
                let known = taking.known();
                source.tell(&known, &mut |frame| {
                    taking.put(frame)?;
                    bar.set_position(taking.copied_bytes());
                    Ok(())
                })?;
            }
            None => listen(self.connection, &mut taking, &bar).await?,
        }
        let taken = taking.finish()?;
        bar.finish_and_clear();
        #[expect(clippy::cast_precision_loss, reason = "a time that people read")]
        let seconds = (clock.steady_us() - begun_us) as f64 / 1e6;
        say(&format!(
            "{}: {} bytes copied, {} were there already, in {seconds:.1} s",
            taken.file_name, taken.copied_bytes, taken.known_bytes
        ))?;
        if let Some(count) = self.keep {
            let (backups, bytes) = store.keep(usize::try_from(count).unwrap_or(usize::MAX))?;
            if backups > 0 {
                say(&format!("dropped: {backups} older backups, {bytes} bytes that they alone had"))?;
            }
        }
        Ok(())
    }
}

/// Takes in what a server tells.
async fn listen(connection: Connection, taking: &mut Taking<'_>, bar: &ProgressBar) -> Result<(), String> {
    let endpoint = connection.endpoint.clone().filter(|url| !url.is_empty()).or_else(|| Some(LOCAL.to_owned()));
    let caller = connection.with(&endpoint, &None, &None).open().await?;
    let known = serde_json::to_vec(&taking.known()).map_err(|error| error.to_string())?;
    let mut told = caller.stream(backup::SCOPE, backup::PATH, known).await?;
    let mut decoder = Decoder::default();
    while let Some(bytes) = told.next().await? {
        decoder.push(&bytes);
        while let Some(frame) = decoder.next()? {
            taking.put(frame)?;
            bar.set_position(taking.copied_bytes());
        }
    }
    Ok(())
}
