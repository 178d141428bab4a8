//! Any bytes as a CBOR body.
#![no_main]
use headwater_wire::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| headwater_fuzz::decode_every_input(Dialect::Cbor11, body));
