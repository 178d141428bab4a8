//! The disk engine as a whole, on a real folder: the contract, damage, failures.
use super::*;
use crate::{
    clock::ManualClock,
    conformance::{self, Subject},
};

fn small() -> DiskConfig {
    DiskConfig {
        segment_bytes: 256 << 10,
        first_segment_bytes: 64 << 10,
        recent_bytes: 64 << 10,
        ..DiskConfig::default()
    }
}

fn open(dir: &Path, config: DiskConfig) -> Arc<DiskEngine> {
    DiskEngine::open(dir, config, Arc::new(ManualClock::at(1000))).unwrap()
}

async fn conforms(config: DiskConfig) {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(1000);
    let engine = DiskEngine::open(dir.path(), config.clone(), Arc::new(clock.clone())).unwrap();
    conformance::all(&Subject { engine, pass_time: Box::new(move || clock.advance(2)), salt: 0 }).await;
    conformance::logs_survive_reopening(0, || open(dir.path(), config.clone())).await;
}

#[tokio::test]
async fn the_disk_engine_keeps_the_contract() {
    conforms(DiskConfig::default()).await;
}

#[tokio::test]
async fn so_does_one_whose_segments_and_memory_are_tiny() {
    conforms(small()).await;
}
