//! What is built into the jq of queries, and what pays for it.
//!
//! Invariant: nothing built in does more than its input, and what it is multiplied with, were weighed for.
use super::value;
use jaq_core::{
    Cv, DataT, Error, Exn, Lut, ValXs,
    box_iter::box_once,
    data::HasLut,
    native::{Filter, Fun, bome, run, v},
};
use jaq_json::{Num, Val};
use jaq_std::ValT as _;
use std::cell::Cell;

/// Pays for a value made.
pub(super) const TICK: &str = "!tick";
/// Pays for the size of its input.
pub(super) const WEIGH: &str = "!weigh";
/// Pays for the size of its input, as many times as its argument's.
pub(super) const PRODUCT: &str = "!product";
/// Pays for a search with a regular expression.
pub(super) const SEARCH: &str = "!search";
/// Refuses times that have no calendar.
pub(super) const TIMELY: &str = "!timely";
/// Multiplies, and pays for texts repeated.
pub(super) const TIMES: &str = "!times";
/// What a value made costs.
pub(super) const MADE: u64 = 256;
/// Seconds to the end of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// What queries may use of what is built in.
pub(super) const BUILT_IN: &[&str] = &[
    "ascii_downcase",
    "ascii_upcase",
    "ceil",
    "contains",
    "decode_base64",
    "decode_uri",
    "encode_base64",
    "encode_uri",
    "endswith",
    "error_empty",
    "first",
    "floor",
    "fromdateiso8601",
    "fromjson",
    "gmtime",
    "group_by",
    "has",
    "indices",
    "key_values",
    "keys_unsorted",
    "last",
    "length",
    "limit",
    "ltrim",
    "ltrimstr",
    "matches",
    "max_by_or_empty",
    "min_by_or_empty",
    "mktime",
    "reverse",
    "round",
    "rtrim",
    "rtrimstr",
    "sort",
    "sort_by",
    "split_",
    "split_matches",
    "startswith",
    "strftime",
    "strptime",
    "todateiso8601",
    "tojson",
    "trim",
    "utf8bytelength",
];

/// What `name` is paid for beside its input's size.
pub(super) fn extra(name: &str) -> Option<&'static str> {
    match name {
        "contains" | "indices" => Some(PRODUCT),
        "matches" | "split_" | "split_matches" => Some(SEARCH),
        "gmtime" | "mktime" | "strftime" => Some(TIMELY),
        _ => None,
    }
}

/// Values that are paid for.
pub(super) struct Metered;

impl DataT for Metered {
    type V<'a> = Val;
    type Data<'a> = Meter<'a>;
}

/// What a run has left to spend.
#[derive(Clone, Copy)]
pub(super) struct Meter<'a> {
    pub(super) lut: &'a Lut<Metered>,
    pub(super) left: &'a Cell<u64>,
}

impl<'a> HasLut<'a, Metered> for Meter<'a> {
    fn lut(&self) -> &'a Lut<Metered> {
        self.lut
    }
}

impl Meter<'_> {
    /// Spends `cost`, if it is left.
    fn spend(self, cost: u64) -> bool {
        let left = self.left.get().checked_sub(cost);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// Spends the size of `value`, as far as it is left.
    fn weigh(self, value: &Val) -> bool {
        match value {
            Val::TStr(text) | Val::BStr(text) => self.spend(1 + text.len() as u64),
            Val::Arr(items) => self.spend(1) && items.iter().all(|item| self.weigh(item)),
            Val::Obj(map) => self.spend(1) && map.iter().all(|(key, item)| self.weigh(key) && self.weigh(item)),
            _ => self.spend(1),
        }
    }

    /// Spends the size of `value`, and says what it was.
    fn size(self, value: &Val) -> Option<u64> {
        let before = self.left.get();
        self.weigh(value).then(|| before - self.left.get())
    }
}

/// The value, if it was paid for; the end of the run otherwise.
fn paid<'a>(is_paid: bool, value: Val) -> ValXs<'a, Val> {
    box_once(if is_paid { Ok(value) } else { Err(Exn::halt(1)) })
}

/// What is built in: jq's own, and what pays for it.
pub(super) fn functions() -> impl Iterator<Item = Fun<Metered>> {
    let theirs = jaq_core::funs::<Metered>().chain(jaq_std::funs()).chain(jaq_json::funs());
    theirs
        .filter(|(name, ..)| BUILT_IN.contains(name) && *name != "fromjson")
        .chain(ours().map(|fun| run::<Metered>(fun)))
}

fn ours() -> impl Iterator<Item = Filter<jaq_core::RunPtr<Metered>>> {
    let ours: [Filter<jaq_core::RunPtr<Metered>>; 7] =
        [
            (TICK, v(0), |cv| paid(cv.0.data().spend(MADE), cv.1)),
            (WEIGH, v(0), |cv| paid(cv.0.data().weigh(&cv.1), cv.1)),
            (PRODUCT, v(1), |cv| product(cv, |_| 1)),
            (SEARCH, v(1), |cv| product(cv, repetitions)),
            (TIMELY, v(0), |cv| {
                if is_timely(&cv.1) { box_once(Ok(cv.1)) } else { bome(Err(Error::str("time out of range"))) }
            }),
            (TIMES, v(2), times),
            ("fromjson", v(0), |cv| {
                bome(cv.1.as_utf8_bytes().and_then(value).ok_or_else(|| Error::str("cannot parse as JSON")))
            }),
        ];
    ours.into_iter()
}

fn product<'a>(mut cv: Cv<'a, Metered>, factor: fn(&Val) -> u64) -> ValXs<'a, Val> {
    let meter = *cv.0.data();
    let argument = cv.0.pop_var();
    let sizes = meter.size(&cv.1).zip(meter.size(&argument));
    let cost = sizes.map(|(left, right)| left.saturating_mul(right).saturating_mul(factor(&argument)));
    paid(cost.is_some_and(|cost| meter.spend(cost)), cv.1)
}

/// How many times larger a regular expression is than its text, at most: its counted repetitions multiply.
fn repetitions(expression: &Val) -> u64 {
    let text = expression.as_utf8_bytes().unwrap_or_default();
    let counts = text.split(|byte| !byte.is_ascii_digit()).filter_map(|digits| std::str::from_utf8(digits).ok());
    counts
        .filter(|digits| !digits.is_empty())
        .fold(1, |product: u64, digits| product.saturating_mul(digits.parse().unwrap_or(u64::MAX).max(1)))
}

fn is_timely(time: &Val) -> bool {
    match time {
        Val::Num(_) => time.as_f64().is_some_and(|seconds| seconds.abs() <= LAST_SECOND),
        Val::Arr(parts) => parts.get(1).and_then(jaq_std::ValT::as_isize).is_some_and(|month| (0..12).contains(&month)),
        _ => true,
    }
}

fn times<'a>(mut cv: Cv<'a, Metered>) -> ValXs<'a, Val> {
    let meter = *cv.0.data();
    let right = cv.0.pop_var();
    let left = cv.0.pop_var();
    let (text, number) = if left.as_bytes().is_some() { (&left, &right) } else { (&right, &left) };
    if let (Some(bytes), true) = (text.as_bytes(), number.is_int()) {
        // Where it is too large for a count it is too large to be paid for.
        let count = number.as_isize().map_or(u64::MAX, |count| u64::try_from(count).unwrap_or_default());
        if !meter.spend((bytes.len() as u64).saturating_mul(count)) {
            return paid(false, cv.1);
        }
    }
    // Numbers of any length would grow with every multiplication.
    bome((left * right).map(|product| match (&product, product.as_f64()) {
        (Val::Num(Num::BigInt(_)), Some(number)) => Val::from(number),
        _ => product,
    }))
}
