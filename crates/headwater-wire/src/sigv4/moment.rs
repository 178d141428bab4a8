//! The two ways a signer writes the time, read and written by the Gregorian calendar. Invariant: what cannot be read
//! exactly is not read at all.

/// `YYYYMMDDThhmmssZ` as seconds since the Unix epoch.
pub(super) fn parse_basic(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    if date.len() != 8 || time.len() != 6 {
        return None;
    }
    let number = |text: &str, from: usize, to: usize| digits(text.get(from..to)?);
    seconds(
        [number(date, 0, 4)?, number(date, 4, 6)?, number(date, 6, 8)?],
        [number(time, 0, 2)?, number(time, 2, 4)?, number(time, 4, 6)?],
    )
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since the Unix epoch.
pub(super) fn parse_http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.strip_suffix(" GMT")?.split_once(", ")?.1.split([' ', ':']);
    let day = digits(words.next()?)?;
    let month = words.next()?;
    let month = u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1;
    let mut number = || words.next().and_then(digits);
    let (year, time) = (number()?, [number()?, number()?, number()?]);
    seconds([year, month, day], time)
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Seconds since the Unix epoch, by the Gregorian calendar.
fn seconds([year, month, day]: [u64; 3], [hour, minute, second]: [u64; 3]) -> Option<u64> {
    let fits = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !fits || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years are counted from March, so that the leap day comes last.
    let year = if month < 3 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_BEFORE_EPOCH;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// From the first of March of the year 0 to the Unix epoch.
const DAYS_BEFORE_EPOCH: u64 = 719_468;

/// Seconds since the Unix epoch as `YYYYMMDDThhmmssZ`.
pub(super) fn format_basic(seconds: u64) -> String {
    let days = seconds / 86_400 + DAYS_BEFORE_EPOCH;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month < 3);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written_alike() {
        for (text, seconds) in [
            ("19700101T000000Z", 0),
            ("20000229T235959Z", 951_868_799),
            ("20150830T123600Z", 1_440_938_160),
            ("21000301T000000Z", 4_107_542_400),
        ] {
            assert_eq!(parse_basic(text), Some(seconds), "{text}");
            assert_eq!(format_basic(seconds), text);
        }
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for bad in
            ["", "20150830T1236Z", "20151330T123600Z", "2015-8-3T123600Z", "２０15083T123600Z", "20150830T246000Z"]
        {
            assert_eq!(parse_basic(bad), None, "{bad}");
        }
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49 GMT"), None);
    }
}
