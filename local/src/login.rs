//! `login APP_ID`: asks the running worker for a login, draws the QR code, and follows it to the end.

use std::{io::Write, time::Duration};

use anyhow::{Context, bail};
use boot::Relay;
use domain::{
    id::{InvalidId, JobId},
    job::{Command, Job},
    session::{Session, SessionState},
};
use queue::CommandEnvelope;

use crate::terminal;

/// Time between two reads of the session.
const POLL: Duration = Duration::from_millis(200);
/// How long a running worker may take to start the login.
const WORKER_START: Duration = Duration::from_secs(15);

/// Logs an app's account in. Returns when it is online; fails when the code expires or the login is refused.
pub async fn login(app_id: &str, relay: &Relay, out: &mut impl Write) -> anyhow::Result<()> {
    let app = match app_id.parse() {
        Ok(id) => relay.store.app(&id).await?,
        Err(InvalidId) => None,
    };
    let app = app.with_context(|| format!("there is no app {app_id}"))?;
    if let Some(session) = relay.store.session(&app.id).await?
        && session.state == SessionState::Online
    {
        return print_online(&session, out);
    }
    let job = Job::queued(JobId::generate(&*relay.ids), app.id.clone(), app.shard, Command::Login, relay.now());
    relay.store.put_job(&job).await?;
    relay.queues.command(app.shard, &CommandEnvelope { app: app.id.clone(), job: job.id.clone() }).await?;
    let started = tokio::time::timeout(WORKER_START, wait_for_job(relay, &job)).await;
    started.context("no worker took the login up; is one running?")??;
    let mut shown = None;
    loop {
        let session = relay.store.session(&app.id).await?.context("the login left no session")?;
        match (session.state, &session.login) {
            (SessionState::Online, _) => return print_online(&session, out),
            (SessionState::Offline, _) => bail!("the login ended: {}", describe_end(&session)),
            (SessionState::Waiting, Some(login)) if shown.as_ref() != Some(&login.uuid) => {
                shown = Some(login.uuid.clone());
                if let Some(code) = login.qr_code() {
                    writeln!(out, "{}", terminal::qr(code.content).unwrap_or_default())?;
                    writeln!(out, "  scan it with WeChat, or open {}", code.page.unwrap_or(code.content))?;
                } else {
                    writeln!(out, "  confirm the login on the phone")?;
                }
            }
            _ => {}
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until a job has ended; fails if it failed.
async fn wait_for_job(relay: &Relay, job: &Job) -> anyhow::Result<()> {
    use domain::job::JobState;
    loop {
        match relay.store.job(&job.app, &job.id).await?.map(|job| job.state) {
            Some(JobState::Sent { .. }) => return Ok(()),
            Some(JobState::Failed { why }) => bail!("the login could not begin: {why}"),
            Some(_) => tokio::time::sleep(POLL).await,
            None => bail!("the login's job is gone"),
        }
    }
}

fn print_online(session: &Session, out: &mut impl Write) -> anyhow::Result<()> {
    let name = session.user.as_ref().map_or("?", |user| user.nick_name.as_str());
    Ok(writeln!(out, "  online as {name}")?)
}

fn describe_end(session: &Session) -> String {
    use domain::session::EndReason;
    match &session.ending {
        Some(EndReason::Expired) => "the code expired, or was refused on the phone".to_owned(),
        Some(EndReason::AccountMismatch) => "the app is bound to another account (`app unbind` frees it)".to_owned(),
        Some(EndReason::Refused { reason } | EndReason::Failed { reason }) => reason.clone(),
        Some(EndReason::LoggedOut) => "logged out".to_owned(),
        Some(EndReason::EndedByWeChat { code }) => format!("WeChat ended it (code {code})"),
        None => "without a reason".to_owned(),
    }
}
