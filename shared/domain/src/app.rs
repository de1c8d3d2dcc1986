//! Apps: an administrator creates them, and programs authenticate as them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    channel::{AccountId, ChannelKind},
    id::AppId,
    puid::Puid,
    secret::{self, CannotOpen, Sealed, Sealer},
    time::Ids,
};

/// An app as the ledger keeps it. Its secrets are hashed or sealed. Never send this type to a caller as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    pub id: AppId,
    pub name: String,
    /// SHA-256 of the app secret, lower-case hex.
    pub secret_hash: String,
    /// Signs requests in the predecessor's scheme (see [`crate::signature::sign`]).
    pub token: Sealed,
    /// Signs callback requests (Standard Webhooks).
    pub signing_secret: Sealed,
    /// URL that receives messages by POST; `None` when the program reads the history instead.
    pub callback: Option<String>,
    /// The chat protocol that it uses.
    #[serde(default)]
    pub channel: ChannelKind,
    /// Shard that serves the app: selects its command queue and worker.
    pub shard: u16,
    /// The account that logged in first. No other account may log in until an administrator unbinds the app.
    pub bound: Option<Binding>,
    /// Set while a chat of the app is parked. A successful delivery then makes all its parked chats due.
    #[serde(default)]
    pub parked: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// An administrator's input for a new app.
#[derive(Debug, Clone)]
pub struct NewApp<'a> {
    pub name: &'a str,
    /// Signs requests; the program knows it too.
    pub token: &'a str,
    pub callback: Option<&'a str>,
    pub channel: ChannelKind,
    pub shard: u16,
}

impl App {
    /// Creates an app and its app secret. The app keeps only a hash, so the secret cannot be read again.
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

    /// Seals a token for the app `id`.
    pub fn seal_token(id: &AppId, token: &str, sealer: &Sealer) -> Sealed {
        sealer.seal(&format!("{id}/token"), token.as_bytes())
    }

    pub fn open_token(&self, sealer: &Sealer) -> Result<String, CannotOpen> {
        sealer.open_text(&format!("{}/token", self.id), &self.token)
    }

    /// The signing secret in the form that the callback's owner receives: `whsec_…`.
    pub fn open_signing_secret(&self, sealer: &Sealer) -> Result<String, CannotOpen> {
        sealer.open_text(&format!("{}/signing", self.id), &self.signing_secret)
    }
}

/// The account that an app belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    #[serde(alias = "uin")]
    pub account: AccountId,
    /// The account's own puid: `owner` of every message.
    pub puid: Puid,
    pub nick_name: String,
    pub since: Timestamp,
}

/// The access token of an app. A new one replaces it (`GET /access-token`).
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

    fn new_app() -> (App, String, Sealer) {
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
    fn a_new_app_has_its_input_and_fresh_secrets() {
        let (app, app_secret, sealer) = new_app();
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
    fn a_token_opens_only_with_its_own_app_and_key() {
        let (app, _, sealer) = new_app();
        let copied = App { id: AppId::trusted("another"), ..app.clone() };
        assert_eq!(copied.open_token(&sealer), Err(CannotOpen));
        assert_eq!(copied.open_signing_secret(&sealer), Err(CannotOpen));
        let swapped = App { token: app.signing_secret.clone(), ..app.clone() };
        assert_eq!(swapped.open_token(&sealer), Err(CannotOpen));
        let foreign = Sealer::new(&[8; 32], Arc::new(CountedIds::default()));
        assert_eq!(app.open_token(&foreign), Err(CannotOpen));
    }

    #[test]
    fn no_secret_appears_in_debug_output_or_json() {
        let (app, app_secret, _) = new_app();
        for text in [format!("{app:?}"), serde_json::to_string(&app).unwrap()] {
            assert!(!text.contains("my-token") && !text.contains(&app_secret) && !text.contains("whsec_"));
        }
    }
}
