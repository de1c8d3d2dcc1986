//! Transitions of a session that is online, and what it does meanwhile.

use std::time::Duration;

use channel::{Error, LoginStep, NewLogin, Sent, Ticket};
use domain::{
    app::App,
    delivery::Delivery,
    job::{Command, JobState},
    message::{Content, Direction},
    puid::Puid,
    session::{EndReason, SessionState},
};
use tokio::time::sleep;

use super::{
    Stage, config,
    scripted::{ACCOUNT, FRIEND, batch, new_login, transient},
    settle,
};
use crate::{Config, Pace, session::Halt};

fn push() -> NewLogin {
    let step = LoginStep::ConfirmOnPhone { avatar: None };
    NewLogin { id: "push".to_owned(), ticket: Ticket::new("push"), step }
}

fn text(text: &str) -> Command {
    Command::SendText { to: Puid::new("1fee435b"), text: text.to_owned() }
}

const ENDED: Error = Error::LoggedOut { code: 1101 };
const ENDED_BY_WECHAT: Option<EndReason> = Some(EndReason::EndedByWeChat { code: 1101 });

#[tokio::test(start_paused = true)]
async fn a_logout_closes_the_session_and_leads_offline() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.command(&running, Command::Logout).await;
    let row = stage.row().await;
    assert_eq!((row.state, row.ending), (SessionState::Offline, Some(EndReason::LoggedOut)));
    assert_eq!((stage.channel.count("close"), row.credentials.is_none()), (1, true));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_wechat_ends_asks_the_phone_once_and_comes_back() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.push_login(Ok(push()));
    stage.channel.wait(Err(ENDED));
    settle().await;
    let row = stage.row().await;
    assert_eq!((row.state, row.login.unwrap().qr_code()), (SessionState::Waiting, None));
    stage.channel.confirm(ACCOUNT);
    settle().await;
    let row = stage.row().await;
    assert_eq!((row.state, row.login_number, row.ending), (SessionState::Online, 2, None));
    assert!(
        stage.channel.calls().contains(&"push_login fresh".to_owned()),
        "with the credentials of the ended session"
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_push_login_without_an_answer_leads_offline_with_the_reason_of_the_end() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.push_login(Ok(push()));
    stage.channel.wait(Err(ENDED));
    sleep(Duration::from_mins(2) + Duration::from_secs(1)).await;
    let row = stage.row().await;
    assert_eq!((row.state, row.ending, row.credentials.is_none()), (SessionState::Offline, ENDED_BY_WECHAT, true));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_push_login_that_cannot_start_leads_offline() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.push_login(Err(Error::Refused { reason: "unknown account".to_owned() }));
    stage.channel.wait(Err(ENDED));
    settle().await;
    let row = stage.row().await;
    assert_eq!((row.state, row.ending, row.credentials.is_none()), (SessionState::Offline, ENDED_BY_WECHAT, true));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_command_during_a_push_login_shows_a_qr_code() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.push_login(Ok(push()));
    stage.channel.wait(Err(ENDED));
    settle().await;
    stage.channel.start_login(Ok(new_login("qr-2")));
    stage.command(&running, Command::Login).await;
    assert_eq!(stage.row().await.login.unwrap().uuid, "qr-2");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_resumes_without_a_login_from_the_newest_cursor() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.bring(batch("7", &[(1, "一")]));
    settle().await;
    running.stop().await;
    let running = stage.run();
    settle().await;
    assert_eq!(stage.row().await.login_number, 1);
    assert_eq!(stage.channel.calls().last().unwrap(), "wait 7");
    assert_eq!(stage.channel.count("start_login") + stage.channel.count("push_login"), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_whose_phone_was_not_asked_is_asked_at_the_restart() {
    let stage = Stage::new().await;
    stage.online().await.stop().await;
    stage
        .left(|row| {
            row.state = SessionState::Offline;
            row.ending = ENDED_BY_WECHAT;
        })
        .await;
    stage.channel.push_login(Ok(push()));
    let running = stage.run();
    settle().await;
    assert_eq!((stage.row().await.state, stage.channel.count("push_login")), (SessionState::Waiting, 1));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn credentials_that_cannot_be_opened_lead_offline() {
    let stage = Stage::new().await;
    stage.online().await.stop().await;
    stage.left(|row| row.credentials = None).await;
    let running = stage.run();
    settle().await;
    let row = stage.row().await;
    let reason = EndReason::Failed { reason: "the kept session cannot be opened".to_owned() };
    assert_eq!((row.state, row.ending), (SessionState::Offline, Some(reason)));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_becomes_rows_and_envelopes_and_an_old_cursor_brings_nothing_twice() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.bring(batch("1", &[(11, "一"), (12, "二")]));
    stage.channel.bring(batch("2", &[(12, "二"), (13, "三")]));
    settle().await;
    let log = stage.log().await;
    assert_eq!(log.iter().map(|message| message.id).collect::<Vec<_>>(), [11, 12, 13]);
    assert!(log.iter().all(|message| message.delivery == Delivery::Pending && message.direction == Direction::In));
    assert_eq!(log[0].chat, Puid::new("1fee435b"));
    assert_eq!(stage.envelopes().await, 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failed_polls_pause_ever_longer_and_the_row_shows_the_error_until_one_succeeds() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let polls = stage.channel.count("wait");
    for _ in 0..3 {
        stage.channel.wait(Err(transient()));
    }
    // Pauses of 1, 2 and 4 s, each shortened by up to half.
    sleep(Duration::from_millis(400)).await;
    assert_eq!((stage.channel.count("wait") - polls, stage.row().await.last_error), (0, None));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.row().await.last_error, Some(transient().to_string()));
    stage.channel.wait(Ok(false));
    sleep(Duration::from_secs(5)).await;
    assert_eq!((stage.row().await.last_error, stage.row().await.state), (None, SessionState::Online));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_kept() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let polls = stage.channel.count("wait");
    stage.channel.wait(Err(Error::RateLimited { after: Duration::from_mins(1) }));
    sleep(Duration::from_secs(59)).await;
    assert_eq!(stage.channel.count("wait"), polls);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.channel.count("wait"), polls + 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_announced_batch_that_is_empty_does_not_spin() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let fetches = stage.channel.count("fetch");
    for _ in 0..3 {
        stage.channel.bring(batch("0", &[]));
    }
    settle().await;
    assert_eq!(stage.channel.count("fetch") - fetches, 1);
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(stage.channel.count("fetch") - fetches, 3, "one a second");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_contact_sync_is_repeated_and_then_left() {
    let stage = Stage::new().await;
    for _ in 0..5 {
        stage.channel.contacts(Err(transient()));
    }
    let running = stage.run();
    stage.channel.start_login(Ok(new_login("qr-1")));
    stage.command(&running, Command::Login).await;
    stage.channel.confirm(ACCOUNT);
    sleep(Duration::from_secs(16)).await;
    let row = stage.row().await;
    assert_eq!((row.state, row.last_sync), (SessionState::Online, None));
    let error = format!("the contacts could not be read: {}", transient());
    assert_eq!((row.last_error, stage.channel.count("contacts")), (Some(error), 5));
    assert_eq!(stage.channel.count("wait"), 1, "it polls all the same");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_text_is_sent_once_and_becomes_a_row_with_the_end_of_its_job() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.send_text(Ok(Sent { id: 99 }));
    let job = stage.command(&running, text("好")).await;
    assert_eq!(stage.job(&job).await, JobState::Sent { message_id: Some(99) });
    let log = stage.log().await;
    assert_eq!((log.len(), log[0].id, log[0].direction), (1, 99, Direction::Out));
    assert_eq!(log[0].content, Content::Text { text: "好".to_owned() });
    assert_eq!(stage.channel.calls().iter().filter(|call| **call == format!("send_text {FRIEND} 好 {job}")).count(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_text_that_may_not_have_arrived_is_repeated_under_the_same_key() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.send_text(Err(Error::Transient { reason: "time-out".to_owned(), sent: true }));
    stage.channel.send_text(Ok(Sent { id: 99 }));
    let job = stage.command(&running, text("好")).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.job(&job).await, JobState::Sent { message_id: Some(99) });
    let sends: Vec<String> = stage.channel.calls().into_iter().filter(|call| call.starts_with("send_text")).collect();
    assert_eq!(sends, [format!("send_text {FRIEND} 好 {job}"), format!("send_text {FRIEND} 好 {job}")]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_unconfirmed_text_is_not_repeated_and_says_so() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.send_text(Err(Error::Unconfirmed { reason: "no id".to_owned() }));
    let job = stage.command(&running, text("好")).await;
    let why = "accepted without confirmation: no id (it is not known whether the message was sent)".to_owned();
    assert_eq!(stage.job(&job).await, JobState::Failed { why });
    assert_eq!(stage.channel.count("send_text"), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_text_that_meets_the_end_of_the_session_fails_and_the_rest_waits_for_the_next() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.push_login(Err(Error::Refused { reason: "no".to_owned() }));
    stage.channel.send_text(Err(ENDED));
    let job = stage.command(&running, text("好")).await;
    assert_eq!(stage.job(&job).await, JobState::Failed { why: "the session has ended".to_owned() });
    assert_eq!(stage.row().await.state, SessionState::Offline);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn texts_are_paced() {
    let stage = Stage::new().await;
    let pace = Pace { burst: 2, every: Duration::from_secs(10) };
    let running = stage.online_with(Config { pace: Some(pace), ..config() }).await;
    for id in 1..=4 {
        stage.channel.send_text(Ok(Sent { id }));
    }
    let mut jobs = Vec::new();
    for number in ["一", "二", "三", "四"] {
        jobs.push(stage.command(&running, text(number)).await);
    }
    assert_eq!((stage.channel.count("send_text"), stage.job(&jobs[2]).await), (2, JobState::Queued));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(stage.channel.count("send_text"), 3);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(stage.channel.count("send_text"), 4);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn commands_in_a_row_do_not_keep_messages_out() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let fetches = stage.channel.count("fetch");
    for id in 1..=8 {
        stage.channel.send_text(Ok(Sent { id }));
    }
    // Fetched between the seventh and the eighth text, though no poll has announced it.
    stage.channel.fetch_only(batch("5", &[(50, "在")]));
    for number in 1..=8 {
        stage.command(&running, text(&number.to_string())).await;
    }
    assert_eq!(stage.channel.count("fetch") - fetches, 1);
    assert_eq!(stage.log().await.len(), 9);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_app_is_logged_out_and_gets_no_rows() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    assert!(stage.fixture.relay.store.delete_app(&stage.app.id).await.unwrap());
    sleep(Duration::from_secs(6)).await;
    stage.channel.bring(batch("1", &[(11, "一")]));
    assert_eq!(running.task.await.unwrap(), Halt::AppDeleted);
    assert_eq!((stage.channel.count("close"), stage.log().await.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_worker_with_a_newer_lease_stops_the_session() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let store = &stage.fixture.relay.store;
    let newer = store.acquire_lease(0, "another", Some(&*stage.lease)).await.unwrap();
    let row = stage.row().await;
    store.put_session(&stage.app.id, &row, &newer).await.unwrap();
    stage.command(&running, Command::Logout).await;
    assert_eq!(running.task.await.unwrap(), Halt::Stopped);
}

#[tokio::test(start_paused = true)]
async fn without_a_callback_messages_are_kept_and_not_delivered() {
    let mut stage = Stage::new().await;
    let app: App = stage.fixture.app(None).await;
    stage.app = app;
    let running = stage.online().await;
    stage.channel.bring(batch("1", &[(11, "一")]));
    settle().await;
    assert_eq!((stage.log().await[0].delivery, stage.envelopes().await), (Delivery::Unwanted, 0));
    running.stop().await;
}
