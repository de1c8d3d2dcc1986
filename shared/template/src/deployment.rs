//! The table and the queues of a deployment. The functions' environment variables say which queue has which purpose.

use anyhow::Context;
use queue::{DeadLetters, QueueSpec};
use store::{IndexSpec, KeySpec, TableSpec};

use crate::{
    Document, Stack,
    document::{Yaml, at, entries, function, items, text},
};

/// A deployment's table and queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The ledger's name.
    pub table_name: String,
    pub table: TableSpec,
    pub inbound: QueueSpec,
    /// One a shard, in order.
    pub commands: Vec<QueueSpec>,
}

impl Deployment {
    /// The table and the queues of the stack `name` with `shards` shards.
    pub fn of(name: &str, shards: u16) -> anyhow::Result<Self> {
        let document = Document::read()?;
        let stack = Stack::new(document, name, vec![("ShardCount", shards.to_string())])?;
        let variables = at(document.entry("Globals", "Function")?, &["Environment", "Variables"])?;
        let value = |variable| stack.text(at(variables, &[variable])?).context(variable);
        let properties = stack.properties(&value("TABLE_NAME")?)?;
        Ok(Self {
            table_name: stack.text(at(properties, &["TableName"])?)?,
            table: table(&stack, properties)?,
            inbound: queue(&stack, &value("INBOUND_QUEUE_URL")?)?,
            commands: value("COMMAND_QUEUE_URLS")?.split(',').map(|id| queue(&stack, id)).collect::<Result<_, _>>()?,
        })
    }
}

fn table(stack: &Stack<'_>, properties: &Yaml<'_>) -> anyhow::Result<TableSpec> {
    let value = |node: &Yaml<'_>, path: &[&str]| stack.text(at(node, path)?);
    let attribute = |node| Ok((value(node, &["AttributeName"])?, value(node, &["AttributeType"])?));
    let key = |node: &Yaml<'_>| {
        let parts = items(at(node, &["KeySchema"])?)?;
        let part = |kind: &str| {
            let found = parts.iter().find(|part| value(part, &["KeyType"]).is_ok_and(|is| is == kind));
            value(found.with_context(|| format!("template.yaml: a key without {kind}"))?, &["AttributeName"])
        };
        Ok::<_, anyhow::Error>(KeySpec { hash: part("HASH")?, range: part("RANGE")? })
    };
    let index = |node| {
        let (name, projection) = (value(node, &["IndexName"])?, value(node, &["Projection", "ProjectionType"])?);
        Ok(IndexSpec { name, key: key(node)?, projection })
    };
    Ok(TableSpec {
        attributes: items(at(properties, &["AttributeDefinitions"])?)?
            .iter()
            .map(attribute)
            .collect::<anyhow::Result<_>>()?,
        key: key(properties)?,
        indexes: items(at(properties, &["GlobalSecondaryIndexes"])?)?
            .iter()
            .map(index)
            .collect::<anyhow::Result<_>>()?,
        expires: value(properties, &["TimeToLiveSpecification", "AttributeName"])?,
    })
}

/// CloudFormation and SQS have the same names for a queue's attributes.
fn queue(stack: &Stack<'_>, resource: &str) -> anyhow::Result<QueueSpec> {
    let (mut name, mut attributes, mut dead_letters) = (String::new(), Vec::new(), None);
    for (property, value) in entries(stack.properties(resource)?) {
        match property {
            "QueueName" => name = stack.text(value)?,
            "RedrivePolicy" => dead_letters = Some(redrive(stack, value)?),
            _ => attributes.push((property.to_owned(), stack.text(value)?)),
        }
    }
    Ok(QueueSpec { name, attributes, dead_letters })
}

fn redrive(stack: &Stack<'_>, policy: &Yaml<'_>) -> anyhow::Result<DeadLetters> {
    let target = function(at(policy, &["deadLetterTargetArn"])?).filter(|(function, _)| *function == "GetAtt");
    let target = text(target.context("template.yaml: dead letters are named by !GetAtt")?.1)?;
    let target = target.strip_suffix(".Arn").context("template.yaml: dead letters are named by their ARN")?;
    let receives = stack.text(at(policy, &["maxReceiveCount"])?)?.parse().context("maxReceiveCount")?;
    Ok(DeadLetters { queue: Box::new(queue(stack, target)?), receives })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_the_stacks_name() {
        let one = Deployment::of("relay", 1).unwrap();
        assert_eq!((&*one.table_name, &*one.inbound.name), ("relay", "relay-inbound.fifo"));
        let commands = |shards| Deployment::of("x", shards).map(|deployment| deployment.commands);
        for shards in [1, 2, 4] {
            let names: Vec<String> = commands(shards).unwrap().into_iter().map(|spec| spec.name).collect();
            let wanted: Vec<String> = (0..shards).map(|shard| format!("x-commands-{shard}.fifo")).collect();
            assert_eq!(names, wanted);
        }
        assert_eq!(commands(3).unwrap_err().to_string(), "ShardCount may be 1 or 2 or 4, not 3");
    }

    #[test]
    fn a_queue_keeps_the_order_of_each_group_and_has_dead_letters() {
        let inbound = Deployment::of("relay", 1).unwrap().inbound;
        let attribute = |name: &str| inbound.attributes.iter().find(|(is, _)| is == name).map(|(_, value)| &**value);
        assert_eq!(attribute("FifoQueue"), Some("true"));
        assert_eq!(attribute("DeduplicationScope"), Some("messageGroup"));
        assert_eq!(attribute("FifoThroughputLimit"), Some("perMessageGroupId"));
        let dead = inbound.dead_letters.unwrap();
        assert_eq!((dead.receives, &*dead.queue.name), (1_000, "relay-inbound-dead.fifo"));
    }
}
