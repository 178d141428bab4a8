//! Settings: which of several wins, and what is refused before anything is served.
use std::path::PathBuf;

use serde_json::json;

use crate::{
    calls::{members, text},
    server::{Server, headwater, refused, serve},
};

/// A folder with a settings file in it.
fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("headwater.toml");
    std::fs::write(&path, content).expect("a file");
    (folder, path)
}

/// Region and account, as the ARN of a stream shows them.
fn owner(aws: &Server) -> String {
    let stream = aws.stream(1);
    let arn = text(&aws.summary(&stream)["StreamARN"]);
    arn.split(':').skip(3).take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_goes_before_a_variable_and_that_before_the_file() {
    let (_folder, path) = file("region = \"eu-west-1\"\naccount-id = \"111111111111\"\n");
    let config = ["--ephemeral", "--config", path.to_str().expect("text")];
    assert_eq!(owner(&Server::run(serve().args(config))), "eu-west-1 111111111111");
    let mut command = serve();
    command.args(config).env("HEADWATER_REGION", "eu-west-2");
    assert_eq!(owner(&Server::run(&mut command)), "eu-west-2 111111111111");
    let mut command = serve();
    command.args(config).args(["--region", "eu-west-3"]).env("HEADWATER_REGION", "eu-west-2");
    assert_eq!(owner(&Server::run(&mut command)), "eu-west-3 111111111111");
    let mut command = serve();
    command.arg("--ephemeral").env("HEADWATER_CONFIG", &path).env("HEADWATER_ACCOUNT_ID", "222222222222");
    assert_eq!(owner(&Server::run(&mut command)), "eu-west-1 222222222222");
}

#[test]
fn every_setting_may_stand_in_the_file() {
    let (folder, path) = file("");
    let content = format!(
        "listen = [\"127.0.0.1:0\"]\ndata = {:?}\nshard-limit = 7\ntransition-ms = 1\nlimits = \"aws\"\n\
         fault = [\"ListStreams:InternalFailure=1\"]\n",
        folder.path().join("data")
    );
    std::fs::write(&path, content).expect("a file");
    let mut command = headwater();
    let aws = Server::run(command.arg("serve").arg("--config").arg(&path));
    assert_eq!(aws.ok("DescribeLimits", json!({}))["ShardLimit"], 7);
    assert_eq!(aws.post("ListStreams", b"{}").status, 500);
    assert!(folder.path().join("data").is_dir(), "the data folder is where the file says");
}

#[test]
fn serve_is_what_it_does_unasked() {
    let mut command = headwater();
    let aws = Server::run(command.args(["--ephemeral", "--listen", "127.0.0.1:0"]));
    assert_eq!(owner(&aws), "us-east-1 000000000000");
}

#[test]
fn it_listens_wherever_it_is_told() {
    let aws = Server::start(&["--listen", "127.0.0.1:0"]);
    aws.ok("ListStreams", json!({}));
}

#[test]
fn what_nobody_can_mean_is_refused() {
    for (arguments, named) in [
        (&["--unknown"][..], "--unknown"),
        (&["--account-id", "12345"], "account-id"),
        (&["--account-id", "12345678901a"], "account-id"),
        (&["--region", ""], "region"),
        (&["--region", "us east"], "region"),
        (&["--shard-limit=-1"], "shard-limit"),
        (&["--shard-limit", "many"], "shard-limit"),
        (&["--transition-ms", "1.5"], "transition-ms"),
        (&["--limits", "some"], "limits"),
        (&["--credentials", "absent.toml"], "absent.toml"),
        (&["--tls-cert", "absent.pem"], "tls-key"),
        (&["--tls-cert", "absent.pem", "--tls-key", "absent.pem"], "absent.pem"),
        (&["--config", "absent.toml"], "absent.toml"),
        (&["--listen", "nowhere"], "listen"),
        (&["--data", "somewhere"], "ephemeral"),
    ] {
        let said = refused(serve().arg("--ephemeral").args(arguments));
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn keys_the_file_cannot_have_are_refused() {
    for (content, named) in [
        ("regoin = \"eu-west-1\"\n", "regoin"),
        ("region = 5\n", "region"),
        ("shard-limit = \"five\"\n", "shard-limit"),
        ("region = \"eu-west-1\"\nregion = \"eu-west-2\"\n", "region"),
        ("[server]\nregion = \"eu-west-1\"\n", "server"),
        ("region", "headwater.toml"),
        ("account-id = \"5\"\n", "account-id"),
    ] {
        let (_folder, path) = file(content);
        let said = refused(serve().args(["--ephemeral", "--config"]).arg(&path));
        assert!(said.contains(named), "{content:?}: {said}");
    }
}

#[test]
fn variables_are_checked_as_well() {
    for (name, value) in
        [("HEADWATER_SHARD_LIMIT", "many"), ("HEADWATER_ACCOUNT_ID", "5"), ("HEADWATER_LIMITS", "some")]
    {
        let said = refused(serve().arg("--ephemeral").env(name, value));
        assert!(said.contains(value), "{name}: {said}");
    }
    let half = refused(serve().arg("--ephemeral").env("HEADWATER_ACCESS_KEY_ID", "AKID"));
    assert!(half.contains("HEADWATER_SECRET_ACCESS_KEY"), "half a credential: {half}");
}

#[test]
fn the_network_is_let_in_with_credentials_alone() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let said = refused(headwater().args(["serve", "--ephemeral", "--listen", address]));
        assert!(said.contains("credential"), "{address}: {said}");
    }
}

#[test]
fn credentials_that_are_none_are_refused_and_not_shown() {
    for content in
        ["", "[[key]]\nid = \"a\"\n", "[[key]]\nid = \"\"\nsecret = \"verysecret\"\n", "secret = \"verysecret\n"]
    {
        let (_folder, path) = file(content);
        let said = refused(serve().args(["--ephemeral", "--credentials"]).arg(&path));
        assert!(!said.contains("verysecret"), "{content:?}: {said}");
    }
}

#[test]
fn a_folder_is_one_server_s() {
    let folder = tempfile::tempdir().expect("a folder");
    let _aws = Server::on(folder.path(), &[]);
    let said = refused(serve().arg("--data").arg(folder.path()));
    assert!(said.contains(folder.path().to_str().expect("text")), "it says which folder: {said}");
}

#[test]
fn regions_are_one_unless_told_apart() {
    for (arguments, other) in [(&[][..], 1), (&["--multi-region"], 0)] {
        let aws = Server::start(arguments);
        aws.stream(1);
        let authorization = crate::calls::AUTHORIZATION.replace("us-east-1", "eu-central-1");
        let headers = [
            ("Content-Type", crate::calls::JSON),
            ("X-Amz-Target", "Kinesis_20131202.ListStreams"),
            ("X-Amz-Date", crate::calls::DATE),
            ("Authorization", &authorization),
        ];
        let bytes = crate::client::request("POST", "/", &headers, b"{}");
        let seen = crate::client::exchange(aws.address(), &bytes).expect("an answer").json();
        assert!(members(&seen).contains(&"StreamNames"), "{seen}");
        assert_eq!(seen["StreamNames"].as_array().map(Vec::len), Some(other), "{arguments:?}");
    }
}
