//! Changes of the account's contacts.

use super::{ControlError, World};
use crate::account::Account;
use crate::contact_ref::ContactRef;
use crate::inbox::Entry;
use crate::person::{Group, Member, Person};
use crate::spec::Uin;

impl World {
    /// Changes a friend or official account, for example the nickname, remark or picture. `ModContactList`
    /// reports it.
    pub fn edit_contact(&self, uin: Uin, name: &str, edit: impl FnOnce(&mut Person)) -> Result<(), ControlError> {
        let contact = self.change_account(uin, |account| {
            let contact = find_contact(account, name)?;
            let mut person =
                account.book.person(contact).ok_or_else(|| ControlError::NoContact(name.into()))?.into_owned();
            edit(&mut person);
            account.book.edit(contact, person);
            Ok(contact)
        })?;
        self.change(|state| state.append(uin, Entry::Changed(contact)));
        Ok(())
    }

    /// Changes a group's name, picture or members. `ModContactList` reports it.
    pub fn edit_group(&self, uin: Uin, name: &str, edit: impl FnOnce(&mut Group)) -> Result<(), ControlError> {
        let contact = self.change_account(uin, |account| {
            let unknown = || ControlError::NoContact(name.into());
            let index = account.book.group_by_name(name).ok_or_else(unknown)?;
            let mut group = account.book.group(index).ok_or_else(unknown)?.into_owned();
            edit(&mut group);
            account.book.edit_group(index, group);
            Ok(ContactRef::Group(index))
        })?;
        self.change(|state| state.append(uin, Entry::Changed(contact)));
        Ok(())
    }

    /// Adds a friend. `ModContactList` reports it.
    pub fn add_friend(&self, uin: Uin, person: Person) -> Result<ContactRef, ControlError> {
        let contact = self.change_account(uin, |account| Ok(account.book.add_friend(person)))?;
        self.change(|state| state.append(uin, Entry::Changed(contact)));
        Ok(contact)
    }

    /// Adds a group. `ModContactList` reports it if it is saved. Otherwise clients learn of it from its first
    /// message.
    pub fn add_group(&self, uin: Uin, group: Group) -> Result<ContactRef, ControlError> {
        let saved = group.saved;
        let index = self.change_account(uin, |account| Ok(account.book.add_group(group)))?;
        let contact = ContactRef::Group(index);
        if saved {
            self.change(|state| state.append(uin, Entry::Changed(contact)));
        }
        Ok(contact)
    }

    /// Adds a member to a group. `ModContactList` reports it.
    pub fn add_member(&self, uin: Uin, group: &str, member: Member) -> Result<(), ControlError> {
        self.edit_group(uin, group, |group| group.members.push(member))
    }

    /// Removes a member from a group. `ModContactList` reports the group.
    pub fn remove_member(&self, uin: Uin, group: &str, member: &str) -> Result<(), ControlError> {
        let contact = self.change_account(uin, |account| {
            let unknown = |name: &str| ControlError::NoContact(name.into());
            let index = account.book.group_by_name(group).ok_or_else(|| unknown(group))?;
            let mut edited = account.book.group(index).ok_or_else(|| unknown(group))?.into_owned();
            let mut members = edited.members.iter_mut();
            let leaving = members.find(|one| !one.left && one.person.nick_name == member);
            leaving.ok_or_else(|| unknown(member))?.left = true;
            account.book.edit_group(index, edited);
            Ok(ContactRef::Group(index))
        })?;
        self.change(|state| state.append(uin, Entry::Changed(contact)));
        Ok(())
    }

    /// Changes a contact's picture. `ModContactList` reports the new `seq`.
    pub fn change_picture(&self, uin: Uin, name: &str, head_seq: u32) -> Result<(), ControlError> {
        match self.edit_group(uin, name, |group| group.head_seq = head_seq) {
            Err(ControlError::NoContact(_)) => self.edit_contact(uin, name, |person| person.head_seq = head_seq),
            result => result,
        }
    }

    /// Removes a friend, group or official account. `DelContactList` reports it.
    pub fn remove_contact(&self, uin: Uin, name: &str) -> Result<(), ControlError> {
        let contact = self.change_account(uin, |account| {
            let contact = find_contact(account, name)?;
            account.book.remove(contact);
            Ok(contact)
        })?;
        self.change(|state| state.append(uin, Entry::Removed(contact)));
        Ok(())
    }

    /// The user name of a contact in the account's current web login.
    pub fn user_name(&self, uin: Uin, name: &str) -> Result<String, ControlError> {
        let state = self.lock();
        let account = state.accounts.get(&uin).ok_or(ControlError::NoAccount(uin))?;
        let contact = find_contact(account, name)?;
        let session = state.current_session(uin).ok_or(ControlError::NotLoggedIn(uin))?;
        Ok(session.user_name(contact))
    }
}

fn find_contact(account: &Account, name: &str) -> Result<ContactRef, ControlError> {
    account.book.find(name).ok_or_else(|| ControlError::NoContact(name.into()))
}
