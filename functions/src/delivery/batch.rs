//! Handles a batch of a FIFO queue in order.
//!
//! Groups run side by side; the messages of a group run one after another. After a failure the rest of the group fails
//! too, so that it is received again in order. A body that is no envelope belongs to no order and fails alone.

use std::{error, time::Duration};

use domain::error::chain;
use futures_util::future::join_all;
use jiff::Timestamp;
use queue::{Envelope, Received};
use tokio::time::Instant;

/// No message is started after this time; the rest of its group fails. The longest delivery takes three attempts of 15 s
/// and their pauses, so the batch ends within the dispatcher's time-out of three minutes, and that is shorter than the
/// queue's visibility timeout.
pub const START_LIMIT: Duration = Duration::from_mins(2);

/// A message of a batch.
#[derive(Debug, Clone)]
pub struct Record {
    /// Names the message in the list of failures.
    pub id: String,
    /// The messages of a group stay in order. A message without a group is alone in one.
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

/// Handles a batch. Returns the ids of the messages that failed.
pub async fn process<E, Done, Error, Handling>(records: Vec<Record>, handle: impl Fn(E) -> Handling) -> Vec<String>
where
    E: Envelope,
    Error: Into<Box<dyn error::Error + Send + Sync>>,
    Handling: Future<Output = Result<Done, Error>>,
{
    let start_limit = Instant::now() + START_LIMIT;
    let groups = queue::by_group(records, |record| record.group.as_deref());
    join_all(groups.into_iter().map(|group| process_group(group, start_limit, &handle))).await.concat()
}

async fn process_group<E, Done, Error, Handling>(
    group: Vec<Record>,
    start_limit: Instant,
    handle: &impl Fn(E) -> Handling,
) -> Vec<String>
where
    E: Envelope,
    Error: Into<Box<dyn error::Error + Send + Sync>>,
    Handling: Future<Output = Result<Done, Error>>,
{
    let (mut failed, mut stopped) = (Vec::new(), false);
    for record in group {
        let done = match serde_json::from_str(&record.body) {
            Err(error) => {
                tracing::error!(envelope.id = record.id, %error, "an envelope cannot be read");
                false
            }
            Ok(_) if stopped || Instant::now() >= start_limit => false,
            Ok(envelope) => {
                let result = handle(envelope).await.map_err(Into::into);
                if let Err(error) = &result {
                    let error = chain(&**error);
                    tracing::error!(envelope.id = record.id, %error, "an envelope could not be handled");
                    stopped = true;
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
    async fn after_a_failure_the_rest_of_its_group_fails_and_an_unreadable_body_fails_alone() {
        let unreadable = Record { body: "{".to_owned(), ..record("unreadable", "x", 0) };
        let batch = vec![
            record("1", "x", 1),
            unreadable,
            record("2", "y", 2),
            record("3", "x", 3),
            record("4", "x", 4),
            record("5", "y", 5),
        ];
        let handled = Mutex::new(Vec::new());
        let failed = process(batch, |envelope: InboundEnvelope| {
            handled.lock().unwrap().push(envelope.seq);
            async move { if envelope.seq == Seq::new(3) { Err("no") } else { Ok(()) } }
        });
        let mut failed = failed.await;
        failed.sort();
        assert_eq!(failed, ["3", "4", "unreadable"]);
        let mut handled = handled.into_inner().unwrap();
        handled.sort_unstable();
        assert_eq!(handled, [1, 2, 3, 5].map(Seq::new), "4 is not started after 3 has failed");
    }

    #[tokio::test(start_paused = true)]
    async fn messages_after_the_start_limit_fail() {
        let batch = ["1", "2", "3", "4"].map(|id| record(id, "x", id.parse().unwrap())).to_vec();
        let failed = process(batch, |_: InboundEnvelope| async {
            tokio::time::sleep(START_LIMIT / 2).await;
            Ok::<_, &str>(())
        });
        assert_eq!(failed.await, ["3", "4"]);
    }
}
