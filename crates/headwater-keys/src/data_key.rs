//! A stream's data key, and the form in which it is kept: wrapped by the master key.
//!
//! Invariant: what was encrypted decrypts only under the same key, for the same log, unchanged. It is bound to its log,
//! not to its place in it: the log's own checks keep entries in order. Ciphertext (bytes): the key's generation (4,
//! little endian), the nonce (12), AES-256-GCM's ciphertext, its tag (16).
use aes_gcm::{
    Aes256Gcm, Nonce, Tag,
    aead::{AeadInOut, KeyInit},
};
use headwater_log::{LogGroup, LogId};
use headwater_wire::{NONCE_BYTES, Nonces};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

pub(super) const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const GENERATION_BYTES: usize = 4;
const HEAD_BYTES: usize = GENERATION_BYTES + NONCE_BYTES;
/// Ciphertext is this much longer than what is in it.
pub const OVERHEAD_BYTES: usize = HEAD_BYTES + TAG_BYTES;

/// A data key as the catalog keeps it: useless without the master key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    /// The key it belongs to; on its state depends whether it may be opened.
    pub key_arn: String,
    /// Which of its stream's data keys it is.
    pub generation: u32,
    /// Nonce, ciphertext, tag.
    sealed: Vec<u8>,
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key_arn, generation, sealed: _ } = self;
        f.debug_struct("WrappedKey").field("key_arn", key_arn).field("generation", generation).finish_non_exhaustive()
    }
}

impl WrappedKey {
    pub(super) fn wrap(
        master: &Aes256Gcm,
        (key_arn, generation): (&str, u32),
        stream: LogGroup,
        key: &[u8; KEY_BYTES],
        nonce: [u8; NONCE_BYTES],
    ) -> Self {
        let mut sealed = nonce.to_vec();
        append_encrypted(master, &mut sealed, nonce, &binding(key_arn, generation, stream), key);
        Self { key_arn: key_arn.into(), generation, sealed }
    }

    /// The key itself; `None` if the master key is another, or anything was changed.
    pub(super) fn unwrap(&self, master: &Aes256Gcm, stream: LogGroup) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        let (nonce, sealed) = self.sealed.split_first_chunk::<NONCE_BYTES>()?;
        let plain =
            Zeroizing::new(decrypted(master, *nonce, &binding(&self.key_arn, self.generation, stream), sealed)?);
        Some(Zeroizing::new(plain.as_slice().try_into().ok()?))
    }
}

/// A wrapped key is good for one stream's incarnation, one key and one generation.
fn binding(key_arn: &str, generation: u32, stream: LogGroup) -> Vec<u8> {
    [&stream.0.to_le_bytes()[..], &generation.to_le_bytes(), key_arn.as_bytes()].concat()
}

/// An opened data key.
pub struct DataKey {
    generation: u32,
    cipher: Aes256Gcm,
    nonces: Nonces,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl DataKey {
    /// `chance` must be drawn anew for each opened key.
    pub(super) fn new(generation: u32, key: &[u8; KEY_BYTES], chance: u128) -> Self {
        Self { generation, cipher: Aes256Gcm::new(key.into()), nonces: Nonces::new(chance) }
    }

    /// `plain`, readable only as an entry of `log`.
    #[must_use]
    pub fn encrypt(&self, log: LogId, plain: &[u8]) -> Vec<u8> {
        let nonce = self.nonces.next();
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
        sealed.extend_from_slice(&self.generation.to_le_bytes());
        sealed.extend_from_slice(&nonce);
        append_encrypted(&self.cipher, &mut sealed, nonce, &self.binding(log), plain);
        sealed
    }

    /// What was encrypted; `None` if it was not encrypted with this key for this log, or anything was changed.
    #[must_use]
    pub fn decrypt(&self, log: LogId, sealed: &[u8]) -> Option<Vec<u8>> {
        let (generation, sealed) = sealed.split_first_chunk::<GENERATION_BYTES>()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let mine = u32::from_le_bytes(*generation) == self.generation;
        mine.then(|| decrypted(&self.cipher, *nonce, &self.binding(log), sealed)).flatten()
    }

    fn binding(&self, log: LogId) -> [u8; 24] {
        let mut binding = [0; 24];
        binding[..4].copy_from_slice(&self.generation.to_le_bytes());
        binding[4..20].copy_from_slice(&log.group.0.to_le_bytes());
        binding[20..].copy_from_slice(&log.part.to_le_bytes());
        binding
    }
}

/// Which of its stream's data keys `sealed` was encrypted with; `None` if it is too short to be ciphertext.
#[must_use]
pub fn generation(sealed: &[u8]) -> Option<u32> {
    let generation = sealed.first_chunk::<GENERATION_BYTES>()?;
    (sealed.len() >= OVERHEAD_BYTES).then(|| u32::from_le_bytes(*generation))
}

/// Appends ciphertext and tag to `sealed`, encrypting in place so that `plain` is copied once.
fn append_encrypted(cipher: &Aes256Gcm, sealed: &mut Vec<u8>, nonce: [u8; NONCE_BYTES], aad: &[u8], plain: &[u8]) {
    let start = sealed.len();
    sealed.extend_from_slice(plain);
    let tag = cipher.encrypt_inout_detached(&Nonce::from(nonce), aad, (&mut sealed[start..]).into());
    // Only more than 64 GiB cannot be encrypted; and what is not encrypted must not be stored.
    assert!(tag.is_ok(), "{} bytes are too many to encrypt", plain.len());
    sealed.extend_from_slice(&tag.unwrap_or_default());
}

fn decrypted(cipher: &Aes256Gcm, nonce: [u8; NONCE_BYTES], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (sealed, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    let mut plain = sealed.to_vec();
    let tag = Tag::from(*tag);
    cipher.decrypt_inout_detached(&Nonce::from(nonce), aad, plain.as_mut_slice().into(), &tag).ok()?;
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOG: LogId = LogId::new(LogGroup(1 << 100), 3);

    fn key(byte: u8) -> DataKey {
        DataKey::new(7, &[byte; KEY_BYTES], 1)
    }

    #[test]
    fn only_the_same_key_opens_it_for_the_same_log() {
        let sealed = key(1).encrypt(LOG, b"secret");
        assert_eq!((sealed.len(), generation(&sealed)), (6 + OVERHEAD_BYTES, Some(7)));
        assert_eq!(key(1).decrypt(LOG, &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(key(2).decrypt(LOG, &sealed), None);
        assert_eq!(DataKey::new(8, &[1; KEY_BYTES], 1).decrypt(LOG, &sealed), None);
        for other in [LogId::new(LogGroup(1 << 100), 4), LogId::new(LogGroup(1), 3)] {
            assert_eq!(key(1).decrypt(other, &sealed), None);
        }
    }

    #[test]
    fn no_bit_may_change_and_no_byte_be_missing() {
        let sealed = key(1).encrypt(LOG, b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut bent = sealed.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key(1).decrypt(LOG, &bent), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key(1).decrypt(LOG, &sealed[..length]), None, "length {length}");
        }
        assert_eq!(generation(&sealed[..OVERHEAD_BYTES - 1]), None);
    }

    #[test]
    fn the_same_plaintext_never_looks_the_same() {
        let key = key(1);
        assert_ne!(key.encrypt(LOG, b"same"), key.encrypt(LOG, b"same"));
    }

    proptest! {
        #[test]
        fn what_was_encrypted_is_decrypted(plain in any::<Vec<u8>>(), noise in any::<Vec<u8>>()) {
            prop_assert_eq!(key(1).decrypt(LOG, &key(1).encrypt(LOG, &plain)), Some(plain));
            prop_assert_eq!(key(1).decrypt(LOG, &noise), None);
        }
    }
}
