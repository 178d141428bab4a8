//! Who decides: claiming to, and ceasing to.
//!
//! Invariant: what is decided here is decided upon everything that counts before it; after any failure that is known only
//! once the log has been read up to a new claim.
use super::{
    Database, LOG, entry,
    inbox::{Asked, Inbox, Pending, Told, What},
    reader::{Reader, Stuck, Taken, Upto},
    recover,
};
use headwater_log::{LogError, epoch::Mark};

/// Claims to decide, at a time: another process's may come before one.
const CLAIMS: usize = 5;

impl Database {
    /// Has this process decide, and tells when it does.
    pub(super) async fn take_seat(&self, reader: &mut Reader, inbox: &mut Inbox, tell: Told) {
        let taken = self.claim(reader, inbox).await;
        if taken.is_err() {
            reader.seat.doubt();
        }
        let _ = tell.send(taken);
    }

    async fn claim(&self, reader: &mut Reader, inbox: &mut Inbox) -> Result<(), LogError> {
        for _ in 0..CLAIMS {
            if reader.seat.held().is_some() {
                return Ok(());
            }
            let Mark::Owner(epoch) = reader.seat.claim() else { break };
            let place = match self.engine.append(LOG, vec![entry::owner(epoch)]).await {
                Ok(stamps) => stamps.first().map(|stamp| stamp.seq),
                Err(error @ (LogError::Full | LogError::Unavailable(_))) => return Err(error),
                Err(error) if self.engine.is_shared() => {
                    tracing::warn!(%error, "whether this process decides about tables is unknown; it claims to again");
                    continue;
                }
                Err(error) => {
                    self.decider().broken = Some(error.clone());
                    return Err(error);
                }
            };
            let Some(place) = place else { break };
            match self.read_on(reader, Upto::Claim(place), &mut Taken::default()).await {
                Err(Stuck::Behind(_)) if self.is_shared() => self.come_up(reader, inbox).await?,
                read => read.map_err(|stuck| self.stuck(stuck, inbox))?,
            }
            if let Some(epoch) = reader.seat.held() {
                let tokens = recover::tokens(&*self.kv)?;
                let mut decider = self.decider();
                decider.epoch = Some(epoch);
                decider.next = reader.at.number + 1;
                decider.tables = self.tables();
                decider.tokens = tokens;
            }
        }
        match reader.seat.held() {
            Some(_) => Ok(()),
            None => Err(LogError::Unavailable("others take over deciding about tables all the time".into())),
        }
    }

    /// Ends this process's epoch: what is on its way does not hold, as far as anybody is told, and whoever has something
    /// to decide claims to anew, and so learns from the log what does.
    pub(super) fn start_over(&self, error: &LogError, reader: &mut Reader, inbox: &mut Inbox) {
        let mut failed = Vec::new();
        reader.seat.doubt();
        {
            let mut decider = self.decider();
            for asked in inbox.drain() {
                match asked {
                    Asked::Entry(Pending { what: What::Decision { .. } | What::Look { .. }, tell, .. }) => {
                        failed.push(tell)
                    }
                    asked => inbox.first.push_back(asked),
                }
            }
            decider.epoch = None;
            decider.overlay.clear();
            decider.in_flight = 0;
            // Where nobody else writes a log whose writer failed is opened anew by a new process.
            if !self.engine.is_shared() && !matches!(error, LogError::Full | LogError::Unavailable(_)) {
                decider.broken = Some(error.clone());
            }
        }
        for tell in failed {
            let _ = tell.send(Err(error.clone()));
        }
    }
}
