//! `DynamoDB`'s number: exact decimal, 38 significant digits, magnitudes from 1e-130 to 9.99…e125.

/// A number in its one form: no trailing zeros in the coefficient, and zero has exponent 0 and no sign. Equal numbers
/// are equal values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Number {
    negative: bool,
    /// Below 10³⁸.
    coefficient: u128,
    /// The number is coefficient × 10^exponent.
    exponent: i16,
}
impl Ord for Number {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.negative, self.coefficient, self.exponent).cmp(&(other.negative, other.coefficient, other.exponent))
    }
}
impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
