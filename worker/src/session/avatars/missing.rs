//! Which pictures are not stored.

use std::collections::{HashMap, HashSet};

use domain::{
    contact::{Contact, ContactKind, Member, Peer},
    puid::Puid,
};
use jiff::Timestamp;
use store::Avatars;

use super::Wanted;

/// Pictures that one look at the contact book brings: about 400 KB.
const AT_ONCE: usize = 2_000;

/// The contacts whose pictures are not stored, the nearest first: the account itself, friends, groups, official accounts,
/// then members of groups. `skipped` are left out.
pub(super) fn missing(
    contacts: &[Contact],
    members: &[(Puid, Vec<Member>)],
    stored: &Avatars,
    skipped: &HashSet<Puid>,
    now: Timestamp,
) -> Vec<Wanted> {
    let is_wanted = |contact: &Contact| {
        contact.present && !stored.has(&contact.puid, contact.picture_seq, now) && !skipped.contains(&contact.puid)
    };
    let mut known: Vec<&Contact> = contacts.iter().filter(|contact| is_wanted(contact)).collect();
    known.sort_by_key(|contact| rank(contact.kind));
    let mut wanted: Vec<Wanted> = known.into_iter().take(AT_ONCE).map(|contact| of(contact, None)).collect();
    let mut seen: HashSet<&Puid> =
        contacts.iter().filter(|contact| contact.present).map(|contact| &contact.puid).collect();
    let groups: HashMap<&Puid, Peer> = contacts
        .iter()
        .filter(|contact| contact.present && contact.kind == ContactKind::Group)
        .map(|group| (&group.puid, group.peer()))
        .collect();
    for (group, members) in members {
        let Some(group) = groups.get(group) else { continue };
        for Member { contact, .. } in members {
            if wanted.len() < AT_ONCE && is_wanted(contact) && seen.insert(&contact.puid) {
                wanted.push(of(contact, Some(group)));
            }
        }
    }
    wanted
}

fn rank(kind: ContactKind) -> u8 {
    match kind {
        ContactKind::Myself => 0,
        ContactKind::Friend => 1,
        ContactKind::Group => 2,
        ContactKind::OfficialAccount => 3,
        ContactKind::Stranger => 4,
    }
}

fn of(contact: &Contact, group: Option<&Peer>) -> Wanted {
    Wanted { puid: contact.puid.clone(), peer: contact.peer(), picture_seq: contact.picture_seq, group: group.cloned() }
}

#[cfg(test)]
mod tests {
    use testing::contact;

    use super::*;

    #[test]
    fn near_contacts_come_first_and_a_member_once_with_a_group() {
        let mut stored = Avatars::default();
        let now = testing::START.parse().unwrap();
        stored.insert(&Puid::new("have0001"), None, now);
        let contacts = [
            contact("maps0001", ContactKind::OfficialAccount, "号"),
            contact("have0001", ContactKind::Friend, "有"),
            Contact { present: false, ..contact("gone0001", ContactKind::Friend, "走") },
            contact("grp00001", ContactKind::Group, "群"),
            contact("frnd0001", ContactKind::Friend, "友"),
            contact("self0001", ContactKind::Myself, "我"),
            contact("skip0001", ContactKind::Friend, "略"),
        ];
        let member = |puid| Member { contact: contact(puid, ContactKind::Stranger, ""), display_name: None };
        let group = vec![member("memb0001"), member("frnd0001"), member("memb0001")];
        let members = [(Puid::new("grp00001"), group.clone()), (Puid::new("grp00002"), group)];
        let skipped = HashSet::from([Puid::new("skip0001")]);
        let wanted = missing(&contacts, &members, &stored, &skipped, now);
        let names: Vec<&str> = wanted.iter().map(|wanted| wanted.puid.as_str()).collect();
        assert_eq!(names, ["self0001", "frnd0001", "grp00001", "maps0001", "memb0001"]);
        let with_group: Vec<bool> = wanted.iter().map(|wanted| wanted.group.is_some()).collect();
        assert_eq!(with_group, [false, false, false, false, true]);
    }
}
