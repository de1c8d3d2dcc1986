//! Sessions and their fencing by epoch.

use domain::{
    channel::{AccountId, Cursor, LoginStep, Ticket},
    session::{EndReason, Login, Progress, Session, SessionState, User},
};
use store::Lease;

use crate::support::{APP, Ledger, at, is_conflict, is_corrupt, puid};

fn lease(epoch: u64) -> Lease {
    Lease { shard: 0, owner: Some("worker".into()), epoch, heartbeat: 0 }
}

#[tokio::test]
async fn a_session_is_read_as_it_was_written() {
    let ledger = Ledger::start().await;
    assert_eq!(ledger.store.session(&APP).await.unwrap(), None);
    let session = Session {
        state: SessionState::Scanned,
        since: at(3),
        login_number: 12,
        login: Some(Login {
            uuid: "4f==".into(),
            ticket: Ticket::new("opaque"),
            steps: vec![
                LoginStep::ScanQrCode { content: "https://login.example/4f==".into(), page: None },
                LoginStep::ConfirmOnPhone { avatar: Some("data:image/png;base64,AA==".into()) },
            ],
            expires: at(300),
        }),
        user: Some(User {
            account: AccountId::new("18446744073709551615"),
            puid: puid("myself01"),
            user_name: "@me".into(),
            nick_name: "我🍏".into(),
        }),
        credentials: Some(ledger.sealed("cookies")),
        cursor: Some(Cursor::new(r#"{"place":[[1,2]]}"#)),
        ending: Some(EndReason::EndedByWeChat { code: 1_101 }),
        last_error: Some("no response".into()),
        contacts: Progress { done: 3, total: 4 },
        last_sync: Some(at(2)),
        avatars_left: true,
        sync_error: Some("the contacts could not be read".into()),
        updating: true,
        syncs: 3,
    };
    ledger.store.put_session(&APP, &session, &lease(1)).await.unwrap();
    assert_eq!(ledger.store.session(&APP).await.unwrap(), Some(session));
    ledger.store.put_session(&APP, &Session::offline(at(9)), &lease(1)).await.unwrap();
    assert_eq!(ledger.store.session(&APP).await.unwrap(), Some(Session::offline(at(9))));
}

#[tokio::test]
async fn every_end_reason_is_read_as_it_was_written() {
    let ledger = Ledger::start().await;
    let reason = || "why".to_owned();
    let reasons = [
        EndReason::Expired,
        EndReason::LoggedOut,
        EndReason::EndedByWeChat { code: -1 },
        EndReason::AccountMismatch,
        EndReason::Refused { reason: reason() },
        EndReason::Failed { reason: reason() },
    ];
    for ending in reasons {
        let session = Session { ending: Some(ending), ..Session::offline(at(0)) };
        ledger.store.put_session(&APP, &session, &lease(1)).await.unwrap();
        assert_eq!(ledger.store.session(&APP).await.unwrap(), Some(session));
    }
}

#[tokio::test]
async fn a_newer_lease_fences_out_an_older_one() {
    let ledger = Ledger::start().await;
    let (old, new) = (Session::offline(at(1)), Session::offline(at(2)));
    ledger.store.put_session(&APP, &old, &lease(1)).await.unwrap();
    ledger.store.put_session(&APP, &new, &lease(2)).await.unwrap();
    assert!(is_conflict(&ledger.store.put_session(&APP, &old, &lease(1)).await));
    assert_eq!(ledger.store.session(&APP).await.unwrap(), Some(new.clone()));
    ledger.store.put_session(&APP, &new, &lease(2)).await.unwrap();
}

#[tokio::test]
async fn an_unreadable_session_is_reported() {
    let ledger = Ledger::start().await;
    ledger.store.put_session(&APP, &Session::offline(at(0)), &lease(1)).await.unwrap();
    ledger.spoil(&format!("APP#{}", *APP), "SESSION", "state").await;
    assert!(is_corrupt(ledger.store.session(&APP).await, "SESSION"));
}
