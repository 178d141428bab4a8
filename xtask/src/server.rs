//! A release server of our own on a free port, with a folder of its own; both go when it is dropped.
use std::{
    fs::{self, File},
    io::Read,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const START_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Server {
    /// Starts the release binary with `arguments` and waits until it takes connections.
    pub(crate) fn start(root: &Path, name: &str, arguments: &[&str]) -> Result<Self, String> {
        let binary = release_binary(root);
        let folder = root.join("target/suites").join(name);
        let text = |error: std::io::Error| format!("{}: {error}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(text)?;
        }
        fs::create_dir_all(&folder).map_err(text)?;
        let address = free_address()?;
        let log = File::create(folder.join("server.log")).map_err(text)?;
        let child = Command::new(&binary)
            .args(["serve", "--listen", &address.to_string(), "--data"])
            .arg(folder.join("data"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(text)?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let mut server = Self { child, folder, address };
        server.wait()?;
        Ok(server)
    }

    /// Where it listens, as an `http://` endpoint.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended at once ({status}):\n{}", self.log()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(format!("the server did not listen within {START_TIMEOUT:?}:\n{}", self.log()))
    }

    fn log(&self) -> String {
        let mut text = String::new();
        let read = File::open(self.folder.join("server.log")).and_then(|mut log| log.read_to_string(&mut text));
        read.map_or_else(|error| error.to_string(), |_| text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is as good; the log and the data stay for whoever wants to look.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `cargo build --release` puts the server.
pub(crate) fn release_binary(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("release/headwater")
}

/// An address nobody listens on right now.
pub(crate) fn free_address() -> Result<SocketAddr, String> {
    let probe = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("no free port: {error}"))?;
    probe.local_addr().map_err(|error| format!("no free port: {error}"))
}
