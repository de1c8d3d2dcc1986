//! Jobs that send texts.

use std::time::Duration;

use domain::{
    job::{Command, JobState},
    message::Direction,
    puid::Puid,
};
use simulator::{Fault, From};
use worker::{Config, Pace};

use crate::support::{Stage, UIN, config, text, until};

fn send(to: &Puid, text: &str) -> Command {
    Command::SendText { to: to.clone(), text: text.to_owned() }
}

fn failed(why: &str) -> JobState {
    JobState::Failed { why: why.to_owned() }
}

#[tokio::test]
async fn a_sent_text_reaches_wechat_and_the_log() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    let (friend, home) = (stage.contact(&app, "李雷").await, stage.contact(&app, "家").await);
    let job = stage.command(&app, send(&friend.puid, "好 <b>\n😂")).await;
    let job_state = stage.final_state(&job).await;
    stage.outcome(&app, send(&home.puid, "大家好")).await;
    let sent = stage.world.sent(UIN);
    assert_eq!((sent[0].to_name.as_str(), sent[0].text.as_str()), ("李雷", "好 <b>\n😂"));
    assert_eq!((sent[1].to_name.as_str(), sent[1].text.as_str()), ("家", "大家好"));
    assert_ne!(sent[0].client_msg_id, sent[1].client_msg_id);
    assert_eq!(job_state, JobState::Sent { message_id: Some(sent[0].msg_id.cast_signed()) });
    let log = stage.log(&app, 2).await;
    assert_eq!(
        (log[0].direction, log[0].id, text(&log[0])),
        (Direction::Out, sent[0].msg_id.cast_signed(), "好 <b>\n😂")
    );
    assert_eq!((&log[0].receiver, &log[0].receiver_group), (&Some(friend.puid), &None));
    assert_eq!((&log[1].receiver, &log[1].receiver_group), (&None, &Some(home.puid)));
    worker.shut_down().await;
    assert_eq!(stage.world.violations(), []);
}

#[tokio::test]
async fn a_failed_send_states_its_reason() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    let unknown = Puid::new("00000000");
    assert_eq!(stage.outcome(&app, send(&unknown, "x")).await, failed("the session is offline"));
    stage.log_in(&app).await;
    assert_eq!(stage.outcome(&app, send(&unknown, "x")).await, failed("there is no such contact"));
    let friend = stage.contact(&app, "李雷").await.puid;
    stage.world.fault(Fault::on("webwxsendmsg").ret(1));
    assert_eq!(stage.outcome(&app, send(&friend, "x")).await, failed("unexpected answer: webwxsendmsg: code 1"));
    assert_eq!(stage.outcome(&app, send(&friend, "y")).await.as_str(), "sent");
    worker.shut_down().await;
}

#[tokio::test]
async fn a_send_without_a_response_is_repeated_under_the_same_id() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    let friend = stage.contact(&app, "李雷").await.puid;
    stage.world.fault(Fault::on("webwxsendmsg").times(2).drop_answer());
    let job = stage.command(&app, send(&friend, "一次")).await;
    assert_eq!(stage.final_state(&job).await.as_str(), "sent");
    let sent = stage.world.sent(UIN);
    assert_eq!(sent.len(), 3, "every attempt reached WeChat");
    assert!(sent.iter().all(|attempt| attempt.client_msg_id == sent[0].client_msg_id));
    assert_eq!(stage.log(&app, 1).await.len(), 1);

    stage.world.fault(Fault::on("webwxsendmsg").times(0).drop_answer());
    let JobState::Failed { why } = stage.outcome(&app, send(&friend, "不知")).await else {
        panic!("an unknown outcome fails the job")
    };
    assert!(why.ends_with("(it is not known whether the message was sent)"), "{why}");
    worker.shut_down().await;
}

#[tokio::test]
async fn paced_commands_keep_their_order_while_a_message_arrives() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let pace = Some(Pace { burst: 2, every: Duration::from_millis(100) });
    let worker = stage.worker_with(Config { pace, ..config() });
    stage.log_in(&app).await;
    let friend = stage.contact(&app, "李雷").await.puid;
    let mut jobs = Vec::new();
    for n in 0..5 {
        jobs.push(stage.command(&app, send(&friend, &n.to_string())).await);
    }
    stage.world.push_text(UIN, From::friend("老李"), "进来").unwrap();
    for job in &jobs {
        assert_eq!(stage.final_state(job).await.as_str(), "sent");
    }
    let sent: Vec<String> = stage.world.sent(UIN).into_iter().map(|sent| sent.text).collect();
    assert_eq!(sent, ["0", "1", "2", "3", "4"]);
    assert_eq!(stage.log(&app, 6).await.len(), 6);
    worker.shut_down().await;
}

#[tokio::test]
async fn a_text_that_waits_for_pacing_stays_queued() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker();
    stage.log_in(&app).await;
    first.shut_down().await;
    let friend = stage.contact(&app, "李雷").await.puid;
    let sent_at_once = stage.put_job(&app, send(&friend, "1")).await;
    stage.fixture.clock.advance_seconds(1);
    let paced = stage.put_job(&app, send(&friend, "2")).await;
    let pace = Some(Pace { burst: 1, every: Duration::from_hours(1) });
    let second = stage.worker_with(Config { pace, ..config() });
    assert_eq!(stage.final_state(&sent_at_once).await.as_str(), "sent");
    // When this message is in the log, the session has already looked for the second text's turn.
    stage.world.push_text(UIN, From::friend("老李"), "来").unwrap();
    stage.log(&app, 2).await;
    second.shut_down().await;
    let job = stage.fixture.relay.store.job(&app.id, &paced.id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Queued, "no attempt has started");
    let third = stage.worker();
    assert_eq!(stage.final_state(&paced).await.as_str(), "sent");
    third.shut_down().await;
}

#[tokio::test]
async fn a_text_that_waits_for_pacing_is_returned_at_shutdown_and_blocks_no_later_command() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let pace = Some(Pace { burst: 1, every: Duration::from_hours(1) });
    let first = stage.worker_with(Config { pace, ..config() });
    stage.log_in(&app).await;
    let friend = stage.contact(&app, "李雷").await.puid;
    assert_eq!(stage.outcome(&app, send(&friend, "1")).await.as_str(), "sent");
    let waiting = stage.command(&app, send(&friend, "2")).await;
    until(async || (stage.visible_and_in_flight_commands().await == [0, 1]).then_some(())).await;
    first.shut_down().await;
    let second = stage.worker();
    assert_eq!(stage.final_state(&waiting).await.as_str(), "sent", "the ledger has the job");
    assert_eq!(stage.outcome(&app, send(&friend, "3")).await.as_str(), "sent", "the queue delivers the command");
    second.shut_down().await;
}

#[tokio::test]
async fn a_job_without_an_envelope_is_found_in_the_ledger() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker();
    stage.log_in(&app).await;
    first.shut_down().await;
    let friend = stage.contact(&app, "李雷").await.puid;
    let job = stage.put_job(&app, send(&friend, "迟到")).await;
    let second = stage.worker();
    assert_eq!(stage.final_state(&job).await.as_str(), "sent");
    assert_eq!(stage.world.sent(UIN).len(), 1);
    second.shut_down().await;
}
