//! What may be changed about a stream that is there: the rules, and what each change sets. Pure.
//!
//! Invariant: a setting says what the stream gets, not how to get there, so setting it twice is harmless. What is
//! stored here is read by every later release: variants and fields may be added, never changed.
use super::{
    Catalog, Quota,
    stream::{Address, Distribution, Mode, Stream},
};
use crate::errors::{self, Result};
use headwater_keys::WrappedKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The largest resource policy the service takes, in bytes.
const MAX_POLICY_BYTES: usize = 20 << 10;
/// How long an account is bound at least once it has committed itself to a minimum throughput.
const COMMITMENT_MS: u64 = 24 * 3_600_000;

/// One thing to be changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Setting {
    Mode {
        mode: Mode,
        warm_mibps: Option<u32>,
    },
    /// What an on-demand stream takes at once, without having to grow first.
    WarmThroughput {
        mibps: u32,
    },
    MaxRecordSize {
        kib: u32,
    },
    Distribution(Distribution),
    /// Shard-level metrics to be switched on, by the service's names.
    MetricsOn(BTreeSet<String>),
    MetricsOff(BTreeSet<String>),
    /// What is written from then on is encrypted; without a key it is not.
    Encryption(Option<NewKey>),
    /// The document as it was given; `None` takes it away.
    Policy(Option<String>),
}

/// A data key a stream is to encrypt with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct NewKey {
    /// The key it belongs to, in the caller's words.
    pub(crate) key_id: String,
    pub(crate) wrapped: WrappedKey,
}

/// With what a stream encrypts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Encryption {
    /// The key as it was named when encryption was started.
    pub(crate) key_id: String,
    /// Which of the stream's data keys is used.
    pub(crate) generation: u32,
}

/// An account's commitment to a minimum of throughput, which lets its on-demand streams be warm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Commitment {
    pub(crate) started_ms: u64,
    /// When it ends or ended; `None` while it is wanted.
    pub(crate) ended_ms: Option<u64>,
}

impl Commitment {
    pub(crate) const fn holds(&self, now_ms: u64) -> bool {
        match self.ended_ms {
            None => true,
            Some(ended_ms) => now_ms < ended_ms,
        }
    }

    /// The first moment at which it may end.
    pub(crate) const fn earliest_end_ms(&self) -> u64 {
        self.started_ms + COMMITMENT_MS
    }

    /// What becomes of it when it is wanted or no longer wanted at `now_ms`; `None` if nothing.
    pub(super) fn change(held: Option<Self>, wanted: bool, now_ms: u64) -> Option<Self> {
        match (held, wanted) {
            (Some(held), true) if held.holds(now_ms) => held.ended_ms.map(|_| Self { ended_ms: None, ..held }),
            (_, true) => Some(Self { started_ms: now_ms, ended_ms: None }),
            (Some(held), false) if held.ended_ms.is_none() => {
                Some(Self { ended_ms: Some(held.earliest_end_ms().max(now_ms)), ..held })
            }
            (_, false) => None,
        }
    }
}

/// Whether the document is small enough to be kept.
///
/// # Errors
/// The service's own.
pub(super) fn check_policy(document: &str) -> Result<()> {
    if document.len() > MAX_POLICY_BYTES { Err(errors::policy_too_large(MAX_POLICY_BYTES)) } else { Ok(()) }
}

impl Setting {
    /// Whether the stream is changed at once and stays as active as it was.
    pub(super) const fn is_immediate(&self) -> bool {
        matches!(self, Self::Policy(_))
    }

    /// Whether the stream at `address` may be given this.
    ///
    /// # Errors
    /// The service's own.
    pub(super) fn check(
        &self,
        catalog: &Catalog,
        stream: &Stream,
        address: &Address,
        quota: Quota,
        now_ms: u64,
    ) -> Result<()> {
        let scope = &address.scope;
        let committed = || {
            let held = catalog.commitment(&scope.account, &scope.region).is_some_and(|held| held.holds(now_ms));
            if held { Ok(()) } else { Err(errors::warm_throughput_off()) }
        };
        match self {
            Self::Mode { mode: Mode::OnDemand, warm_mibps } => {
                let held = catalog.on_demand_streams(&scope.account, &scope.region);
                if stream.mode == Mode::Provisioned && held >= quota.on_demand_streams {
                    return Err(errors::on_demand_limit(scope, quota));
                }
                warm_mibps.map_or(Ok(()), |_| committed())
            }
            Self::Mode { mode: Mode::Provisioned, warm_mibps: Some(_) } => Err(errors::warm_throughput_provisioned()),
            Self::Mode { mode: Mode::Provisioned, warm_mibps: None } => {
                let open = u32::try_from(stream.open_shards().len()).unwrap_or(u32::MAX);
                let held = catalog.shards_held(&scope.account, &scope.region);
                if stream.mode == Mode::OnDemand && held.saturating_add(open) > quota.shards {
                    return Err(errors::shard_limit(scope, quota, held, open));
                }
                Ok(())
            }
            Self::WarmThroughput { .. } if stream.mode == Mode::Provisioned => {
                Err(errors::warm_throughput_provisioned())
            }
            Self::WarmThroughput { .. } => committed(),
            Self::Distribution(_) if stream.mode == Mode::Provisioned => Err(errors::distribution_provisioned()),
            Self::Policy(Some(document)) => check_policy(document),
            Self::Encryption(Some(key)) if stream.holds_key(key.wrapped.generation) => {
                // Somebody else was quicker; for whoever comes second the stream is being changed.
                Err(errors::not_active(&address.name, &scope.account, "UPDATING"))
            }
            Self::MaxRecordSize { .. }
            | Self::Distribution(_)
            | Self::MetricsOn(_)
            | Self::MetricsOff(_)
            | Self::Encryption(_)
            | Self::Policy(None) => Ok(()),
        }
    }

    /// Gives it to the stream.
    pub(super) fn set(&self, stream: &mut Stream) {
        match self {
            Self::Mode { mode, warm_mibps } => {
                stream.mode = *mode;
                stream.warm_mibps = *warm_mibps;
                if *mode == Mode::Provisioned {
                    stream.distribution = Distribution::PartitionKey;
                }
            }
            Self::WarmThroughput { mibps } => stream.warm_mibps = Some(*mibps),
            Self::MaxRecordSize { kib } => stream.max_record_kib = *kib,
            Self::Distribution(distribution) => stream.distribution = *distribution,
            Self::MetricsOn(names) => stream.metrics.extend(names.iter().cloned()),
            Self::MetricsOff(names) => stream.metrics.retain(|name| !names.contains(name)),
            Self::Encryption(None) => stream.encryption = None,
            Self::Encryption(Some(NewKey { key_id, wrapped })) => {
                if !stream.holds_key(wrapped.generation) {
                    stream.keys.push(wrapped.clone());
                }
                stream.encryption = Some(Encryption { key_id: key_id.clone(), generation: wrapped.generation });
            }
            Self::Policy(document) => stream.policy.clone_from(document),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_binds_for_a_day_and_may_be_taken_up_again() {
        let begun = Commitment::change(None, true, 5).unwrap();
        assert_eq!(begun, Commitment { started_ms: 5, ended_ms: None });
        assert_eq!(Commitment::change(Some(begun), true, 6), None);
        let ending = Commitment::change(Some(begun), false, 6).unwrap();
        assert!(ending.holds(COMMITMENT_MS + 4) && !ending.holds(COMMITMENT_MS + 5));
        assert_eq!(Commitment::change(Some(ending), false, 7), None);
        assert_eq!(Commitment::change(Some(ending), true, 7), Some(begun));
        let late = Commitment::change(Some(begun), false, 2 * COMMITMENT_MS).unwrap();
        assert!(!late.holds(2 * COMMITMENT_MS));
        let again = Commitment::change(Some(late), true, 3 * COMMITMENT_MS);
        assert_eq!(again, Some(Commitment { started_ms: 3 * COMMITMENT_MS, ended_ms: None }));
        assert_eq!(Commitment::change(None, false, 1), None);
    }
}
