//! Who may know whom: what each crate may depend on, and the words its production code must not contain.
use crate::tree::{Tree, production_lines};

/// One crate and what is closed to it.
struct Room {
    folder: &'static str,
    /// Crates of this project it may depend on.
    may_use: &'static [&'static str],
    /// Outside crates it must not depend on.
    not_crates: &'static [&'static str],
    /// Paths its code must not name.
    not_paths: &'static [&'static str],
    /// Files (by the start of their path within the folder) that are the seam for those paths.
    seams: &'static [&'static str],
}

const NETWORK: &[&str] = &["http", "http-body-util", "hyper", "hyper-util", "rustls", "tokio-rustls", "rcgen", "clap"];

/// What no service may know: the world outside, and which engine and which store it stands on.
const NOT_IN_SERVICES: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "SystemTime",
    "SystemClock",
    "Instant",
    "getrandom",
    "hyper",
    "http",
    "DiskEngine",
    "MemoryEngine",
    "FjallKv",
    "MemoryKv",
    "headwater_log::disk",
    "headwater_log::memory",
    "Dialect",
];

const SERVER_MAY_USE: &[&str] = &[
    "headwater-aggregation",
    "headwater-wire",
    "headwater-log",
    "headwater-log-kafka",
    "headwater-keys",
    "headwater-kinesis",
    "headwater-dynamodb",
    "headwater-firehose",
    "headwater-workflow",
    "headwater-client",
];

const ROOMS: &[Room] = &[
    Room {
        folder: "crates/headwater-aggregation",
        may_use: &[],
        not_crates: &["tokio", "tracing", "getrandom", "http", "hyper", "serde"],
        not_paths: &["std::fs", "std::net", "std::env", "std::thread", "SystemTime", "Instant"],
        seams: &[],
    },
    Room {
        folder: "crates/headwater-wire",
        may_use: &[],
        not_crates: &["tokio", "tracing", "getrandom", "rustix", "http", "hyper", "hyper-util", "rustls", "serde_json"],
        not_paths: &["std::fs", "std::net", "std::env", "std::thread", "SystemTime", "Instant"],
        seams: &[],
    },
    Room {
        folder: "crates/headwater-log",
        may_use: &[],
        not_crates: NETWORK,
        not_paths: &[
            "std::fs",
            "std::net",
            "std::env",
            "headwater_wire",
            "headwater_kinesis",
            "headwater_dynamodb",
            "getrandom",
        ],
        seams: &["src/disk/files.rs", "src/kv/fjall/journal.rs", "src/kv/fjall/manifest.rs"],
    },
    Room {
        folder: "crates/headwater-log-kafka",
        may_use: &["headwater-log"],
        not_crates: NETWORK,
        not_paths: &["std::fs", "std::net", "std::env", "std::thread", "SystemTime", "Instant", "getrandom"],
        seams: &[],
    },
    Room {
        folder: "crates/headwater-keys",
        may_use: &["headwater-wire", "headwater-log"],
        not_crates: NETWORK,
        not_paths: NOT_IN_SERVICES,
        seams: &[],
    },
    Room {
        folder: "crates/headwater-kinesis",
        may_use: &["headwater-wire", "headwater-log", "headwater-keys"],
        not_crates: NETWORK,
        not_paths: NOT_IN_SERVICES,
        seams: &[],
    },
    Room {
        folder: "crates/headwater-dynamodb",
        may_use: &["headwater-wire", "headwater-log"],
        not_crates: NETWORK,
        not_paths: NOT_IN_SERVICES,
        seams: &[],
    },
    Room {
        folder: "crates/headwater-firehose",
        may_use: &["headwater-aggregation", "headwater-wire", "headwater-log", "headwater-keys"],
        not_crates: NETWORK,
        not_paths: NOT_IN_SERVICES,
        seams: &[],
    },
    Room {
        folder: "crates/headwater-workflow",
        may_use: &["headwater-wire"],
        not_crates: &["tokio", "reqwest", "jiff", "getrandom", "http", "hyper", "hyper-util", "rustls", "clap"],
        not_paths: &["std::fs", "std::net", "std::env", "std::thread", "SystemTime", "Instant"],
        seams: &[],
    },
    Room {
        folder: "crates/headwater-client",
        may_use: &["headwater-aggregation"],
        not_crates: NETWORK,
        not_paths: &["std::fs", "std::net", "std::env", "std::thread"],
        seams: &[],
    },
    Room {
        folder: "crates/headwater",
        may_use: SERVER_MAY_USE,
        not_crates: &[],
        not_paths: &["DiskEngine::open", "MemoryEngine::new", "FjallKv::open", "MemoryKv::new", "KafkaEngine::open"],
        seams: &["src/serve/store.rs", "src/migrate.rs"],
    },
    Room {
        folder: "crates/headwater",
        may_use: SERVER_MAY_USE,
        not_crates: &[],
        not_paths: &["TcpListener::bind"],
        seams: &["src/serve.rs", "src/cli/relay.rs"],
    },
    Room {
        folder: "crates/headwater",
        may_use: SERVER_MAY_USE,
        not_crates: &[],
        not_paths: &["reqwest", "object_store"],
        seams: &[
            "src/outward/",
            "src/cli/connection.rs",
            "src/cli/identity.rs",
            "src/cli/bench/",
            "src/cli/workflow/world.rs",
        ],
    },
    Room {
        folder: "crates/headwater",
        may_use: SERVER_MAY_USE,
        not_crates: &[],
        not_paths: &["hyper", "hyper_util", "http", "http_body_util"],
        seams: &["src/front/", "src/serve.rs", "src/outward/", "src/cli/bench/", "src/cli/relay.rs"],
    },
];

pub(crate) fn problems(tree: &Tree) -> Vec<String> {
    ROOMS.iter().flat_map(|room| [wrong_dependencies(tree, room), wrong_words(tree, room)].concat()).collect()
}

/// Dependencies a room must not have; what it needs for its own tests is its own affair.
fn wrong_dependencies(tree: &Tree, room: &Room) -> Vec<String> {
    let path = format!("{}/Cargo.toml", room.folder);
    let Some(text) = tree.text(&path) else { return vec![format!("{path}: missing, though the rooms name it")] };
    let manifest: toml::Table = match toml::from_str(text) {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let names = dependencies.into_iter().flat_map(toml::Table::keys);
    let wrong = names.filter(|name| {
        let stranger = name.starts_with("headwater") && !room.may_use.contains(&name.as_str());
        stranger || room.not_crates.contains(&name.as_str())
    });
    wrong.map(|name| format!("{path}: this room must not know `{name}`: hand in what it needs instead")).collect()
}

fn wrong_words(tree: &Tree, room: &Room) -> Vec<String> {
    let source = format!("{}/src/", room.folder);
    let files = tree.files().filter(|(path, _)| path.starts_with(&source) && path.ends_with(".rs"));
    let files = files.filter(|(path, _)| {
        let within = path.trim_start_matches(room.folder).trim_start_matches('/');
        !room.seams.iter().any(|seam| within.starts_with(seam))
    });
    files
        .flat_map(|(path, text)| {
            let code: String =
                production_lines(path, text).map(|line| format!("{}\n", without_comment(line))).collect();
            let named = room.not_paths.iter().filter(|banned| names_path(&code, banned)).collect::<Vec<_>>();
            named.into_iter().map(move |banned| format!("{path}: names `{banned}`, which is closed to this room"))
        })
        .collect()
}

/// The line up to its comment. Cuts a `//` inside a string too, which loses nothing that is looked for.
fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Whether `code` names `path`: outright (`std::fs::read`) or in a `use` group (`std::{fs, io}`).
fn names_path(code: &str, path: &str) -> bool {
    if mentions(code, path) {
        return true;
    }
    let Some((parent, leaf)) = path.rsplit_once("::") else { return false };
    let opening = format!("{parent}::{{");
    code.match_indices(&opening).any(|(at, _)| mentions(brace_group(&code[at + opening.len() - 1..]), leaf))
}

/// The brace group that `text` begins with, without its closing brace.
fn brace_group(text: &str) -> &str {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

/// Whether `word` stands in `code` on its own, not as a part of a longer name. A crate's name (all in lower case,
/// without `::`) counts only as the head of a path, so that a variable may be called `http`.
fn mentions(code: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let whole = !before.ends_with(letter) && !after.starts_with(letter);
        let head = !before.trim_end().ends_with("::") && !before.ends_with('.');
        let leads = after.starts_with("::") || before.trim_end().ends_with(['{', ',']) || word.contains("::");
        whole && head && (leads || word.starts_with(char::is_uppercase))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        Room {
            folder: "crates/x",
            may_use: &["headwater-wire"],
            not_crates: &["hyper"],
            not_paths: &["std::fs", "http", "DiskEngine"],
            seams: &["src/files.rs"],
        }
    }

    #[test]
    fn a_dependency_on_a_closed_room_is_seen_and_a_test_dependency_is_not() {
        let manifest = "[dependencies]\nheadwater-wire.workspace = true\nheadwater-log.workspace = true\n\
             hyper = \"1\"\n[dev-dependencies]\nheadwater-kinesis.workspace = true\n";
        let found = wrong_dependencies(&Tree::of(&[("crates/x/Cargo.toml", manifest)]), &room());
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("`headwater-log`") && found[1].contains("`hyper`"));
    }

    #[test]
    fn words_are_looked_for_outside_seams_tests_and_comments() {
        let bad = "use std::{fs, io};\n";
        let fine = "// std::fs is not for us\nlet http = 1;\n#[cfg(test)]\nuse std::fs;\n";
        let tree = Tree::of(&[
            ("crates/x/src/bad.rs", bad),
            ("crates/x/src/files.rs", bad),
            ("crates/x/src/fine.rs", fine),
            ("crates/xy/src/other.rs", bad),
        ]);
        assert_eq!(wrong_words(&tree, &room()), ["crates/x/src/bad.rs: names `std::fs`, which is closed to this room"]);
    }

    #[test]
    fn a_path_is_named_outright_in_a_group_or_in_a_nested_group() {
        assert!(names_path("std::fs::read(x)", "std::fs"));
        assert!(names_path("use std::{\n    fs,\n};", "std::fs"));
        assert!(names_path("use std::{collections::{A, B}, fs::File};", "std::fs"));
        assert!(names_path("let x: DiskEngine;", "DiskEngine"));
        assert!(names_path("use http::Request;", "http"));
    }

    #[test]
    fn a_longer_name_and_a_field_are_no_mention() {
        assert!(!names_path("std::fs_extra::x", "std::fs"));
        assert!(!names_path("use std::{fmt, io}; let fs = 1;", "std::fs"));
        assert!(!names_path("self.http(x); crate::http::y; let http = 2;", "http"));
        assert!(!names_path("MyDiskEngine", "DiskEngine"));
    }
}
