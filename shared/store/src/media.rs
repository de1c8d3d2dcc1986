//! Messages that are not finished: their media are not stored yet, or they are not delivered.

use domain::{
    delivery::Delivery,
    id::{AppId, Seq},
    media::MediaState,
    puid::Puid,
};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    Store, StoreError,
    error::applied,
    item::{from_item, string, to_value},
    keys,
    log::delivery,
};

/// A message that is not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    pub seq: Seq,
    pub chat: Puid,
    /// Whether it has to be delivered.
    pub undelivered: bool,
    /// Whether its media are still at the channel.
    pub media_pending: bool,
}

impl Store {
    /// Messages after `after` that are undelivered or wait for their media, oldest first. They include the backlogs of
    /// parked chats.
    pub async fn unfinished(&self, app: &AppId, after: Seq) -> Result<Vec<Unfinished>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            seq: Seq,
            chat: Puid,
            delivery: Delivery,
            #[serde(default)]
            media: Option<State>,
        }
        #[derive(Deserialize)]
        struct State {
            state: String,
        }
        let query = self
            .query_log(app, after.next()..=Seq::MAX)
            .filter_expression("delivery = :pending OR media.#state = :pending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", delivery(Delivery::Pending))
            .projection_expression("pk, sk, seq, chat, delivery, media.#state");
        let rows = self.collect(query).await?.into_iter().map(|item| {
            let row: Row = from_item(item)?;
            Ok(Unfinished {
                seq: row.seq,
                chat: row.chat,
                undelivered: row.delivery == Delivery::Pending,
                media_pending: row.media.is_some_and(|media| media.state == PENDING),
            })
        });
        rows.collect()
    }

    /// Ends the download of a message's media. `false` if it had ended before, or the message does not exist.
    pub async fn finish_media(
        &self,
        app: &AppId,
        seq: Seq,
        state: &MediaState,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sk = keys::log(seq);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(app), &sk)))
            .condition_expression("media.#state = :pending")
            .update_expression("SET media = :media, update_time = :at")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", string(PENDING))
            .expression_attribute_values(":media", to_value(&sk, state)?)
            .expression_attribute_values(":at", string(at.to_string()));
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk))
    }
}

/// How [`MediaState::Pending`] is stored; the same word as for a delivery.
const PENDING: &str = "pending";
