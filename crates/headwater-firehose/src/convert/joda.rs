//! Formats of points in time in Joda's pattern letters, as the Hive deserializer is given them.
//!
//! Invariant: a text is taken only if the format reads all of it; what a format leaves open is as on 1970-01-01T00:00Z.
use super::time;
use jiff::{
    civil::{Date, Time},
    tz::TimeZone,
};

/// The name of the format that counts milliseconds.
const MILLIS: &str = "millis";
/// Two digits of a year stand for this year or one of the 99 after it.
const PIVOT_YEAR: i64 = 1970;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// How many letters of a name make its short form.
const SHORT: usize = 3;

/// A format, ready to be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Millis,
    Pattern(Vec<Item>),
}

/// A part of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Item {
    /// A letter and how often it stands there.
    Field(char, usize),
    Literal(String),
}

/// What has been read so far.
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    hour: i64,
    half_hour: Option<i64>,
    is_afternoon: bool,
    minute: i64,
    second: i64,
    nanos: i32,
    zone: TimeZone,
}

impl Format {
    /// # Errors
    /// A sentence on the part of the pattern that means nothing.
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        if pattern == MILLIS {
            return Ok(Self::Millis);
        }
        let mut items = Vec::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            if first == '\'' {
                rest = literal(&mut items, rest.get(1..).unwrap_or_default())?;
                continue;
            }
            let count = rest.chars().take_while(|letter| *letter == first).count();
            match first {
                'y' | 'Y' | 'M' | 'd' | 'D' | 'E' | 'a' | 'H' | 'k' | 'K' | 'h' | 'm' | 's' | 'S' | 'z' | 'Z' => {
                    items.push(Item::Field(first, count));
                }
                _ if first.is_ascii_alphabetic() => return Err(format!("Illegal pattern component: {first}")),
                _ => items.push(Item::Literal(first.to_string().repeat(count))),
            }
            rest = rest.get(count * first.len_utf8()..).unwrap_or_default();
        }
        if items.is_empty() { Err("Invalid pattern specification".into()) } else { Ok(Self::Pattern(items)) }
    }

    /// The microseconds a text stands for.
    pub(super) fn read(&self, text: &str) -> Option<i64> {
        let Self::Pattern(items) = self else { return time::millis(text) };
        let mut parts = Parts::at_epoch();
        let mut rest = text;
        for (index, item) in items.iter().enumerate() {
            rest = match item {
                Item::Literal(literal) => rest.strip_prefix(literal.as_str())?,
                Item::Field(letter, count) => {
                    let next = items.get(index + 1);
                    let is_tight = matches!(next, Some(Item::Field(letter, count)) if is_number(*letter, *count));
                    parts.read(*letter, *count, is_tight, rest)?
                }
            };
        }
        if rest.is_empty() { parts.micros() } else { None }
    }
}

/// Adds what stands between quotes; two quotes are one. Returns what follows.
fn literal<'a>(items: &mut Vec<Item>, text: &'a str) -> Result<&'a str, String> {
    let (quoted, mut rest) = text.split_once('\'').ok_or("Illegal pattern component: '")?;
    let mut whole = if quoted.is_empty() { "'".to_owned() } else { quoted.to_owned() };
    while let Some((more, behind)) = rest.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
        whole.push('\'');
        whole.push_str(more);
        rest = behind;
    }
    items.push(Item::Literal(whole));
    Ok(rest)
}

const fn is_number(letter: char, count: usize) -> bool {
    !matches!(letter, 'E' | 'a' | 'z' | 'Z') && !(letter == 'M' && count >= SHORT)
}

/// The number at the beginning of a text, of at most so many digits, and the rest.
fn digits(text: &str, most: usize) -> Option<(&str, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length == 0 { None } else { text.split_at_checked(length) }
}

/// Which of the names a text begins with, whole or short, and the rest.
fn named<'a>(text: &'a str, names: &[&str]) -> Option<(i64, &'a str)> {
    (0..).zip(names).find_map(|(index, name)| {
        let short = name.get(..SHORT)?;
        [*name, short].into_iter().find_map(|name| {
            let (head, rest) = text.split_at_checked(name.len())?;
            head.eq_ignore_ascii_case(name).then_some((index, rest))
        })
    })
}

/// A zone and the rest: an offset, or a name of the zone database.
fn zone(text: &str) -> Option<(TimeZone, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((TimeZone::UTC, rest));
    }
    if let Some(rest) = text.strip_prefix(['+', '-']) {
        let (hours, rest) = digits(rest, 2)?;
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let (minutes, rest) = digits(rest, 2).unwrap_or(("0", rest));
        let seconds = (hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?) * 60;
        let signed = if text.starts_with('-') { -seconds } else { seconds };
        return Some((jiff::tz::Offset::from_seconds(signed).ok()?.to_time_zone(), rest));
    }
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '/' | '_' | '-' | '+');
    let length = text.find(|letter| !is_name(letter)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(length)?;
    Some((TimeZone::get(name).ok()?, rest))
}

impl Parts {
    const fn at_epoch() -> Self {
        Self {
            year: 1970,
            month: 1,
            day: 1,
            day_of_year: None,
            hour: 0,
            half_hour: None,
            is_afternoon: false,
            minute: 0,
            second: 0,
            nanos: 0,
            zone: TimeZone::UTC,
        }
    }

    /// Reads one field; `is_tight` if digits follow it, so that it ends where its letters do. Returns the rest.
    fn read<'a>(&mut self, letter: char, count: usize, is_tight: bool, text: &'a str) -> Option<&'a str> {
        match letter {
            'M' if count >= SHORT => {
                let (index, rest) = named(text, &MONTHS)?;
                self.month = index + 1;
                return Some(rest);
            }
            'E' => return named(text, &WEEKDAYS).map(|(_, rest)| rest),
            'a' => {
                let (index, rest) = [("am", 0), ("pm", 1)].into_iter().find_map(|(name, index)| {
                    let (head, rest) = text.split_at_checked(2)?;
                    head.eq_ignore_ascii_case(name).then_some((index, rest))
                })?;
                self.is_afternoon = index == 1;
                return Some(rest);
            }
            'z' | 'Z' => {
                let (zone, rest) = zone(text)?;
                self.zone = zone;
                return Some(rest);
            }
            _ => {}
        }
        let most = match letter {
            'y' | 'Y' if !is_tight && count != 2 => 9,
            'y' | 'Y' | 'S' => count,
            'D' => 3,
            _ => 2,
        };
        let (read, rest) = digits(text, most)?;
        let number: i64 = read.parse().ok()?;
        match letter {
            'y' | 'Y' if count == 2 => self.year = PIVOT_YEAR + (number - PIVOT_YEAR).rem_euclid(100),
            'y' | 'Y' => self.year = number,
            'M' => self.month = number,
            'd' => self.day = number,
            'D' => self.day_of_year = Some(number),
            'H' => self.hour = number,
            'k' => self.hour = number % 24,
            'K' | 'h' => self.half_hour = Some(number % 12),
            'm' => self.minute = number,
            's' => self.second = number,
            // A fraction of a second; more than nine digits are finer than anything here.
            _ => self.nanos = time::nanos(read.get(..9).unwrap_or(read))?,
        }
        Some(rest)
    }

    fn micros(self) -> Option<i64> {
        let small = |number: i64| i8::try_from(number).ok();
        let year = i16::try_from(self.year).ok()?;
        let date = match self.day_of_year {
            Some(day) => Date::new(year, 1, 1).ok()?.with().day_of_year(i16::try_from(day).ok()?).build().ok()?,
            None => Date::new(year, small(self.month)?, small(self.day)?).ok()?,
        };
        let hour = self.half_hour.map_or(self.hour, |hour| hour + if self.is_afternoon { 12 } else { 0 });
        let time = Time::new(small(hour)?, small(self.minute)?, small(self.second)?, self.nanos).ok()?;
        Some(date.to_datetime(time).to_zoned(self.zone).ok()?.timestamp().as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pattern: &str, text: &str) -> String {
        let micros = Format::parse(pattern).unwrap().read(text);
        micros.map_or("-".into(), |micros| jiff::Timestamp::from_microsecond(micros).unwrap().to_string())
    }

    #[test]
    fn patterns_read_what_they_describe() {
        for (pattern, text, at) in [
            ("yyyy-MM-dd'T'HH:mm:ss.SSSZ", "2017-02-07T15:13:01.392+0100", "2017-02-07T14:13:01.392Z"),
            ("yyyy-MM-dd'T'HH:mm:ssZZ", "2017-02-07T15:13:01-05:30", "2017-02-07T20:43:01Z"),
            ("yyyy-MM-dd'T'HH:mm:ssZZ", "2017-02-07T15:13:01Z", "2017-02-07T15:13:01Z"),
            ("yyyy-MM-dd HH:mm ZZZ", "2017-07-07 15:13 Europe/Berlin", "2017-07-07T13:13:00Z"),
            ("yyyyMMddHHmmss", "20170207151301", "2017-02-07T15:13:01Z"),
            ("d MMM yyyy h:mm a", "7 Feb 2017 12:05 AM", "2017-02-07T00:05:00Z"),
            ("EEEE, MMMM d, yyyy h a", "Tuesday, February 7, 2017 1 pm", "2017-02-07T13:00:00Z"),
            ("dd/MM/yy", "07/02/69", "2069-02-07T00:00:00Z"),
            ("yyyy-DDD", "2017-038", "2017-02-07T00:00:00Z"),
            ("yyyy 'o''clock' k", "2017 o'clock 24", "2017-01-01T00:00:00Z"),
            ("HH:mm", "15:13", "1970-01-01T15:13:00Z"),
            ("millis", "1518033528123", "2018-02-07T19:58:48.123Z"),
        ] {
            assert_eq!(read(pattern, text), at, "{pattern}");
        }
    }

    #[test]
    fn a_text_must_fit_to_its_end() {
        assert_eq!(read("yyyy-MM-dd", "2017-02-07 "), "-");
        assert_eq!(read("yyyy-MM-dd", "2017-02-30"), "-");
        assert_eq!(read("ss.SSS", "01.1234"), "-");
        assert_eq!(read("millis", "soon"), "-");
    }

    #[test]
    fn patterns_that_mean_nothing_are_refused() {
        for pattern in ["yyyy-bb", "yyyy 'T", "", "G"] {
            assert!(Format::parse(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(pattern in "[yMdDEaHkKhmsSzZ' :/.]{1,20}", text in "[0-9A-Za-z:/.+' é-]{0,30}") {
            if let Ok(format) = Format::parse(&pattern) {
                let _ = format.read(&text);
            }
        }
    }
}
