//! What stands in the log of what is put directly: one entry a record.
//!
//! Invariant: the first byte tells the kinds apart; a record decodes into a slice of the entry, without copying its data.
//! A record (bytes): kind 1 (1), the data. An encrypted one: kind 2 (1), the data as ciphertext.
use crate::mixer::{self, Mixer};
use bytes::Bytes;
use headwater_keys::DataKey;
use headwater_log::{LogId, Seq};

const PLAIN: u8 = 1;
const ENCRYPTED: u8 = 2;
/// What a record's id is made of, in words of eight bytes: as long as the service's.
const ID_WORDS: usize = 20;

/// An entry of a direct log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Direct {
    /// The data.
    Plain(Bytes),
    /// The data, as a data key of the delivery stream opens it.
    Encrypted(Bytes),
}

/// The entry of a record put into `log`, encrypted if there is a key.
pub(crate) fn encode(log: LogId, data: &[u8], key: Option<&DataKey>) -> Bytes {
    match key {
        None => Bytes::from([&[PLAIN], data].concat()),
        Some(key) => Bytes::from([&[ENCRYPTED][..], &key.encrypt(log, data)].concat()),
    }
}

/// What `entry` says; `None` if it is of no kind known here.
pub(crate) fn decode(entry: &Bytes) -> Option<Direct> {
    match *entry.first()? {
        PLAIN => Some(Direct::Plain(entry.slice(1..))),
        ENCRYPTED => Some(Direct::Encrypted(entry.slice(1..))),
        _ => None,
    }
}

/// The id of the record at this place: another one for each place of each log, and no more than that.
pub(crate) fn record_id(log: LogId, seq: Seq) -> String {
    let mut state = Mixer(seq.0);
    let [high, low] = mixer::halves(log.group.0);
    // Each step is a bijection of the sequence number, so no two places of one log have the same id.
    state.0 = state.next() ^ high;
    state.0 = state.next() ^ low;
    let bytes: Vec<u8> = (0..ID_WORDS).flat_map(|_| state.next().to_le_bytes()).collect();
    base64_simd::STANDARD.encode_to_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_log::LogGroup;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const LOG: LogId = LogId::new(LogGroup(1 << 100), 0);

    #[test]
    fn data_is_a_slice_of_the_entry_and_noise_is_nothing() {
        let entry = encode(LOG, b"data", None);
        let Some(Direct::Plain(data)) = decode(&entry) else { panic!("no record") };
        assert_eq!(data.as_ptr(), entry[1..].as_ptr());
        for noise in [&b""[..], &[0], &[9, 1]] {
            assert_eq!(decode(&Bytes::copy_from_slice(noise)), None, "{noise:?}");
        }
    }

    #[test]
    fn each_place_of_each_log_has_an_id_of_its_own() {
        let logs = [LOG, LogId::new(LogGroup(1 << 101), 0), LogId::new(LogGroup(7), 0)];
        let ids: BTreeSet<String> =
            logs.iter().flat_map(|log| (0..1000).map(|seq| record_id(*log, Seq(seq)))).collect();
        assert_eq!(ids.len(), 3000);
        assert_eq!(record_id(LOG, Seq(1)), record_id(LOG, Seq(1)));
        assert!(ids.iter().all(|id| id.len() == 216 && id.ends_with("==")));
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(data in any::<Vec<u8>>()) {
            prop_assert_eq!(decode(&encode(LOG, &data, None)), Some(Direct::Plain(Bytes::from(data))));
        }
    }
}
