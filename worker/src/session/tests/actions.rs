//! Recalls, friend requests and remarks.

use std::time::Duration;

use channel::Error;
use domain::{
    id::JobId,
    job::{Command, JobState},
    puid::Puid,
    session::SessionState,
};
use tokio::time::sleep;

use super::{
    Stage,
    scripted::{FRIEND, transient},
};

const DONE: JobState = JobState::Sent { message_id: None };

fn friend() -> Puid {
    Puid::new("1fee435b")
}

fn failed(why: &str) -> JobState {
    JobState::Failed { why: why.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_recalled_under_the_key_it_was_sent_with() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let recall = |to| Command::Recall { to, message_id: 99, sent_by: JobId::trusted("job") };
    stage.channel.act(Ok(()));
    assert_eq!(stage.outcome(&running, recall(friend())).await, DONE);
    assert!(stage.channel.calls().contains(&format!("recall {FRIEND} 99 job")));
    stage.channel.act(Err(Error::Protocol { reason: "too late".to_owned() }));
    assert_eq!(stage.outcome(&running, recall(friend())).await, failed("unexpected answer: too late"));
    assert_eq!(stage.outcome(&running, recall(Puid::new("00000000"))).await, failed("there is no such contact"));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_friend_request_is_accepted_again_after_a_passing_failure() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.act(Err(transient()));
    stage.channel.act(Ok(()));
    let command = Command::AcceptFriend { username: "@new".to_owned(), ticket: "t".to_owned() };
    let job = stage.command(&running, command).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.job(&job).await, DONE);
    assert_eq!(stage.channel.calls().iter().filter(|call| *call == "accept_friend @new t").count(), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_remark_is_set_and_shown_at_once() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let set = |to: &str, remark: &str| Command::SetRemark { to: Puid::new(to), remark: remark.to_owned() };
    let remark =
        async || stage.fixture.relay.store.contact(&stage.app.id, &friend()).await.unwrap().unwrap().remark_name;
    stage.channel.act(Ok(()));
    assert_eq!(stage.outcome(&running, set("1fee435b", "老李")).await, DONE);
    assert_eq!(remark().await.as_deref(), Some("老李"));
    stage.channel.act(Err(Error::Protocol { reason: "no".to_owned() }));
    assert_eq!(stage.outcome(&running, set("1fee435b", "x")).await, failed("unexpected answer: no"));
    assert_eq!(remark().await.as_deref(), Some("老李"));
    stage.channel.act(Ok(()));
    assert_eq!(stage.outcome(&running, set("1fee435b", "")).await, DONE);
    assert_eq!(remark().await, None);
    assert_eq!(stage.outcome(&running, set("e1d54615", "x")).await, failed("only a friend has a remark name"));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_ends_a_command() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.push_login(Err(Error::Refused { reason: "no".to_owned() }));
    stage.channel.act(Err(Error::LoggedOut { code: 1101 }));
    let command = Command::AcceptFriend { username: "@new".to_owned(), ticket: "t".to_owned() };
    assert_eq!(stage.outcome(&running, command).await, failed("the session has ended"));
    assert_eq!(stage.row().await.state, SessionState::Offline);
    running.stop().await;
}
