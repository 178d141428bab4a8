//! Decimal numbers as text, and what they are in units of a scale.
//!
//! Invariant: no digit is lost on the way but by rounding to the scale, and an exponent costs nothing, however large.

/// As many digits as fit a 128-bit number for sure.
const MAX_DIGITS: i64 = 38;

/// A number in digits: `whole`.`fraction` × 10^`exponent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'a> {
    is_negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// The number a text is; none if it is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let is_negative = text.starts_with('-');
        Some(Self { is_negative, whole: whole.as_bytes(), fraction: fraction.as_bytes(), exponent })
    }

    /// The digits from the first that is not 0, and how many of them stand before the point (less than none if there
    /// are zeros behind it).
    fn significant(&self) -> (impl Iterator<Item = u8> + Clone + use<'a>, i64) {
        let digits = self.whole.iter().chain(self.fraction).map(|digit| digit - b'0');
        let zeros = digits.clone().take_while(|digit| *digit == 0).count();
        let before = length(self.whole) - i64::try_from(zeros).unwrap_or(i64::MAX);
        (digits.skip(zeros), before.saturating_add(self.exponent))
    }

    /// Whether nothing stands behind the point.
    pub(super) fn is_whole(&self) -> bool {
        let (digits, before) = self.significant();
        let kept = usize::try_from(before.max(0)).unwrap_or(usize::MAX);
        digits.skip(kept).all(|digit| digit == 0)
    }

    /// The number times 10^`scale`, rounded half up; none if it has more than 38 digits.
    pub(super) fn scaled(&self, scale: u8) -> Option<i128> {
        let (mut digits, before) = self.significant();
        let mut rest = digits.clone();
        let kept = before.saturating_add(i64::from(scale));
        if rest.next().is_none() || kept < 0 {
            return Some(0);
        }
        if kept > MAX_DIGITS {
            return None;
        }
        let whole = (0..kept).fold(0, |sum: i128, _| sum * 10 + i128::from(digits.next().unwrap_or(0)));
        let rounded = whole + i128::from(digits.next().unwrap_or(0) >= 5);
        Some(if self.is_negative { -rounded } else { rounded })
    }
}

fn length(digits: &[u8]) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

/// An exponent; one beyond 64 bits is as good as the largest.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let beyond = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Some(text.parse().unwrap_or(beyond))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scaled(text: &str, scale: u8) -> Option<i128> {
        Decimal::parse(text).unwrap().scaled(scale)
    }

    #[test]
    fn numbers_are_rounded_half_up_to_the_scale() {
        for (text, scale, units) in [
            ("12.345", 2, 1235),
            ("-12.345", 2, -1235),
            ("12.344999", 2, 1234),
            ("1e2", 0, 100),
            ("1.5e-1", 2, 15),
            ("0.05", 1, 1),
            ("0.04", 1, 0),
            ("0.5", 0, 1),
            ("+.5", 1, 5),
            ("7.", 0, 7),
            ("12345678901234567890.12", 2, 1_234_567_890_123_456_789_012),
        ] {
            assert_eq!(scaled(text, scale), Some(units), "{text}");
        }
    }

    #[test]
    fn huge_exponents_are_settled_without_being_written_out() {
        assert_eq!(scaled("1e1000000000", 2), None);
        assert_eq!(scaled("1e99999999999999999999", 2), None);
        assert_eq!(scaled("1e-99999999999999999999", 2), Some(0));
        assert_eq!(scaled("0e1000000000", 2), Some(0));
        assert_eq!(scaled(&"9".repeat(38), 0), Some(10_i128.pow(38) - 1));
        assert_eq!(scaled(&"9".repeat(39), 0), None);
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        let whole = |text| Decimal::parse(text).unwrap().is_whole();
        assert!(["7", "7.0", "1.5e1", "0", "0.000", "0e-5"].into_iter().all(whole));
        assert!(!["7.5", "15e-1", "0.1"].into_iter().any(whole));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "1e", "1e+", "oops", "1 2", "0x1f", "--1", "1.2.3", "NaN"] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_come_back(number in -(10_i128.pow(30))..10_i128.pow(30), scale in 0_u8..=8) {
            prop_assert_eq!(scaled(&number.to_string(), scale), Some(number * 10_i128.pow(u32::from(scale))));
        }
    }
}
