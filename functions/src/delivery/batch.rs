//! A FIFO batch, handled as FIFO: the messages of a group one after the other, the groups side by side; after one that
//! failed, the rest of its group fails as well, so that it comes again in order. A body that cannot be read fails
//! alone: it has no place in any order.
//!
//! A batch whose messages take long ends before the queue shows them to somebody else: what has not been begun by
//! [`ENOUGH`] is left for the next time.

use std::{error, time::Duration};

use domain::error::chain;
use futures_util::future::join_all;
use jiff::Timestamp;
use queue::{Envelope, Received};
use tokio::time::Instant;

/// After so long no further message is begun. With the longest delivery (three tries of 15 s, and the pauses) it stays
/// within the three minutes that a dispatcher is given, and those within the time for which the queue hides a message.
pub const ENOUGH: Duration = Duration::from_mins(2);

/// A message of a batch.
#[derive(Debug, Clone)]
pub struct Record {
    /// Names it in the answer.
    pub id: String,
    /// What keeps its order; alone where it has none.
    pub group: Option<String>,
    pub body: String,
    /// When it was sent, by the queue's clock.
    pub sent: Option<Timestamp>,
}

impl From<&Received> for Record {
    fn from(received: &Received) -> Self {
        let Received { id, group, body, sent, .. } = received.clone();
        Self { id, group, body, sent }
    }
}

/// Handles a batch; the ids of the messages that failed.
pub async fn in_groups<E, Done, Error, Handling>(records: Vec<Record>, handle: impl Fn(E) -> Handling) -> Vec<String>
where
    E: Envelope,
    Error: Into<Box<dyn error::Error + Send + Sync>>,
    Handling: Future<Output = Result<Done, Error>>,
{
    let mut groups: Vec<Vec<Record>> = Vec::new();
    for record in records {
        let same = |group: &&mut Vec<Record>| record.group.is_some() && group[0].group == record.group;
        match groups.iter_mut().find(same) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    let until = Instant::now() + ENOUGH;
    join_all(groups.into_iter().map(|group| in_order(group, until, &handle))).await.concat()
}

async fn in_order<E, Done, Error, Handling>(
    group: Vec<Record>,
    until: Instant,
    handle: &impl Fn(E) -> Handling,
) -> Vec<String>
where
    E: Envelope,
    Error: Into<Box<dyn error::Error + Send + Sync>>,
    Handling: Future<Output = Result<Done, Error>>,
{
    let (mut failed, mut broken) = (Vec::new(), false);
    for record in group {
        let done = match serde_json::from_str(&record.body) {
            Err(error) => {
                tracing::error!(envelope.id = record.id, %error, "an envelope cannot be read");
                false
            }
            Ok(_) if broken || Instant::now() >= until => false,
            Ok(envelope) => {
                let result = handle(envelope).await.map_err(Into::into);
                if let Err(error) = &result {
                    let error = chain(&**error);
                    tracing::error!(envelope.id = record.id, %error, "an envelope could not be handled");
                    broken = true;
                }
                result.is_ok()
            }
        };
        if !done {
            failed.push(record.id);
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use domain::{
        id::{AppId, Seq},
        puid::Puid,
    };
    use queue::InboundEnvelope;

    use super::*;

    fn record(id: &str, chat: &str, seq: u64) -> Record {
        let envelope = InboundEnvelope { app: AppId::trusted("a"), chat: Puid::new(chat), seq: Seq::new(seq) };
        let body = serde_json::to_string(&envelope).unwrap();
        Record { id: id.to_owned(), group: Some(envelope.group()), body, sent: None }
    }

    #[tokio::test]
    async fn after_a_failure_the_rest_of_its_group_fails_and_a_poison_body_fails_alone() {
        let poison = Record { body: "{".to_owned(), ..record("poison", "x", 0) };
        let batch = vec![
            record("1", "x", 1),
            poison,
            record("2", "y", 2),
            record("3", "x", 3),
            record("4", "x", 4),
            record("5", "y", 5),
        ];
        let handled = Mutex::new(Vec::new());
        let failed = in_groups(batch, |envelope: InboundEnvelope| {
            handled.lock().unwrap().push(envelope.seq);
            async move { if envelope.seq == Seq::new(3) { Err("no") } else { Ok(()) } }
        });
        let mut failed = failed.await;
        failed.sort();
        assert_eq!(failed, ["3", "4", "poison"]);
        let mut handled = handled.into_inner().unwrap();
        handled.sort_unstable();
        assert_eq!(handled, [1, 2, 3, 5].map(Seq::new), "4 was not tried after 3 had failed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_takes_too_long_leaves_its_rest_for_the_next_time() {
        let batch = ["1", "2", "3", "4"].map(|id| record(id, "x", id.parse().unwrap())).to_vec();
        let failed = in_groups(batch, |_: InboundEnvelope| async {
            tokio::time::sleep(ENOUGH / 2).await;
            Ok::<_, &str>(())
        });
        assert_eq!(failed.await, ["3", "4"]);
    }
}
