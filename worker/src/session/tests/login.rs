//! Transitions between offline and login, and from login to online.

use std::time::Duration;

use channel::{Error, LoginProgress, LoginStep, Opening, Ticket};
use domain::{
    job::{Command, JobState},
    session::{EndReason, Login, Session as SessionRow, SessionState},
};
use tokio::time::sleep;

use super::{
    Stage,
    scripted::{ACCOUNT, new_login, transient},
    settle,
};

const DONE: JobState = JobState::Sent { message_id: None };

fn qr_code(row: &SessionRow) -> Option<&str> {
    row.login.as_ref().and_then(Login::qr_code).map(|code| code.content)
}

#[tokio::test(start_paused = true)]
async fn a_login_command_leads_from_offline_to_a_qr_code() {
    let stage = Stage::new().await;
    let running = stage.run();
    stage.channel.start_login(Ok(new_login("qr-1")));
    let job = stage.command(&running, Command::Login).await;
    let row = stage.row().await;
    assert_eq!((row.state, qr_code(&row)), (SessionState::Waiting, Some("https://login/qr-1")));
    assert_eq!(stage.job(&job).await, DONE, "the job ends when there is a code to show");
    let second = stage.command(&running, Command::Login).await;
    assert_eq!((stage.job(&second).await, stage.channel.count("start_login")), (DONE, 1), "a second login joins");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn offline_refuses_what_needs_a_session() {
    let stage = Stage::new().await;
    let running = stage.run();
    assert_eq!(stage.outcome(&running, Command::Logout).await, DONE);
    let text = Command::SendText { to: domain::puid::Puid::new("1fee435b"), text: "在吗".to_owned() };
    let failed = JobState::Failed { why: "the session is offline".to_owned() };
    assert_eq!(stage.outcome(&running, text).await, failed);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_that_cannot_start_is_attempted_three_times() {
    let stage = Stage::new().await;
    let running = stage.run();
    for _ in 0..3 {
        stage.channel.start_login(Err(transient()));
    }
    let job = stage.command(&running, Command::Login).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(stage.job(&job).await, JobState::Failed { why: transient().to_string() });
    let row = stage.row().await;
    assert_eq!(row.state, SessionState::Offline);
    assert_eq!(row.ending, Some(EndReason::Failed { reason: transient().to_string() }));
    assert_eq!(stage.channel.count("start_login"), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_scan_and_a_confirmation_lead_online() {
    let stage = Stage::new().await;
    let running = stage.run();
    stage.channel.start_login(Ok(new_login("qr-1")));
    stage.command(&running, Command::Login).await;
    let step = LoginStep::ConfirmOnPhone { avatar: Some("data:image/png;base64,AA==".to_owned()) };
    stage.channel.poll_login(Ok(LoginProgress::Step { ticket: Ticket::new("scanned"), step }));
    settle().await;
    let row = stage.row().await;
    let login = row.login.as_ref().unwrap();
    assert_eq!((row.state, login.avatar()), (SessionState::Scanned, Some("data:image/png;base64,AA==")));
    assert_eq!(qr_code(&row), Some("https://login/qr-1"), "the code can still be shown");
    stage.channel.confirm(ACCOUNT);
    settle().await;
    let row = stage.row().await;
    assert_eq!((row.state, row.login_number), (SessionState::Online, 1));
    assert!(row.last_sync.is_some() && row.credentials.is_some());
    let calls = stage.channel.calls();
    let expected = ["start_login -", "poll_login ticket of qr-1", "poll_login scanned", "open confirmed"];
    assert_eq!(calls[..4], expected);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_code_that_the_phone_shows_is_a_step() {
    let stage = Stage::new().await;
    let running = stage.run();
    stage.channel.start_login(Ok(new_login("qr-1")));
    stage.command(&running, Command::Login).await;
    for rejected in [false, true] {
        let step = LoginStep::EnterCode { rejected };
        stage.channel.poll_login(Ok(LoginProgress::Step { ticket: Ticket::new("code"), step }));
    }
    settle().await;
    let steps = stage.row().await.login.unwrap().steps;
    assert_eq!(steps[1..], [LoginStep::EnterCode { rejected: true }], "a repeated step replaces the former one");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restarted_login_shows_the_new_code() {
    let stage = Stage::new().await;
    let running = stage.run();
    stage.channel.start_login(Ok(new_login("qr-1")));
    stage.command(&running, Command::Login).await;
    stage.channel.poll_login(Ok(LoginProgress::Restarted(new_login("qr-2"))));
    settle().await;
    assert_eq!(qr_code(&stage.row().await), Some("https://login/qr-2"));
    stage.channel.poll_login(Ok(LoginProgress::Confirmed { ticket: Ticket::new("confirmed") }));
    stage.channel.open(Ok(Opening::Restarted(new_login("qr-3"))));
    settle().await;
    let row = stage.row().await;
    assert_eq!((row.state, qr_code(&row)), (SessionState::Waiting, Some("https://login/qr-3")));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_login_leads_offline() {
    let stage = Stage::new().await;
    let running = stage.run();
    for progress in [Some(LoginProgress::Expired), None] {
        stage.channel.start_login(Ok(new_login("qr")));
        stage.command(&running, Command::Login).await;
        match progress {
            Some(progress) => {
                stage.channel.poll_login(Ok(progress));
                settle().await;
            }
            // The person does nothing: the deadline passes.
            None => sleep(Duration::from_mins(5)).await,
        }
        settle().await;
        let row = stage.row().await;
        assert_eq!((row.state, row.ending), (SessionState::Offline, Some(EndReason::Expired)));
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_and_a_logout_lead_offline() {
    let stage = Stage::new().await;
    let running = stage.run();
    stage.channel.start_login(Ok(new_login("qr-1")));
    stage.command(&running, Command::Login).await;
    let refused = Error::Refused { reason: "not this account".to_owned() };
    stage.channel.poll_login(Err(refused));
    settle().await;
    assert_eq!(stage.row().await.ending, Some(EndReason::Refused { reason: "not this account".to_owned() }));
    stage.channel.start_login(Ok(new_login("qr-2")));
    stage.command(&running, Command::Login).await;
    stage.command(&running, Command::Logout).await;
    let row = stage.row().await;
    assert_eq!((row.state, row.ending), (SessionState::Offline, Some(EndReason::LoggedOut)));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_fails_is_repeated_and_loses_no_login() {
    let stage = Stage::new().await;
    let running = stage.run();
    stage.channel.start_login(Ok(new_login("qr-1")));
    stage.command(&running, Command::Login).await;
    stage.channel.poll_login(Err(transient()));
    stage.channel.poll_login(Err(Error::RateLimited { after: Duration::from_secs(30) }));
    stage.channel.confirm(ACCOUNT);
    sleep(Duration::from_secs(29)).await;
    assert_eq!(stage.row().await.state, SessionState::Waiting);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.row().await.state, SessionState::Online);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_account_is_logged_out_and_leads_offline() {
    let stage = Stage::new().await;
    let running = stage.run();
    stage.channel.start_login(Ok(new_login("qr-1")));
    stage.command(&running, Command::Login).await;
    stage.channel.confirm("another account");
    settle().await;
    let row = stage.row().await;
    assert_eq!((row.state, row.ending), (SessionState::Offline, Some(EndReason::AccountMismatch)));
    assert_eq!((stage.channel.count("close"), row.credentials.is_none()), (1, true));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_continues_in_another_worker_with_its_ticket() {
    let stage = Stage::new().await;
    let running = stage.run();
    stage.channel.start_login(Ok(new_login("qr-1")));
    stage.command(&running, Command::Login).await;
    let step = LoginStep::ConfirmOnPhone { avatar: None };
    stage.channel.poll_login(Ok(LoginProgress::Step { ticket: Ticket::new("scanned"), step }));
    settle().await;
    running.stop().await;
    let running = stage.run();
    stage.channel.confirm(ACCOUNT);
    settle().await;
    assert_eq!(stage.row().await.state, SessionState::Online);
    assert!(stage.channel.calls().contains(&"poll_login scanned".to_owned()));
    assert_eq!(stage.channel.count("start_login"), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_only_asked_for_starts_in_the_next_worker() {
    let stage = Stage::new().await;
    stage.left(|row| row.state = SessionState::Starting).await;
    stage.channel.start_login(Ok(new_login("qr-1")));
    let running = stage.run();
    settle().await;
    assert_eq!(qr_code(&stage.row().await), Some("https://login/qr-1"));
    running.stop().await;
}
