//! Reads `AddMsgList` an entry at a time, so that an odd one never hides the others.

use std::collections::HashMap;

use channel::Incoming;
use domain::message::{Content, Direction};
use sha2::{Digest, Sha256};

use super::{Entry, parse, time};
use crate::{peer::peer, session::WebSession, wire::lenient};

/// Reads the entries of one batch.
#[derive(Default)]
pub(crate) struct Entries<'a> {
    /// How often each message without an id has come in this batch.
    without_id: HashMap<&'a str, u64>,
}

impl<'a> Entries<'a> {
    /// Translates an entry. One that is no message is kept as a message with its JSON, in the account's own chat. A
    /// message without an id gets a derived one.
    pub(crate) fn read(&mut self, session: &WebSession, json: &'a str) -> Entry {
        let mut entry = lenient::entry(json).map_or_else(
            || {
                tracing::warn!(bytes = json.len(), "an entry of AddMsgList is not understood; its JSON is kept");
                Entry::Message(Box::new(unreadable(session, json)))
            },
            |message| parse(session, message),
        );
        if let Entry::Message(message) = &mut entry
            && message.id == 0
        {
            let times = self.without_id.entry(json).or_default();
            message.id = derived_id(json, *times);
            *times += 1;
        }
        entry
    }
}

fn unreadable(session: &WebSession, json: &str) -> Incoming {
    let me = session.user_name.as_str();
    Incoming {
        id: 0,
        direction: Direction::In,
        chat: peer(me, me),
        sender: None,
        is_at: None,
        create_time: time(0),
        content: Content::System { text: json.to_owned() },
        media: None,
        refer: None,
    }
}

/// The id of a message that came without one: the same when the batch comes again, and different for every message, also
/// for the `times`th repetition in the batch. Negative, which WeChat's ids are not.
fn derived_id(json: &str, times: u64) -> i64 {
    let digest = Sha256::new().chain_update(times.to_be_bytes()).chain_update(json).finalize();
    let number = digest.iter().take(8).fold(0, |number: i64, byte| number << 8 | i64::from(*byte));
    number | i64::MIN
}
