//! The contacts of an account. Generated contacts are computed when they are needed, because a bench runs a
//! thousand accounts with two thousand friends each.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use crate::contact_ref::ContactRef;
use crate::person::{Group, Member, Person};
use crate::spec::AccountSpec;

/// A member as the member list of a group shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupMember {
    pub(crate) contact: ContactRef,
    pub(crate) display_name: String,
}

#[derive(Debug)]
pub(crate) struct Book {
    myself: Person,
    generated_friends: u32,
    generated_groups: u32,
    generated_official_accounts: u32,
    members_per_group: u32,
    named_friends: Vec<Person>,
    named_groups: Vec<Group>,
    named_official_accounts: Vec<Person>,
    /// Changed people, generated or named. An entry replaces the original.
    edited: HashMap<ContactRef, Person>,
    edited_groups: HashMap<u32, Group>,
    removed: BTreeSet<ContactRef>,
    friend_requests: Vec<FriendRequest>,
}

/// The sender of a friend request.
#[derive(Debug)]
struct FriendRequest {
    person: Person,
    /// The client must send this ticket to accept the request.
    ticket: String,
    accepted: bool,
}

impl Book {
    pub(crate) fn new(spec: AccountSpec) -> Self {
        let myself = Person {
            nick_name: spec.nick_name,
            sex: spec.sex,
            signature: spec.signature,
            uin: spec.uin,
            ..Person::default()
        };
        Self {
            myself,
            generated_friends: spec.friends,
            generated_groups: spec.groups,
            generated_official_accounts: spec.official_accounts,
            members_per_group: spec.members_per_group.max(1),
            named_friends: spec.named_friends,
            named_groups: spec.named_groups,
            named_official_accounts: spec.named_official_accounts,
            edited: HashMap::new(),
            edited_groups: HashMap::new(),
            removed: BTreeSet::new(),
            friend_requests: Vec::new(),
        }
    }

    /// Official accounts, friends and saved groups, in the order of webwxgetcontact.
    pub(crate) fn saved(&self) -> impl Iterator<Item = ContactRef> + '_ {
        let official = (0..self.official_account_count()).map(ContactRef::OfficialAccount);
        let friends = (0..self.friend_count()).map(ContactRef::Friend);
        let groups = (0..self.group_count()).filter(|&group| self.is_saved(group)).map(ContactRef::Group);
        std::iter::once(ContactRef::Myself)
            .chain(official)
            .chain(friends)
            .chain(self.accepted_friends())
            .chain(groups)
            .filter(|contact| !self.removed.contains(contact))
    }

    /// The chats that webwxinit and a message of type 51 list.
    pub(crate) fn recent(&self) -> Vec<ContactRef> {
        const MANY: u32 = 5;
        let unsaved = (0..self.group_count()).filter(|&group| !self.is_saved(group));
        let saved = (0..self.group_count()).filter(|&group| self.is_saved(group)).take(2);
        std::iter::once(ContactRef::FILE_HELPER)
            .chain((0..self.friend_count().min(MANY)).map(ContactRef::Friend))
            .chain((0..self.official_account_count().min(1)).map(ContactRef::OfficialAccount))
            .chain(unsaved.chain(saved).map(ContactRef::Group))
            .filter(|contact| !self.removed.contains(contact))
            .collect()
    }

    pub(crate) fn friend_count(&self) -> u32 {
        self.generated_friends + to_u32(self.named_friends.len())
    }

    pub(crate) fn group_count(&self) -> u32 {
        self.generated_groups + to_u32(self.named_groups.len())
    }

    fn official_account_count(&self) -> u32 {
        self.generated_official_accounts + to_u32(self.named_official_accounts.len())
    }

    pub(crate) fn is_saved(&self, group: u32) -> bool {
        if let Some(edited) = self.edited_groups.get(&group) {
            return edited.saved;
        }
        match group.checked_sub(self.generated_groups) {
            None => true,
            Some(index) => self.named_groups.get(to_usize(index)).is_some_and(|group| group.saved),
        }
    }

    pub(crate) fn person(&self, contact: ContactRef) -> Option<Cow<'_, Person>> {
        if self.removed.contains(&contact) {
            return None;
        }
        if let Some(person) = self.edited.get(&contact) {
            return Some(Cow::Borrowed(person));
        }
        match contact {
            ContactRef::Myself => Some(Cow::Borrowed(&self.myself)),
            ContactRef::Friend(index) => match index.checked_sub(self.generated_friends) {
                None => Some(Cow::Owned(generated_friend(index))),
                Some(index) => self.named_friends.get(to_usize(index)).map(Cow::Borrowed),
            },
            ContactRef::OfficialAccount(index) => match index.checked_sub(self.generated_official_accounts) {
                None => Some(Cow::Owned(Person {
                    signature: "news every day".into(),
                    ..Person::new(format!("Official {}", index + 1))
                })),
                Some(index) => self.named_official_accounts.get(to_usize(index)).map(Cow::Borrowed),
            },
            ContactRef::Stranger { group, index } => {
                let group = self.group(group)?;
                let member = group.members.get(to_usize(index.checked_sub(1)?))?;
                Some(Cow::Owned(member.person.clone()))
            }
            ContactRef::Petitioner(index) => {
                self.friend_requests.get(to_usize(index)).map(|request| Cow::Borrowed(&request.person))
            }
            ContactRef::Group(_) | ContactRef::Special(_) => None,
        }
    }

    /// The group. Its members do not include the account itself.
    pub(crate) fn group(&self, group: u32) -> Option<Cow<'_, Group>> {
        if let Some(edited) = self.edited_groups.get(&group) {
            return Some(Cow::Borrowed(edited));
        }
        match group.checked_sub(self.generated_groups) {
            None => Some(Cow::Owned(self.generated_group(group))),
            Some(index) => self.named_groups.get(to_usize(index)).map(Cow::Borrowed),
        }
    }

    /// The members of the group. The account itself comes first.
    pub(crate) fn group_members(&self, group: u32) -> Vec<GroupMember> {
        let Some(found) = self.group(group) else { return Vec::new() };
        let myself = GroupMember { contact: ContactRef::Myself, display_name: found.my_display_name.clone() };
        let present = (1..).zip(&found.members).filter(|(_, member)| !member.left);
        let others = present.map(|(index, member)| GroupMember {
            contact: self.friend_by_name(&member.person.nick_name).unwrap_or(ContactRef::Stranger { group, index }),
            display_name: member.display_name.clone(),
        });
        std::iter::once(myself).chain(others).collect()
    }

    /// The contact's own nickname, not the remark.
    pub(crate) fn nick_name(&self, contact: ContactRef) -> String {
        match contact {
            ContactRef::Group(group) => self.group(group).map_or_else(String::new, |group| group.nick_name.clone()),
            ContactRef::Special("filehelper") => "文件传输助手".into(),
            ContactRef::Special("fmessage") => "朋友推荐消息".into(),
            ContactRef::Special(name) => name.into(),
            person => self.person(person).map_or_else(String::new, |person| person.nick_name.clone()),
        }
    }

    /// Finds a friend by key, nickname or remark.
    pub(crate) fn friend(&self, name: &str) -> Option<ContactRef> {
        match ContactRef::parse(name) {
            Some(found @ ContactRef::Friend(_)) => self.person(found).map(|_| found),
            _ => self.friend_by_name(name),
        }
    }

    pub(crate) fn official_account(&self, name: &str) -> Option<ContactRef> {
        if let Some(found @ ContactRef::OfficialAccount(_)) = ContactRef::parse(name) {
            return self.person(found).map(|_| found);
        }
        (0..self.official_account_count())
            .map(ContactRef::OfficialAccount)
            .find(|contact| self.person(*contact).is_some_and(|person| person.nick_name == name))
    }

    pub(crate) fn group_by_name(&self, name: &str) -> Option<u32> {
        if let Some(ContactRef::Group(group)) = ContactRef::parse(name) {
            return (group < self.group_count()).then_some(group);
        }
        let generated = generated_index(name, "Group ").filter(|&index| index < self.generated_groups);
        if let Some(index) = generated.filter(|index| !self.edited_groups.contains_key(index)) {
            return Some(index);
        }
        (self.generated_groups..self.group_count())
            .chain(self.edited_groups.keys().copied())
            .find(|&group| self.group(group).is_some_and(|group| group.nick_name == name))
    }

    /// Finds a member by key, nickname or display name in the group.
    pub(crate) fn member(&self, group: u32, name: &str) -> Option<ContactRef> {
        if let Some(found) = self.generated_member(group, name) {
            return Some(found);
        }
        let key = ContactRef::parse(name);
        self.group_members(group)
            .into_iter()
            .find(|member| {
                key == Some(member.contact)
                    || (!name.is_empty() && member.display_name == name)
                    || self.person(member.contact).is_some_and(|person| person.nick_name == name)
            })
            .map(|member| member.contact)
    }

    /// Finds any contact that a message can be addressed to.
    pub(crate) fn find(&self, name: &str) -> Option<ContactRef> {
        ContactRef::parse(name)
            .filter(|contact| match contact {
                ContactRef::Group(group) => *group < self.group_count(),
                ContactRef::Special(_) => true,
                other => self.person(*other).is_some(),
            })
            .or_else(|| self.friend(name))
            .or_else(|| self.group_by_name(name).map(ContactRef::Group))
            .or_else(|| self.official_account(name))
            .or_else(|| (self.myself.nick_name == name).then_some(ContactRef::Myself))
    }

    /// Replaces the data of a friend or official account.
    pub(crate) fn edit(&mut self, contact: ContactRef, person: Person) {
        self.edited.insert(contact, person);
    }

    pub(crate) fn edit_group(&mut self, group: u32, with: Group) {
        self.edited_groups.insert(group, with);
    }

    pub(crate) fn add_friend(&mut self, person: Person) -> ContactRef {
        self.named_friends.push(person);
        ContactRef::Friend(self.friend_count() - 1)
    }

    pub(crate) fn add_friend_request(&mut self, person: Person, ticket: String) -> ContactRef {
        self.friend_requests.push(FriendRequest { person, ticket, accepted: false });
        ContactRef::Petitioner(to_u32(self.friend_requests.len()) - 1)
    }

    /// Accepts a friend request. Returns false if no request has this ticket. An empty ticket matches every
    /// request.
    pub(crate) fn accept_request(&mut self, contact: ContactRef, ticket: &str) -> bool {
        let ContactRef::Petitioner(index) = contact else { return false };
        match self.friend_requests.get_mut(to_usize(index)) {
            Some(request) if ticket.is_empty() || request.ticket == ticket => {
                request.accepted = true;
                true
            }
            _ => false,
        }
    }

    fn accepted_friends(&self) -> impl Iterator<Item = ContactRef> + '_ {
        (0..)
            .zip(&self.friend_requests)
            .filter(|(_, request)| request.accepted)
            .map(|(index, _)| ContactRef::Petitioner(index))
    }

    pub(crate) fn add_group(&mut self, group: Group) -> u32 {
        self.named_groups.push(group);
        self.group_count() - 1
    }

    pub(crate) fn remove(&mut self, contact: ContactRef) {
        self.removed.insert(contact);
    }

    fn friend_by_name(&self, name: &str) -> Option<ContactRef> {
        let answers_to = |person: &Person| person.nick_name == name || person.remark_name == name;
        let generated = generated_index(name, "Friend ")
            .or_else(|| generated_index(name, "Remark "))
            .filter(|&index| index < self.generated_friends)
            .map(ContactRef::Friend);
        generated
            .into_iter()
            .chain((self.generated_friends..self.friend_count()).map(ContactRef::Friend))
            .chain(self.edited.keys().copied().filter(|key| matches!(key, ContactRef::Friend(_))))
            .chain(self.accepted_friends())
            .find(|contact| self.person(*contact).is_some_and(|person| answers_to(&person)))
    }

    /// Finds a member of a generated group by nickname without generating the whole group, because a bench
    /// writes in groups of a hundred members.
    fn generated_member(&self, group: u32, name: &str) -> Option<ContactRef> {
        if group >= self.generated_groups || self.edited_groups.contains_key(&group) {
            return None;
        }
        let others = self.members_per_group - 1;
        let friends = self.generated_friends.min(others / 2);
        if let Some(found @ ContactRef::Friend(index)) = self.friend_by_name(name) {
            return (index < friends).then_some(found);
        }
        let index = name.strip_prefix(&format!("Member {}-", group + 1))?.parse().ok()?;
        (friends < index && index <= others).then_some(ContactRef::Stranger { group, index })
    }

    /// Half of the members of a generated group are friends, if there are enough friends.
    fn generated_group(&self, group: u32) -> Group {
        let others = self.members_per_group - 1;
        let friends = self.generated_friends.min(others / 2);
        let number = group + 1;
        let members = (0..others).map(|index| {
            if index < friends {
                Member { person: generated_friend(index), ..Member::default() }
            } else {
                Member::new(format!("Member {number}-{}", index + 1))
            }
        });
        Group { members: members.collect(), ..Group::new(format!("Group {number}")) }
    }
}

fn generated_friend(index: u32) -> Person {
    const PLACES: [(&str, &str); 4] = [("广东", "深圳"), ("浙江", "杭州"), ("上海", "浦东新区"), ("", "")];
    let (province, city) = PLACES[to_usize(index) % PLACES.len()];
    let number = index + 1;
    Person {
        remark_name: if number.is_multiple_of(5) { format!("Remark {number}") } else { String::new() },
        signature: format!("signature {number}"),
        ..Person::new(format!("Friend {number}"))
    }
    .from_city(province, city)
    .sex(u8::try_from(index % 3).unwrap_or(0))
}

fn generated_index(name: &str, prefix: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.parse::<u32>().ok()?.checked_sub(1)
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn to_usize(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        let family = Group::new("家").members(["李雷", "三叔"]).unsaved();
        Book::new(
            AccountSpec::new(1, "me")
                .friends(10)
                .groups(2, 7)
                .official_accounts(1)
                .friend(Person::new("李雷").remark("老李"))
                .group(family),
        )
    }

    #[test]
    fn contacts_are_found_by_key_and_by_name() {
        let book = book();
        assert_eq!(book.find("Friend 3"), Some(ContactRef::Friend(2)));
        assert_eq!(book.find("Remark 5"), Some(ContactRef::Friend(4)));
        assert_eq!(book.find("老李"), Some(ContactRef::Friend(10)));
        assert_eq!(book.find("friend/10"), Some(ContactRef::Friend(10)));
        assert_eq!(book.find("家"), Some(ContactRef::Group(2)));
        assert_eq!(book.find("Official 1"), Some(ContactRef::OfficialAccount(0)));
        assert_eq!(book.find("filehelper"), Some(ContactRef::FILE_HELPER));
        assert_eq!(book.find("Friend 11"), None);
    }

    #[test]
    fn friends_in_groups_are_the_same_contact() {
        let book = book();
        let contacts = |group| book.group_members(group).into_iter().map(|member| member.contact).collect::<Vec<_>>();
        assert_eq!(
            contacts(2),
            [ContactRef::Myself, ContactRef::Friend(10), ContactRef::Stranger { group: 2, index: 2 }]
        );
        assert_eq!(contacts(0).len(), 7);
        assert_eq!(contacts(0)[1], ContactRef::Friend(0));
        assert_eq!(book.member(0, "Friend 1"), Some(ContactRef::Friend(0)));
        assert_eq!(book.member(0, "Friend 4"), None, "not a member");
        assert_eq!(book.member(0, "Member 1-3"), None, "a friend has this place");
        assert_eq!(book.member(0, "Member 2-6"), None, "a member of another group");
        assert_eq!(book.member(0, "Member 1-6"), Some(ContactRef::Stranger { group: 0, index: 6 }));
    }

    #[test]
    fn unsaved_groups_appear_only_in_recent_chats() {
        let book = book();
        let family = ContactRef::Group(2);
        assert!(!book.saved().any(|contact| contact == family));
        assert!(book.recent().contains(&family));
    }
}
