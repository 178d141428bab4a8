//! Timestamps written by a pattern of Java's `DateTimeFormatter`, in English as spoken in the United States.
//!
//! Invariant: a pattern that was parsed can write every time.
use jiff::{Timestamp, Zoned, tz::TimeZone};
use std::{fmt::Write, iter::Peekable, str::Chars};

const NANOS_PER_MILLI: i64 = 1_000_000;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A parsed pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern(Vec<Item>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Item {
    Text(String),
    /// A letter that is known, as often as it may be repeated.
    Field {
        letter: char,
        count: usize,
    },
}

/// The instant in the zone; what is later than a calendar can say is the last it can.
pub(super) fn local(time_ms: u64, zone: &TimeZone) -> Zoned {
    let instant = i64::try_from(time_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    instant.unwrap_or(Timestamp::MAX).to_zoned(zone.clone())
}

impl Pattern {
    /// # Errors
    /// A sentence as Java says it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        let mut optional: usize = 0;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                'a'..='z' | 'A'..='Z' => {
                    let mut count = 1;
                    while chars.next_if_eq(&c).is_some() {
                        count += 1;
                    }
                    check_field(c, count)?;
                    items.push(Item::Field { letter: c, count });
                }
                '\'' => items.push(Item::Text(quoted(&mut chars, text)?)),
                // An optional section is left out where a field of it is missing; a time in a zone lacks none.
                '[' => optional += 1,
                ']' if optional == 0 => return Err("Pattern invalid as it contains ] without previous [".to_owned()),
                ']' => optional -= 1,
                '{' | '}' | '#' => return Err(format!("Pattern includes reserved character: '{c}'")),
                _ => items.push(Item::Text(c.to_string())),
            }
        }
        Ok(Self(items))
    }

    pub(super) fn write(&self, time: &Zoned, out: &mut String) {
        for item in &self.0 {
            match item {
                Item::Text(text) => out.push_str(text),
                Item::Field { letter, count } => write_field(*letter, *count, time, out),
            }
        }
    }
}

/// What stands between quotes; the first one is read already.
fn quoted(chars: &mut Peekable<Chars<'_>>, pattern: &str) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match chars.next() {
            Some('\'') if chars.next_if_eq(&'\'').is_some() => text.push('\''),
            Some('\'') if text.is_empty() => return Ok("'".to_owned()),
            Some('\'') => return Ok(text),
            Some(c) => text.push(c),
            None => return Err(format!("Pattern ends with an incomplete string literal: {pattern}")),
        }
    }
}

fn check_field(letter: char, count: usize) -> Result<(), String> {
    let most = match letter {
        'y' | 'u' | 'Y' | 'A' | 'n' | 'N' => 19,
        'S' => 9,
        'G' | 'M' | 'L' | 'Q' | 'q' | 'E' | 'e' | 'c' | 'X' | 'x' | 'Z' => 5,
        'O' => 4,
        // A zone's name in full is not known to the time zone database.
        'D' | 'z' => 3,
        'd' | 'H' | 'h' | 'K' | 'k' | 'm' | 's' | 'w' | 'V' => 2,
        'W' | 'F' | 'a' => 1,
        _ => return Err(format!("Unknown pattern letter: {letter}")),
    };
    match (letter, count) {
        ('V', 1) => Err("Pattern letter count must be 2: V".to_owned()),
        ('O', 2 | 3) => Err("Pattern letter count must be 1 or 4: O".to_owned()),
        ('c', 2) => Err("Invalid pattern \"cc\"".to_owned()),
        _ if count > most => Err(format!("Too many pattern letters: {letter}")),
        _ => Ok(()),
    }
}

fn write_field(letter: char, count: usize, time: &Zoned, out: &mut String) {
    // Writing into a string cannot fail.
    let _ = match (letter, count) {
        ('y' | 'u' | 'Y', 2) => write!(out, "{:02}", number(letter, time) % 100),
        ('M' | 'L' | 'Q' | 'q' | 'e' | 'c', 3..) | ('G' | 'E', _) => write!(out, "{}", word(letter, count, time)),
        ('a', _) => write!(out, "{}", if time.hour() < 12 { "AM" } else { "PM" }),
        ('S', _) => write!(out, "{:.count$}", format!("{:09}", time.subsec_nanosecond())),
        ('V', _) => write!(out, "{}", time.time_zone().iana_name().unwrap_or("Z")),
        ('z', _) => write!(out, "{}", time.time_zone().to_offset_info(time.timestamp()).abbreviation()),
        ('O' | 'X' | 'x' | 'Z', _) => write!(out, "{}", offset(letter, count, time.offset().seconds())),
        _ => write!(out, "{:0count$}", number(letter, time)),
    };
}

/// The value of a field that is written as a number.
fn number(letter: char, time: &Zoned) -> i64 {
    let hour = i64::from(time.hour());
    let second_of_day = (hour * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    let nano = i64::from(time.subsec_nanosecond());
    let day = i64::from(time.day());
    let day_of_week = i64::from(time.weekday().to_sunday_zero_offset());
    match letter {
        'y' | 'u' => i64::from(time.year()),
        'Y' => week(time).0,
        'w' => week(time).1,
        'W' => week_of(day, day_of_week),
        'D' => i64::from(time.day_of_year()),
        'M' | 'L' => i64::from(time.month()),
        'Q' | 'q' => (i64::from(time.month()) + 2) / 3,
        'd' => day,
        'F' => (day - 1) % 7 + 1,
        'e' | 'c' => day_of_week + 1,
        'H' => hour,
        'k' => (hour + 23) % 24 + 1,
        'K' => hour % 12,
        'h' => (hour + 11) % 12 + 1,
        'm' => i64::from(time.minute()),
        's' => i64::from(time.second()),
        'A' => second_of_day * 1000 + nano / NANOS_PER_MILLI,
        'N' => second_of_day * NANOS_PER_SECOND + nano,
        // `n`: no other letter is left.
        _ => nano,
    }
}

/// The week, from 1, that a day of a month or year lies in; weeks begin on Sunday and the first one may be short.
fn week_of(day: i64, day_of_week: i64) -> i64 {
    let before_the_first = (day_of_week - (day - 1)).rem_euclid(7);
    (day - 1 + before_the_first) / 7 + 1
}

/// The year that the week counts to, and the week: the one with the first of January in it is the first.
fn week(time: &Zoned) -> (i64, i64) {
    let (year, day) = (i64::from(time.year()), i64::from(time.day_of_year()));
    let day_of_week = i64::from(time.weekday().to_sunday_zero_offset());
    let saturday = day + 6 - day_of_week;
    if saturday > i64::from(time.days_in_year()) { (year + 1, 1) } else { (year, week_of(day, day_of_week)) }
}

/// The text of a field: short with up to three letters, in full with four, a single character with five.
fn word(letter: char, count: usize, time: &Zoned) -> String {
    let (short, full) = match letter {
        'G' => ("AD".to_owned(), "Anno Domini".to_owned()),
        'Q' | 'q' => {
            let quarter = number(letter, time);
            let ordinal = match quarter {
                1 => "st",
                2 => "nd",
                3 => "rd",
                _ => "th",
            };
            (format!("Q{quarter}"), format!("{quarter}{ordinal} quarter"))
        }
        _ => {
            let full = time.strftime(if matches!(letter, 'M' | 'L') { "%B" } else { "%A" }).to_string();
            (full.chars().take(3).collect(), full)
        }
    };
    match count {
        4 => full,
        5 => full.chars().take(1).collect(),
        _ => short,
    }
}

/// An offset from UTC: the parts that the letter and its count show, and a text of its own for none.
fn offset(letter: char, count: usize, seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.unsigned_abs();
    let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
    let last = |colon: &str| if seconds == 0 { String::new() } else { format!("{colon}{seconds:02}") };
    let (shape, none) = match (letter, count) {
        ('O', _) | ('Z', 4) if total == 0 => return "GMT".to_owned(),
        ('O', 1) if minutes == 0 && seconds == 0 => return format!("GMT{sign}{hours}"),
        ('O', 1) => return format!("GMT{sign}{hours}:{minutes:02}{}", last(":")),
        ('O', _) | ('Z', 4) => return format!("GMT{sign}{hours:02}:{minutes:02}{}", last(":")),
        ('Z', 5) => (5, "Z"),
        ('Z', _) => (2, "+0000"),
        ('X', shape) => (shape, "Z"),
        (_, 1) => (1, "+00"),
        (_, shape @ (3 | 5)) => (shape, "+00:00"),
        (_, shape) => (shape, "+0000"),
    };
    let colon = if matches!(shape, 3 | 5) { ":" } else { "" };
    let mut text = format!("{hours:02}");
    if shape > 1 || minutes > 0 {
        text = format!("{text}{colon}{minutes:02}");
    }
    if shape > 3 {
        text += &last(colon);
    }
    if text.bytes().all(|b| matches!(b, b'0' | b':')) { none.to_owned() } else { format!("{sign}{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZoneDatabase;

    /// Every field in the forms that it has.
    const FIELDS: &str = "G,GGGG,GGGGG,u,uu,uuuuu,y,yy,yyyy,D,DD,DDD,M,MM,MMM,MMMM,MMMMM,L,LLL,LLLL,d,dd,Q,QQ,QQQ,QQQQ,\
         QQQQQ,Y,YY,YYYY,w,ww,W,E,EEEE,EEEEE,e,ee,eee,eeee,c,ccc,F,a,h,hh,k,kk,K,KK,H,HH,m,mm,s,ss,S,SSS,SSSSSSSSS,A,\
         AAAAAAAAAA,n,N,VV,z,O,OOOO,X,XX,x,xx,xxx,xxxx,xxxxx,Z,ZZZZ,ZZZZZ";

    fn written(pattern: &str, time_ms: u64, zone: &str) -> String {
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
        let mut out = String::new();
        Pattern::parse(pattern).unwrap().write(&local(time_ms, &zone), &mut out);
        out
    }

    #[test]
    fn every_field_is_written_as_java_writes_it() {
        // By OpenJDK 17, `DateTimeFormatter.ofPattern(FIELDS, Locale.US)`.
        assert_eq!(
            written(FIELDS, 0, "UTC"),
            "AD,Anno Domini,A,1970,70,01970,1970,70,1970,1,01,001,1,01,Jan,January,J,1,Jan,January,1,01,1,01,Q1,\
             1st quarter,1,1970,70,1970,1,01,1,Thu,Thursday,T,5,05,Thu,Thursday,5,Thu,1,AM,12,12,24,24,0,00,0,00,\
             0,00,0,00,0,000,000000000,0,0000000000,0,0,UTC,UTC,GMT,GMT,Z,Z,+00,+0000,+00:00,+0000,+00:00,+0000,\
             GMT,Z"
        );
        assert_eq!(
            written(FIELDS, 1_535_365_800_123, "Asia/Tokyo"),
            "AD,Anno Domini,A,2018,18,02018,2018,18,2018,239,239,239,8,08,Aug,August,A,8,Aug,August,27,27,3,03,\
             Q3,3rd quarter,3,2018,18,2018,35,35,5,Mon,Monday,M,2,02,Mon,Monday,2,Mon,6,PM,7,07,19,19,7,07,19,19,\
             30,30,0,00,1,123,123000000,70200123,0070200123,123000000,70200123000000,Asia/Tokyo,JST,GMT+9,\
             GMT+09:00,+09,+0900,+09,+0900,+09:00,+0900,+09:00,+0900,GMT+09:00,+09:00"
        );
        assert_eq!(
            written(FIELDS, 1_767_139_200_456, "America/St_Johns"),
            "AD,Anno Domini,A,2025,25,02025,2025,25,2025,364,364,364,12,12,Dec,December,D,12,Dec,December,30,30,\
             4,04,Q4,4th quarter,4,2026,26,2026,1,01,5,Tue,Tuesday,T,3,03,Tue,Tuesday,3,Tue,2,PM,8,08,20,20,8,08,\
             20,20,30,30,0,00,4,456,456000000,73800456,0073800456,456000000,73800456000000,America/St_Johns,NST,\
             GMT-3:30,GMT-03:30,-0330,-0330,-0330,-0330,-03:30,-0330,-03:30,-0330,GMT-03:30,-03:30"
        );
        let of_newfoundland = |count| written(&"X".repeat(count), 1_767_139_200_456, "America/St_Johns");
        assert_eq!([3, 4, 5].map(of_newfoundland), ["-03:30", "-0330", "-03:30"]);
    }

    #[test]
    fn weeks_begin_on_sunday_and_the_first_one_has_the_first_of_january_in_it() {
        for (time_ms, expected) in [
            (1_483_142_400_000, "2016-12-31 2016 53 5 7"),
            (1_483_228_800_000, "2017-01-01 2017 01 1 1"),
            (1_609_027_200_000, "2020-12-27 2021 01 5 1"),
            (1_640_995_200_000, "2022-01-01 2022 01 1 7"),
            (1_735_344_000_000, "2024-12-28 2024 52 4 7"),
            (1_735_430_400_000, "2024-12-29 2025 01 5 1"),
            (1_738_368_000_000, "2025-02-01 2025 05 1 7"),
            (1_738_454_400_000, "2025-02-02 2025 06 2 1"),
        ] {
            assert_eq!(written("yyyy-MM-dd YYYY ww W e", time_ms, "UTC"), expected);
        }
    }

    #[test]
    fn quoted_text_and_what_is_no_letter_stay_as_they_are() {
        let at = |pattern: &str| written(pattern, 1_535_365_800_123, "UTC");
        assert_eq!(at("yyyy'-'MM'-'dd"), "2018-08-27");
        assert_eq!(at("'year='yyyy'/month='MM"), "year=2018/month=08");
        assert_eq!(at("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"), "2018-08-27T10:30:00.123Z");
        assert_eq!(at("''yyyy'it''s'"), "'2018it's");
        assert_eq!(at("[yyyy[-MM]]/ü"), "2018-08/ü");
        assert_eq!(at("[yyyy"), "2018");
    }

    #[test]
    fn what_java_refuses_is_refused_as_it_says_it() {
        let refused = |pattern: &str| Pattern::parse(pattern).unwrap_err();
        assert_eq!(refused("yyyy j"), "Unknown pattern letter: j");
        assert_eq!(refused("MMMMMM"), "Too many pattern letters: M");
        assert_eq!(refused("OO"), "Pattern letter count must be 1 or 4: O");
        assert_eq!(refused("V"), "Pattern letter count must be 2: V");
        assert_eq!(refused("cc"), "Invalid pattern \"cc\"");
        assert_eq!(refused("yyyy]"), "Pattern invalid as it contains ] without previous [");
        assert_eq!(refused("yyyy#"), "Pattern includes reserved character: '#'");
        assert_eq!(refused("'abc"), "Pattern ends with an incomplete string literal: 'abc");
    }

    #[test]
    fn the_end_of_time_is_written_too() {
        assert_eq!(written("yyyy-MM-dd", u64::MAX, "UTC"), "9999-12-30");
    }
}
