//! What those who watch over a server learn: the service manager, health checks, and readers of its settings.
use std::{
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    process::Output,
    time::Duration,
};

use crate::server::{Server, headwater, serve};

const PATIENCE: Duration = Duration::from_secs(20);

fn heard(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).expect("something is said in time");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// A server whose manager listens at `socket`, from start to end.
fn hears_of_start_and_end(socket: &UnixDatagram, name: &str) {
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let server = Server::run(serve().arg("--ephemeral").env("NOTIFY_SOCKET", name));
    assert_eq!(heard(socket), "READY=1");
    assert!(server.stop().success());
    assert_eq!(heard(socket), "STOPPING=1");
}

#[test]
fn a_service_manager_is_told_of_start_and_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    hears_of_start_and_end(&socket, path.to_str().expect("text"));
}

#[test]
fn its_socket_may_have_an_abstract_name() {
    let name = format!("headwater-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("a socket");
    hears_of_start_and_end(&socket, &format!("@{name}"));
}

#[test]
fn a_manager_that_is_not_there_does_not_keep_it_from_serving() {
    let mut server = Server::run(serve().arg("--ephemeral").env("NOTIFY_SOCKET", "/nobody/listens"));
    server.is_alive();
    assert!(server.stop().success());
}

fn health(arguments: &[&str]) -> Output {
    headwater().arg("health").args(arguments).output().expect("it can be run")
}

#[test]
fn health_is_an_exit_status() {
    let server = Server::start(&[]);
    let endpoint = format!("http://{}", server.address());
    let well = health(&["--endpoint", &endpoint]);
    assert!(well.status.success() && well.stdout == b"ready\n", "{well:?}");
    assert!(server.stop().success());
    let gone = health(&["--endpoint", &endpoint]);
    assert!(!gone.status.success() && gone.stdout.is_empty(), "{gone:?}");
    let waited = health(&["--endpoint", &endpoint, "--wait", "1"]);
    assert!(!waited.status.success(), "{waited:?}");
}

fn printed(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = headwater();
    command.args(["serve", "--print-config"]).args(arguments).envs(variables.iter().copied());
    let output = command.output().expect("it can be run");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_settings_that_are_printed_are_those_in_force_and_can_be_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("headwater.toml");
    std::fs::write(&path, "region = 'eu-west-1'\nshard-limit = 5\ntransition-ms = 1\n").expect("a file");
    let config = ["--config", path.to_str().expect("text")];
    let first = printed(
        &[&config[..], &["--region", "eu-west-3", "--listen", "8000"]].concat(),
        &[("HEADWATER_REGION", "eu-west-2"), ("HEADWATER_SHARD_LIMIT", "6")],
    );
    let table: toml::Table = first.parse().expect("TOML");
    assert_eq!(table["region"].as_str(), Some("eu-west-3"), "a flag goes before all");
    assert_eq!(table["shard-limit"].as_integer(), Some(6), "a variable goes before the file");
    assert_eq!(table["transition-ms"].as_integer(), Some(1), "the file goes before the default");
    assert_eq!(table["listen"][0].as_str(), Some("127.0.0.1:8000"));
    std::fs::write(&path, &first).expect("a file");
    assert_eq!(printed(&config, &[]), first);
    assert!(!folder.path().join("headwater-data").exists(), "nothing is made");
}

#[test]
fn no_secret_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.toml");
    std::fs::write(&path, "[[key]]\nid = 'AKIA'\nsecret = 'hush-in-a-file'\n").expect("a file");
    let said = printed(
        &["--credentials", path.to_str().expect("text"), "--s3-endpoint", "http://127.0.0.1:9"],
        &[
            ("HEADWATER_ACCESS_KEY_ID", "AKIB"),
            ("HEADWATER_SECRET_ACCESS_KEY", "hush-a"),
            ("HEADWATER_MASTER_KEY", "hush-b"),
            ("HEADWATER_S3_ACCESS_KEY_ID", "AKIC"),
            ("HEADWATER_S3_SECRET_ACCESS_KEY", "hush-c"),
        ],
    );
    assert!(!said.contains("hush"), "{said}");
    assert!(said.contains("keys.toml") && said.contains("# HEADWATER_MASTER_KEY: set"), "{said}");
}
