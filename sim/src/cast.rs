//! What is played on processes: a service, what is asked of it, and what must be true of the answers.
use crate::chance::Chance;
use headwater_log::{Engine, LogError, clock::Clock, shared::Shared};
use std::{future::Future, pin::Pin, sync::Arc};

/// Something under way.
pub type Doing<T> = Pin<Box<dyn Future<Output = T>>>;

/// What a process is made of.
pub struct Parts {
    pub engine: Arc<dyn Engine>,
    pub clock: Arc<dyn Clock>,
    /// Different for each process and each of its lives.
    pub chance: u64,
    /// Which of the processes it is.
    pub node: usize,
}

/// What is played: a service, what is asked of it, and what must be true of the answers.
pub trait Cast: Sized {
    /// What a process runs.
    type Service: Clone + 'static;
    /// What came of a call.
    type Saw: 'static;

    /// How many things happen before there is peace, at most about.
    const STEPS: u64 = 700;

    /// How much time may pass at once, in milliseconds.
    const PASSES_MS: &[u64] = &[1, 100, 1000, 1500];

    /// Starts a process.
    fn open(&mut self, parts: Parts) -> Doing<Result<Self::Service, LogError>>;

    /// What a process does by itself as long as it runs.
    fn duties(&self, service: &Self::Service) -> Vec<Doing<()>>;

    /// A call of a service, at a step.
    fn call(&mut self, chance: &mut Chance, service: &Self::Service, now: u64) -> Doing<Self::Saw>;

    /// How many things are under way outside of the processes and their logs.
    fn outside(&self) -> usize {
        0
    }

    /// One of these comes to something: in peace to what it was called for.
    fn happen(&mut self, _at: usize, _chance: &mut Chance, _is_peace: bool) -> String {
        String::new()
    }

    /// From here on nothing fails.
    fn make_peace(&mut self) {}

    /// What a call saw.
    fn saw(&mut self, saw: Self::Saw, now: u64) -> String;

    /// At the end, when nothing fails any more and every call was answered, what each of the services says, and then one
    /// that was started last.
    fn look(&mut self, service: &Self::Service, now: u64) -> Doing<Result<Self::Saw, String>>;

    /// Whether all of it was right.
    fn check(&mut self, shared: &Shared) -> Result<(), String>;
}
