//! The AWS operations that the worker calls.

use std::time::Duration;

use domain::{
    channel::MediaKind,
    job::{Command, OutgoingSource},
    media::{MediaState, upload_key},
};
use media::MediaType;
use simulator::{Fault, From, Kind, Push};
use worker::{Config, GRANTS, Pace};

use crate::support::{Stage, UIN, config, until};

#[tokio::test]
async fn every_grant_is_used() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(Some("http://127.0.0.1:9/")).await;
    let pace = Some(Pace { burst: 1, every: Duration::from_hours(1) });
    let worker = stage.worker_with(Config { pace, ..config() });
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "在吗").unwrap();
    stage.take_envelopes(1).await;
    // Breaks off after its first part was stored.
    stage.world.fault(Fault::on("webwxgetvideo").cut_after(8_800_000));
    let video = Push::kind(From::friend("老李"), Kind::Video { seconds: 1 }).media(vec![7; 9_000_000]);
    stage.world.push(UIN, &video).unwrap();
    stage.take_envelopes(1).await;
    assert_eq!(stage.log(&app, 2).await[1].media, Some(MediaState::Stored { size: 9_000_000 }));
    let friend = stage.contact(&app, "李雷").await.puid;
    let uploaded = upload_key(&app.id, "up");
    stage.fixture.relay.media.put(&uploaded, "x".into(), MediaType::text()).await.unwrap();
    let send =
        |source| Command::SendMedia { to: friend.clone(), kind: MediaKind::File, source, name: Some("a".into()) };
    assert_eq!(stage.outcome(&app, send(OutgoingSource::Upload("up".to_owned()))).await.as_str(), "sent");
    // Paced: the worker holds it until it ends, and gives it back then.
    stage.command(&app, Command::SendText { to: friend.clone(), text: "2".to_owned() }).await;
    until(async || (stage.visible_and_in_flight_commands().await == [0, 1]).then_some(())).await;
    worker.shut_down().await;
    assert_eq!(stage.called(), GRANTS.iter().copied().collect());
}
