//! Sealed tokens: what a client carries for us from one call to the next, unreadable and unforgeable.
//!
//! Invariant: no nonce is used twice under the key; a token opens only for the purpose it was sealed for. A token is
//! base64 of: eight bytes 00…01, the nonce (12), AES-256-GCM's ciphertext and tag (16).
use crate::nonce::{NONCE_BYTES, Nonces};
use aes_gcm::{
    Aes256Gcm, Key, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use base64_simd::STANDARD;

/// What every token begins with, as the service's do.
const HEAD: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
/// A token is this much longer than what is sealed in it.
pub const TOKEN_OVERHEAD_BYTES: usize = HEAD.len() + NONCE_BYTES + 16;

/// What a token is for, its service included: no two purposes have the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Purpose(pub &'static str);

/// Seals and opens tokens under a service's key.
pub struct Sealer {
    cipher: Aes256Gcm,
    nonces: Nonces,
}

impl Sealer {
    /// `chance` sets where the nonces begin; it must be new with each process.
    #[must_use]
    pub fn new(key: [u8; 32], chance: u128) -> Self {
        Self { cipher: Aes256Gcm::new(&Key::<Aes256Gcm>::from(key)), nonces: Nonces::new(chance) }
    }

    /// The token with `plain` in it.
    #[must_use]
    pub fn seal(&self, purpose: Purpose, plain: &[u8]) -> String {
        let nonce = self.nonces.next();
        let payload = Payload { msg: plain, aad: purpose.0.as_bytes() };
        // Only more than 64 GiB cannot be sealed.
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
        let mut token = Vec::with_capacity(plain.len() + TOKEN_OVERHEAD_BYTES);
        token.extend_from_slice(&HEAD);
        token.extend_from_slice(&nonce);
        token.extend_from_slice(&sealed);
        STANDARD.encode_to_string(token)
    }

    /// What was sealed; `None` for anything that was not sealed here for this purpose.
    #[must_use]
    pub fn open(&self, purpose: Purpose, token: &str) -> Option<Vec<u8>> {
        let bytes = STANDARD.decode_to_vec(token).ok()?;
        let (nonce, sealed) = bytes.strip_prefix(&HEAD)?.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: purpose.0.as_bytes() };
        self.cipher.decrypt(&Nonce::from(*nonce), payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Purpose = Purpose("page");

    #[test]
    fn a_token_opens_for_its_purpose_alone_and_no_bit_may_change() {
        let sealer = Sealer::new([7; 32], 99);
        let token = sealer.seal(PAGE, b"plain");
        assert_eq!(sealer.open(PAGE, &token).as_deref(), Some(&b"plain"[..]));
        assert_eq!(sealer.open(Purpose("iterator"), &token), None);
        let bytes = STANDARD.decode_to_vec(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sealer.open(PAGE, &STANDARD.encode_to_string(bent)), None, "bit {bit}");
        }
        for garbage in ["", "AAAA", "not base64", &token[..token.len() - 4]] {
            assert_eq!(sealer.open(PAGE, garbage), None);
        }
    }
}
