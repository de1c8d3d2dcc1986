//! Identifiers that look random, differ between logins, and can be decoded without a table.
//!
//! A bench runs a thousand sessions of accounts with 2,000 friends. A table would need 2,000 user names for
//! each session.

use crate::contact_ref::ContactRef;

/// A small random number generator (splitmix64). The ids and keys must be different, not secret.
#[derive(Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// `length` characters of this Base64 alphabet.
    pub(crate) fn text(&mut self, alphabet: &[u8; 64], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[usize::try_from(self.next_u64() >> 58).unwrap_or(0)])).collect()
    }

    /// `length` lower-case hex digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(b"0123456789abcdef"[usize::try_from(self.next_u64() >> 60).unwrap_or(0)]))
            .collect()
    }
}

pub(crate) const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(crate) const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The contact's user name in the session with this salt: `@` (`@@` for groups) and 64 hex digits.
pub(crate) fn user_name(salt: u64, contact: ContactRef) -> String {
    if let ContactRef::Special(name) = contact {
        return name.to_owned();
    }
    let code = contact.code();
    let sign = if matches!(contact, ContactRef::Group(_)) { "@@" } else { "@" };
    let tail = scramble(code.wrapping_add(salt));
    format!(
        "{sign}{:016x}{:016x}{:016x}{tail:016x}",
        scramble(tail ^ 1),
        scramble(tail ^ salt),
        scramble(tail.wrapping_add(salt)),
    )
}

/// Decodes a user name of the session with this salt. Returns `None` for a name that [`user_name`] did not
/// create.
pub(crate) fn parse_user_name(salt: u64, name: &str) -> Option<ContactRef> {
    if let Some(special) = ContactRef::special(name) {
        return Some(special);
    }
    let tail = name.get(name.len().checked_sub(16)?..)?;
    let code = unscramble(u64::from_str_radix(tail, 16).ok()?).wrapping_sub(salt);
    let contact = ContactRef::from_code(code)?;
    (user_name(salt, contact) == name).then_some(contact)
}

/// The `EncryChatRoomId` of a group in the session with this salt.
pub(crate) fn encry_chat_room_id(salt: u64, group: u32) -> String {
    let tail = scramble(u64::from(group) ^ salt.rotate_left(17));
    format!("@{:016x}{tail:016x}", scramble(tail ^ salt))
}

/// A message id. Ids are above 2^53, never repeat, and are not in ascending order.
pub(crate) fn message_id(counter: u64) -> u64 {
    const LOW: u64 = (1 << 60) - 1;
    (1 << 62) + (counter.wrapping_mul(0x9e37_79b9_7f4a_7c15) & LOW)
}

/// A bijection on 64 bits (the finaliser of splitmix64).
pub(crate) fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn unscramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 31) ^ (x >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    x = (x ^ (x >> 27) ^ (x >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    x ^ (x >> 30) ^ (x >> 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_can_be_decoded_only_in_their_own_session() {
        for contact in [
            ContactRef::Myself,
            ContactRef::Friend(1999),
            ContactRef::Group(49),
            ContactRef::OfficialAccount(3),
            ContactRef::Stranger { group: 7, index: 99 },
            ContactRef::Special("filehelper"),
        ] {
            let name = user_name(42, contact);
            assert_eq!(parse_user_name(42, &name), Some(contact));
            if !matches!(contact, ContactRef::Special(_)) {
                assert_eq!(parse_user_name(43, &name), None, "{name}");
            }
        }
        assert_eq!(parse_user_name(42, "@short"), None);
        assert_eq!(parse_user_name(42, "汉字"), None);
    }

    #[test]
    fn message_ids_are_large_and_unique() {
        let ids: std::collections::HashSet<u64> = (0..10_000).map(message_id).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|&id| id > 1 << 53 && id < 1 << 63));
    }
}
