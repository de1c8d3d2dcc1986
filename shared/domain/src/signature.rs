//! Signatures of API requests (the predecessor's scheme) and of callback requests (Standard Webhooks).

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::secret::same;

/// Signs an API request: SHA-1, in lower-case hex, of `token` and `timestamp` sorted and joined.
///
/// Source: the predecessor's `create_signature`.
pub fn sign(token: &str, timestamp: &str) -> String {
    let mut parts = [token, timestamp];
    parts.sort_unstable();
    let mut hash = Sha1::new();
    hash.update(parts[0]);
    hash.update(parts[1]);
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

/// Checks a signature of [`sign`] in constant time.
pub fn verify(token: &str, timestamp: &str, signature: &str) -> bool {
    same(&sign(token, timestamp), signature)
}

/// The header `webhook-signature` of a callback request: `v1,` and the Base64 of the HMAC-SHA256 of
/// `id.timestamp.body`. `secret` is the app's signing secret: `whsec_` and Base64. `None` if it has another form.
///
/// Source: the Standard Webhooks specification, § Signature scheme.
pub fn webhook(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let key = data_encoding::BASE64.decode(secret.strip_prefix("whsec_")?.as_bytes()).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", data_encoding::BASE64.encode(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_like_the_predecessor() {
        // hashlib.sha1(''.join(sorted(['token', '1578368745'])).encode()).hexdigest()
        assert_eq!(sign("token", "1578368745"), "aedb294132c7f8d44812bf507e33aacdb2385ab1");
        assert!(verify("token", "1578368745", &sign("token", "1578368745")));
        assert!(!verify("token", "1578368746", &sign("token", "1578368745")));
        assert_eq!(sign("0", "1"), sign("1", "0"));
    }

    #[test]
    fn webhook_signature_matches_the_specification() {
        // From the tests of the Standard Webhooks libraries.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            webhook(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(webhook("plain", "id", 0, b""), None);
    }
}
