//! A batch of messages, as a function receives it from SQS.

use serde_json::{Value, json};

use crate::Received;

/// The event with which Lambda's event source mapping invokes a function for a batch.
pub fn event(batch: &[Received]) -> Value {
    let record = |message: &Received| {
        json!({
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": {
                "MessageGroupId": message.group,
                "SentTimestamp": message.sent.map(|sent| sent.as_millisecond().to_string()),
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        })
    };
    json!({ "Records": batch.iter().map(record).collect::<Vec<_>>() })
}

/// Splits a batch into its groups, each in order. A message without a group is alone in one.
pub fn by_group<T>(batch: Vec<T>, group_of: impl Fn(&T) -> Option<&str>) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    for message in batch {
        let group = group_of(&message);
        let same = |others: &&mut Vec<T>| group.is_some() && group_of(&others[0]) == group;
        match groups.iter_mut().find(same) {
            Some(group) => group.push(message),
            None => groups.push(vec![message]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, group: Option<&str>) -> Received {
        let (receipt, group) = (format!("r{id}"), group.map(str::to_owned));
        Received { id: id.to_owned(), body: "{}".to_owned(), receipt, group, sent: None }
    }

    #[test]
    fn a_batch_is_split_by_group_in_order() {
        let batch = [("1", Some("a")), ("2", Some("b")), ("3", None), ("4", Some("a")), ("5", None)];
        let batch = batch.map(|(id, group)| message(id, group)).to_vec();
        let groups = by_group(batch, |message| message.group.as_deref());
        let ids = groups.iter().map(|group| group.iter().map(|message| message.id.as_str()).collect());
        assert_eq!(ids.collect::<Vec<Vec<_>>>(), [vec!["1", "4"], vec!["2"], vec!["3"], vec!["5"]]);
    }

    #[test]
    fn an_event_has_the_shape_of_sqs() {
        let event = event(&[message("1", Some("app.chat"))]);
        assert_eq!(event["Records"][0]["messageId"], "1");
        assert_eq!(event["Records"][0]["attributes"]["MessageGroupId"], "app.chat");
    }
}
