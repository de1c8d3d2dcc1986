//! Matching: finds the puid of each contact after a login, because Web WeChat changes all user names.
//!
//! [`Matcher::assign`] compares every property that survives a login, from the strongest to the weakest. A match counts
//! only if it is unique among the known contacts and among the cards. So two people who look alike never share a puid,
//! and a puid never goes to two cards of one listing.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use crate::{
    contact::{Card, Contact, ContactKind},
    puid::Puid,
};

/// A contact of the ledger. `members` are the puids of a group's members.
#[derive(Debug, Clone)]
pub struct Known {
    pub contact: Contact,
    pub members: Vec<Puid>,
}

/// Kinds that can match each other: a stranger can become a friend and the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Category {
    Person,
    Group,
    OfficialAccount,
}

impl Category {
    pub(crate) fn of(kind: ContactKind) -> Self {
        match kind {
            ContactKind::Myself | ContactKind::Friend | ContactKind::Stranger => Self::Person,
            ContactKind::Group => Self::Group,
            ContactKind::OfficialAccount => Self::OfficialAccount,
        }
    }
}

/// Assigns puids to the cards of one login, and remembers the assignments.
#[derive(Debug, Default)]
pub struct Matcher {
    known: Vec<Known>,
    /// Indexes into `known`: contacts without a card so far.
    unmatched: HashSet<usize>,
    /// Every puid in use, including those of deleted contacts.
    taken: HashSet<Puid>,
    /// Assignments in this login.
    by_user_name: HashMap<String, Puid>,
}

impl Matcher {
    pub fn new(known: Vec<Known>) -> Self {
        let unmatched = (0..known.len()).collect();
        let taken = known.iter().flat_map(|k| k.members.iter().chain([&k.contact.puid])).cloned().collect();
        Self { known, unmatched, taken, by_user_name: HashMap::new() }
    }

    /// The puid assigned to `user_name`.
    pub fn get(&self, user_name: &str) -> Option<&Puid> {
        self.by_user_name.get(user_name)
    }

    /// Every puid in use, including those of deleted contacts and those assigned here.
    pub fn taken(&self) -> impl Iterator<Item = &Puid> {
        self.taken.iter()
    }

    /// Assigns a puid that is known from elsewhere: that of a user name of this login.
    pub fn assign_puid(&mut self, user_name: &str, puid: Puid) {
        self.taken.insert(puid.clone());
        self.unmatched.retain(|&index| self.known[index].contact.puid != puid);
        self.by_user_name.insert(user_name.to_owned(), puid);
    }

    /// Assigns a puid to every card. Assign members before their groups, because groups are matched by their members
    /// too. A property must be unique among all cards of one call to match.
    pub fn assign(&mut self, cards: &[&Card]) {
        let mut open: Vec<&Card> = Vec::new();
        let mut seen = HashSet::new();
        for card in cards {
            if !self.by_user_name.contains_key(&card.user_name) && seen.insert(card.user_name.as_str()) {
                open.push(card);
            }
        }
        self.match_by(&mut open, |k| Some(k.contact.user_name.clone()), |c| Some(c.user_name.clone()));
        self.match_by(&mut open, |k| k.contact.account.clone(), |c| c.account.clone());
        self.match_by(&mut open, |k| k.contact.alias.clone(), |c| c.alias.clone());
        self.match_groups(&mut open);
        self.match_by(
            &mut open,
            |k| Some((k.contact.remark_name.clone()?, k.contact.nick_name.clone())),
            |c| Some((c.remark_name.clone()?, c.nick_name.clone())),
        );
        self.match_by(&mut open, |k| k.contact.remark_name.clone(), |c| c.remark_name.clone());
        self.match_by(
            &mut open,
            |k| Some((k.contact.picture_seq?, k.contact.nick_name.clone())),
            |c| Some((c.picture_seq?, c.nick_name.clone())),
        );
        self.match_profiles(&mut open);
        self.match_by(&mut open, |k| k.contact.picture_seq, |c| c.picture_seq);
        for card in open {
            let puid = new_puids(&card.user_name).find(|puid| !self.taken.contains(puid));
            self.assign_new(card, puid.expect("an account has fewer than four billion contacts"));
        }
    }

    /// Matches by a key that is unique among the unmatched contacts and among the open cards.
    fn match_by<Key: Hash + Eq>(
        &mut self,
        open: &mut Vec<&Card>,
        known_key: impl Fn(&Known) -> Option<Key>,
        card_key: impl Fn(&Card) -> Option<Key>,
    ) {
        let mut candidates: HashMap<(Category, Key), Option<usize>> = HashMap::new();
        for &index in &self.unmatched {
            let known = &self.known[index];
            if let Some(key) = known_key(known) {
                candidates
                    .entry((Category::of(known.contact.kind), key))
                    .and_modify(|other| *other = None)
                    .or_insert(Some(index));
            }
        }
        let keys: Vec<_> = open.iter().map(|c| card_key(c).map(|key| (Category::of(c.kind), key))).collect();
        let mut claims: HashMap<&(Category, Key), usize> = HashMap::new();
        for key in keys.iter().flatten() {
            *claims.entry(key).or_default() += 1;
        }
        let mut rest = Vec::with_capacity(open.len());
        for (card, key) in open.iter().zip(&keys) {
            let unique = key.as_ref().filter(|key| claims[key] == 1);
            match unique.and_then(|key| candidates.get(key).copied().flatten()) {
                Some(index) => self.assign_known(card, index),
                None => rest.push(*card),
            }
        }
        *open = rest;
    }

    /// Matches groups by their members: groups can share a name or change it.
    fn match_groups(&mut self, open: &mut Vec<&Card>) {
        let mut rest = Vec::with_capacity(open.len());
        for card in open.drain(..) {
            let members: HashSet<&Puid> =
                card.members.iter().filter_map(|m| self.by_user_name.get(&m.user_name)).collect();
            let best = (card.kind == ContactKind::Group).then(|| self.most_shared(card, &members)).flatten();
            match best {
                Some(index) => self.assign_known(card, index),
                None => rest.push(card),
            }
        }
        *open = rest;
    }

    /// The unmatched group that shares most members with `members`; of equal ones, the one with the same name. `None` if
    /// too few are shared, or if two groups are equal in both.
    fn most_shared(&self, card: &Card, members: &HashSet<&Puid>) -> Option<usize> {
        let mut best: Option<((usize, bool), usize)> = None;
        let mut tie = false;
        for &index in &self.unmatched {
            let known = &self.known[index];
            let shared = known.members.iter().filter(|m| members.contains(m)).count();
            let smaller = members.len().min(known.members.len());
            // At least half of the smaller group. At least two, because the account itself is in every group.
            if known.contact.kind != ContactKind::Group || shared < 2 || shared * 2 < smaller {
                continue;
            }
            let score = (shared, known.contact.nick_name == card.nick_name);
            match &best {
                Some((top, _)) if *top > score => {}
                Some((top, _)) if *top == score => tie = true,
                _ => {
                    best = Some((score, index));
                    tie = false;
                }
            }
        }
        best.filter(|_| !tie).map(|(_, index)| index)
    }

    /// Matches by nickname, if no other field contradicts. A missing field matches any value.
    fn match_profiles(&mut self, open: &mut Vec<&Card>) {
        let mut by_name: HashMap<(Category, String), Vec<usize>> = HashMap::new();
        for &index in &self.unmatched {
            let contact = &self.known[index].contact;
            if !contact.nick_name.is_empty() {
                by_name.entry((Category::of(contact.kind), contact.nick_name.clone())).or_default().push(index);
            }
        }
        let fits: Vec<Vec<usize>> = open
            .iter()
            .map(|card| {
                let named = by_name.get(&(Category::of(card.kind), card.nick_name.clone()));
                named.into_iter().flatten().copied().filter(|index| fits(&self.known[*index].contact, card)).collect()
            })
            .collect();
        let mut claims: HashMap<usize, usize> = HashMap::new();
        for index in fits.iter().flatten() {
            *claims.entry(*index).or_default() += 1;
        }
        let mut rest = Vec::with_capacity(open.len());
        for (card, fits) in open.iter().zip(&fits) {
            match fits.as_slice() {
                [index] if claims[index] == 1 => self.assign_known(card, *index),
                _ => rest.push(*card),
            }
        }
        *open = rest;
    }

    fn assign_known(&mut self, card: &Card, index: usize) {
        self.unmatched.remove(&index);
        let puid = self.known[index].contact.puid.clone();
        self.by_user_name.insert(card.user_name.clone(), puid);
    }

    fn assign_new(&mut self, card: &Card, puid: Puid) {
        self.taken.insert(puid.clone());
        self.by_user_name.insert(card.user_name.clone(), puid);
    }
}

/// Whether all fields that both sides have are equal.
fn fits(contact: &Contact, card: &Card) -> bool {
    fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
        one.is_none() || other.is_none() || one == other
    }
    agree(contact.remark_name.as_ref(), card.remark_name.as_ref())
        && agree(contact.alias.as_ref(), card.alias.as_ref())
        && agree(contact.account.as_ref(), card.account.as_ref())
        && agree(contact.sex.as_ref(), card.sex.as_ref())
        && agree(contact.province.as_ref(), card.province.as_ref())
        && agree(contact.city.as_ref(), card.city.as_ref())
}

/// The puids that a new contact may get; it gets the first that is not in use. The last eight hex digits of the user
/// name, then more of them. A user name that is a word (`filehelper`) is converted to the hex digits of its bytes.
pub fn new_puids(user_name: &str) -> impl Iterator<Item = Puid> + use<> {
    let bare = user_name.trim_start_matches('@');
    let hex = if bare.len() >= 8 && bare.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        bare.to_owned()
    } else {
        format!("{:0>8}", data_encoding::HEXLOWER.encode(user_name.as_bytes()))
    };
    let ends: Vec<Puid> = (8..=hex.len()).map(|length| Puid::new(&hex[hex.len() - length..])).collect();
    ends.into_iter().chain((1..=u32::MAX).map(move |count| Puid::new(format!("{count:x}{hex}"))))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn card(user_name: &str, nick: &str) -> Card {
        Card { nick_name: nick.into(), ..Card::bare(user_name, ContactKind::Friend) }
    }

    fn known(puid: &str, card: &Card) -> Known {
        let at = Timestamp::UNIX_EPOCH;
        Known { contact: Contact::of(card, Puid::new(puid), at), members: Vec::new() }
    }

    fn assign(known: Vec<Known>, cards: &[&Card]) -> Vec<String> {
        let mut matcher = Matcher::new(known);
        matcher.assign(cards);
        cards.iter().map(|c| matcher.get(&c.user_name).unwrap().to_string()).collect()
    }

    #[test]
    fn a_new_puid_is_the_end_of_the_user_name_and_longer_on_collision() {
        let one = card("@aa00000012345678", "one");
        let two = card("@bb00000012345678", "two");
        assert_eq!(assign(vec![], &[&one, &two]), ["12345678", "012345678"]);
        assert_eq!(assign(vec![], &[&card("filehelper", "")]), ["6c706572"]);
        assert_eq!(assign(vec![], &[&card("@ab", "")]), ["00406162"]);
    }

    #[test]
    fn a_unique_nickname_matches_and_missing_fields_match_any_value() {
        let before = Card { sex: Some(1), province: Some("广东".into()), ..card("@old", "小明") };
        let after = Card { city: Some("深圳".into()), sex: Some(1), ..card("@fee00000000", "小明") };
        assert_eq!(assign(vec![known("p1", &before)], &[&after]), ["p1"]);
        let other = Card { sex: Some(2), ..card("@fee00000001", "小明") };
        assert_eq!(assign(vec![known("p1", &before)], &[&other]), ["00000001"]);
    }

    #[test]
    fn similar_contacts_are_distinguished_or_get_new_puids() {
        let a = Card { picture_seq: Some(1), ..card("@a", "小明") };
        let b = Card { picture_seq: Some(2), ..card("@b", "小明") };
        let known = vec![known("pa", &a), known("pb", &b)];
        let new_b = Card { user_name: "@nb0000000".into(), ..b.clone() };
        let new_a = Card { user_name: "@na0000000".into(), ..a.clone() };
        assert_eq!(assign(known.clone(), &[&new_b, &new_a]), ["pb", "pa"]);
        let blank_1 = card("@0000000011111111", "小明");
        let blank_2 = card("@0000000022222222", "小明");
        assert_eq!(assign(known, &[&blank_1, &blank_2]), ["11111111", "22222222"]);
    }

    #[test]
    fn a_rename_keeps_the_puid_by_remark_or_picture() {
        let remarked = Card { remark_name: Some("老板".into()), ..card("@a", "王") };
        let pictured = Card { picture_seq: Some(77), ..card("@b", "李") };
        let known = vec![known("p1", &remarked), known("p2", &pictured)];
        let one = Card { nick_name: "王二".into(), user_name: "@c0000000".into(), ..remarked };
        let two = Card { nick_name: "李四".into(), user_name: "@d0000000".into(), ..pictured };
        assert_eq!(assign(known, &[&one, &two]), ["p1", "p2"]);
    }

    #[test]
    fn groups_with_one_name_are_distinguished_by_their_members() {
        let people: Vec<Card> = (1..=6)
            .map(|n| Card { alias: Some(format!("wx{n}")), ..card(&format!("@p{n}"), &format!("n{n}")) })
            .collect();
        let group = |name: &str, range: std::ops::Range<usize>| Card {
            members: people[range].to_vec(),
            ..Card { nick_name: "家".into(), ..Card::bare(name, ContactKind::Group) }
        };
        let mut knowns: Vec<Known> = people.iter().enumerate().map(|(n, p)| known(&format!("person{n}"), p)).collect();
        for (puid, range) in [("g1", 0..3), ("g2", 3..6)] {
            let members = range.clone().map(|n| Puid::new(format!("person{n}"))).collect();
            knowns.push(Known { members, ..known(puid, &group("@@old", range)) });
        }
        let (two, one) = (group("@@x0000000", 3..6), group("@@y0000000", 0..3));
        let mut matcher = Matcher::new(knowns);
        matcher.assign(&people.iter().collect::<Vec<_>>());
        matcher.assign(&[&two, &one]);
        assert_eq!(matcher.get("@@x0000000").unwrap().as_str(), "g2");
        assert_eq!(matcher.get("@@y0000000").unwrap().as_str(), "g1");
    }
}
