//! A number's bytes: compared byte by byte they are in the order of the numbers, and they say where they end.
//!
//! One byte for the sign; then, unless it is zero, one for the magnitude and one for each pair of digits from the first
//! on: twice the pair, plus one if more pairs follow. Below zero all but the first are inverted.
use super::{MIN_MAGNITUDE, Number, count_digits, split};

const NEGATIVE: u8 = 1;
const ZERO: u8 = 2;
const POSITIVE: u8 = 3;
/// As many pairs as hold all digits.
const MAX_PAIRS: usize = 19;

impl Number {
    /// Puts the number's bytes, at most 21, behind `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if self.coefficient == 0 {
            out.push(ZERO);
            return;
        }
        let digits = count_digits(self.coefficient);
        // An odd number of digits has fewer than 38: another fits.
        let mut rest = if digits.is_multiple_of(2) { self.coefficient } else { self.coefficient * 10 };
        let mut pairs = [0_u8; MAX_PAIRS];
        let used = &mut pairs[..digits.div_ceil(2) as usize];
        let mut more = 0;
        for pair in used.iter_mut().rev() {
            let (others, value) = split(rest, 100);
            *pair = value * 2 + more;
            (rest, more) = (others, 1);
        }
        let magnitude = u8::try_from(self.magnitude() - MIN_MAGNITUDE).unwrap_or_default();
        let inverted = if self.negative { 0xFF } else { 0 };
        out.push(if self.negative { NEGATIVE } else { POSITIVE });
        out.push(magnitude ^ inverted);
        out.extend(used.iter().map(|pair| pair ^ inverted));
    }

    /// The number that `bytes` begin with, and how many of them it takes. `None` if there is none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (sign, rest) = bytes.split_first()?;
        let inverted = match *sign {
            ZERO => return Some((Self::ZERO, 1)),
            NEGATIVE => 0xFF,
            POSITIVE => 0,
            _ => return None,
        };
        let (magnitude, rest) = rest.split_first()?;
        let mut coefficient: u128 = 0;
        for (at, byte) in rest.iter().take(MAX_PAIRS).enumerate() {
            let byte = byte ^ inverted;
            let pair = byte / 2;
            if pair > 99 || (at == 0 && pair < 10) {
                return None;
            }
            coefficient = coefficient * 100 + u128::from(pair);
            if byte % 2 == 0 {
                let last_digit = i32::try_from(2 * at + 1).ok()?;
                let exponent = i32::from(magnitude ^ inverted) + MIN_MAGNITUDE - last_digit;
                let number = Self::new(inverted != 0, coefficient, exponent).ok()?;
                return (pair != 0).then_some((number, at + 3));
            }
        }
        None
    }
}
