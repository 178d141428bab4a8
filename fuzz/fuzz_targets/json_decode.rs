//! Any bytes as a JSON body, and as what is kept as JSON.
#![no_main]
use headwater_wire::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    headwater_fuzz::decode_every_input(Dialect::Json11, body);
    if let Ok(text) = str::from_utf8(body) {
        headwater_fuzz::read_what_is_kept(text);
    }
});
