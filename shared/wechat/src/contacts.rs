//! The contact list, and who somebody is.

use domain::contact::{Card, ContactKind};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{
    ContactPage, Error, Session, WebWeChat,
    call::{POLL, Reply},
    wire::{
        contact::{Contact, Listed},
        envelope::{BaseRequest, BaseResponse},
        lenient,
    },
};

/// Most that webwxbatchgetcontact takes.
const BATCH: usize = 50;
/// Fewest that are worth a call of their own: fifty groups of a hundred are answered sooner as five batches side by
/// side than as one, and their JSON is read while the others are on their way.
const SMALLEST_BATCH: usize = 10;
/// Batches side by side.
const ABREAST: usize = 8;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListAnswer {
    base_response: BaseResponse,
    #[serde(default, deserialize_with = "lenient::list")]
    member_list: Vec<Contact>,
    /// Where the next page begins; 0 after the last.
    #[serde(default, deserialize_with = "lenient::integer")]
    seq: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchRequest<'a> {
    base_request: BaseRequest<'a>,
    count: usize,
    list: Vec<Asked<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Asked<'a> {
    user_name: &'a str,
    /// The group's token when asking about its members, else empty.
    encry_chat_room_id: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchAnswer {
    base_response: BaseResponse,
    #[serde(default, deserialize_with = "lenient::list")]
    contact_list: Vec<Contact>,
}

impl WebWeChat {
    pub(crate) async fn contact_page(&self, session: &mut Session, from: u64) -> Result<ContactPage, Error> {
        let address = self
            .page(session, "webwxgetcontact")
            .with("r", self.millis())
            .with("seq", from)
            .with("skey", &session.skey);
        // Thousands of contacts take WeChat longer than other answers.
        let reply = self.get("webwxgetcontact", address).patience(POLL).by(session).await?;
        self.remember(&mut session.cookies, &reply);
        let answer: ListAnswer = reply.json()?;
        answer.base_response.check("webwxgetcontact")?;
        let next = u64::try_from(answer.seq).ok().filter(|&next| next != 0 && next != from);
        let entries = answer.member_list.into_iter();
        let cards = entries.map(|entry| entry.card(&session.user_name, Listed::Contacts)).collect();
        Ok(ContactPage { cards, next })
    }

    /// Cards of contacts, or of the members of the group whose token is given. What WeChat does not know is left out.
    pub(crate) async fn cards(
        &self,
        session: &mut Session,
        group: Option<&str>,
        user_names: &[String],
    ) -> Result<Vec<Card>, Error> {
        let size = user_names.len().div_ceil(ABREAST).clamp(SMALLEST_BATCH, BATCH);
        let asking: &Session = session;
        let chunks = user_names.chunks(size);
        let batches: Vec<_> = chunks.map(|names| self.batch(asking, group.unwrap_or_default(), names)).collect();
        let answers: Vec<(Reply, Vec<Card>)> = stream::iter(batches).buffered(ABREAST).try_collect().await?;
        let mut cards = Vec::with_capacity(user_names.len());
        for (reply, found) in answers {
            self.remember(&mut session.cookies, &reply);
            cards.extend(found);
        }
        for group in cards.iter().filter(|card| card.kind == ContactKind::Group) {
            session.learn_from(group);
        }
        Ok(cards)
    }

    async fn batch(&self, session: &Session, group: &str, names: &[String]) -> Result<(Reply, Vec<Card>), Error> {
        let address = self.page(session, "webwxbatchgetcontact").with("type", "ex").with("r", self.millis());
        let request = BatchRequest {
            base_request: BaseRequest::from(session),
            count: names.len(),
            list: names.iter().map(|name| Asked { user_name: name, encry_chat_room_id: group }).collect(),
        };
        let call = self.post("webwxbatchgetcontact", address, &request).patience(POLL);
        let mut reply = call.by(session).await?;
        let answer: BatchAnswer = reply.json()?;
        answer.base_response.check("webwxbatchgetcontact")?;
        reply.body.clear();
        let listed = if group.is_empty() { Listed::Anywhere } else { Listed::Group };
        let entries = answer.contact_list.into_iter().filter(|entry| !entry.user_name.is_empty());
        Ok((reply, entries.map(|entry| entry.card(&session.user_name, listed)).collect()))
    }
}
