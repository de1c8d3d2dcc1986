//! Creates tables, queues and buckets on a machine without CloudFormation.

use anyhow::Context;
use boot::{AwsClients, Settings};
use jiff::tz::TimeZone;
use queue::{CommandEnvelope, InboundEnvelope, Queue};

use crate::Deployment;

/// Creates the stack's table, queues and bucket where they are missing, with a command queue for each of `shards` (1, 2 or 4).
/// Returns the settings that name them.
pub async fn provision(
    clients: &AwsClients,
    stack: &str,
    shards: u16,
    sealing_key: [u8; 32],
    zone: TimeZone,
) -> anyhow::Result<Settings> {
    let Deployment { table_name, table, inbound, commands } = Deployment::of(stack, shards)?;
    clients.store(&table_name).create_table(&table).await.context("cannot make the table")?;
    let inbound = Queue::<InboundEnvelope>::create(clients.sqs(), &inbound).await;
    let inbound_queue = inbound.context("cannot make the inbound queue")?.url().to_owned();
    let mut command_queues = Vec::with_capacity(commands.len());
    for spec in &commands {
        let queue = Queue::<CommandEnvelope>::create(clients.sqs(), spec).await;
        command_queues.push(queue.with_context(|| format!("cannot make the queue {}", spec.name))?.url().to_owned());
    }
    // The template leaves a bucket's name to CloudFormation: bucket names are unique on earth.
    let media_bucket = format!("{}-media", stack.to_lowercase());
    clients.media(&media_bucket).create_bucket().await.context("cannot make the bucket")?;
    Ok(Settings { table: table_name, inbound_queue, command_queues, media_bucket, sealing_key, zone })
}
