//! Memory of a session that waits for messages.

use std::time::Duration;

use crate::{
    process::Child,
    stage::{Stage, accounts},
    table::{Budget, Spread, Table},
};

/// Sessions of a step. The first step is the warm-up.
const STEP: u32 = 100;
/// Longer than a long poll (25 s) and than the client keeps an idle connection. The remaining memory is the sessions'.
const SETTLE: Duration = Duration::from_secs(45);
/// Distance between the uins of two steps.
const STEP_UINS: u64 = 10_000;
const FIRST: u64 = 1_700_000_000;

pub async fn measure(repetitions: u32) -> anyhow::Result<Table> {
    let mut table = Table::default();
    let floor = polls(repetitions).await?;
    for friends in [200, 2_000] {
        let ours = sessions(friends, repetitions).await?;
        table.row(format!("memory a session, {friends} friends, KB"), Budget::AtMost(80.0), ours);
        table.floor("a bare reqwest long poll over TLS", floor.clone());
    }
    table.note(format!(
        "Resident memory of a worker in a process of its own, as in production, that {STEP} more sessions need after \
         the first {STEP}, {} s after their logins; the services are in another process. Each session has read its \
         contacts and holds its long poll over TLS, on a connection of its own as WeChat's hosts have it; the TLS end \
         (a CONNECT proxy) and the simulated WeChat are other processes.",
        SETTLE.as_secs()
    ));
    Ok(table)
}

/// KB a session that [`STEP`] more sessions need.
async fn sessions(friends: u32, repetitions: u32) -> anyhow::Result<Spread> {
    let stage = Stage::start_only(Some("aws")).await?;
    let certificate = stage.folder.path().join("certificate.pem").display().to_string();
    let tls = Child::start_self(&["tls", stage.simulated.origin(), &certificate])?;
    let data = stage.folder.path().display().to_string();
    let worker = Child::start_self(&["worker", &data, &tls.address, &certificate])?;
    let mut steps = Vec::new();
    for step in 0..=repetitions {
        stage.log_in(&accounts(FIRST + STEP_UINS * u64::from(step), STEP, friends)).await?;
        tokio::time::sleep(SETTLE).await;
        steps.push(worker.memory()?);
    }
    Ok(differences(&steps))
}

/// KB a long poll that [`STEP`] more long polls need.
async fn polls(repetitions: u32) -> anyhow::Result<Spread> {
    let stage = Stage::start_only(Some("aws")).await?;
    let unused = accounts(FIRST, 1, 0);
    stage.simulated.accounts(&unused).await?;
    let certificate = stage.folder.path().join("certificate.pem").display().to_string();
    let tls = Child::start_self(&["tls", stage.simulated.origin(), &certificate])?;
    let never = format!("https://webpush.wx.qq.com/_sim/accounts/{FIRST}?wait=online&timeout_ms=600000");
    let mut steps = Vec::new();
    for step in 0..=repetitions {
        let count = (STEP * (step + 1)).to_string();
        let polls = Child::start_self(&["polls", &never, &tls.address, &certificate, &count])?;
        steps.push(polls.memory()?);
    }
    Ok(differences(&steps))
}

fn differences(steps: &[u32]) -> Spread {
    let differences = steps.windows(2).map(|two| (f64::from(two[1]) - f64::from(two[0])) / f64::from(STEP));
    Spread::of(differences.collect())
}
