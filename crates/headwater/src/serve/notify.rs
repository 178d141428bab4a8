//! Tells the service manager that started this process – systemd, with `Type=notify` – when requests are taken and when no
//! more are. Invariant: without a manager nothing happens, and one that cannot be told never keeps the server from serving.
use std::io;

/// Names the manager's socket: a path, or `@` and a name in Linux's abstract name space.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Tells the manager, if there is one, what `state` says.
pub(super) fn notify(state: &str) {
    let Some(socket) = std::env::var_os(SOCKET).filter(|socket| !socket.is_empty()) else { return };
    if let Err(error) = tell(&socket, state) {
        tracing::warn!(%error, "{SOCKET} {}: cannot be told {state}", socket.display());
    }
}

#[cfg(target_os = "linux")]
fn tell(socket: &std::ffi::OsStr, state: &str) -> io::Result<()> {
    use std::os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    };
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(not(target_os = "linux"))]
fn tell(_: &std::ffi::OsStr, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
