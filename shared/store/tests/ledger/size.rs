//! Write units of a row: DynamoDB bills one for each started kilobyte of an item.

use domain::{
    channel::Cursor,
    id::Seq,
    job::{Command, Job, Origin},
    message::{Content, Message},
    puid::Puid,
};
use store::Checkpoint;
use testing::item_size;

use crate::support::{APP, Ledger, at, job_id, message, puid};

/// A text of a hundred characters in a group that mentions the account. Its times have nanoseconds.
fn typical() -> Message {
    let received = "2026-01-07T03:25:45.123456789Z".parse().unwrap();
    let group = puid("973e46d8");
    Message {
        seq: Seq::new(1_234_567),
        id: 6_050_338_562_629_220_245,
        chat: group.clone(),
        send_user: Some(puid("c9c27d87")),
        send_group: Some(group.clone()),
        receiver: None,
        receiver_group: Some(group),
        owner: Puid::new("e1d54615"),
        is_at: Some(true),
        receive_time: received,
        update_time: received,
        content: Content::Text { text: "字".repeat(100) },
        ..message(1, "")
    }
}

#[tokio::test]
async fn a_text_of_a_hundred_characters_takes_one_unit_to_append_and_one_to_deliver() {
    let ledger = Ledger::start().await;
    // The longest cursor that was seen: seven keys for sync and the same seven for polling.
    let keys = "[[1,823456789],[2,823456790],[3,823456791],[11,823456792],[201,1578368745],[1000,1578367201],[1001,1578367202]]";
    let checkpoint =
        Checkpoint { login_number: 12, cursor: Cursor::new(format!(r#"{{"sync":{keys},"check":{keys}}}"#)) };
    ledger.store.append(&APP, &typical(), Some(&checkpoint)).await.unwrap();
    let row = async || ledger.item(&format!("APP#{}", *APP), "LOG#00000000000001234567").await.unwrap();
    let appended = item_size(&row().await);
    ledger.store.mark_delivered(&APP, Seq::new(1_234_567), at(1)).await.unwrap();
    let delivered = item_size(&row().await);
    assert!(appended <= 1_024, "{appended} bytes as appended");
    assert!(delivered <= 1_024, "{delivered} bytes as delivered");
}

#[tokio::test]
async fn a_job_with_an_origin_takes_one_unit_to_write() {
    let ledger = Ledger::start().await;
    // The longest request id that the API accepts.
    for (id, origin) in [("1", Origin::Request("r".repeat(64))), ("2", Origin::Delivery(Seq::MAX))] {
        let id = &job_id(&id.repeat(32));
        let command = Command::SendText { to: puid("c9c27d87"), text: "字".repeat(100) };
        let job = Job::queued(id.clone(), APP.clone(), 15, command, at(0)).made_for(Some(origin));
        ledger.store.put_job(&job).await.unwrap();
        assert_eq!(ledger.store.job(&APP, id).await.unwrap().as_ref(), Some(&job));
        let put = item_size(&ledger.item(&format!("APP#{}", *APP), &format!("JOB#{id}")).await.unwrap());
        assert!(put <= 1_024, "{put} bytes as written");
    }
}
