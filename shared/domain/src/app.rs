//! The app: what an administrator makes, and what a program authenticates as.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    channel::{AccountId, ChannelKind},
    id::AppId,
    puid::Puid,
    secret::{self, CannotOpen, Sealed, Sealer},
    time::Ids,
};

/// An app as the ledger keeps it. Secrets are hashed or sealed; nothing here may be shown to a caller as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    pub id: AppId,
    pub name: String,
    /// SHA-256 of the app secret, lower-case hex.
    pub secret_hash: String,
    /// The token that requests are signed with.
    pub token: Sealed,
    /// The key that callbacks are signed with (Standard Webhooks).
    pub signing_secret: Sealed,
    /// Where messages are sent by POST; `None` for a program that reads the history instead.
    pub callback: Option<String>,
    /// The chat protocol that it uses.
    #[serde(default)]
    pub channel: ChannelKind,
    /// The command queue and worker that serve it.
    pub shard: u16,
    /// The first account that logged in; no other may.
    pub bound: Option<Binding>,
    /// Set while some chat is parked: a success anywhere wakes them all.
    #[serde(default)]
    pub parked: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// What an administrator gives to make an app.
#[derive(Debug, Clone)]
pub struct NewApp<'a> {
    pub name: &'a str,
    /// What requests are signed with; shared with the program.
    pub token: &'a str,
    pub callback: Option<&'a str>,
    pub channel: ChannelKind,
    pub shard: u16,
}

impl App {
    /// A new app and its app secret, which is nowhere to be had later.
    pub fn create(new: &NewApp<'_>, sealer: &Sealer, ids: &dyn Ids, at: Timestamp) -> (Self, String) {
        let id = AppId::generate(ids);
        let app_secret = ids.hex();
        let app = Self {
            name: new.name.to_owned(),
            secret_hash: secret::hash(&app_secret),
            token: Self::seal_token(&id, new.token, sealer),
            signing_secret: sealer.seal(&format!("{id}/signing"), secret::signing_secret(ids).as_bytes()),
            callback: new.callback.map(str::to_owned),
            channel: new.channel,
            shard: new.shard,
            bound: None,
            parked: false,
            created: at,
            updated: at,
            id,
        };
        (app, app_secret)
    }

    /// A token as the app `id` keeps it.
    pub fn seal_token(id: &AppId, token: &str, sealer: &Sealer) -> Sealed {
        sealer.seal(&format!("{id}/token"), token.as_bytes())
    }

    /// The token that requests are signed with.
    pub fn open_token(&self, sealer: &Sealer) -> Result<String, CannotOpen> {
        sealer.open_text(&format!("{}/token", self.id), &self.token)
    }

    /// The secret that callbacks are signed with, as its receiver knows it (`whsec_…`).
    pub fn open_signing_secret(&self, sealer: &Sealer) -> Result<String, CannotOpen> {
        sealer.open_text(&format!("{}/signing", self.id), &self.signing_secret)
    }
}

/// The account an app belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    #[serde(alias = "uin")]
    pub account: AccountId,
    /// The account's own puid: `owner` in every row.
    pub puid: Puid,
    pub nick_name: String,
    pub since: Timestamp,
}

/// An access token: `GET /access-token`. A new one replaces the old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// SHA-256 of the token, lower-case hex.
    pub hash: String,
    pub expires: Timestamp,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::doubles::CountedIds;

    fn made() -> (App, String, Sealer) {
        let ids = Arc::new(CountedIds::default());
        let sealer = Sealer::new(&[7; 32], ids.clone());
        let new =
            NewApp {
                name: "店", token: "my-token", callback: Some("https://c/"), channel: ChannelKind::Web, shard: 2
            };
        let (app, app_secret) = App::create(&new, &sealer, &*ids, Timestamp::UNIX_EPOCH);
        (app, app_secret, sealer)
    }

    #[test]
    fn a_new_app_has_what_was_given_and_secrets_of_its_own() {
        let (app, app_secret, sealer) = made();
        assert_eq!((app.name.as_str(), app.shard, app.callback.as_deref()), ("店", 2, Some("https://c/")));
        assert_eq!(
            (app.id.as_str(), app_secret.as_str()),
            (format!("{:032x}", 1).as_str(), format!("{:032x}", 2).as_str())
        );
        assert_eq!((app.bound.as_ref(), app.parked, app.created), (None, false, app.updated));
        assert_eq!(app.open_token(&sealer).unwrap(), "my-token");
        let signing = app.open_signing_secret(&sealer).unwrap();
        assert!(crate::signature::webhook(&signing, "id", 0, b"").is_some());
    }

    #[test]
    fn a_token_opens_for_its_own_app_and_key_alone() {
        let (app, _, sealer) = made();
        let moved = App { id: AppId::trusted("another"), ..app.clone() };
        assert_eq!(moved.open_token(&sealer), Err(CannotOpen));
        assert_eq!(moved.open_signing_secret(&sealer), Err(CannotOpen));
        let swapped = App { token: app.signing_secret.clone(), ..app.clone() };
        assert_eq!(swapped.open_token(&sealer), Err(CannotOpen));
        let foreign = Sealer::new(&[8; 32], Arc::new(CountedIds::default()));
        assert_eq!(app.open_token(&foreign), Err(CannotOpen));
    }

    #[test]
    fn no_secret_is_shown_or_kept_in_the_clear() {
        let (app, app_secret, _) = made();
        for text in [format!("{app:?}"), serde_json::to_string(&app).unwrap()] {
            assert!(!text.contains("my-token") && !text.contains(&app_secret) && !text.contains("whsec_"));
        }
    }
}
