//! The log is summarised beside its session.

use domain::{delivery::Delivery, message::Message};
use simulator::From;
use store::SUMMARY_BLOCK;

use crate::support::{Stage, UIN, until};

#[tokio::test]
async fn complete_blocks_are_summarised_at_the_start_and_when_the_log_passes_their_end() {
    let stage = Stage::start().await;
    let (app, store) = (stage.fixture.app(None).await, &stage.fixture.relay.store);
    let row = |seq| Message { delivery: Delivery::Unwanted, ..testing::message(seq) };
    let earlier: Vec<Message> = (1..2 * SUMMARY_BLOCK).map(row).collect();
    store.append_all(&app.id, &earlier, None).await.unwrap();
    let summarised = async |blocks| {
        until(async || (store.first_block_without_summary(&app.id).await.unwrap() == blocks).then_some(())).await;
    };
    let worker = stage.worker();
    stage.log_in(&app).await;
    summarised(1).await;

    stage.world.push_text(UIN, From::friend("老李"), "one more").unwrap();
    summarised(2).await;
    worker.shut_down().await;
    assert_eq!(stage.world.violations(), []);
}
