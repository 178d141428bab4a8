//! Processes with a database each, over logs that they share.
use super::*;
pub(super) use headwater_log::shared::{Fate, Shared, Sight, Way};

/// Logs for several processes.
pub(super) fn shared_logs() -> Arc<Shared> {
    Shared::new(Arc::new(ManualClock::at(1)))
}

/// One process.
pub(super) struct Node {
    pub(super) database: Arc<Database>,
    pub(super) kv: Arc<MemoryKv>,
    pub(super) way: Arc<Way>,
    pub(super) clock: ManualClock,
}

impl Node {
    pub(super) async fn open(shared: &Arc<Shared>) -> Self {
        Self::on(Way::new(shared, Sight::Common)).await
    }

    /// A process that reads the log only when it has to.
    pub(super) async fn blind(shared: &Arc<Shared>) -> Self {
        Self::on(Way::new(shared, Sight::Blind)).await
    }

    /// A process that folds the whole log, as if nothing of it had been trimmed.
    pub(super) async fn folding_all(shared: &Arc<Shared>) -> Self {
        Self::on(Way::new(shared, Sight::Whole)).await
    }

    async fn on(way: Arc<Way>) -> Self {
        Self::with(way, Arc::new(MemoryKv::new())).await.unwrap()
    }

    /// A process that has rows already.
    pub(super) async fn with(way: Arc<Way>, kv: Arc<MemoryKv>) -> std::result::Result<Self, LogError> {
        let clock = ManualClock::at(1);
        let rows: Arc<dyn Kv> = kv.clone();
        let database = Database::open(way.clone(), Arc::new(clock.clone()), rows, watch::channel(true).1).await?;
        Ok(Self { database, kv, way, clock })
    }

    /// All rows.
    pub(super) fn dump(&self) -> Vec<(u8, Vec<u8>, Bytes)> {
        let mut all = Vec::new();
        for space in 0..u8::try_from(SPACES.len()).unwrap() {
            let view = self.kv.view();
            let (from, to) = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
            let walked = view.range(headwater_log::kv::Space(space), from, to, false, &mut |key, value| {
                all.push((space, key.to_vec(), value.clone()));
                std::ops::ControlFlow::Continue(())
            });
            walked.unwrap();
        }
        all
    }
}
