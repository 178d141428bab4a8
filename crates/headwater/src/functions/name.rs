//! Names of functions in the ways Lambda writes them: NAME, ACCOUNT:function:NAME, and the whole ARN, each with a
//! qualifier or without. Invariant: what is parsed has nothing but letters, digits, `-`, `_`, and `$LATEST`.
use std::fmt;

const MAX_NAME_BYTES: usize = 64;
const MAX_QUALIFIER_BYTES: usize = 128;

/// A function, without its place: the same name in another account or region is the same function here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct FunctionName {
    pub(crate) name: String,
    /// A version or an alias.
    pub(crate) qualifier: Option<String>,
}

impl FunctionName {
    /// A name as a caller writes it; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (name, qualifier) = match parts.as_slice() {
            ["arn", _, "lambda", _, _, "function", rest @ ..] | [_, "function", rest @ ..] => match rest {
                [name] => (*name, None),
                [name, qualifier] => (*name, Some(*qualifier)),
                _ => return None,
            },
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            _ => return None,
        };
        let fits = |text: &str, most: usize| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            (1..=most).contains(&text.len()) && text.bytes().all(letter)
        };
        let is_sound = fits(name, MAX_NAME_BYTES)
            && qualifier.is_none_or(|qualifier| qualifier == "$LATEST" || fits(qualifier, MAX_QUALIFIER_BYTES));
        is_sound.then(|| Self { name: name.to_owned(), qualifier: qualifier.map(str::to_owned) })
    }

    /// Its ARN in an account and a region.
    pub(crate) fn arn(&self, account: &str, region: &str) -> String {
        format!("arn:aws:lambda:{region}:{account}:function:{self}")
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.qualifier.iter().try_for_each(|qualifier| write!(f, ":{qualifier}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        for (text, shown) in [
            ("transform", "transform"),
            ("transform:1", "transform:1"),
            ("000000000000:function:transform", "transform"),
            ("arn:aws:lambda:us-east-1:000000000000:function:transform", "transform"),
            ("arn:aws:lambda:us-east-1:000000000000:function:transform:$LATEST", "transform:$LATEST"),
        ] {
            assert_eq!(FunctionName::parse(text).map(|name| name.to_string()).as_deref(), Some(shown), "{text}");
        }
        for text in ["", "a/b", "a:b:c", "arn:aws:s3:::b", "a b", "function:", "x:$OLD", &"a".repeat(65)] {
            assert_eq!(FunctionName::parse(text), None, "{text}");
        }
    }
}
