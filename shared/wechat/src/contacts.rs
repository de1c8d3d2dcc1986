//! The contact list (webwxgetcontact) and full cards of contacts and groups (webwxbatchgetcontact).

use std::slice;

use channel::{Card, ContactPage, Error, Peer};
use domain::contact::ContactKind;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{
    WebConnection,
    call::{POLL_TIMEOUT, Reply},
    wire::{
        contact::{Contact, Source},
        envelope::{BaseRequest, BaseResponse},
        lenient,
    },
};

/// The limit of webwxbatchgetcontact.
const MAX_BATCH: usize = 50;
/// The smallest number of contacts that is worth its own call. Fifty groups of a hundred members arrive sooner as five
/// parallel batches than as one: the client parses one batch while it receives the others.
const MIN_BATCH: usize = 10;
/// The number of batches in parallel.
const PARALLEL_BATCHES: usize = 8;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListAnswer {
    #[serde(deserialize_with = "lenient::nullable")]
    base_response: BaseResponse,
    #[serde(default, deserialize_with = "lenient::list")]
    member_list: Vec<Contact>,
    /// The start of the next page; 0 after the last.
    #[serde(default, deserialize_with = "lenient::integer")]
    seq: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchRequest<'a> {
    base_request: BaseRequest<'a>,
    count: usize,
    list: Vec<BatchItem<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchItem<'a> {
    user_name: &'a str,
    /// Always empty: only requests for the members of a group have a token here.
    encry_chat_room_id: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchAnswer {
    #[serde(deserialize_with = "lenient::nullable")]
    base_response: BaseResponse,
    #[serde(default, deserialize_with = "lenient::list")]
    contact_list: Vec<Contact>,
}

impl WebConnection {
    pub(crate) async fn contact_page(&mut self, from: u64) -> Result<ContactPage, Error> {
        const CALL: &str = "webwxgetcontact";
        let address =
            self.page(CALL).with("r", self.client.millis()).with("seq", from).with("skey", &self.session.skey);
        // A list of thousands of contacts takes WeChat longer than other answers.
        let reply = self.send(self.client.get(CALL, address).timeout(POLL_TIMEOUT)).await?;
        let answer: ListAnswer = reply.json()?;
        answer.base_response.check(CALL)?;
        let next = u64::try_from(answer.seq).ok().filter(|&next| next != 0 && next != from);
        let contacts = answer.member_list.into_iter();
        let cards = contacts.map(|contact| contact.card(&self.session.user_name, Source::ContactList)).collect();
        Ok(ContactPage { cards, next })
    }

    /// Full cards of the peers, in their order. WeChat leaves out the peers that it does not know.
    pub(crate) async fn cards(&mut self, peers: &[Peer]) -> Result<Vec<Card>, Error> {
        let size = peers.len().div_ceil(PARALLEL_BATCHES).clamp(MIN_BATCH, MAX_BATCH);
        let batches: Vec<_> = peers.chunks(size).map(|chunk| self.describe_batch(chunk)).collect();
        let answers: Vec<(Reply, Vec<Card>)> = stream::iter(batches).buffered(PARALLEL_BATCHES).try_collect().await?;
        let mut cards = Vec::with_capacity(peers.len());
        for (reply, batch) in answers {
            self.store_cookies(&reply);
            cards.extend(batch);
        }
        for group in cards.iter().filter(|card| card.kind == ContactKind::Group) {
            self.session.update_display_name(group);
        }
        Ok(cards)
    }

    /// What WeChat wants to hear when a member of `group` is asked for. Pictures of members are asked for group by group,
    /// so the connection keeps the last one.
    pub(crate) async fn encry_chat_room_id(&mut self, group: &Peer) -> Result<String, Error> {
        if let Some((known, room)) = &self.room
            && *known == group.id
        {
            return Ok(room.clone());
        }
        let (reply, contacts) = self.batch(slice::from_ref(group)).await?;
        self.store_cookies(&reply);
        let mut contacts = contacts.into_iter().filter(|contact| contact.user_name == group.id);
        let room = contacts.next().map(|contact| contact.encry_chat_room_id).unwrap_or_default();
        // The user name serves where WeChat does not name the room, as in itchat.
        let room = if room.is_empty() { group.id.clone() } else { room };
        self.room = Some((group.id.clone(), room.clone()));
        Ok(room)
    }

    async fn describe_batch(&self, peers: &[Peer]) -> Result<(Reply, Vec<Card>), Error> {
        let (reply, contacts) = self.batch(peers).await?;
        let contacts = contacts.into_iter().filter(|contact| !contact.user_name.is_empty());
        let cards = contacts.map(|contact| contact.card(&self.session.user_name, Source::Other)).collect();
        Ok((reply, cards))
    }

    async fn batch(&self, peers: &[Peer]) -> Result<(Reply, Vec<Contact>), Error> {
        const CALL: &str = "webwxbatchgetcontact";
        let address = self.page(CALL).with("type", "ex").with("r", self.client.millis());
        let request = BatchRequest {
            base_request: BaseRequest::from(&self.session),
            count: peers.len(),
            list: peers.iter().map(|peer| BatchItem { user_name: &peer.id, encry_chat_room_id: "" }).collect(),
        };
        let call = self.client.post(CALL, address, &request).timeout(POLL_TIMEOUT);
        let mut reply = call.send_as(&self.session).await?;
        let answer: BatchAnswer = reply.json()?;
        answer.base_response.check(CALL)?;
        // Only the cookies are still needed.
        reply.body = Vec::new();
        Ok((reply, answer.contact_list))
    }
}
