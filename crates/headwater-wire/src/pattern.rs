//! The models' patterns, compiled by the generator into plain values. A text is matched by the set of places a pattern
//! can have got to in it, so the time grows with the text, never exponentially.

/// A pattern and how the service writes it.
pub(crate) struct Pattern {
    pub(crate) text: &'static str,
    pub(crate) node: Node,
}

/// No upper bound.
pub(crate) const MANY: usize = usize::MAX;

/// One node of a pattern.
pub(crate) enum Node {
    /// Exactly this text.
    Text(&'static str),
    /// One character of any of these sets.
    Class(&'static [Set]),
    /// From the first to the second number of times.
    Repeat(&'static Node, usize, usize),
    /// One after the other.
    Sequence(&'static [Node]),
    /// Any one of them.
    Either(&'static [Node]),
    /// Nothing, but only where this doesn't follow.
    NotBefore(&'static Node),
    /// Nothing, but only where this character doesn't precede.
    NotAfter(char),
    /// Nothing, but only where the text ends.
    End,
}

/// Any character but those that end a line.
pub(crate) const ANY: Node = Node::Class(&[
    Set::Span('\0', '\t'),
    Set::Span('\u{b}', '\u{c}'),
    Set::Span('\u{e}', '\u{84}'),
    Set::Span('\u{86}', '\u{2027}'),
    Set::Span('\u{202a}', char::MAX),
]);
/// A decimal digit.
pub(crate) const DIGIT: Node = Node::Class(&[Set::Span('0', '9')]);
/// Anything but ASCII white space.
pub(crate) const SOLID: Node =
    Node::Class(&[Set::Span('\0', '\u{8}'), Set::Span('\u{e}', '\u{1f}'), Set::Span('!', char::MAX)]);

/// Some characters.
pub(crate) enum Set {
    /// From the first to the last.
    Span(char, char),
    /// Unicode letters.
    Letter,
    /// Unicode separators.
    Separator,
    /// Unicode numbers.
    Number,
}

impl Set {
    fn contains(&self, c: char) -> bool {
        match self {
            Self::Span(first, last) => (*first..=*last).contains(&c),
            Self::Letter => c.is_alphabetic(),
            Self::Separator => c.is_whitespace() && !c.is_control(),
            Self::Number => c.is_numeric(),
        }
    }
}

fn one_of(sets: &[Set], c: char) -> bool {
    sets.iter().any(|set| set.contains(c))
}

impl Pattern {
    /// Whether the whole of `text` matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if let Node::Repeat(Node::Class(sets), min, MANY) = self.node {
            let mut count = 0;
            return text.chars().inspect(|_| count += 1).all(|c| one_of(sets, c)) && count >= min;
        }
        self.node.step(text, vec![0]).last() == Some(&text.len())
    }

    pub(crate) fn sentence(&self) -> String {
        format!("Member must satisfy regular expression pattern: {}", self.text)
    }
}

impl Node {
    /// Where in `text` the node can end if it starts at one of `places`; both in rising order.
    fn step(&self, text: &str, places: Vec<usize>) -> Vec<usize> {
        let rest = |place: usize| text.get(place..).unwrap_or_default();
        match self {
            Self::Text(literal) => {
                places.into_iter().filter(|at| rest(*at).starts_with(literal)).map(|at| at + literal.len()).collect()
            }
            Self::Class(sets) => {
                let next = |at: usize| rest(at).chars().next().filter(|c| one_of(sets, *c)).map(|c| at + c.len_utf8());
                places.into_iter().filter_map(next).collect()
            }
            Self::Sequence(nodes) => nodes.iter().fold(places, |places, node| node.step(text, places)),
            Self::Either(nodes) => {
                let mut ends: Vec<usize> = nodes.iter().flat_map(|node| node.step(text, places.clone())).collect();
                ends.sort_unstable();
                ends.dedup();
                ends
            }
            Self::Repeat(node, min, max) => node.repeat(*min, *max, text, places),
            Self::End => places.into_iter().filter(|at| *at == text.len()).collect(),
            Self::NotBefore(node) => places.into_iter().filter(|at| node.step(text, vec![*at]).is_empty()).collect(),
            Self::NotAfter(c) => {
                places.into_iter().filter(|at| !text.get(..*at).unwrap_or_default().ends_with(*c)).collect()
            }
        }
    }

    fn repeat(&self, min: usize, max: usize, text: &str, places: Vec<usize>) -> Vec<usize> {
        let places =
            (0..min).fold(places, |places, _| if places.is_empty() { places } else { self.step(text, places) });
        if let (Self::Class(sets), MANY) = (self, max) {
            return runs(sets, text, &places);
        }
        let mut seen = vec![false; text.len() + 1];
        let mut fresh = places;
        for count in min..=max {
            fresh.retain(|at| seen.get_mut(*at).is_some_and(|seen| !std::mem::replace(seen, true)));
            if fresh.is_empty() || count == max {
                break;
            }
            fresh = self.step(text, fresh);
        }
        seen.iter().enumerate().filter_map(|(at, seen)| seen.then_some(at)).collect()
    }
}

/// Every place reachable from one of `places` over characters of `sets` alone. Each character is looked at once.
fn runs(sets: &[Set], text: &str, places: &[usize]) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    for &place in places {
        if ends.last().is_some_and(|last| place <= *last) {
            continue;
        }
        let mut at = place;
        ends.push(at);
        for c in text.get(place..).unwrap_or_default().chars().take_while(|c| one_of(sets, *c)) {
            at += c.len_utf8();
            ends.push(at);
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOWER: Node = Node::Class(&[Set::Span('a', 'z')]);

    fn matches(node: Node, text: &str) -> bool {
        Pattern { text: "", node }.matches(text)
    }

    #[test]
    fn the_whole_text_must_match() {
        const NAME: Node = Node::Repeat(&LOWER, 1, MANY);
        assert!(matches(NAME, "abc"));
        assert!(!matches(NAME, "abC"));
        assert!(!matches(NAME, ""));
    }

    #[test]
    fn counts_are_kept() {
        const KEY: Node = Node::Either(&[
            Node::Text("0"),
            Node::Sequence(&[Node::Class(&[Set::Span('1', '9')]), Node::Repeat(&DIGIT, 0, 2)]),
        ]);
        for good in ["0", "1", "123"] {
            assert!(matches(KEY, good), "{good}");
        }
        for bad in ["", "00", "01", "1234"] {
            assert!(!matches(KEY, bad), "{bad}");
        }
    }

    #[test]
    fn many_stars_stay_linear() {
        const STARS: Node = Node::Sequence(&[
            Node::Repeat(&ANY, 0, MANY),
            Node::Text(":"),
            Node::Repeat(&ANY, 0, MANY),
            Node::Text(":"),
            Node::Repeat(&ANY, 0, MANY),
            Node::Text("x"),
        ]);
        assert!(!matches(STARS, &":".repeat(200_000)));
        assert!(matches(STARS, "a::bx"));
    }

    #[test]
    fn it_looks_around() {
        const NOT_BLANK: Node = Node::Sequence(&[
            Node::NotBefore(&Node::Sequence(&[Node::Text("aws:")])),
            Node::Repeat(&ANY, 1, MANY),
            Node::NotAfter('-'),
        ]);
        assert!(matches(NOT_BLANK, "mine"));
        assert!(!matches(NOT_BLANK, "aws:mine"));
        assert!(!matches(NOT_BLANK, "mine-"));
    }
}
