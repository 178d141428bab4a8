//! Any bytes as a JSON body.
#![no_main]
use headwater_wire::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| headwater_fuzz::decode_every_input(Dialect::Json11, body));
