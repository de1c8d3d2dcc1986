//! From the confirmation on the phone to the whole contact book in the ledger, with a WeChat that is 80 ms away.

use std::time::Instant;

use domain::{
    contact::{Card, Contact, ContactKind},
    id::AppId,
    puid::Puid,
};
use simulator::{AccountSpec, Uin};

use crate::{
    stage::Stage,
    table::{Budget, Spread, Table},
};

const FRIENDS: u32 = 2_000;
const GROUPS: u32 = 50;
const MEMBERS: u32 = 100;
/// Added latency of each response of the simulated WeChat, in milliseconds.
const LATENCY_MS: u64 = 80;
const FIRST: Uin = 1_700_000_000;

pub async fn measure(repetitions: u32) -> anyhow::Result<Table> {
    let stage = Stage::start().await?;
    stage.simulated.latency(LATENCY_MS).await?;
    // The first repetition is the warm-up.
    let (mut ours, mut wire, mut ledger) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..=repetitions {
        let lasted = login(&stage, n).await?;
        let written = ledger_only(&stage, n).await?;
        if n > 0 {
            ours.push(lasted);
            wire.push(wire_only(&stage).await?);
            ledger.push(written);
        }
    }
    let mut table = Table::default();
    table.row("confirm → contacts complete, s", Budget::AtMost(0.7), Spread::of(ours));
    table.floor("eight requests one after the other", Spread::of(wire));
    table.row("as many contacts put into the ledger, nothing else, s", Budget::Free, Spread::of(ledger));
    table.note(format!(
        "{FRIENDS} friends and {GROUPS} groups of {MEMBERS}, every WeChat answer {LATENCY_MS} ms late; an account and an app \
         that were never seen before each time. From the phone's confirming to the session's row telling that all \
         contacts are in the ledger, looked at every 5 ms. WeChat's protocol takes at least eight round trips one \
         after the other: login page, init, five pages of contacts (500 each), the groups of the last."
    ));
    Ok(table)
}

async fn login(stage: &Stage, n: u32) -> anyhow::Result<f64> {
    let uin = FIRST + u64::from(n);
    let account = AccountSpec::new(uin, format!("Account {n}")).friends(FRIENDS).groups(GROUPS, MEMBERS);
    stage.simulated.accounts(&[account]).await?;
    let (app, _) = stage.app().await?;
    stage.start_login(&app.id).await?;
    let code = stage.simulated.code(n as usize + 1).await?;
    stage.simulated.scan(&code, uin).await?;
    // Time for the client to learn of the scan and to poll again, so that it waits when the phone confirms.
    tokio::time::sleep(std::time::Duration::from_millis(4 * LATENCY_MS)).await;
    let confirmed = Instant::now();
    stage.simulated.confirm(&code).await?;
    stage.wait_for_contacts(&app.id).await?;
    Ok(confirmed.elapsed().as_secs_f64())
}

/// Seconds of eight requests to the same simulated WeChat that do nothing.
async fn wire_only(stage: &Stage) -> anyhow::Result<f64> {
    let http = boot::http_client().build()?;
    let address = format!("{}/cgi-bin/mmwebwx-bin/webwxstatreport", stage.simulated.origin());
    http.post(&address).send().await?.bytes().await?;
    let begun = Instant::now();
    for _ in 0..8 {
        http.post(&address).send().await?.bytes().await?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Seconds to write as many contacts as the account has, into the same ledger and in the same way.
async fn ledger_only(stage: &Stage, n: u32) -> anyhow::Result<f64> {
    let now = stage.relay.now();
    let contact = |friend: u32| {
        let card = Card::bare(format!("@{friend:064x}"), ContactKind::Friend);
        Contact::of(&card, Puid::new(format!("{friend:08x}")), now)
    };
    let contacts: Vec<Contact> = (0..FRIENDS + GROUPS).map(contact).collect();
    let begun = Instant::now();
    stage.relay.store.put_contacts(&AppId::trusted(format!("floor{n}")), &contacts).await?;
    Ok(begun.elapsed().as_secs_f64())
}
