use domain::{
    channel::MediaKind,
    delivery::Delivery,
    job::{Command, JobState, OutgoingSource, derived_id},
    media::MediaState,
    message::{Content, Message, Refer},
    signature,
};
use guard::Policy;
use http::{StatusCode, header};
use testing::{TOKEN, message};

use super::*;
use crate::support::{Deliveries, commands};

fn text(command: &Command) -> &str {
    match command {
        Command::SendText { text, .. } => text,
        other => panic!("{other:?} sends no text"),
    }
}

#[tokio::test]
async fn a_message_is_posted_as_in_the_readme_and_signed_both_ways() {
    let test = Deliveries::start().await;
    assert_eq!(test.deliver(1, "1fee435b").await, Outcome::Delivered);
    assert_eq!(test.delivery(1).await, Delivery::Delivered);

    let taken = test.taken();
    let [taken] = taken.as_slice() else { panic!("{taken:?}") };
    insta::assert_snapshot!(serde_json::to_string_pretty(&taken.json()).unwrap(), @r#"
    {
      "chat": "1fee435b",
      "content": {
        "id": 1,
        "insert_time": "2020-01-07T11:25:45.988020",
        "message": 6050338562629220245,
        "text": "测试",
        "update_time": "2020-01-07T11:25:45.988020"
      },
      "create_time": "2020-01-07T11:32:48",
      "direction": "in",
      "id": 6050338562629220245,
      "id_str": "6050338562629220245",
      "insert_time": "2020-01-07T11:25:45.988020",
      "is_at": null,
      "maps": null,
      "owner": "e1d54615",
      "receive_time": "2020-01-07T11:25:45.988020",
      "receiver": "e1d54615",
      "receiver_group": null,
      "send_group": null,
      "send_user": "1fee435b",
      "type": "Text",
      "update_time": "2020-01-07T11:25:45.988020"
    }
    "#);
    let now = test.fixture.relay.now().as_second();
    let signed = signature::sign(TOKEN, &now.to_string());
    assert_eq!(taken.uri, *format!("/hook?room=1&timestamp={now}&signature={signed}"));
    let id = format!("msg_{}_1", test.app.id);
    let secret = test.app.open_signing_secret(&test.fixture.relay.sealer).unwrap();
    assert_eq!(taken.headers["webhook-id"], *id);
    assert_eq!(taken.headers["webhook-timestamp"], *now.to_string());
    let signature = signature::webhook(&secret, &id, now, &taken.body).unwrap();
    assert_eq!(taken.headers["webhook-signature"], *signature);
    assert_eq!(taken.headers[header::CONTENT_TYPE], "application/json");
}

#[tokio::test]
async fn a_reply_goes_back_into_its_chat_once() {
    let test = Deliveries::start().await;
    test.answer(|_| r#"{"msg_type": "text", "text": "好"}"#);
    let envelope = test.append(1, "973e46d8").await;
    assert_eq!(test.deliver_envelope(&envelope).await, Outcome::Delivered);
    assert_eq!(test.deliver_envelope(&envelope).await, Outcome::Skipped);
    assert_eq!(test.taken().len(), 1);
    let jobs = commands(&test.fixture.relay, 1).await;
    let [job] = jobs.as_slice() else { panic!("{jobs:?}") };
    assert_eq!(job.command, Command::SendText { to: Puid::new("973e46d8"), text: "好".to_owned() });
    assert_eq!(job.state, JobState::Queued);
    assert_eq!(job.delivery_id(), Some(format!("msg_{}_1", test.app.id)));
}

#[tokio::test]
async fn an_array_is_several_replies_in_order() {
    let test = Deliveries::start().await;
    test.answer(|_| {
        r#"[{"msg_type": "text", "text": "1"}, {"msg_type": "image", "url": "x"}, {"msg_type": "text", "text": "3"}]"#
    });
    test.deliver(1, "1fee435b").await;
    let jobs = commands(&test.fixture.relay, 2).await;
    assert_eq!(jobs.iter().map(|job| text(&job.command)).collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(jobs[1].id, derived_id(&["reply", &test.app.id, "1", "2"]));
}

#[tokio::test]
async fn a_delivery_that_is_repeated_after_its_response_creates_no_second_job() {
    let test = Deliveries::start().await;
    test.answer(|_| r#"{"msg_type": "text", "text": "again"}"#);
    let (store, now) = (&test.fixture.relay.store, test.fixture.relay.now());
    let command = Command::SendText { to: Puid::new("1fee435b"), text: "first".to_owned() };
    let id = derived_id(&["reply", &test.app.id, "1", "0"]);
    let first = Job::queued(id.clone(), test.app.id.clone(), 0, command, now);
    store.put_job(&first).await.unwrap();
    assert_eq!(test.deliver(1, "1fee435b").await, Outcome::Delivered);
    assert_eq!(store.job(&test.app.id, &id).await.unwrap().unwrap(), first);
}

#[tokio::test]
async fn a_failing_message_holds_up_only_its_own_chat() {
    let test = Deliveries::start().await;
    test.answer(|message| {
        let fails = message["chat"] == "aaaaaaaa";
        if fails { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::NO_CONTENT }
    });
    assert_eq!(test.deliver(1, "aaaaaaaa").await, Outcome::Parked);
    assert_eq!(test.taken_seqs(), [1, 1, 1], "three quick attempts");
    assert_eq!(test.deliver(2, "aaaaaaaa").await, Outcome::Parked);
    assert!(test.taken().is_empty(), "it waits behind");
    assert_eq!(test.deliver(3, "bbbbbbbb").await, Outcome::Delivered);
    assert_eq!(test.taken_seqs(), [3]);

    let store = &test.fixture.relay.store;
    let parked = store.parked_chats(&test.app.id).await.unwrap();
    let [parked] = parked.as_slice() else { panic!("{parked:?}") };
    assert_eq!((parked.attempts, parked.last_seq.get()), (0, 2));
    assert_eq!(parked.last_error, "the callback answered 500 Internal Server Error");
    assert_eq!(store.waiting_in(&test.app.id, &parked.chat, 10).await.unwrap(), [1, 2].map(Seq::new));
}

#[tokio::test]
async fn every_attempt_of_a_message_has_the_same_id() {
    let test = Deliveries::start().await;
    let mut failures = 2;
    test.answer(move |_| {
        failures -= 1;
        if failures >= 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    });
    assert_eq!(test.deliver(1, "1fee435b").await, Outcome::Delivered);
    let taken = test.taken();
    assert_eq!(taken.len(), 3);
    assert!(taken.iter().all(|taken| taken.headers["webhook-id"] == *format!("msg_{}_1", test.app.id)));
}

#[tokio::test]
async fn while_a_chat_is_parked_a_message_has_one_quick_attempt() {
    let test = Deliveries::start().await;
    test.answer(|_| StatusCode::BAD_GATEWAY);
    test.deliver(1, "aaaaaaaa").await;
    assert_eq!(test.taken().len(), 3);
    test.deliver(2, "bbbbbbbb").await;
    assert_eq!(test.taken().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let test = Deliveries::start().await;
    test.answer(|_| (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]));
    assert_eq!(test.deliver(1, "1fee435b").await, Outcome::Parked);
    assert!(test.taken().iter().all(|taken| taken.uri.path() == "/hook"));
}

#[tokio::test]
async fn an_internal_address_is_not_called_by_number_nor_by_name() {
    let test = Deliveries::with(Policy::default()).await;
    assert_eq!(test.deliver(1, "1fee435b").await, Outcome::Parked);
    let store = &test.fixture.relay.store;
    let error = async || store.parked_chats(&test.app.id).await.unwrap().pop().unwrap().last_error;
    assert_eq!(error().await, "the callback URL is refused: 127.0.0.1 is not a public address");

    let callback = test.app.callback.as_ref().unwrap().replace("127.0.0.1", "localhost");
    let change = store::AppChange { callback: Some(Some(callback)), ..store::AppChange::default() };
    store.update_app(&test.app.id, &change, test.fixture.relay.now()).await.unwrap();
    let outcome = test.attempt_once(1, "1fee435b").await;
    let AttemptOutcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.to_string(), "the callback URL is refused: localhost has no public address");
    assert!(test.taken().is_empty());
}

#[tokio::test]
async fn a_response_that_is_too_long_is_no_reply() {
    let test = Deliveries::start().await;
    test.answer(|_| format!(r#"{{"msg_type": "text", "text": "{}"}}"#, "x".repeat(300_000)));
    assert_eq!(test.deliver(1, "1fee435b").await, Outcome::Delivered);
    let id = derived_id(&["reply", &test.app.id, "1", "0"]);
    assert_eq!(test.fixture.relay.store.job(&test.app.id, &id).await.unwrap(), None);
}

#[tokio::test]
async fn a_reply_with_media_becomes_a_job_and_one_to_an_internal_address_is_skipped() {
    let test = Deliveries::with(Policy::parse("127.0.0.1").unwrap()).await;
    test.answer(|_| {
        r#"[{"msg_type": "image", "url": "http://10.0.0.1/a.png"}, {"msg_type": "file", "url": "https://a.example/b.pdf"}]"#
    });
    assert_eq!(test.deliver(1, "1fee435b").await, Outcome::Delivered);
    let [job] = &commands(&test.fixture.relay, 1).await[..] else { panic!("one job") };
    let source = OutgoingSource::Url("https://a.example/b.pdf".to_owned());
    let to = Puid::new("1fee435b");
    assert_eq!(job.command, Command::SendMedia { to, kind: MediaKind::File, source, name: None });
    assert_eq!(job.id, derived_id(&["reply", &test.app.id, "1", "1"]));
}

#[tokio::test]
async fn media_are_posted_with_links_and_with_why_they_are_missing() {
    let test = Deliveries::start().await;
    let image = Some("/media/image/6050338562629220245.jpg".to_owned());
    let refer = Refer { id: Some(7), sender: Some("小红".to_owned()), text: "原文".to_owned() };
    let picture = Message {
        content: Content::Picture { image, img_height: Some(3), img_width: None },
        media: Some(MediaState::Failed { why: "WeChat no longer has it".to_owned() }),
        whole: Some("/media/file/6050338562629220245/content.txt".to_owned()),
        refer: Some(refer),
        ..message(1)
    };
    let envelope = test.append_message(picture).await;
    assert_eq!(test.deliver_envelope(&envelope).await, Outcome::Delivered);
    let mut posted = test.taken()[0].json();
    let links = [posted["content"]["image_url"].take(), posted["whole_url"].take()];
    for (link, path) in links.iter().zip(["image/6050338562629220245.jpg", "file/6050338562629220245/content.txt"]) {
        let link = Url::parse(link.as_str().unwrap()).unwrap();
        assert_eq!((link.host_str(), link.path()), (Some("relay.test"), &*format!("/media/{path}")));
        let [(_, app), (_, expires), (_, sig)] = &link.query_pairs().collect::<Vec<_>>()[..] else { panic!("{link}") };
        let path = domain::media::MediaPath::parse(path).unwrap();
        assert_eq!(**app, *test.app.id);
        assert!(path.verify(&test.app, expires, sig, test.fixture.relay.now()));
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&posted).unwrap(), @r#"
    {
      "chat": "1fee435b",
      "content": {
        "id": 1,
        "image": "/media/image/6050338562629220245.jpg",
        "image_url": null,
        "img_height": 3,
        "img_width": null,
        "insert_time": "2020-01-07T11:25:45.988020",
        "message": 6050338562629220245,
        "update_time": "2020-01-07T11:25:45.988020"
      },
      "create_time": "2020-01-07T11:32:48",
      "direction": "in",
      "id": 6050338562629220245,
      "id_str": "6050338562629220245",
      "insert_time": "2020-01-07T11:25:45.988020",
      "is_at": null,
      "maps": null,
      "media_error": "WeChat no longer has it",
      "owner": "e1d54615",
      "receive_time": "2020-01-07T11:25:45.988020",
      "receiver": "e1d54615",
      "receiver_group": null,
      "refer": {
        "id": 7,
        "id_str": "7",
        "sender": "小红",
        "text": "原文"
      },
      "send_group": null,
      "send_user": "1fee435b",
      "truncated": true,
      "type": "Picture",
      "update_time": "2020-01-07T11:25:45.988020",
      "whole": "/media/file/6050338562629220245/content.txt",
      "whole_url": null
    }
    "#);
}

#[tokio::test]
async fn unwanted_and_missing_messages_are_skipped() {
    let test = Deliveries::start().await;
    let unwanted = test.append_message(Message { delivery: Delivery::Unwanted, ..message(1) }).await;
    assert_eq!(test.deliver_envelope(&unwanted).await, Outcome::Skipped);
    let gone = InboundEnvelope { seq: Seq::new(9), ..unwanted };
    assert_eq!(test.deliver_envelope(&gone).await, Outcome::Skipped);
    assert!(test.taken().is_empty());
}

#[tokio::test]
async fn a_message_counts_as_delivered_once_the_app_has_no_callback() {
    let test = Deliveries::start().await;
    let change = store::AppChange { callback: Some(None), ..store::AppChange::default() };
    test.fixture.relay.store.update_app(&test.app.id, &change, test.fixture.relay.now()).await.unwrap();
    assert_eq!(test.deliver(1, "1fee435b").await, Outcome::Delivered);
    assert_eq!(test.delivery(1).await, Delivery::Delivered);
}

#[tokio::test]
async fn a_batch_is_delivered_in_order_and_an_unreadable_body_fails_alone() {
    let test = Deliveries::start().await;
    let mut records = Vec::new();
    for seq in 1..=3 {
        let envelope = test.append(seq, "1fee435b").await;
        let body = serde_json::to_string(&envelope).unwrap();
        let group = Some(queue::Envelope::group(&envelope));
        records.push(Record { id: seq.to_string(), group, body, sent: None });
    }
    records.insert(1, Record { id: "unreadable".to_owned(), body: "{}".to_owned(), ..records[0].clone() });
    assert_eq!(test.deliver_batch(records).await, ["unreadable"]);
    assert_eq!(test.taken_seqs(), [1, 2, 3]);
}

#[tokio::test]
async fn deliveries_are_measured() {
    let test = Deliveries::start().await;
    let emf = boot::metrics::Emf::new(None);
    // For this thread only; everything but the embedded services runs on it.
    let _recorder = ::metrics::set_default_local_recorder(&emf);
    test.answer(|message| if message["chat"] == "aaaaaaaa" { StatusCode::BAD_GATEWAY } else { StatusCode::OK });
    let sent = test.fixture.relay.now();
    let mut records = Vec::new();
    for (seq, chat) in [(1, "aaaaaaaa"), (2, "aaaaaaaa"), (3, "bbbbbbbb")] {
        let envelope = test.append(seq, chat).await;
        let body = serde_json::to_string(&envelope).unwrap();
        let group = Some(queue::Envelope::group(&envelope));
        records.push(Record { id: seq.to_string(), group, body, sent: Some(sent) });
    }
    test.fixture.clock.advance_seconds(2);
    test.deliver_batch(records).await;

    let mut documents = Vec::new();
    emf.write(sent, &mut documents);
    let documents: Vec<serde_json::Value> =
        documents.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect();
    let [own, of_the_queue] = documents.as_slice() else { panic!("{documents:?}") };
    assert_eq!((&own["deliveries"], &own["parked"]), (&1.into(), &2.into()));
    assert_eq!((&own["delivery_attempts"], &own["delivery_failures"]), (&4.into(), &3.into()));
    assert_eq!(own["delivery_latency_ms"], serde_json::json!([2_000.0]));
    assert_eq!(of_the_queue["queue"], "inbound");
    assert_eq!(of_the_queue["queue_age_seconds"], serde_json::json!([2.0, 2.0, 2.0]));
}

#[tokio::test]
async fn every_grant_is_used() {
    let test = Deliveries::start().await;
    test.answer(|_| StatusCode::BAD_GATEWAY);
    test.deliver(1, "aaaaaaaa").await;
    test.deliver(2, "aaaaaaaa").await;
    test.answer(|_| r#"{"msg_type": "text", "text": "好"}"#);
    test.deliver(3, "bbbbbbbb").await;
    assert_eq!(test.take_called(), GRANTS.iter().copied().collect());
}
