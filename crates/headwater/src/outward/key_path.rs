//! Keys of objects as paths of files. Invariant: every key has a path, no two keys have the same, no path leaves the
//! folder it is taken from, and a key of ordinary letters reads the same in both.
use std::path::PathBuf;

/// A file system's limit for one name is 255 bytes; a longer piece of a key is cut.
const NAME_BYTES: usize = 240;

/// The path of a key, relative to its bucket's folder. What a file system does not take is written as `%` and two
/// hexadecimal digits, `%` itself too; an empty piece, as in `a//b`, is a `%` alone; a piece cut because it is too long
/// ends in `%+` and goes on as a file or folder in it.
pub(super) fn of_key(key: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for piece in key.split('/') {
        match piece {
            "" => path.push("%"),
            "." => path.push("%2E"),
            ".." => path.push("%2E%2E"),
            _ => names(piece).into_iter().for_each(|name| path.push(name)),
        }
    }
    path
}

/// A piece that is not empty, as names.
fn names(piece: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    for letter in piece.chars() {
        let written = if letter.is_control() || letter == '%' || (cfg!(windows) && "<>:\"\\|?*".contains(letter)) {
            let mut bytes = [0; 4];
            letter.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect()
        } else {
            letter.to_string()
        };
        if names.last().is_some_and(|name| name.len() + written.len() > NAME_BYTES) {
            if let Some(name) = names.last_mut() {
                name.push_str("%+");
            }
            names.push(String::new());
        }
        if let Some(name) = names.last_mut() {
            name.push_str(&written);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    /// The way back, as the head of this file tells it.
    fn key_of(path: &std::path::Path) -> String {
        let mut key = Vec::new();
        let mut names = path.iter().map(|name| name.to_str().unwrap()).peekable();
        while let Some(name) = names.next() {
            let (piece, is_cut) = name.strip_suffix("%+").map_or((name, false), |piece| (piece, true));
            let mut bytes = piece.bytes();
            while let Some(byte) = bytes.next() {
                if byte != b'%' {
                    key.push(byte);
                } else if let (Some(high), Some(low)) = (bytes.next(), bytes.next()) {
                    let digits = [high, low];
                    key.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                }
            }
            if !is_cut && names.peek().is_some() {
                key.push(b'/');
            }
        }
        String::from_utf8(key).unwrap()
    }

    #[test]
    fn ordinary_keys_read_the_same() {
        for key in ["2026/11/21/14/s-1-2026-11-21-14-00-00-uuid.gz", "year=2026/a b!c:d'(e).*~&$@,;+#1", "ä/日本/{x}"]
        {
            assert_eq!(of_key(key), PathBuf::from(key), "{key}");
        }
    }

    #[test]
    fn odd_keys_have_safe_names() {
        for (key, path) in [
            ("/a", "%/a"),
            ("a//b/", "a/%/b/%"),
            ("../../etc", "%2E%2E/%2E%2E/etc"),
            ("./a", "%2E/a"),
            ("50%/\0\n", "50%25/%00%0A"),
        ] {
            assert_eq!(of_key(key), PathBuf::from(path), "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn every_key_comes_back_and_stays_inside(key in "(([a-z./%\0\\\\é]|\\.\\.){0,40}|a{200,600}|é{100,400}/b)") {
            let path = of_key(&key);
            prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
            prop_assert!(path.iter().all(|name| name.len() <= 255));
            prop_assert_eq!(key_of(&path), key);
        }
    }
}
