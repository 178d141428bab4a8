//! Turns the models' regular expressions into the plain values the wire crate matches by. Only what the models use is
//! understood; anything else is an error here and not a wrong answer there.

/// The Rust expression of the node that `pattern` describes.
pub(super) fn node(pattern: &str) -> Result<String, String> {
    let mut parser = Parser { letters: pattern.chars().collect(), at: 0, ahead: false };
    let node = parser.either().map_err(|error| format!("pattern {pattern}: {error}"))?;
    if parser.at < parser.letters.len() { Err(format!("pattern {pattern}: unbalanced")) } else { Ok(node) }
}

struct Parser {
    letters: Vec<char>,
    at: usize,
    /// Inside a look-ahead.
    ahead: bool,
}

/// Rust expressions of the sets of a class.
type Sets = Vec<String>;

/// Up to the last character there is.
const LAST: u32 = char::MAX as u32;

impl Parser {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn eat(&mut self, text: &str) -> bool {
        let found =
            text.chars().enumerate().all(|(offset, letter)| self.letters.get(self.at + offset) == Some(&letter));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn next(&mut self) -> Result<char, String> {
        let letter = self.peek().ok_or("ends early")?;
        self.at += 1;
        Ok(letter)
    }

    fn either(&mut self) -> Result<String, String> {
        let mut ways = vec![self.sequence()?];
        while self.eat("|") {
            ways.push(self.sequence()?);
        }
        Ok(match (ways.pop(), ways.is_empty()) {
            (Some(only), true) => only,
            (last, _) => format!("Node::Either(&[{}])", ways.into_iter().chain(last).collect::<Vec<_>>().join(", ")),
        })
    }

    fn sequence(&mut self) -> Result<String, String> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        while self.peek().is_some_and(|letter| letter != '|' && letter != ')') {
            // The whole of a text is matched anyway; but looking ahead, the end makes a difference.
            if self.eat("^") {
                continue;
            }
            if self.eat("$") {
                flush(&mut nodes, &mut text);
                nodes.extend(self.ahead.then(|| "Node::End".to_owned()));
                continue;
            }
            match self.plain() {
                Some(letter) => text.push(letter),
                None => {
                    flush(&mut nodes, &mut text);
                    let node = self.atom()?;
                    nodes.push(self.repeated(node)?);
                }
            }
        }
        flush(&mut nodes, &mut text);
        Ok(match (nodes.len(), nodes.pop()) {
            (1, Some(only)) => only,
            (_, last) => format!("Node::Sequence(&[{}])", nodes.into_iter().chain(last).collect::<Vec<_>>().join(", ")),
        })
    }

    /// A single character that stands for itself once.
    fn plain(&mut self) -> Option<char> {
        let start = self.at;
        let letter = match self.next().ok()? {
            '\\' => self.next().ok().filter(|letter| !letter.is_ascii_alphanumeric()),
            '[' | '(' | '.' => None,
            letter => Some(letter),
        };
        if letter.is_none() || self.peek().is_some_and(|next| matches!(next, '*' | '+' | '?' | '{')) {
            self.at = start;
            return None;
        }
        letter
    }

    fn atom(&mut self) -> Result<String, String> {
        if self.eat("(?!") {
            self.ahead = true;
            let node = self.group()?;
            self.ahead = false;
            return Ok(format!("Node::NotBefore(&{node})"));
        }
        if self.eat("(?<!") {
            let letter = self.next()?;
            return if self.eat(")") {
                Ok(format!("Node::NotAfter({letter:?})"))
            } else {
                Err("odd look-behind".into())
            };
        }
        if self.eat("(?:") || (self.eat("(") && self.peek() != Some('?')) {
            return self.group();
        }
        let sets = match self.next()? {
            '[' => self.class()?,
            '.' => return Ok("ANY".into()),
            '\\' if self.eat("d") => return Ok("DIGIT".into()),
            '\\' if self.eat("S") => return Ok("SOLID".into()),
            '\\' => self.escape()?,
            letter => vec![span(u32::from(letter), u32::from(letter))?],
        };
        Ok(format!("Node::Class(&[{}])", sets.join(", ")))
    }

    fn group(&mut self) -> Result<String, String> {
        let node = self.either()?;
        if self.eat(")") { Ok(node) } else { Err("unbalanced".into()) }
    }

    fn repeated(&mut self, node: String) -> Result<String, String> {
        let (min, max) = match self.peek() {
            Some('*') => (0, "MANY"),
            Some('+') => (1, "MANY"),
            Some('?') => (0, "1"),
            Some('{') => return self.counted(&node),
            _ => return Ok(node),
        };
        self.at += 1;
        // Whether a repetition is greedy makes no difference to whether the whole text matches.
        self.eat("?");
        Ok(format!("Node::Repeat(&{node}, {min}, {max})"))
    }

    fn counted(&mut self, node: &str) -> Result<String, String> {
        self.at += 1;
        let mut counts = String::new();
        while !self.eat("}") {
            counts.push(self.next()?);
        }
        let (min, max) = counts.split_once(',').unwrap_or((&counts, &counts));
        let max = if max.is_empty() { "MANY" } else { max };
        Ok(format!("Node::Repeat(&{node}, {min}, {max})"))
    }

    /// What follows a backslash, as sets.
    fn escape(&mut self) -> Result<Sets, String> {
        match self.next()? {
            'd' => Ok(vec![span(0x30, 0x39)?]),
            'w' => ["'a', 'z'", "'A', 'Z'", "'0', '9'", "'_', '_'"]
                .iter()
                .map(|ends| Ok(format!("Set::Span({ends})")))
                .collect(),
            's' => Ok(vec![span(0x09, 0x0d)?, span(0x20, 0x20)?]),
            'S' => Ok(complement(&[(0x09, 0x0d), (0x20, 0x20)])),
            'p' => match (self.eat("{"), self.next()?) {
                (true, 'L') if self.eat("}") => Ok(vec!["Set::Letter".into()]),
                (true, 'Z') if self.eat("}") => Ok(vec!["Set::Separator".into()]),
                (true, 'N') if self.eat("}") => Ok(vec!["Set::Number".into()]),
                (true, 'P') if self.eat("rint}") => Ok(vec![span(0x20, 0x7e)?]),
                _ => Err("unknown property".into()),
            },
            _ => {
                self.at -= 2;
                let unit = self.member()?;
                Ok(vec![span(unit, unit)?])
            }
        }
    }

    fn class(&mut self) -> Result<Sets, String> {
        let negated = self.eat("^");
        let (mut sets, mut spans) = (Vec::new(), Vec::new());
        while !self.eat("]") {
            if self.peek() == Some('\\') && matches!(self.letters.get(self.at + 1), Some('d' | 'w' | 's' | 'S' | 'p')) {
                self.at += 1;
                sets.extend(self.escape()?);
                continue;
            }
            let first = self.member()?;
            let ranged = self.peek() == Some('-') && self.letters.get(self.at + 1).is_some_and(|next| *next != ']');
            let last = if ranged {
                self.at += 1;
                self.member()?
            } else {
                first
            };
            spans.push((first, last));
        }
        if negated {
            spans.sort_unstable();
            return if sets.is_empty() { Ok(complement(&spans)) } else { Err("negated property".into()) };
        }
        for (first, last) in spans {
            sets.push(span(first, last)?);
        }
        Ok(sets)
    }

    /// One character of a class; a pair of surrogates counts as the character it stands for.
    fn member(&mut self) -> Result<u32, String> {
        let letter = self.next()?;
        if letter != '\\' {
            return Ok(u32::from(letter));
        }
        match self.next()? {
            'n' => Ok(0x0a),
            'r' => Ok(0x0d),
            't' => Ok(0x09),
            'x' => self.hex(2),
            'u' => {
                let high = self.hex(4)?;
                let paired = (0xD800..0xDC00).contains(&high) && self.eat("\\u");
                Ok(if paired { 0x1_0000 + ((high - 0xD800) << 10) + (self.hex(4)? - 0xDC00) } else { high })
            }
            letter if letter.is_ascii_alphanumeric() => Err(format!("unknown escape {letter}")),
            letter => Ok(u32::from(letter)),
        }
    }

    fn hex(&mut self, digits: usize) -> Result<u32, String> {
        let text: String = (0..digits).map(|_| self.next()).collect::<Result<_, _>>()?;
        u32::from_str_radix(&text, 16).map_err(|error| error.to_string())
    }
}

fn flush(nodes: &mut Vec<String>, text: &mut String) {
    if !text.is_empty() {
        nodes.push(format!("Node::Text({:?})", std::mem::take(text)));
    }
}

/// The Rust expression of a span; half a surrogate pair at its end, which no Rust text can hold, is left out.
fn span(first: u32, last: u32) -> Result<String, String> {
    let end = |unit: u32, outside: u32| char::from_u32(unit).or_else(|| char::from_u32(outside));
    match (end(first, 0xE000), end(last, 0xD7FF)) {
        (Some(first), Some(last)) => Ok(format!("Set::Span({first:?}, {last:?})")),
        _ => Err("not a character".into()),
    }
}

/// All that is in none of the rising `spans`.
fn complement(spans: &[(u32, u32)]) -> Sets {
    let mut sets = Vec::new();
    let mut next = 0;
    for (first, last) in spans.iter().copied().chain([(LAST + 1, LAST + 1)]) {
        if next < first {
            sets.extend(span(next, first - 1));
        }
        next = next.max(last + 1);
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::node;

    #[test]
    fn texts_classes_and_counts() {
        assert_eq!(
            node("[a-c.-]+").unwrap(),
            "Node::Repeat(&Node::Class(&[Set::Span('a', 'c'), Set::Span('.', '.'), Set::Span('-', '-')]), 1, MANY)"
        );
        assert_eq!(node("arn:aws").unwrap(), "Node::Text(\"arn:aws\")");
        assert_eq!(
            node("^(0|([1-9]\\d{0,38}))$").unwrap(),
            "Node::Either(&[Node::Text(\"0\"), Node::Sequence(&[Node::Class(&[Set::Span('1', '9')]), \
             Node::Repeat(&DIGIT, 0, 38)])])"
        );
    }

    #[test]
    fn anchors_and_laziness_mean_nothing_to_a_whole_match() {
        assert_eq!(node("^.+?\\.com$").unwrap(), node(".+\\.com").unwrap());
        assert_eq!(
            node("(?!a$).+$").unwrap(),
            "Node::Sequence(&[Node::NotBefore(&Node::Sequence(&[Node::Text(\"a\"), Node::End])), Node::Repeat(&ANY, 1, MANY)])"
        );
        assert_eq!(node("^$|a").unwrap(), "Node::Either(&[Node::Sequence(&[]), Node::Text(\"a\")])");
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(node("(?=a)b").is_err());
        assert!(node("\\Qa").is_err());
        assert!(node("(a").is_err());
    }
}
