//! Any text as a statement: refused, or a tree whose print parses to the same tree.
#![no_main]
use headwater_dynamodb::partiql::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(tree) = parse(text) {
        assert_eq!(parse(&tree.to_string()).as_ref(), Ok(&tree));
    }
});
