//! Moments as the service writes them into sentences. Pure calendar arithmetic; always UTC.

/// A moment the way Java prints dates: `Thu Jan 22 01:22:02 UTC 2015`.
pub(crate) fn utc(time_ms: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, secs) = (time_ms / 86_400_000, time_ms / 1000 % 86_400);
    let weekday = WEEKDAYS.iter().cycle().nth(usize::try_from(days % 7).unwrap_or_default()).unwrap_or(&"");
    let (year, month, day) = civil(days);
    let month = usize::try_from(month).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
    format!("{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}")
}

/// Year, month (from 0) and day of a day counted from 1970-01-01, by the calendar of 400-year eras that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12;
    (era * 400 + year_of_era + u64::from(month < 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_as_java_prints_them() {
        assert_eq!(utc(1_421_889_722_000), "Thu Jan 22 01:22:02 UTC 2015");
        assert_eq!(utc(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(utc(1_709_164_799_999), "Wed Feb 28 23:59:59 UTC 2024");
        assert_eq!(utc(1_709_164_800_000), "Thu Feb 29 00:00:00 UTC 2024");
        assert_eq!(utc(4_107_542_400_000), "Mon Mar 01 00:00:00 UTC 2100");
    }
}
