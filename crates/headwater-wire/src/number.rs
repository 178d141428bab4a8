//! Between the numbers and words that travel and the values they stand for; nothing overflows, nothing allocates.

/// The whole part, or the nearest there is.
#[expect(clippy::cast_possible_truncation, reason = "cutting off is what the services do; the cast saturates")]
pub(crate) const fn truncated(value: f64) -> i64 {
    value as i64
}

/// The nearest 32-bit number.
pub(crate) fn saturated(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

/// The words the services take for a truth value.
pub(crate) fn truth(word: &str) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if is(["true", "yes", "1"]) {
        Some(true)
    } else if is(["false", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Appends `value` in decimal.
pub(crate) fn push_decimal(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_digits(out, value.unsigned_abs());
}

/// Appends `value` in decimal.
pub(crate) fn push_digits(out: &mut Vec<u8>, mut value: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + u8::try_from(value % 10).unwrap_or(0));
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}
