//! The relay without sockets: the ledger and the queues answer as the embedded ones do, and tokio's paused clock stands
//! still meanwhile.

use std::time::Duration;

use domain::{
    contact::ContactKind,
    id::{AppId, JobId, Seq},
    job::{Command, Job},
    message::Message,
    puid::Puid,
};
use jiff::SignedDuration;
use queue::{CommandEnvelope, InboundEnvelope};
use store::StoreError;
use testing::{Fixture, START, contact, message};
use tokio::time::Instant;

const WAIT: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn the_ledger_answers_and_no_time_passes() {
    let started = Instant::now();
    let fixture = Fixture::in_process().await;
    let store = &fixture.relay.store;

    // A transaction, and one that is cancelled.
    let created = fixture.app(None).await;
    assert!(matches!(store.create_app(&created).await, Err(StoreError::Conflict)));
    let app = &created.id;

    // A conditional put, and one whose condition fails.
    store.append(app, &message(1), None).await.unwrap();
    let other = Message { id: 7, ..message(1) };
    assert!(matches!(store.append(app, &other, None).await, Err(StoreError::Conflict)));
    assert_eq!(store.head(app).await.unwrap(), Seq::FIRST);

    // A batch write and a query, and a batch get.
    let contacts: Vec<_> = (0..30).map(|n| contact(&format!("friend{n:02}"), ContactKind::Friend, "小红")).collect();
    store.put_contacts(app, &contacts).await.unwrap();
    assert_eq!(store.contacts(app).await.unwrap(), contacts);
    assert_eq!(store.caller(app).await.unwrap().expect("the app").app, created);

    // A query on the index.
    let job = Job::queued(JobId::generate(&*fixture.relay.ids), app.clone(), 0, Command::Login, fixture.relay.now());
    assert!(store.put_job(&job).await.unwrap());
    let open = store.open_jobs(0).await.unwrap();
    assert_eq!(open.iter().map(|due| (&due.app, &due.id)).collect::<Vec<_>>(), [(app, &job.id)]);

    assert_eq!(Instant::now(), started);
}

#[tokio::test(start_paused = true)]
async fn the_queues_keep_what_is_sent_and_no_time_passes() {
    let started = Instant::now();
    let Fixture { relay, .. } = Fixture::in_process().await;
    let queue = &relay.queues.inbound;
    let app = AppId::generate(&*relay.ids);
    let envelope =
        |seq| InboundEnvelope { app: app.clone(), chat: Puid::new(format!("chat{seq}")), seq: Seq::new(seq) };
    let sent: Vec<_> = (1..=3).map(envelope).collect();
    queue.send_all(&sent).await.unwrap();
    let command = CommandEnvelope { app: app.clone(), job: JobId::generate(&*relay.ids) };
    relay.queues.command(0, &command).await.unwrap();

    let received = queue.receive(WAIT).await.unwrap();

    let bodies = received.iter().map(|message| serde_json::from_str(&message.body).unwrap());
    assert_eq!(bodies.collect::<Vec<InboundEnvelope>>(), sent);
    queue.give_back(&received[0].receipt, Duration::ZERO).await.unwrap();
    queue.delete(&[&received[1].receipt, &received[2].receipt]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), 1);
    assert_eq!(Instant::now(), started);
}

#[tokio::test(start_paused = true)]
async fn an_empty_long_poll_ends_after_its_wait() {
    let Fixture { relay, .. } = Fixture::in_process().await;
    let started = Instant::now();

    assert!(relay.queues.inbound.receive(WAIT).await.unwrap().is_empty());

    // The queue looks once a second.
    let waited = started.elapsed();
    assert!(waited >= WAIT && waited <= WAIT + Duration::from_secs(1), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn the_relays_clock_moves_with_paused_time() {
    let Fixture { relay, clock, .. } = Fixture::in_process().await;
    let start = START.parse().unwrap();
    assert_eq!(relay.now(), start);
    tokio::time::advance(Duration::from_millis(1_500)).await;
    assert_eq!(relay.now(), start + SignedDuration::from_millis(1_500));
    clock.advance_seconds(60);
    assert_eq!(relay.now(), start + SignedDuration::from_millis(61_500));
}
