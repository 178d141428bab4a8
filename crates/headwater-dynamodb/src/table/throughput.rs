//! Throughput as a caller asks for it: provisioned, by request, and warm.
use super::{OnDemand, Provisioned, Warm};
use crate::errors::{self, Result};
use headwater_wire::dynamodb as shape;

/// Most units of a table or index.
const MOST_UNITS: i64 = 1_000_000_000_000;
/// What a table or index paid for by request bears at once from the start: read and write units a second.
const WARM_BY_REQUEST: Warm = Warm { read_units: 12_000, write_units: 4_000 };
/// No maximum of units by request.
const UNLIMITED: i64 = -1;

/// Whether there are units must agree with how they are paid for.
pub(super) fn provisioned(
    is_by_request: bool,
    given: Option<&shape::ProvisionedThroughput>,
    index: Option<&str>,
) -> Result<Option<Provisioned>> {
    match (is_by_request, given, index) {
        (true, None, _) => Ok(None),
        (true, Some(_), None) => Err(errors::units_needless()),
        (true, Some(_), Some(index)) => Err(errors::index_units_needless(index)),
        (false, None, None) => Err(errors::units_missing()),
        (false, None, Some(index)) => Err(errors::index_units_missing(index)),
        (false, Some(given), index) => units(given, index).map(Some),
    }
}

fn units(given: &shape::ProvisionedThroughput, index: Option<&str>) -> Result<Provisioned> {
    let (read_units, write_units) = (given.read_capacity_units, given.write_capacity_units);
    for (value, which) in [(read_units, "ReadCapacityUnits"), (write_units, "WriteCapacityUnits")] {
        if value > MOST_UNITS {
            return Err(errors::units_out_of_bounds(value, which, index));
        }
    }
    Ok(Provisioned { read_units, write_units, ..Provisioned::default() })
}

impl Provisioned {
    /// Takes other units, and remembers when.
    pub(super) fn change(&mut self, to: &Self, now_ms: u64) {
        const DAY_MS: u64 = 86_400_000;
        if to.read_units > self.read_units || to.write_units > self.write_units {
            self.increased_ms = Some(now_ms);
        }
        if to.read_units < self.read_units || to.write_units < self.write_units {
            let is_same_day = self.decreased_ms.is_some_and(|at_ms| at_ms / DAY_MS == now_ms / DAY_MS);
            self.decreases_today = if is_same_day { self.decreases_today + 1 } else { 1 };
            self.decreased_ms = Some(now_ms);
        }
        (self.read_units, self.write_units) = (to.read_units, to.write_units);
    }
}

/// The most units by request.
pub(super) fn on_demand(
    is_by_request: bool,
    given: Option<&shape::OnDemandThroughput>,
    index: Option<&str>,
) -> Result<Option<OnDemand>> {
    let Some(given) = given else { return Ok(None) };
    let (read, write) = (given.max_read_request_units, given.max_write_request_units);
    for (value, which) in [(read, "MaxReadRequestUnits"), (write, "MaxWriteRequestUnits")] {
        match value {
            Some(_) if !is_by_request => return Err(errors::request_units_needless(which)),
            Some(value) if value < 1 && value != UNLIMITED => {
                return Err(errors::request_units_out_of_bounds(which, index));
            }
            _ => {}
        }
    }
    Ok(Some(OnDemand { max_read_units: read, max_write_units: write }))
}

/// What is to be borne at once: never less than what is borne already.
pub(super) fn warm(given: Option<&shape::WarmThroughput>, held: Warm, index: Option<&str>) -> Result<Option<Warm>> {
    let Some(given) = given else { return Ok(None) };
    let read_units = given.read_units_per_second.unwrap_or(held.read_units);
    let write_units = given.write_units_per_second.unwrap_or(held.write_units);
    if read_units < held.read_units {
        return Err(errors::warm_units_too_low("ReadUnitsPerSecond", index));
    }
    if write_units < held.write_units {
        return Err(errors::warm_units_too_low("WriteUnitsPerSecond", index));
    }
    Ok(Some(Warm { read_units, write_units }))
}

/// What a table or index bears at once: what was asked for, or what comes with its provisioned units or without them.
pub(super) fn warmth(asked: Option<Warm>, provisioned: Option<&Provisioned>) -> Warm {
    let least =
        provisioned.map_or(WARM_BY_REQUEST, |held| Warm { read_units: held.read_units, write_units: held.write_units });
    let asked = asked.unwrap_or(least);
    Warm { read_units: asked.read_units.max(least.read_units), write_units: asked.write_units.max(least.write_units) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decreases_are_counted_by_day() {
        let units = |read_units| Provisioned { read_units, write_units: 1, ..Provisioned::default() };
        let mut held = units(10);
        held.change(&units(9), 1_000);
        held.change(&units(8), 2_000);
        assert_eq!((held.decreases_today, held.decreased_ms, held.increased_ms), (2, Some(2_000), None));
        held.change(&units(7), 86_400_000);
        held.change(&units(70), 86_400_001);
        assert_eq!((held.decreases_today, held.increased_ms, held.read_units), (1, Some(86_400_001), 70));
    }

    #[test]
    fn warmth_never_falls() {
        let held = warmth(None, None);
        let asked = |units| shape::WarmThroughput { read_units_per_second: Some(units), write_units_per_second: None };
        assert!(warm(Some(&asked(11_999)), held, None).is_err());
        assert_eq!(warm(Some(&asked(12_001)), held, None), Ok(Some(Warm { read_units: 12_001, write_units: 4_000 })));
    }
}
