//! Secrets: created, hashed, compared and sealed.

use std::{fmt, sync::Arc};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::time::Ids;

/// The hash of a secret that the ledger keeps: SHA-256 in lower-case hex. A secret has 128 random bits, so no salt is
/// needed.
pub fn hash(secret: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(secret.as_bytes()))
}

/// Whether two strings are equal. The time it takes depends on their lengths only.
pub fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Creates a signing secret in the form of Standard Webhooks: `whsec_` and the Base64 of 32 random bytes.
pub fn signing_secret(ids: &dyn Ids) -> String {
    let key = [ids.random(), ids.random()].concat();
    format!("whsec_{}", data_encoding::BASE64.encode(&key))
}

/// Bytes encrypted with an AEAD: Base64 of the nonce (24 bytes), the ciphertext and the tag. Safe to store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

/// The value was sealed with another key or for another purpose, or it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open with this key")]
pub struct CannotOpen;

/// Seals secrets that must be read again: tokens, signing secrets and credentials (XChaCha20-Poly1305).
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    ids: Arc<dyn Ids>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// `key` is the deployment's sealing key. `ids` supplies nonces.
    pub fn new(key: &[u8; 32], ids: Arc<dyn Ids>) -> Self {
        Self { cipher: XChaCha20Poly1305::new(key.into()), ids }
    }

    /// Encrypts `plain`. Opening requires the same `purpose` (for example `<app id>/token`), so that a value does not
    /// open in another row.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Sealed {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&self.ids.random());
        nonce[16..].copy_from_slice(&self.ids.random()[..8]);
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).expect("a message below 256 GiB can be sealed");
        Sealed(data_encoding::BASE64.encode(&[&nonce[..], &sealed].concat()))
    }

    pub fn open(&self, purpose: &str, sealed: &Sealed) -> Result<Vec<u8>, CannotOpen> {
        let bytes = data_encoding::BASE64.decode(sealed.0.as_bytes()).map_err(|_| CannotOpen)?;
        let (nonce, msg) = bytes.split_first_chunk::<24>().ok_or(CannotOpen)?;
        self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg, aad: purpose.as_bytes() }).map_err(|_| CannotOpen)
    }

    /// [`Self::open`] for text.
    pub fn open_text(&self, purpose: &str, sealed: &Sealed) -> Result<String, CannotOpen> {
        String::from_utf8(self.open(purpose, sealed)?).map_err(|_| CannotOpen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles::CountedIds;

    fn sealer(key: u8) -> Sealer {
        Sealer::new(&[key; 32], Arc::new(CountedIds::default()))
    }

    #[test]
    fn a_sealed_value_opens_only_with_its_key_and_purpose() {
        let sealed = sealer(1).seal("app1/token", "秘密".as_bytes());
        assert_eq!(sealer(1).open_text("app1/token", &sealed).unwrap(), "秘密");
        assert_eq!(sealer(1).open("app2/token", &sealed), Err(CannotOpen));
        assert_eq!(sealer(2).open("app1/token", &sealed), Err(CannotOpen));
        assert_eq!(format!("{sealed:?}"), "Sealed");
    }

    #[test]
    fn sealing_a_value_twice_gives_different_results() {
        let sealer = sealer(1);
        assert_ne!(sealer.seal("p", b"x"), sealer.seal("p", b"x"));
    }

    #[test]
    fn comparison_checks_every_byte() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd"));
        assert!(!same("abc", "abcd"));
    }
}
