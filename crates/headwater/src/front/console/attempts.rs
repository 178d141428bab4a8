//! How often somebody may try to sign in to the console. Pure: time comes in as an argument.
//!
//! Invariant: in one window never more than [`OVERALL`] attempts, and never more than [`PER_ADDRESS`] from one place; so
//! the places of a window are never more than that either.
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

const WINDOW_MS: u64 = 60_000;
const PER_ADDRESS: u32 = 10;
const OVERALL: u32 = 100;
/// Who has one IPv6 address has all that begin alike.
const PREFIX_BITS: u32 = 64;

/// The attempts of this window.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<Window>);

#[derive(Default)]
struct Window {
    began_ms: u64,
    all: u32,
    by_place: HashMap<Option<IpAddr>, u32>,
}

impl Attempts {
    /// Counts an attempt from `address`.
    ///
    /// # Errors
    /// The seconds to wait, if there were too many; such a one is not counted.
    pub(crate) fn admit(&self, address: Option<IpAddr>, now_ms: u64) -> Result<(), u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ms.saturating_sub(window.began_ms) >= WINDOW_MS {
            *window = Window { began_ms: now_ms, ..Window::default() };
        }
        let place = address.map(place);
        let here = window.by_place.get(&place).copied().unwrap_or_default();
        if window.all >= OVERALL || here >= PER_ADDRESS {
            return Err((window.began_ms + WINDOW_MS).saturating_sub(now_ms).div_ceil(1000));
        }
        window.all += 1;
        window.by_place.insert(place, here + 1);
        Ok(())
    }
}

fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << PREFIX_BITS)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(attempts: &Attempts, address: &str, now_ms: u64) -> Result<(), u64> {
        attempts.admit(Some(address.parse().unwrap()), now_ms)
    }

    #[test]
    fn one_place_waits_for_the_next_window_and_others_do_not() {
        let attempts = Attempts::default();
        for _ in 0..PER_ADDRESS {
            assert_eq!(from(&attempts, "10.0.0.1", 0), Ok(()));
        }
        assert_eq!(from(&attempts, "10.0.0.1", 30_001), Err(30));
        assert_eq!(from(&attempts, "::ffff:10.0.0.1", 0), Err(60));
        assert_eq!(from(&attempts, "10.0.0.2", 0), Ok(()));
        assert_eq!(from(&attempts, "10.0.0.1", WINDOW_MS), Ok(()));
    }

    #[test]
    fn addresses_of_one_network_are_one_place_and_all_places_together_are_bounded() {
        let attempts = Attempts::default();
        for host in 0..PER_ADDRESS {
            assert_eq!(from(&attempts, &format!("2001:db8::{host}"), 0), Ok(()));
        }
        assert!(from(&attempts, "2001:db8::ffff", 0).is_err());
        for host in PER_ADDRESS..OVERALL {
            assert_eq!(from(&attempts, &format!("10.0.1.{host}"), 0), Ok(()));
        }
        assert!(from(&attempts, "10.0.2.1", 0).is_err());
    }
}
