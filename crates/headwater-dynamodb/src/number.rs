//! `DynamoDB`'s number: exact decimal, 38 significant digits, magnitudes from 1e-130 to 9.99…e125. Nothing is ever
//! rounded.
mod bytes;

use std::{cmp::Ordering, fmt, ops::Neg};

/// Most significant digits of a number.
const MAX_DIGITS: u32 = 38;
/// Place of the first digit (the exponent in scientific notation) of the largest numbers.
const MAX_MAGNITUDE: i32 = 125;
/// Place of the first digit of the smallest numbers.
const MIN_MAGNITUDE: i32 = -130;

/// A number in its one form: no trailing zeros in the coefficient, and zero has exponent 0 and no sign. Equal numbers
/// are equal values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Number {
    negative: bool,
    /// Below 10³⁸.
    coefficient: u128,
    /// The number is coefficient × 10^exponent.
    exponent: i16,
}

/// Why there is no such number; printed in the service's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NumberError {
    /// The text is no decimal number.
    NotANumber(String),
    /// 1e126 and above.
    Overflow,
    /// Nearer to zero than 1e-130.
    Underflow,
    /// More than 38 significant digits.
    TooManyDigits,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber(text) if !text.is_empty() => {
                return write!(f, "The parameter cannot be converted to a numeric value: {text}");
            }
            Self::NotANumber(_) => "The parameter cannot be converted to a numeric value",
            Self::Overflow => {
                "Number overflow. Attempting to store a number with magnitude larger than supported range"
            }
            Self::Underflow => {
                "Number underflow. Attempting to store a number with magnitude smaller than supported range"
            }
            Self::TooManyDigits => "Attempting to store more than 38 significant digits in a Number",
        })
    }
}
impl std::error::Error for NumberError {}

impl Number {
    /// Nothing.
    pub const ZERO: Self = Self { negative: false, coefficient: 0, exponent: 0 };

    /// Reads a decimal: sign, digits with at most one point, exponent. Costs no more than its length, whatever the
    /// exponent says.
    ///
    /// # Errors
    /// If it is none, or one the service cannot hold.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let Some(decimal) = Decimal::scan(text.as_bytes()) else { return Err(NumberError::NotANumber(text.into())) };
        if decimal.digits == 0 {
            return Ok(Self::ZERO);
        }
        let last_place = decimal.exponent - decimal.after_point;
        let magnitude = last_place + decimal.digits - 1;
        if magnitude > i64::from(MAX_MAGNITUDE) {
            return Err(NumberError::Overflow);
        }
        if magnitude < i64::from(MIN_MAGNITUDE) {
            return Err(NumberError::Underflow);
        }
        let exponent = i32::try_from(last_place + decimal.zeros_held).map_err(|_| NumberError::TooManyDigits)?;
        match decimal.coefficient {
            Some(coefficient) => Self::new(decimal.negative, coefficient, exponent),
            None => Err(NumberError::TooManyDigits),
        }
    }

    /// coefficient × 10^exponent, brought into its one form.
    fn new(negative: bool, mut coefficient: u128, mut exponent: i32) -> Result<Self, NumberError> {
        if coefficient == 0 {
            return Ok(Self::ZERO);
        }
        while let (tenth, 0) = split(coefficient, 10) {
            coefficient = tenth;
            exponent += 1;
        }
        let digits = count_digits(coefficient);
        let magnitude = exponent + digits.cast_signed() - 1;
        if magnitude > MAX_MAGNITUDE {
            return Err(NumberError::Overflow);
        }
        if magnitude < MIN_MAGNITUDE {
            return Err(NumberError::Underflow);
        }
        let exponent = i16::try_from(exponent).map_err(|_| NumberError::TooManyDigits)?;
        if digits > MAX_DIGITS {
            return Err(NumberError::TooManyDigits);
        }
        Ok(Self { negative, coefficient, exponent })
    }

    /// The exact sum.
    ///
    /// # Errors
    /// If the service cannot hold it.
    pub fn checked_add(self, other: Self) -> Result<Self, NumberError> {
        if self.coefficient == 0 {
            return Ok(other);
        }
        if other.coefficient == 0 {
            return Ok(self);
        }
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        // Where 128 bits do not suffice, the sum lies above 10³⁸ units of the lower exponent and does not end in a
        // zero (the lower number does not): it has too many digits.
        let shift = u32::from(high.exponent.abs_diff(low.exponent));
        let scaled = 10_u128.checked_pow(shift).and_then(|scale| high.coefficient.checked_mul(scale));
        let scaled = scaled.ok_or(NumberError::TooManyDigits)?;
        let exponent = i32::from(low.exponent);
        if high.negative == low.negative {
            let sum = scaled.checked_add(low.coefficient).ok_or(NumberError::TooManyDigits)?;
            return Self::new(high.negative, sum, exponent);
        }
        let negative = if scaled >= low.coefficient { high.negative } else { low.negative };
        Self::new(negative, scaled.abs_diff(low.coefficient), exponent)
    }

    /// The exact difference.
    ///
    /// # Errors
    /// If the service cannot hold it.
    pub fn checked_sub(self, other: Self) -> Result<Self, NumberError> {
        self.checked_add(-other)
    }

    /// The number, if it is a whole one of 64 bits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        let scale = 10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        let size = i128::try_from(self.coefficient).ok()?.checked_mul(scale)?;
        i64::try_from(if self.negative { -size } else { size }).ok()
    }

    /// What the number counts towards the size of its item: one byte, one for the sign, and one for each pair of
    /// digits, where pairs are counted from the point.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        if self.coefficient == 0 {
            return 1;
        }
        let digits = count_digits(self.coefficient);
        let straddles = digits.is_multiple_of(2) && self.magnitude() % 2 == 0;
        1 + digits.div_ceil(2) as usize + usize::from(straddles) + usize::from(self.negative)
    }

    /// The place of the first digit: 0 for the ones. Zero has none, and 0 here.
    fn magnitude(&self) -> i32 {
        i32::from(self.exponent) + count_digits(self.coefficient).saturating_sub(1).cast_signed()
    }

    /// By distance from zero; neither is zero.
    fn cmp_size(&self, other: &Self) -> Ordering {
        self.magnitude().cmp(&other.magnitude()).then_with(|| {
            // With the first digits at one place, the longer coefficient has the lower exponent.
            let scale = |of: &Self, by: &Self| {
                of.coefficient * 10_u128.pow((of.exponent - by.exponent).max(0).unsigned_abs().into())
            };
            scale(self, other).cmp(&scale(other, self))
        })
    }

    fn sign(&self) -> i8 {
        match self {
            Self { coefficient: 0, .. } => 0,
            Self { negative: true, .. } => -1,
            _ => 1,
        }
    }
}

fn count_digits(coefficient: u128) -> u32 {
    let log = u64::try_from(coefficient).map_or_else(|_| coefficient.checked_ilog10(), u64::checked_ilog10);
    log.map_or(0, |log| log + 1)
}

/// A coefficient divided, and the rest: most fit into 64 bits, which the processor divides by itself.
fn split(coefficient: u128, by: u8) -> (u128, u8) {
    match u64::try_from(coefficient) {
        Ok(few) => ((few / u64::from(by)).into(), u8::try_from(few % u64::from(by)).unwrap_or_default()),
        Err(_) => (coefficient / u128::from(by), u8::try_from(coefficient % u128::from(by)).unwrap_or_default()),
    }
}

/// What a decimal's text says, before it is known whether the service can hold it.
#[derive(Default)]
struct Decimal {
    negative: bool,
    /// Without trailing zeros; `None` once it has too many digits.
    coefficient: Option<u128>,
    /// Digits from the first that is no zero.
    digits: i64,
    /// Zeros at the end of those: they become part of the coefficient once another digit follows.
    zeros_held: i64,
    /// Digits after the point.
    after_point: i64,
    exponent: i64,
}

impl Decimal {
    fn scan(text: &[u8]) -> Option<Self> {
        let mut decimal = Self { coefficient: Some(0), ..Self::default() };
        let (negative, text) = signed(text);
        decimal.negative = negative;
        let (mut read, mut point) = (0, false);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    decimal.digit(byte - b'0');
                    decimal.after_point += i64::from(point);
                    read += 1;
                }
                b'.' if !point => point = true,
                b'e' | b'E' if read > 0 => {
                    decimal.exponent = exponent(text.get(at + 1..)?)?;
                    return Some(decimal);
                }
                _ => return None,
            }
        }
        (read > 0).then_some(decimal)
    }

    fn digit(&mut self, digit: u8) {
        if self.digits == 0 && digit == 0 {
            return;
        }
        self.digits += 1;
        if digit == 0 {
            self.zeros_held += 1;
            return;
        }
        let shift = u32::try_from(self.zeros_held + 1).ok();
        let scale = shift.and_then(|shift| 10_u128.checked_pow(shift));
        let longer = self.coefficient.zip(scale).and_then(|(coefficient, scale)| coefficient.checked_mul(scale));
        self.coefficient = longer.and_then(|coefficient| coefficient.checked_add(digit.into()));
        self.zeros_held = 0;
    }
}

fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// An exponent; one too large to be held is as large as can be.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = signed(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Small enough that counts of digits may be added to it.
    let size = digits.iter().fold(0_i64, |size, digit| (size * 10 + i64::from(digit - b'0')).min(i64::MAX / 100));
    Some(if negative { -size } else { size })
}

impl Neg for Number {
    type Output = Self;

    fn neg(self) -> Self {
        Self { negative: !self.negative && self.coefficient != 0, ..self }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sign().cmp(&other.sign()).then_with(|| match self.sign() {
            0 => Ordering::Equal,
            1 => self.cmp_size(other),
            _ => other.cmp_size(self),
        })
    }
}
impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::new(false, number.into(), 0).unwrap_or_default() // twenty digits are always held
    }
}
impl From<i64> for Number {
    fn from(number: i64) -> Self {
        let size = Self::from(number.unsigned_abs());
        if number < 0 { -size } else { size }
    }
}

/// As the service prints it: all digits, never an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let digits = match u64::try_from(self.coefficient) {
            Ok(few) => few.to_string(),
            Err(_) => self.coefficient.to_string(),
        };
        if self.exponent == 0 {
            return f.write_str(&digits);
        }
        let after_point = usize::from(self.exponent.min(0).unsigned_abs());
        if after_point == 0 {
            let width = digits.len() + usize::from(self.exponent.unsigned_abs());
            return write!(f, "{digits:0<width$}");
        }
        match digits.split_at_checked(digits.len().saturating_sub(after_point)) {
            Some((whole, fraction)) if !whole.is_empty() => write!(f, "{whole}.{fraction}"),
            _ => write!(f, "0.{digits:0>after_point$}"),
        }
    }
}

#[cfg(test)]
mod tests;
