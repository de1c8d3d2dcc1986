//! What a user name says about its owner.
//!
//! | user name | owner |
//! |---|---|
//! | `@hex` | a person or an official account |
//! | `@@hex` | a group |
//! | a word (`filehelper`, `fmessage`, `weixin`, `newsapp` and about thirty more) | one of WeChat's own; the word is the same in every login |

use channel::Peer;
use domain::contact::ContactKind;

pub(crate) fn is_group(user_name: &str) -> bool {
    user_name.starts_with("@@")
}

/// Whether the user name belongs to one of WeChat's own contacts. They count as strangers: they are neither friends nor
/// official accounts, but they can send and receive messages.
pub(crate) fn is_special(user_name: &str) -> bool {
    !user_name.starts_with('@')
}

/// The peer behind a user name, as far as the name alone tells; `me` is the account's user name.
pub(crate) fn peer(user_name: impl Into<String>, me: &str) -> Peer {
    let user_name = user_name.into();
    let kind = match user_name.as_str() {
        name if name == me => ContactKind::Myself,
        name if is_group(name) => ContactKind::Group,
        _ => ContactKind::Stranger,
    };
    Peer::new(user_name, kind)
}

/// The groups in a list of user names joined by commas, each once. Friends are left out: the contact list has them.
pub(crate) fn groups_in(user_names: &str) -> Vec<Peer> {
    let mut groups: Vec<Peer> = Vec::new();
    for name in user_names.split(',').map(str::trim).filter(|name| is_group(name)) {
        if groups.iter().all(|known| known.id != name) {
            groups.push(Peer::new(name, ContactKind::Group));
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_tells_groups_and_the_account_itself() {
        for (name, kind) in [
            ("@me", ContactKind::Myself),
            ("@@g", ContactKind::Group),
            ("@a", ContactKind::Stranger),
            ("filehelper", ContactKind::Stranger),
        ] {
            assert_eq!(peer(name, "@me"), Peer::new(name, kind));
        }
    }

    #[test]
    fn a_list_of_recent_chats_is_reduced_to_its_groups() {
        let groups = groups_in("@a, @@g,filehelper,@@h,@@g,");
        assert_eq!(groups, ["@@g", "@@h"].map(|name| Peer::new(name, ContactKind::Group)));
        assert_eq!(groups_in(""), []);
    }
}
