//! Tables and queues for a machine without a template.

use std::time::Duration;

use anyhow::Context;
use jiff::tz::TimeZone;
use queue::{CommandEnvelope, InboundEnvelope, Queue};

use crate::{AwsClients, Settings};

/// Longer than the dispatcher may take for one envelope: three tries of 15 s, the pauses, and the ledger.
const INBOUND_VISIBILITY: Duration = Duration::from_mins(3);
/// Longer than a paced batch of ten sends.
const COMMAND_VISIBILITY: Duration = Duration::from_mins(5);

/// Makes what is missing of a table, an inbound queue and a command queue for each of `shards`, and says where it is.
/// Their names begin with `stack`, so that several relays can share the services of one machine.
pub async fn provision(
    clients: &AwsClients,
    stack: &str,
    shards: u16,
    sealing_key: [u8; 32],
    zone: TimeZone,
) -> anyhow::Result<Settings> {
    clients.store(stack).create_table().await.context("cannot make the table")?;
    let inbound = format!("{stack}-inbound.fifo");
    let inbound = Queue::<InboundEnvelope>::create(clients.sqs(), &inbound, INBOUND_VISIBILITY).await;
    let mut command_queues = Vec::with_capacity(usize::from(shards));
    for shard in 0..shards {
        let name = format!("{stack}-commands-{shard}.fifo");
        let queue = Queue::<CommandEnvelope>::create(clients.sqs(), &name, COMMAND_VISIBILITY).await;
        command_queues.push(queue.with_context(|| format!("cannot make the queue {name}"))?.url().to_owned());
    }
    Ok(Settings {
        table: stack.to_owned(),
        inbound_queue: inbound.context("cannot make the inbound queue")?.url().to_owned(),
        command_queues,
        sealing_key,
        zone,
    })
}
