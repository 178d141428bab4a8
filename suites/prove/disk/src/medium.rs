//! How long the medium takes. It sends bytes in small pieces, those of several syncs in turn, as a disk does, and has them
//! some time after they were sent.
use std::{
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// What is sent at once.
const PIECE_BYTES: u64 = 64 << 10;

#[derive(Debug, Default, Clone, Copy)]
pub struct Pace {
    pub bytes_a_second: Option<u64>,
    pub latency: Duration,
}

#[derive(Default)]
pub struct Medium {
    /// From then on the next piece can be sent.
    free_at: Mutex<Option<Instant>>,
    /// How long syncs took.
    took: Mutex<Vec<Duration>>,
}

impl Medium {
    /// Waits for as long as a sync of so many bytes takes.
    pub fn take(&self, pace: Pace, bytes: u64) {
        let begin = Instant::now();
        if let Some(rate) = pace.bytes_a_second {
            for at in (0..bytes).step_by(PIECE_BYTES as usize) {
                self.send(PIECE_BYTES.min(bytes - at), rate);
            }
        }
        if !pace.latency.is_zero() {
            thread::sleep(pace.latency);
        }
        if bytes > 0 {
            self.took.lock().unwrap_or_else(PoisonError::into_inner).push(begin.elapsed());
        }
    }

    fn send(&self, bytes: u64, rate: u64) {
        let now = Instant::now();
        let done = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = free_at.map_or(now, |free_at| free_at.max(now));
            *free_at.insert(begin + Duration::from_secs_f64(bytes as f64 / rate as f64))
        };
        thread::sleep(done.saturating_duration_since(now));
    }

    /// What half of the syncs that wrote something took at most; forgets them.
    pub fn median(&self) -> Duration {
        let mut took = std::mem::take(&mut *self.took.lock().unwrap_or_else(PoisonError::into_inner));
        took.sort_unstable();
        took.get(took.len() / 2).copied().unwrap_or_default()
    }
}
