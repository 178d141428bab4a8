//! The servers that share the logs of one Kafka cluster: each says that it is there, and all agree on one that leads –
//! which decides for DynamoDB's tables and does what only one should do.
//!
//! Invariant: what is known here is for speed and order alone. A node that wrongly believes to lead does no harm: the
//! logs tell which of its decisions count.
mod roll;

use headwater_firehose::Share;
use headwater_log::{
    Commit, Engine, Limits, LogError, LogGroup, LogId, Seq,
    clock::Clock,
    machine::{of_json, to_json},
};
pub(crate) use roll::NodeReading;
use roll::{NodeId, Roll, Said};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What the nodes say, among the groups below 2⁶⁴ that are Headwater's own.
pub(crate) const LOG: LogId = LogId::new(LogGroup(5), 0);
/// How often each says so.
pub(crate) const BEAT_MS: u64 = 500;
/// How often the leader forgets what was said before the last time.
const TRIM_EVERY_MS: u64 = 60_000;
/// How long a last word may take.
const FAREWELL_MS: u64 = 1_000;
const PAGE: Limits = Limits { entries: 4096, bytes: 1 << 20 };

/// This server among the others.
pub(crate) struct Nodes {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    me: NodeId,
    url: String,
    roll: Mutex<Roll>,
    /// Whether this one has said its last word; held while it says anything.
    is_gone: Mutex<bool>,
    /// Whether this one leads.
    leads: watch::Sender<bool>,
    /// What of the work that is divided is this one's.
    share: watch::Sender<Share>,
    /// Where the one that leads is reached.
    leader: watch::Sender<Option<Arc<str>>>,
}

impl Nodes {
    /// One that is yet to join; `url` is where the others reach it, `number` a random one.
    pub(crate) fn new(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>, url: String, number: u64) -> Arc<Self> {
        Arc::new(Self {
            engine,
            clock,
            me: NodeId(number),
            url,
            roll: Mutex::default(),
            is_gone: Mutex::default(),
            leads: watch::Sender::new(false),
            share: watch::Sender::new(Share::among(Vec::new(), number, false)),
            leader: watch::Sender::new(None),
        })
    }

    /// Joins the others: from now on it may come to lead.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn join(self: &Arc<Self>) -> Result<(), LogError> {
        let mut read_to = self.engine.bounds_now(LOG).await?.first;
        self.say(self.here()).await?;
        self.read_on(&mut read_to, true).await?;
        tokio::spawn(Arc::clone(self).run(read_to));
        Ok(())
    }

    /// Whether this node leads, now and at each change.
    pub(crate) fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    /// What of the work that is divided among all nodes is this one's, now and at each change.
    pub(crate) fn share(&self) -> watch::Receiver<Share> {
        self.share.subscribe()
    }

    /// Where the leader is reached, now and at each change.
    pub(crate) fn leader(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.leader.subscribe()
    }

    /// The nodes that are there, as far as this one has heard.
    pub(crate) fn present(&self) -> Vec<NodeReading> {
        self.roll().present(self.me, self.clock.now_ms())
    }

    /// Takes leave, so that another node leads at once. What the others say is still heard.
    pub(crate) async fn leave(&self) {
        let last_word = {
            let mut is_gone = self.is_gone();
            *is_gone = true;
            self.hand_over(&Said::Gone { node: self.me })
        };
        tokio::select! {
            said = last_word => said.err().into_iter().for_each(|error| {
                tracing::warn!(%error, "the other nodes could not be told; they notice in a few seconds");
            }),
            () = self.clock.sleep(FAREWELL_MS) => {}
        }
    }

    async fn run(self: Arc<Self>, mut read_to: Seq) {
        let mut bounds = self.engine.watch(LOG);
        let mut trimmed = (self.clock.now_ms(), read_to);
        loop {
            let takes_over = self.roll().take_over(self.me, self.clock.now_ms());
            let (said, beat) = (self.say(takes_over.unwrap_or_else(|| self.here())), self.clock.sleep(BEAT_MS));
            tokio::pin!(said, beat);
            let mut waits = true;
            loop {
                tokio::select! {
                    outcome = &mut said, if waits => {
                        waits = false;
                        outcome.err().into_iter().for_each(|error| tracing::warn!(%error, "the other nodes are out of reach"));
                    }
                    changed = bounds.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        bounds.borrow_and_update();
                        if let Err(error) = self.read_on(&mut read_to, false).await {
                            tracing::warn!(%error, "what the other nodes say cannot be read");
                        }
                    }
                    () = &mut beat => break,
                }
            }
            self.publish();
            if *self.leads.borrow() && self.clock.now_ms() >= trimmed.0 + TRIM_EVERY_MS {
                if let Err(error) = self.engine.trim(LOG, trimmed.1).await {
                    tracing::warn!(%error, "what the nodes have said is kept for longer");
                }
                trimmed = (self.clock.now_ms(), read_to);
            }
        }
    }

    /// Hears what was said. The age of what was said before this node came is told by the brokers' clock.
    async fn read_on(&self, read_to: &mut Seq, is_old: bool) -> Result<(), LogError> {
        loop {
            let batch = match self.engine.read(LOG, *read_to, PAGE).await {
                Err(LogError::Trimmed(first)) => {
                    *read_to = first;
                    continue;
                }
                batch => batch?,
            };
            *read_to = batch.next;
            if batch.entries.is_empty() {
                self.publish();
                return Ok(());
            }
            let now_ms = self.clock.now_ms();
            let mut roll = self.roll();
            for entry in batch.entries {
                match of_json(&entry.bytes) {
                    Ok(said) => roll.hear(&said, if is_old { now_ms.min(entry.stamp.time_ms) } else { now_ms }),
                    Err(error) => {
                        tracing::warn!(%error, "a node said what is not understood; is it of a newer Headwater?")
                    }
                }
            }
        }
    }

    fn publish(&self) {
        let (leads, leader, heard) = {
            let (roll, now_ms) = (self.roll(), self.clock.now_ms());
            (roll.leads(self.me, now_ms).is_some(), roll.leader_url().map(Arc::from), roll.heard(now_ms))
        };
        let share = Share::among(heard, self.me.0, leads);
        self.share.send_if_modified(|held| {
            let changes = *held != share;
            *held = share;
            changes
        });
        let turned = |held: &mut bool| std::mem::replace(held, leads) != leads;
        if self.leads.send_if_modified(turned) {
            tracing::info!(leads, "this node {} the others", if leads { "leads" } else { "follows" });
        }
        self.leader.send_if_modified(|held| {
            let changes = *held != leader;
            *held = leader;
            changes
        });
    }

    fn here(&self) -> Said {
        let leads = self.roll().leads(self.me, self.clock.now_ms());
        Said::Here { node: self.me, url: self.url.clone(), leads }
    }

    /// Says something, unless this node has taken leave: then whoever leads must not hear of it again.
    async fn say(&self, said: Said) -> Result<(), LogError> {
        let said = {
            let is_gone = self.is_gone();
            // Entries stand in the log in the order in which they are handed over.
            (!*is_gone).then(|| self.hand_over(&said))
        };
        match said {
            Some(said) => said.await.map(drop),
            None => Ok(()),
        }
    }

    fn hand_over(&self, said: &Said) -> Commit {
        self.engine.append(LOG, vec![to_json(said).into()])
    }

    fn is_gone(&self) -> MutexGuard<'_, bool> {
        self.is_gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does a duty of which there is one among all nodes while this one leads, anew each time it comes to lead. What it has
/// begun is dropped when another takes the lead.
pub(crate) async fn while_leading<F: Future<Output = ()>>(mut leads: watch::Receiver<bool>, duty: impl Fn() -> F) {
    while leads.wait_for(|leads| *leads).await.is_ok() {
        tokio::select! {
            () = duty() => return,
            lost = leads.wait_for(|leads| !*leads) => if lost.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_log::{
        clock::{ManualClock, SystemClock},
        memory::MemoryEngine,
    };

    async fn eventually(clock: &ManualClock, what: impl Fn() -> bool) {
        for _ in 0..400 {
            if what() {
                return;
            }
            clock.advance(50);
            SystemClock::new().sleep(2).await;
        }
        panic!("it does not come to that");
    }

    async fn join(engine: &Arc<MemoryEngine>, clock: &ManualClock, number: u64) -> Arc<Nodes> {
        let shared = Arc::clone(engine) as Arc<dyn Engine>;
        let node = Nodes::new(shared, Arc::new(clock.clone()), format!("http://{number}"), number);
        node.join().await.unwrap();
        node
    }

    #[tokio::test]
    async fn one_leads_and_when_it_goes_another_does() {
        let clock = ManualClock::at(1_000_000);
        let engine = MemoryEngine::shared(Arc::new(clock.clone()));
        let (one, two) = (join(&engine, &clock, 1).await, join(&engine, &clock, 2).await);
        eventually(&clock, || *one.leads().borrow() && two.leader().borrow().as_deref() == Some("http://1")).await;
        assert!(!*two.leads().borrow());
        let seen = two.present();
        let told: Vec<_> = seen.iter().map(|node| (&*node.url, node.leads, node.is_self)).collect();
        assert_eq!(told, [("http://1", true, false), ("http://2", false, true)]);
        one.leave().await;
        eventually(&clock, || *two.leads().borrow() && one.leader().borrow().as_deref() == Some("http://2")).await;
        for _ in 0..100 {
            clock.advance(BEAT_MS);
            SystemClock::new().sleep(1).await;
            assert!(!*one.leads().borrow(), "who has taken leave comes back");
        }
    }

    #[tokio::test]
    async fn a_duty_is_dropped_with_the_lead_and_begins_anew_with_it() {
        let (lead, leads) = watch::channel(false);
        let begun = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&begun);
        let duty = move || {
            *counted.lock().unwrap() += 1;
            std::future::pending()
        };
        tokio::spawn(while_leading(leads, duty));
        for (leading, expected) in [(false, 0), (true, 1), (false, 1), (true, 2)] {
            lead.send_replace(leading);
            SystemClock::new().sleep(5).await;
            assert_eq!(*begun.lock().unwrap(), expected);
        }
    }
}
