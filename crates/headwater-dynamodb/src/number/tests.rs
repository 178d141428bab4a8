//! What a number is, pinned by cases of the service and by a naive decimal of unlimited digits.
use super::*;
use proptest::prelude::*;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

fn refusal(text: &str) -> String {
    Number::parse(text).unwrap_err().to_string()
}

/// Digits at places, from 10^-170 up to 10^169, as a signed big integer in base ten: slow and plainly right.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Naive {
    negative: bool,
    digits: Vec<u8>,
}

const PLACES: usize = 340;
const LOWEST_PLACE: i64 = -170;

impl Naive {
    fn of(negative: bool, digits: &[u8], exponent: i64) -> Self {
        let mut places = vec![0; PLACES];
        for (at, digit) in digits.iter().rev().enumerate() {
            places[PLACES - 1 - usize::try_from(exponent - LOWEST_PLACE).unwrap() - at] = *digit;
        }
        let negative = negative && places.iter().any(|digit| *digit != 0);
        Self { negative, digits: places }
    }

    fn plus(&self, other: &Self) -> Self {
        let (large, small) = if self.digits >= other.digits { (self, other) } else { (other, self) };
        let mut digits = vec![0; PLACES];
        let mut carry = 0;
        for place in (0..PLACES).rev() {
            let (one, two) = (i8::try_from(large.digits[place]).unwrap(), i8::try_from(small.digits[place]).unwrap());
            let sum = if self.negative == other.negative { one + two + carry } else { one - two + carry };
            digits[place] = sum.rem_euclid(10).cast_unsigned();
            carry = sum.div_euclid(10);
        }
        let negative = large.negative && digits.iter().any(|digit| *digit != 0);
        Self { negative, digits }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.digits.cmp(&other.digits),
            (true, true) => other.digits.cmp(&self.digits),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }

    /// The number, or `None` if the service cannot hold it.
    fn number(&self) -> Option<Number> {
        let text: String = self.digits.iter().map(|digit| char::from(digit + b'0')).collect();
        let significant = text.trim_matches('0');
        if significant.is_empty() {
            return Some(Number::ZERO);
        }
        let first = i64::try_from(PLACES - 1 - text.find(significant).unwrap()).unwrap() + LOWEST_PLACE;
        let held = significant.len() <= 38 && (-130..=125).contains(&first);
        let exponent = first + 1 - i64::try_from(significant.len()).unwrap();
        let sign = if self.negative { "-" } else { "" };
        held.then(|| number(&format!("{sign}{significant}e{exponent}")))
    }
}

prop_compose! {
    /// Digits and exponent of numbers that lie close together as well as far apart.
    fn decimals()(
        negative: bool,
        digits in proptest::collection::vec(prop_oneof![Just(0_u8), Just(9), 0..=9_u8], 1..=38),
        near in -3..=3_i64,
        far in -130..=125_i64,
        is_near: bool,
    ) -> (bool, Vec<u8>, i64) {
        let significant = digits.iter().skip_while(|digit| **digit == 0).count();
        let last = i64::try_from(significant.max(1)).unwrap() - 1;
        let magnitude = if is_near { last + near } else { far };
        (negative, digits, magnitude.clamp(-130, 125) - last)
    }
}

fn both((negative, digits, exponent): &(bool, Vec<u8>, i64)) -> (Number, Naive) {
    let naive = Naive::of(*negative, digits, *exponent);
    (naive.number().unwrap(), naive)
}

fn bytes(number: Number) -> Vec<u8> {
    let mut bytes = vec![];
    number.encode(&mut bytes);
    bytes
}

proptest! {
    #[test]
    fn sums_and_differences_are_those_of_a_naive_decimal(one in decimals(), two in decimals()) {
        let ((one, naive_one), (two, naive_two)) = (both(&one), both(&two));
        prop_assert_eq!(one.checked_add(two).ok(), naive_one.plus(&naive_two).number());
        prop_assert_eq!(one.checked_sub(two).ok(), (-two).checked_add(one).ok());
        prop_assert_eq!(one.checked_sub(one), Ok(Number::ZERO));
    }

    #[test]
    fn order_is_that_of_a_naive_decimal_and_of_the_bytes(one in decimals(), two in decimals()) {
        let ((one, naive_one), (two, naive_two)) = (both(&one), both(&two));
        let order = naive_one.cmp(&naive_two);
        prop_assert_eq!(one.cmp(&two), order);
        prop_assert_eq!(bytes(one).cmp(&bytes(two)), order);
        prop_assert_eq!(one == two, order == Ordering::Equal);
    }

    #[test]
    fn a_number_comes_back_from_its_bytes_and_from_its_text(decimal in decimals(), behind: Vec<u8>) {
        let (number, _) = both(&decimal);
        let mut encoded = bytes(number);
        let len = encoded.len();
        prop_assert!(len <= 21);
        encoded.extend(behind);
        prop_assert_eq!(Number::decode(&encoded), Some((number, len)));
        prop_assert_eq!(Number::decode(&encoded[..len - 1]), None);
        prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
    }

    #[test]
    fn bytes_that_are_a_number_are_the_only_ones_for_it(garbage in proptest::collection::vec(any::<u8>(), 0..30)) {
        let garbage = [&[3][..], &garbage].concat();
        if let Some((number, len)) = Number::decode(&garbage) {
            prop_assert_eq!(bytes(number), &garbage[..len]);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+]?[0-9]{0,50}[.]?[0-9]{0,50}([eE][-+]?[0-9]{0,4})?") {
        if let Ok(number) = Number::parse(&text) {
            prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
        }
    }

    #[test]
    fn whole_numbers_of_64_bits_come_back(whole: i64) {
        prop_assert_eq!(Number::from(whole).as_i64(), Some(whole));
        prop_assert_eq!(Number::from(whole).to_string(), whole.to_string());
    }
}

#[test]
fn numbers_are_printed_without_exponents() {
    for (text, printed) in [
        ("1E+2", "100"),
        ("1e-5", "0.00001"),
        ("-00.0120", "-0.012"),
        ("+5.", "5"),
        (".5", "0.5"),
        ("-0", "0"),
        ("0e99999999999999999999", "0"),
        ("12.50", "12.5"),
        ("1000000000000000000000000000000000000000000", "1000000000000000000000000000000000000000000"),
    ] {
        assert_eq!(number(text).to_string(), printed);
    }
    assert_eq!(number("1e125").to_string(), format!("1{}", "0".repeat(125)));
    assert_eq!(number("1e-130").to_string(), format!("0.{}1", "0".repeat(129)));
    assert_eq!(number("1.0"), number("1"));
}

#[test]
fn what_is_no_number_is_refused_with_its_text() {
    for text in ["b", " 1", "1 ", "0x10", "NaN", "Infinity", "1e", "e5", ".", "-", "1.2.3", "1e5.0", "--1", "١"] {
        assert_eq!(refusal(text), format!("The parameter cannot be converted to a numeric value: {text}"));
    }
    assert_eq!(refusal(""), "The parameter cannot be converted to a numeric value");
}

#[test]
fn the_range_and_the_digits_have_an_end() {
    let overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range";
    let underflow = "Number underflow. Attempting to store a number with magnitude smaller than supported range";
    let digits = "Attempting to store more than 38 significant digits in a Number";
    for (text, expected) in [
        ("1e126", overflow),
        ("-1e126", overflow),
        ("1.0e100000000", overflow),
        ("1e99999999999999999999999999", overflow),
        ("1e-131", underflow),
        ("-1e-131", underflow),
        ("1e-99999999999999999999999999", underflow),
        ("123456789012345678901234567890123456789", digits),
        ("-1.23456789012345678901234567890123456789", digits),
        ("340282366920938463463374607431768211456000", digits),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
    for text in ["9.9999999999999999999999999999999999999e125", "1e-130", &format!("1{}", "0".repeat(125))] {
        assert!(Number::parse(text).is_ok(), "{text}");
    }
    assert_eq!(number(&format!("0.{}1e1000", "0".repeat(999))), number("1"));
}

#[test]
fn sums_that_cannot_be_held_are_refused_not_rounded() {
    let largest = number("9.9999999999999999999999999999999999999e125");
    let nines = number("99999999999999999999999999999999999999");
    assert_eq!(largest.checked_add(largest), Err(NumberError::Overflow));
    assert_eq!(number("9e125").checked_add(number("1e125")), Err(NumberError::Overflow));
    assert_eq!(number("1.1e-130").checked_sub(number("1e-130")), Err(NumberError::Underflow));
    assert_eq!(number("1e100").checked_add(number("1")), Err(NumberError::TooManyDigits));
    assert_eq!(nines.checked_add(number("1")), Ok(number("1e38")));
    assert_eq!(number("1e38").checked_sub(number("1")), Ok(nines));
    assert_eq!(number("3e38").checked_sub(number("1")), Err(NumberError::TooManyDigits));
}

#[test]
fn size_counts_pairs_of_digits() {
    for (text, size_bytes) in [("0", 1), ("1", 2), ("-1", 3), ("10", 2), ("12", 2), ("123", 3), ("1.5", 3), ("0.12", 2)]
    {
        assert_eq!(number(text).size_bytes(), size_bytes, "{text}");
    }
}
