//! Whom a contact with a new user name may be: departed contacts, by what they can be recognised by.
//!
//! During a login every present contact is known by its user name, so a user name that is new can only belong to a new
//! person or to somebody who has departed: a deleted contact, or a member of groups that are gone. [`DepartedKeys`] tells
//! them apart without their rows. It holds a hash of each property that [`Matcher`](crate::matching::Matcher) compares.

use sha2::{Digest, Sha256};

use crate::{
    channel::AccountId,
    contact::{Card, Contact, Member},
    matching::Category,
    puid::Puid,
};

/// With more keys, everybody may be a departed contact. They would take 400 KB, DynamoDB's limit of a row.
const MAX_KEYS: usize = 90_000;
/// Members that a group must share with a departed one to match it; see `Matcher`.
const SHARED_MEMBERS: usize = 2;

/// The keys of all departed contacts, four bytes each. A false answer of [`may_match`](Self::may_match) costs a reading of
/// the whole contact book, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepartedKeys {
    /// Ascending.
    keys: Vec<u32>,
    /// Whether there are more keys than are kept.
    is_full: bool,
}

impl DepartedKeys {
    /// The keys in their stored form.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (keys, rest) = bytes.as_chunks::<4>();
        Self { keys: keys.iter().map(|key| u32::from_be_bytes(*key)).collect(), is_full: !rest.is_empty() }
    }

    /// A single byte stands for too many keys.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.is_full { vec![0] } else { self.keys.iter().flat_map(|key| key.to_be_bytes()).collect() }
    }

    /// Adds departed contacts; `groups` are the members of departed groups.
    pub fn extend<'a>(
        &mut self,
        contacts: impl IntoIterator<Item = &'a Contact>,
        groups: impl IntoIterator<Item = &'a [Member]>,
    ) {
        for contact in contacts {
            self.add(contact);
        }
        for member in groups.into_iter().flatten() {
            self.keys.push(member_key(&member.contact.puid));
            self.add(&member.contact);
        }
        self.keys.sort_unstable();
        self.keys.dedup();
        if self.keys.len() > MAX_KEYS {
            (self.keys, self.is_full) = (Vec::new(), true);
        }
    }

    fn add(&mut self, contact: &Contact) {
        let category = Category::of(contact.kind);
        let properties = Properties {
            user_name: &contact.user_name,
            nick_name: &contact.nick_name,
            account: contact.account.as_ref().map(AccountId::as_str),
            alias: contact.alias.as_deref(),
            remark_name: contact.remark_name.as_deref(),
            picture_seq: contact.picture_seq,
        };
        self.keys.extend(properties.keys(category));
    }

    /// Whether a card whose user name is new may be of a departed contact. `members` are the puids of the members of a
    /// group that are known in this login.
    pub fn may_match<'a>(&self, card: &Card, members: impl IntoIterator<Item = &'a Puid>) -> bool {
        let properties = Properties {
            user_name: &card.user_name,
            nick_name: &card.nick_name,
            account: card.account.as_ref().map(AccountId::as_str),
            alias: card.alias.as_deref(),
            remark_name: card.remark_name.as_deref(),
            picture_seq: card.picture_seq,
        };
        let has = |key: &u32| self.keys.binary_search(key).is_ok();
        let shared = members.into_iter().map(member_key).filter(has).take(SHARED_MEMBERS).count();
        self.is_full || shared == SHARED_MEMBERS || properties.keys(Category::of(card.kind)).any(|key| has(&key))
    }
}

/// What a contact is recognised by. The pairs that the matcher compares contain one of these.
struct Properties<'a> {
    user_name: &'a str,
    nick_name: &'a str,
    account: Option<&'a str>,
    alias: Option<&'a str>,
    remark_name: Option<&'a str>,
    picture_seq: Option<u64>,
}

impl Properties<'_> {
    fn keys(self, category: Category) -> impl Iterator<Item = u32> {
        let nick_name = Some(self.nick_name).filter(|name| !name.is_empty());
        let picture = self.picture_seq.map(|seq| seq.to_string());
        let texts = [Some(self.user_name), nick_name, self.account, self.alias, self.remark_name, picture.as_deref()];
        let key = |(property, text): (u8, Option<&str>)| Some(hash(property, category as u8, text?));
        (0..).zip(texts).filter_map(key).collect::<Vec<_>>().into_iter()
    }
}

fn member_key(puid: &Puid) -> u32 {
    hash(u8::MAX, 0, puid.as_str())
}

fn hash(property: u8, category: u8, text: &str) -> u32 {
    let hash = Sha256::new().chain_update([property, category]).chain_update(text).finalize();
    u32::from_be_bytes(*hash.first_chunk().expect("a SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::contact::ContactKind;

    fn card(user_name: &str, nick_name: &str) -> Card {
        Card { nick_name: nick_name.into(), ..Card::bare(user_name, ContactKind::Friend) }
    }

    fn contact(card: &Card) -> Contact {
        Contact::of(card, Puid::new("12345678"), Timestamp::UNIX_EPOCH)
    }

    fn keys_of(card: &Card) -> DepartedKeys {
        let mut keys = DepartedKeys::default();
        keys.extend([&contact(card)], []);
        keys
    }

    #[test]
    fn each_property_that_the_matcher_compares_is_a_key() {
        let gone = Card {
            account: Some(AccountId::new("1")),
            alias: Some("wx".into()),
            remark_name: Some("老板".into()),
            picture_seq: Some(7),
            ..card("filehelper", "王")
        };
        let keys = DepartedKeys::from_bytes(&keys_of(&gone).to_bytes());
        let other = card("@new", "李");
        for alike in [
            card("filehelper", "李"),
            card("@new", "王"),
            Card { account: gone.account.clone(), ..other.clone() },
            Card { alias: gone.alias.clone(), ..other.clone() },
            Card { remark_name: gone.remark_name.clone(), ..other.clone() },
            Card { picture_seq: gone.picture_seq, ..other.clone() },
            Card { kind: ContactKind::Stranger, ..card("@new", "王") },
        ] {
            assert!(keys.may_match(&alike, []), "{alike:?}");
        }
        assert!(!keys.may_match(&other, []));
        assert!(!keys.may_match(&Card { kind: ContactKind::Group, ..card("@@new", "王") }, []));
        assert!(!DepartedKeys::default().may_match(&card("@new", ""), []));
    }

    #[test]
    fn a_group_matches_by_two_members_of_a_departed_one() {
        let member = |puid: &str| Member {
            contact: Contact { puid: Puid::new(puid), ..contact(&card(puid, puid)) },
            display_name: None,
        };
        let members = [member("0000000a"), member("0000000b")];
        let mut keys = DepartedKeys::default();
        keys.extend([], [members.as_slice()]);
        let group = Card::bare("@@new", ContactKind::Group);
        let puids = ["0000000a", "0000000b", "0000000c"].map(Puid::new);
        assert!(keys.may_match(&group, &puids[..2]));
        assert!(!keys.may_match(&group, &puids[1..]), "the account itself is in every group");
        assert!(keys.may_match(&card("@new", "0000000a"), []), "a stranger of a group that is gone");
    }

    #[test]
    fn with_too_many_keys_everybody_may_match() {
        let contacts: Vec<Contact> =
            (0..MAX_KEYS / 2 + 100).map(|n| contact(&card(&format!("@{n}"), &format!("{n}")))).collect();
        let mut keys = DepartedKeys::default();
        keys.extend(&contacts, []);
        let keys = DepartedKeys::from_bytes(&keys.to_bytes());
        assert!(keys.may_match(&card("@nobody", "nobody"), []));
    }
}
