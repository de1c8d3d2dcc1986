//! Apps, callers, bindings and access tokens.

use domain::{
    app::{AccessToken, Binding},
    channel::AccountId,
};
use store::{AppChange, Book, Lists};

use crate::support::{APP, Ledger, app_id, append, at, is_conflict, is_corrupt, message, puid};

fn binding(uin: u64) -> Binding {
    Binding { account: AccountId::new(uin.to_string()), puid: puid("myself01"), nick_name: "我".into(), since: at(5) }
}

#[tokio::test]
async fn an_app_is_created_once_and_found_by_id_and_shard() {
    let ledger = Ledger::start().await;
    let app = ledger.app().await;
    assert_eq!(ledger.store.app(&app.id).await.unwrap(), Some(app.clone()));
    assert_eq!(ledger.store.app(&app_id("unknown")).await.unwrap(), None);
    assert!(is_conflict(&ledger.store.create_app(&app).await));
    let other = ledger.app().await;
    let mut ids = vec![app.id, other.id];
    ids.sort();
    assert_eq!(ledger.store.app_ids(3).await.unwrap(), ids);
    assert!(ledger.store.app_ids(4).await.unwrap().is_empty());
}

#[tokio::test]
async fn creating_the_table_again_changes_nothing() {
    let ledger = Ledger::start().await;
    let app = ledger.app().await;
    ledger.create_table().await;
    assert_eq!(ledger.store.app(&app.id).await.unwrap(), Some(app));
}

#[tokio::test]
async fn a_change_changes_only_the_named_fields() {
    let ledger = Ledger::start().await;
    let mut app = ledger.app().await;
    let sealed = ledger.sealed("new");
    let changes = [
        AppChange { name: Some("新".into()), ..AppChange::default() },
        AppChange { token: Some(sealed.clone()), ..AppChange::default() },
        AppChange { callback: Some(Some("https://d/".into())), ..AppChange::default() },
        AppChange { secret_hash: Some("ab".into()), ..AppChange::default() },
        AppChange { signing_secret: Some(sealed.clone()), ..AppChange::default() },
        AppChange { callback: Some(None), ..AppChange::default() },
        AppChange::default(),
    ];
    for (number, change) in changes.iter().enumerate() {
        app.updated = at(i64::try_from(number).unwrap() + 1);
        app.name = change.name.clone().unwrap_or(app.name);
        app.token = change.token.clone().unwrap_or(app.token);
        app.callback = change.callback.clone().unwrap_or(app.callback);
        app.secret_hash = change.secret_hash.clone().unwrap_or(app.secret_hash);
        app.signing_secret = change.signing_secret.clone().unwrap_or(app.signing_secret);
        let after = ledger.store.update_app(&app.id, change, app.updated).await.unwrap();
        assert_eq!(after, Some(app.clone()));
        assert_eq!(ledger.store.app(&app.id).await.unwrap(), Some(app.clone()));
    }
    assert_eq!(app.callback, None);
}

#[tokio::test]
async fn all_fields_can_change_at_once_but_an_unknown_app_cannot() {
    let ledger = Ledger::start().await;
    let app = ledger.app().await;
    let change = AppChange {
        name: Some("n".into()),
        token: Some(ledger.sealed("t")),
        callback: Some(None),
        secret_hash: Some("h".into()),
        signing_secret: Some(ledger.sealed("s")),
    };
    let changed = ledger.store.update_app(&app.id, &change, at(9)).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.callback, changed.secret_hash.as_str()), ("n", None, "h"));
    assert_eq!(ledger.store.update_app(&app_id("unknown"), &change, at(9)).await.unwrap(), None);
    assert_eq!(ledger.store.app(&app_id("unknown")).await.unwrap(), None);
}

#[tokio::test]
async fn an_app_stays_bound_to_the_first_account_until_it_is_unbound() {
    let ledger = Ledger::start().await;
    let app = ledger.app().await;
    let store = &ledger.store;
    assert!(store.bind(&app.id, &binding(1)).await.unwrap());
    assert!(store.bind(&app.id, &binding(1)).await.unwrap());
    assert!(!store.bind(&app.id, &binding(2)).await.unwrap());
    assert_eq!(store.app(&app.id).await.unwrap().unwrap().bound, Some(binding(1)));
    assert!(store.unbind(&app.id).await.unwrap());
    assert_eq!(store.app(&app.id).await.unwrap().unwrap().bound, None);
    assert!(store.bind(&app.id, &binding(2)).await.unwrap());
    assert!(!store.bind(&app_id("unknown"), &binding(1)).await.unwrap());
    assert!(!store.unbind(&app_id("unknown")).await.unwrap());
}

#[tokio::test]
async fn a_caller_has_the_app_its_token_and_the_state_of_the_book() {
    let ledger = Ledger::start().await;
    let app = ledger.app().await;
    let store = &ledger.store;
    let caller = store.caller(&app.id).await.unwrap().unwrap();
    assert_eq!((&caller.app, caller.token, caller.book), (&app, None, Book::default()));
    let tokens = ["one", "two"].map(|hash| AccessToken { hash: hash.into(), expires: at(7_200) });
    for token in &tokens {
        store.put_access_token(&app.id, token).await.unwrap();
    }
    let book = store.finish_book(&app.id, &Book::default(), Lists::default()).await.unwrap();
    let book = store.finish_book(&app.id, &book, Lists::default()).await.unwrap();
    let caller = store.caller(&app.id).await.unwrap().unwrap();
    assert_eq!((caller.token.as_ref(), caller.book.version, &caller.book), (tokens.last(), 2, &book));
    assert!(store.caller(&app_id("unknown")).await.unwrap().is_none());
    let row = ledger.item(&format!("APP#{}", app.id), "TOKEN").await.unwrap();
    assert_eq!(row["ttl"].as_n().unwrap(), &at(7_200).as_second().to_string());
}

#[tokio::test]
async fn deleting_an_app_deletes_all_its_rows() {
    let ledger = Ledger::start().await;
    let (app, other) = (ledger.app().await, ledger.app().await);
    let (store, pk) = (&ledger.store, format!("APP#{}", app.id));
    for seq in 1..=60 {
        store.append(&app.id, &message(seq, "x"), None).await.unwrap();
    }
    store.finish_book(&app.id, &Book::default(), Lists::default()).await.unwrap();
    assert!(store.delete_app(&app.id).await.unwrap());
    assert_eq!(ledger.count(&pk).await, 0);
    assert_eq!(store.app_ids(3).await.unwrap(), [other.id]);
    assert!(!store.delete_app(&app.id).await.unwrap());
}

#[tokio::test]
async fn an_interrupted_deletion_can_be_completed() {
    let ledger = Ledger::start().await;
    // The state after the first step of a deletion.
    append(&ledger.store, &[message(1, "x"), message(2, "y")]).await;
    assert!(ledger.store.delete_app(&APP).await.unwrap());
    assert_eq!(ledger.count(&format!("APP#{}", *APP)).await, 0);
}

#[tokio::test]
async fn an_unreadable_app_is_reported() {
    let ledger = Ledger::start().await;
    let app = ledger.app().await;
    let pk = format!("APP#{}", app.id);
    ledger.spoil(&pk, "APP", "shard").await;
    assert!(is_corrupt(ledger.store.app(&app.id).await, &pk));
    assert!(is_corrupt(ledger.store.caller(&app.id).await, &pk));
}
