//! Reading the log for clients: by filter, by page, or from a sequence number on.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use domain::{
    id::{AppId, Seq},
    message::{Kind, Message},
    page::{Page, PageRequest},
    puid::Puid,
};
use jiff::Timestamp;

use crate::{Store, StoreError, item::string, log::message_of};

/// Selects messages. A field that is `None` selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub kind: Option<Kind>,
    pub send_user: Option<Puid>,
    pub send_group: Option<Puid>,
    pub maps: Option<Puid>,
    pub receiver: Option<Puid>,
    pub receiver_group: Option<Puid>,
    pub chat: Option<Puid>,
    /// Inclusive.
    pub create_from: Option<Timestamp>,
    /// Exclusive.
    pub create_to: Option<Timestamp>,
    /// Inclusive.
    pub receive_from: Option<Timestamp>,
    /// Exclusive.
    pub receive_to: Option<Timestamp>,
}

impl Filter {
    /// Whether it selects all messages.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn matches(&self, message: &Message) -> bool {
        fn is_or_any<T: PartialEq>(wanted: Option<&T>, value: Option<&T>) -> bool {
            wanted.is_none() || wanted == value
        }
        let within = |at: Timestamp, from: Option<Timestamp>, to: Option<Timestamp>| {
            from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to)
        };
        is_or_any(self.kind.as_ref(), Some(&message.content.kind()))
            && is_or_any(self.send_user.as_ref(), message.send_user.as_ref())
            && is_or_any(self.send_group.as_ref(), message.send_group.as_ref())
            && is_or_any(self.maps.as_ref(), message.maps.as_ref())
            && is_or_any(self.receiver.as_ref(), message.receiver.as_ref())
            && is_or_any(self.receiver_group.as_ref(), message.receiver_group.as_ref())
            && is_or_any(self.chat.as_ref(), Some(&message.chat))
            && within(message.create_time, self.create_from, self.create_to)
            && within(message.receive_time, self.receive_from, self.receive_to)
    }

    /// Adds the puids and the kind to DynamoDB's filter. Times are compared in [`Self::matches`], because their stored
    /// form does not sort.
    fn narrow(&self, mut query: QueryFluentBuilder) -> QueryFluentBuilder {
        let mut conditions = Vec::new();
        let wanted = [
            ("send_user", &self.send_user),
            ("send_group", &self.send_group),
            ("maps", &self.maps),
            ("receiver", &self.receiver),
            ("receiver_group", &self.receiver_group),
            ("chat", &self.chat),
        ];
        for (name, puid) in wanted {
            if let Some(puid) = puid {
                conditions.push(format!("{name} = :{name}"));
                query = query.expression_attribute_values(format!(":{name}"), string(puid.as_str()));
            }
        }
        if let Some(kind) = self.kind {
            conditions.push("content.#type = :type".to_owned());
            query = query
                .expression_attribute_names("#type", "type")
                .expression_attribute_values(":type", string(kind.as_str()));
        }
        if conditions.is_empty() { query } else { query.filter_expression(conditions.join(" AND ")) }
    }
}

impl Store {
    /// A page of the history, newest first; `None` for a page past the end. Without a filter, the page's sequence numbers
    /// follow from the head. With a filter, the whole log is read.
    pub async fn history(
        &self,
        app: &AppId,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Option<Page<Message>>, StoreError> {
        if filter.is_empty() {
            let head = self.head(app).await?;
            let count = head.get();
            let rows = match page.of_log(head) {
                Some(range) => self.messages(app, range).await?.into_iter().rev().collect(),
                None if page.exists(count) => Vec::new(),
                None => return Ok(None),
            };
            return Ok(Some(Page { count, rows }));
        }
        let query = filter.narrow(self.query_log(app, Seq::FIRST..=Seq::MAX)).scan_index_forward(false);
        let (mut count, mut rows) = (0, Vec::new());
        let mut items = query.into_paginator().items().send();
        while let Some(item) = items.next().await {
            let message: Message = message_of(item.map_err(StoreError::from_sdk)?)?;
            if filter.matches(&message) {
                if count >= page.offset() && rows.len() < page.size as usize {
                    rows.push(message);
                }
                count += 1;
            }
        }
        Ok(page.exists(count).then_some(Page { count, rows }))
    }

    /// At most `limit` messages after `seq`, oldest first.
    pub async fn messages_after(
        &self,
        app: &AppId,
        filter: &Filter,
        seq: Seq,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        let query = self.query_log(app, seq.next()..=Seq::MAX);
        if filter.is_empty() {
            let count = i32::try_from(limit).unwrap_or(i32::MAX);
            return self.first(query, count).await?.into_iter().map(message_of).collect();
        }
        let mut rows = Vec::new();
        let query = filter.narrow(query);
        let mut items = query.into_paginator().items().send();
        while rows.len() < limit as usize {
            let Some(item) = items.next().await else { break };
            let message: Message = message_of(item.map_err(StoreError::from_sdk)?)?;
            if filter.matches(&message) {
                rows.push(message);
            }
        }
        Ok(rows)
    }
}
