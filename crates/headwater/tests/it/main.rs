//! Black-box tests: the built server, driven over real sockets, must answer as AWS's own service does.
#![expect(clippy::disallowed_methods, reason = "the tests stand outside the house: real sockets, clocks and files")]
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
mod calls;
mod cbor;
mod client;
mod kinds;
mod sentences;
mod sequence;
mod server;
mod signer;
mod supervised;
mod tables;

mod access;
mod backup;
mod commands;
mod console;
mod durability;
mod dynamodb;
mod dynamodb_streams;
mod fault;
mod firehose;
mod front;
mod functions;
mod glue;
mod http2;
mod inside;
mod kinesis;
mod limits;
mod malformed;
mod metrics;
mod moments;
mod observability;
mod releases;
mod resharding;
mod runs;
mod settings;
mod signatures;
mod speaks_cbor;
mod workflow;
