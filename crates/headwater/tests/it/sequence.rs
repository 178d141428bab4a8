//! Sequence numbers as AWS writes them: 186 bits in decimal, laid out in hexadecimal digits.

/// The hexadecimal digits: `2`, 9 of the shard's birth, 1 of its index, 16 of the order, `000`, 8 of the time, 8 of the
/// index, `2`.
const DIGITS: usize = 47;

/// A sequence number taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sequence {
    pub(crate) hex: String,
    pub(crate) born_seconds: u64,
    pub(crate) order: u64,
    pub(crate) seconds: u64,
    pub(crate) shard: u32,
}

impl Sequence {
    /// Takes `decimal` apart; fails unless it has the layout of today's version.
    pub(crate) fn of(decimal: &str) -> Self {
        assert_eq!(decimal.len(), 56, "numbers of one length compare as strings: {decimal}");
        let hex = base::<10, 16>(decimal);
        assert_eq!(hex.len(), DIGITS, "186 bits: {hex}");
        assert!(hex.starts_with('2') && hex.ends_with('2'), "version 2: {hex}");
        assert_eq!(&hex[27..30], "000", "zeros between order and time: {hex}");
        let number = |range: std::ops::Range<usize>| u64::from_str_radix(&hex[range], 16).expect("hexadecimal digits");
        let sequence = Self {
            born_seconds: number(1..10),
            order: number(11..27),
            seconds: number(30..38),
            shard: u32::try_from(number(38..46)).expect("8 digits"),
            hex: hex.clone(),
        };
        assert_eq!(number(10..11), u64::from(sequence.shard % 16), "the index's last digit: {hex}");
        sequence
    }

    /// The same number with other digits from `at` on, in decimal.
    pub(crate) fn with(&self, at: usize, digits: &str) -> String {
        let mut hex = self.hex.clone();
        hex.replace_range(at..at + digits.len(), digits);
        base::<16, 10>(&hex)
    }
}

/// `digits` of one base in another.
fn base<const FROM: u32, const TO: u32>(digits: &str) -> String {
    let mut result: Vec<u32> = vec![0];
    for digit in digits.chars() {
        let mut carry = digit.to_digit(FROM).expect("digits alone");
        for place in &mut result {
            carry += *place * FROM;
            *place = carry % TO;
            carry /= TO;
        }
        while carry > 0 {
            result.push(carry % TO);
            carry /= TO;
        }
    }
    result.iter().rev().map(|digit| char::from_digit(*digit, TO).expect("smaller than the base")).collect()
}

/// Seconds since 1970 now.
pub(crate) fn now_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn a_number_survives_both_conversions() {
    let decimal = "49545115243490985018280067714973144582180062593244200961";
    assert_eq!(base::<16, 10>(&base::<10, 16>(decimal)), decimal);
}
