//! What the ledger and the API know about a channel: its name, what it can do, and the state that it asks us to keep.
//! The protocol itself lives behind the crate `channel`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A chat protocol that an app can use; chosen when the app is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Web WeChat.
    #[default]
    Web,
}

/// Not the name of a [`ChannelKind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown channel {0:?}")]
pub struct UnknownChannel(String);

impl ChannelKind {
    pub const ALL: [Self; 1] = [Self::Web];

    /// The name in the API and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
        }
    }

    /// What the channel can do, as far as the relay uses it. It lives here, not in the protocol's crate, so that an API
    /// function can answer from it without linking a protocol or asking a worker.
    pub const fn capabilities(self) -> Capabilities {
        match self {
            Self::Web => Capabilities {
                contacts: true,
                groups: true,
                official_accounts: true,
                recall: true,
                accept_friends: true,
                remarks: true,
                write_first: true,
                media_in: &[MediaKind::Image, MediaKind::Record, MediaKind::File, MediaKind::Video],
                // Web WeChat shows recordings, but has no call that sends one.
                media_out: &[MediaKind::Image, MediaKind::File, MediaKind::Video],
            },
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChannelKind {
    type Err = UnknownChannel;

    fn from_str(name: &str) -> Result<Self, UnknownChannel> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| UnknownChannel(name.to_owned()))
    }
}

/// What a channel can do.
#[allow(clippy::struct_excessive_bools, reason = "each flag stands alone, and is shown under its name")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capabilities {
    /// Lists the account's contacts.
    pub contacts: bool,
    /// Has groups and their members.
    pub groups: bool,
    /// Has official accounts (公众号).
    pub official_accounts: bool,
    /// Recalls a sent message.
    pub recall: bool,
    /// Accepts a friend request.
    pub accept_friends: bool,
    /// Sets the remark name of a friend.
    pub remarks: bool,
    /// May write to a contact who has not written first.
    pub write_first: bool,
    /// The kinds of media that it receives.
    pub media_in: &'static [MediaKind],
    /// The kinds of media that it sends.
    pub media_out: &'static [MediaKind],
}

/// A capability that a request can depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    Contacts,
    Groups,
    OfficialAccounts,
    Recall,
    AcceptFriends,
    Remarks,
    WriteFirst,
}

impl Capabilities {
    pub const fn has(&self, capability: Capability) -> bool {
        match capability {
            Capability::Contacts => self.contacts,
            Capability::Groups => self.groups,
            Capability::OfficialAccounts => self.official_accounts,
            Capability::Recall => self.recall,
            Capability::AcceptFriends => self.accept_friends,
            Capability::Remarks => self.remarks,
            Capability::WriteFirst => self.write_first,
        }
    }
}

/// A kind of media, named as `msg_type` names it in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    Image,
    /// A voice message.
    Record,
    File,
    Video,
}

/// The account's permanent id at its channel. Web WeChat's is a number, which rows of earlier versions hold as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct AccountId(Box<str>);

impl AccountId {
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Stored {
            Text(Box<str>),
            Number(u64),
        }
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Text(text) => Self(text),
            Stored::Number(number) => Self(number.to_string().into()),
        })
    }
}

/// A channel's own state, kept as text that only the channel reads. The types differ so that one cannot stand for
/// another.
macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            pub fn new(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

opaque! {
    /// A channel's state of a login that is under way. A login continues from it after a restart.
    Ticket
}

opaque! {
    /// A position in the account's stream of messages.
    Cursor
}

opaque! {
    /// What a connection needs to continue after a restart without another login: keys and cookies, about 2 KB. The
    /// ledger keeps them sealed.
    Credentials
}

opaque! {
    /// Where the bytes of a received message are. The ledger keeps it with the message until they are stored, so that a
    /// download continues after a restart. Valid for the login that received the message.
    MediaSource
}

/// A confirmed ticket opens a session.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cursor").field(&self.0).finish()
    }
}

/// It contains user names and file names.
impl fmt::Debug for MediaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MediaSource(…)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// What the person must do next so that a login proceeds. A page, a terminal or a program shows it without knowing the
/// protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum LoginStep {
    /// Scan a QR code with WeChat.
    ScanQrCode {
        /// The text that the QR code encodes.
        content: String,
        /// The channel's own page with the code as a picture, where it has one.
        page: Option<String>,
    },
    /// Confirm on the phone.
    ConfirmOnPhone {
        /// The picture of the account that scanned, as a data URI.
        avatar: Option<String>,
    },
    /// Enter the code that the phone shows.
    EnterCode {
        /// Whether the code that was entered last was wrong.
        rejected: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_written_as_it_is_named() {
        for kind in ChannelKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        let error = "Web".parse::<ChannelKind>().unwrap_err();
        assert_eq!(error.to_string(), "unknown channel \"Web\"");
    }

    #[test]
    fn capabilities_answer_by_name() {
        let web = ChannelKind::Web.capabilities();
        assert!(web.has(Capability::Contacts) && web.has(Capability::Groups) && web.has(Capability::OfficialAccounts));
        assert!(web.has(Capability::WriteFirst) && web.has(Capability::Recall));
        let none = Capabilities { recall: false, accept_friends: false, ..web };
        assert!(none.has(Capability::Remarks) && !none.has(Capability::AcceptFriends) && !none.has(Capability::Recall));
    }

    #[test]
    fn an_account_id_reads_the_numbers_of_earlier_versions() {
        let read = |json| serde_json::from_str::<AccountId>(json).unwrap();
        assert_eq!(read("2580137561"), read(r#""2580137561""#));
        assert_eq!(serde_json::to_string(&read("18446744073709551615")).unwrap(), r#""18446744073709551615""#);
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Credentials::new("secret")), "Credentials(…)");
        assert_eq!(format!("{:?} {:?}", Ticket::new("secret"), Cursor::new("c")), r#"Ticket(…) Cursor("c")"#);
        assert_eq!(format!("{:?}", MediaSource::new("secret")), "MediaSource(…)");
    }

    #[test]
    fn a_login_step_names_what_to_do() {
        let step = LoginStep::ScanQrCode { content: "https://x/l/1".into(), page: None };
        let json = serde_json::to_string(&step).unwrap();
        assert_eq!(json, r#"{"do":"scan_qr_code","content":"https://x/l/1","page":null}"#);
        assert_eq!(serde_json::from_str::<LoginStep>(&json).unwrap(), step);
    }
}
