//! The threads that work: how many there are and how connections are dealt out among them is decided here alone, so
//! that layouts can be measured against each other.
use std::{
    io,
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Handle, Runtime},
};

/// How the work is spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    /// One runtime whose threads take tasks from each other.
    Shared,
    /// A runtime of its own for each thread; a connection stays where it was dealt to.
    PerCore,
}

/// Where connections are served.
pub(crate) struct Workers {
    runtimes: Vec<Handle>,
    next: AtomicUsize,
}

impl Workers {
    /// The runtime to run the server on, and the workers.
    ///
    /// # Errors
    /// The system's, if a thread or a poller cannot be had.
    pub(crate) fn start(layout: Layout) -> io::Result<(Runtime, Self)> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let (main, others) = match layout {
            Layout::Shared => (Builder::new_multi_thread().worker_threads(threads).enable_all().build()?, 0),
            Layout::PerCore => (Builder::new_current_thread().enable_all().build()?, threads - 1),
        };
        let mut runtimes = vec![main.handle().clone()];
        for number in 0..others {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtimes.push(runtime.handle().clone());
            // Such a thread ends with the process; what it serves has been awaited by then.
            thread::Builder::new()
                .name(format!("worker-{}", number + 1))
                .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        }
        Ok((main, Self { runtimes, next: AtomicUsize::new(0) }))
    }

    /// The runtime this is called in, for tests.
    #[cfg(test)]
    pub(crate) fn current() -> Self {
        Self { runtimes: vec![Handle::current()], next: AtomicUsize::new(0) }
    }

    /// Serves a connection on the next worker.
    pub(crate) fn spawn<F>(&self, stream: TcpStream, serve: impl FnOnce(TcpStream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.runtimes.len();
        if turn == 0 {
            self.runtimes[0].spawn(serve(stream));
            return;
        }
        // The socket was registered with the poller of the runtime that accepted it.
        match stream.into_std() {
            Ok(stream) => drop(self.runtimes[turn].spawn(async move {
                match TcpStream::from_std(stream) {
                    Ok(stream) => serve(stream).await,
                    Err(error) => tracing::warn!(%error, "a connection could not be handed over"),
                }
            })),
            Err(error) => tracing::warn!(%error, "a connection could not be handed over"),
        }
    }
}
