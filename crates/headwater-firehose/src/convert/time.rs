//! Dates and points in time as the deserializers read them.
//!
//! Invariant: a point in time is microseconds since the Unix epoch, without a zone, exact as far as that goes.
use super::decimal::Decimal;
use jiff::{
    civil::{Date, DateTime},
    tz::Offset,
};

/// A number of at least this size counts milliseconds, a smaller one seconds.
const LEAST_MILLIS: f64 = 1e12;
const DAY_MICROS: i64 = 86_400_000_000;

/// Microseconds of a point in time that is told without a zone.
pub(super) fn micros(civil: DateTime) -> Option<i64> {
    Offset::UTC.to_timestamp(civil).ok().map(jiff::Timestamp::as_microsecond)
}

/// Days since the Unix epoch, of `2017-2-7`.
pub(super) fn days(text: &str) -> Option<i32> {
    let at = micros(date(text, 1)?.to_datetime(jiff::civil::Time::midnight()))?;
    i32::try_from(at.div_euclid(DAY_MICROS)).ok()
}

/// What the OpenX deserializer takes for a point in time: seconds or milliseconds since the epoch,
/// `2017-02-07T15:13:01.39256Z` in full, or what [`sql`] takes.
pub(super) fn open_x(text: &str) -> Option<i64> {
    if let Some((date, time)) = text.split_once('T') {
        return civil(date, time.strip_suffix('Z').unwrap_or(time), 2);
    }
    sql(text).or_else(|| epoch(text.trim()))
}

/// What `java.sql.Timestamp.valueOf` takes: `2017-2-7 15:13:01.14`.
pub(super) fn sql(text: &str) -> Option<i64> {
    let (date, time) = text.trim().split_once(' ')?;
    civil(date, time, 1)
}

/// A number of milliseconds since the epoch.
pub(super) fn millis(text: &str) -> Option<i64> {
    i64::try_from(Decimal::parse(text)?.scaled(3)?).ok()
}

fn epoch(text: &str) -> Option<i64> {
    let number = Decimal::parse(text)?;
    let is_millis = text.parse::<f64>().is_ok_and(|size| size.abs() >= LEAST_MILLIS);
    i64::try_from(number.scaled(if is_millis { 3 } else { 6 })?).ok()
}

/// A date and a time, each number but the year and the fraction of at least `least` digits.
fn civil(text: &str, time: &str, least: usize) -> Option<i64> {
    let (clock, fraction) = time.split_once('.').map_or((time, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':').map(|part| number(part, least, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let small = |number: i32| i8::try_from(number).ok();
    let nanos = fraction.map_or(Some(0), nanos)?;
    let time = jiff::civil::Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?;
    if parts.next().is_some() { None } else { micros(date(text, least)?.to_datetime(time)) }
}

fn date(text: &str, least: usize) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let small = |part| number(part, least, 2).and_then(|number| i8::try_from(number).ok());
    let year = i16::try_from(number(year, 4, 4)?).ok()?;
    if parts.next().is_some() { None } else { Date::new(year, small(month)?, small(day)?).ok() }
}

/// A number of so many digits.
fn number(text: &str, least: usize, most: usize) -> Option<i32> {
    let is_number = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Nanoseconds of a fraction of a second of up to nine digits.
pub(super) fn nanos(fraction: &str) -> Option<i32> {
    let digits = number(fraction, 1, 9)?;
    let missing = 9_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    digits.checked_mul(10_i32.pow(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it is written with a `T`.
    fn shown(micros: Option<i64>) -> String {
        micros.map_or("-".into(), |micros| jiff::Timestamp::from_microsecond(micros).unwrap().to_string())
    }

    #[test]
    fn the_documented_forms_are_points_in_time() {
        for (text, at) in [
            ("2017-02-07T15:13:01.39256Z", "2017-02-07T15:13:01.39256Z"),
            ("2017-02-07T15:13:01", "2017-02-07T15:13:01Z"),
            ("2017-2-7 1:2:3.14", "2017-02-07T01:02:03.14Z"),
            ("1518033528", "2018-02-07T19:58:48Z"),
            ("1518033528123", "2018-02-07T19:58:48.123Z"),
            ("1518033528.123", "2018-02-07T19:58:48.123Z"),
            ("1000000000000", "2001-09-09T01:46:40Z"),
            ("-1000", "1969-12-31T23:43:20Z"),
            ("2017-02-07T15:13:01.123456789Z", "2017-02-07T15:13:01.123456Z"),
        ] {
            assert_eq!(shown(open_x(text)), at, "{text}");
        }
    }

    #[test]
    fn other_forms_are_none() {
        for text in [
            "2026-9-7T12:00:02Z",
            "2026-05-21T14:00:00+00:00",
            "2026-02-30 00:00:00",
            "2026-05-21",
            "2026-05-21 14:00",
            "26-05-21 14:00:00",
            "2026-05-21 14:00:00.1234567890",
            "soon",
            "18446744073709551616000",
            "",
        ] {
            assert_eq!(open_x(text), None, "{text}");
        }
        assert_eq!(sql("1518033528"), None);
    }

    #[test]
    fn dates_are_days() {
        assert_eq!(days("1970-01-02"), Some(1));
        assert_eq!(days("1969-12-31"), Some(-1));
        assert_eq!(days("2026-9-7"), Some(20_703));
        assert_eq!([days("2026-13-01"), days("2026-01-01T00:00:00"), days("20703")], [None; 3]);
    }
}
