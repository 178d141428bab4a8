//! The patterns by which tables are found: names in which `.` is any character and `*` or `.*` any number of them, with
//! `|` between several.
//!
//! Invariant: what else a regular expression may hold is refused, so that no answer is wrong.

/// A pattern, ready to be used.
pub(super) struct NamePattern {
    ways: Vec<Vec<Part>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Letter(char),
    Any,
    Many,
}

impl NamePattern {
    /// # Errors
    /// A sentence on what is not understood.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let way = |text: &str| {
            let text = text.strip_prefix('^').unwrap_or(text);
            let text = text.strip_suffix('$').unwrap_or(text).replace(".*", "*").to_lowercase();
            let part = |letter| match letter {
                '*' => Ok(Part::Many),
                '.' => Ok(Part::Any),
                '[' | ']' | '(' | ')' | '{' | '}' | '+' | '?' | '\\' | '^' | '$' => {
                    Err(format!("Invalid expression: {letter:?} is not supported."))
                }
                letter => Ok(Part::Letter(letter)),
            };
            text.chars().map(part).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { ways: text.split('|').map(way).collect::<Result<_, _>>()? })
    }

    /// Whether the whole of a name, in lower case, is meant.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.ways.iter().any(|parts| is_match(parts, name))
    }
}

/// The places a pattern can have got to after each letter: never more than it has parts.
fn is_match(parts: &[Part], name: &str) -> bool {
    let mut reached = vec![false; parts.len() + 1];
    reached[0] = true;
    skip_many(parts, &mut reached);
    for letter in name.chars() {
        let mut next = vec![false; parts.len() + 1];
        for (at, part) in parts.iter().enumerate().filter(|(at, _)| reached[*at]) {
            match part {
                Part::Many => next[at] = true,
                Part::Any => next[at + 1] = true,
                Part::Letter(wanted) => next[at + 1] |= *wanted == letter,
            }
        }
        skip_many(parts, &mut next);
        reached = next;
    }
    reached.last() == Some(&true)
}

/// Any number of letters may be none.
fn skip_many(parts: &[Part], reached: &mut [bool]) {
    for (at, part) in parts.iter().enumerate() {
        reached[at + 1] |= reached[at] && *part == Part::Many;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_whole_names() {
        let matches = |pattern, name| NamePattern::parse(pattern).unwrap().matches(name);
        for (pattern, name, is_meant) in [
            ("orders", "orders", true),
            ("orders", "orders_1", false),
            ("Orders*", "orders_1", true),
            (".*_v.", "a_v2", true),
            (".*_v.", "a_v", false),
            ("a|b*c", "bxc", true),
            ("^a$", "a", true),
            ("*a*b*", "xaxxbx", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), is_meant, "{pattern} {name}");
        }
        assert!(NamePattern::parse("a[0-9]").is_err());
    }
}
