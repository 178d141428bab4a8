//! Starts the built server as a process of its own and finds out where it listens; it dies with its handle.
use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const START_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

/// A running server.
pub(crate) struct Server {
    child: Child,
    said: Said,
    address: SocketAddr,
}

/// What a process has printed so far, on both its streams.
type Said = Arc<Mutex<String>>;

impl Server {
    /// One in memory, on a free port.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::run(serve().arg("--ephemeral").args(arguments))
    }

    /// One whose data lie in `folder`, on a free port.
    pub(crate) fn on(folder: &Path, arguments: &[&str]) -> Self {
        Self::run(serve().arg("--data").arg(folder).args(arguments))
    }

    /// One in memory that knows the keys of `credentials`.
    pub(crate) fn with_credentials(credentials: &str) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&file, credentials).expect("a file to write to");
        // Read at the start: nobody needs the file afterwards.
        Self::run(serve().arg("--ephemeral").arg("--credentials").arg(file.path()))
    }

    /// Runs `command` and waits until it says where it listens.
    pub(crate) fn run(command: &mut Command) -> Self {
        let (mut child, said, _) = spawn(command);
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(address) = listening(&text(&said)) {
                return Self { child, said, address };
            }
            if let Some(status) = child.try_wait().expect("the state of a child is known") {
                panic!("the server ended at once ({status}):\n{}", text(&said));
            }
            assert!(Instant::now() < deadline, "no address within {START_TIMEOUT:?}:\n{}", text(&said));
            thread::sleep(POLL);
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has printed so far.
    pub(crate) fn said(&self) -> String {
        text(&self.said)
    }

    /// Ends it as a power cut would: no signal handler runs.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("a killed child can be waited for");
    }

    /// Asks it to end, as a service manager does, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("there is kill");
        assert!(asked.success(), "{asked}");
        self.child.wait().expect("it ends")
    }

    /// Fails if the process is gone or has panicked.
    pub(crate) fn is_alive(&mut self) {
        let ended = self.child.try_wait().expect("the state of a child is known");
        assert!(ended.is_none(), "the server ended ({ended:?}):\n{}", text(&self.said));
        assert!(!text(&self.said).contains("panicked"), "the server panicked:\n{}", text(&self.said));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that is already gone is as good here; `is_alive` is what tells.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server all tests share that need no arguments and count nothing; it lives as long as one of them runs.
pub(crate) fn shared() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start(&["--shard-limit", "100000"]));
        *shared = Arc::downgrade(&server);
        server
    })
}

/// `headwater serve` on a free port of loopback, deaf to the environment of whoever runs the tests.
pub(crate) fn serve() -> Command {
    let mut command = headwater();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

/// `headwater`, deaf to the environment of whoever runs the tests.
pub(crate) fn headwater() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    for (name, _) in std::env::vars()
        .filter(|(name, _)| ["HEADWATER_", "AWS_", "OTEL_"].iter().any(|prefix| name.starts_with(prefix)))
    {
        command.env_remove(name);
    }
    command
}

/// Runs `command`, which must end by itself with an error soon, and gives what it printed.
pub(crate) fn refused(command: &mut Command) -> String {
    let (mut child, said, readers) = spawn(command);
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().expect("the state of a child is known") {
            readers.into_iter().for_each(|reader| reader.join().expect("it only reads"));
            assert!(!status.success(), "it ended well:\n{}", text(&said));
            assert!(!text(&said).contains("panicked"), "it panicked:\n{}", text(&said));
            return text(&said);
        }
        if Instant::now() > deadline || listening(&text(&said)).is_some() {
            child.kill().expect("it runs");
            child.wait().expect("a killed child can be waited for");
            panic!("it was not refused:\n{}", text(&said));
        }
        thread::sleep(POLL);
    }
}

fn spawn(command: &mut Command) -> (Child, Said, [JoinHandle<()>; 2]) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary under test can be run");
    let said = Said::default();
    let out = listen(child.stdout.take().expect("its stdout is piped"), &said);
    let err = listen(child.stderr.take().expect("its stderr is piped"), &said);
    (child, said, [out, err])
}

fn listen(stream: impl Read + Send + 'static, said: &Said) -> JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line);
            said.push('\n');
        }
    })
}

fn text(said: &Said) -> String {
    said.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The first endpoint in `said`: loopback, with a port that is a port.
fn listening(said: &str) -> Option<SocketAddr> {
    said.match_indices("http://127.0.0.1:").find_map(|(at, host)| {
        let port: String = said.get(at + host.len()..)?.chars().take_while(char::is_ascii_digit).collect();
        let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    })
}
