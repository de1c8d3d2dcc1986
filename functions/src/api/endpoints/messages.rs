//! `GET /message`, also `/messages`: the history, newest first, with filters and pages. With `after=<cursor>`: the later
//! messages, oldest first; `wait=<seconds>` waits for one.

use std::time::Duration;

use axum::{
    response::{IntoResponse, Response},
    routing::on,
};
use boot::{
    Grant::Table,
    TableOperation::{BatchGetItem, Query},
};
use domain::{
    id::{AppId, Seq},
    message::{self, Message},
};
use schemars::JsonSchema;
use serde::Serialize;
use store::Filter;

use crate::{
    api::{
        auth::Caller,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        message_filter,
        openapi::{Auth, Failure, Kind, Operation, PAGES, Parameter, Reply, WAIT},
        page,
        response::ApiResponse,
        state::AppState,
    },
    message_row::{MessageRow, TimeFormat},
    times::Times,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "messages",
    title: Title { zh: "消息记录", en: "Message history" },
    routes: &[
        Route { method: Method::Get, path: "/message", handler: |method| on(method, handle) },
        Route { method: Method::Get, path: "/messages", handler: |method| on(method, handle) },
    ],
    needs: None,
    grants: &[Table(BatchGetItem), Table(Query)],
    sample: Sample {
        auth: SampleAuth::Signature,
        online: true,
        query: "",
        fields: &["count", "next", "previous", "results"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Get,
    paths: &["/message", "/messages"],
    summary: "The history, newest first. With `after`: the later messages, oldest first.",
    auth: Auth::Signature,
    parameters: &[
        &[
            Parameter::query(
                "type",
                Kind::OneOf(|| message::Kind::ALL.map(message::Kind::as_str).to_vec()),
                "The kind of message.",
                "Text",
            ),
            Parameter::query("send_user", Kind::Puid, "The author, also in a group.", "1fee435b"),
            Parameter::query("send_group", Kind::Puid, "The group that it was written in.", "973e46d8"),
            Parameter::query("maps", Kind::Puid, "The official account that it came from.", "0badcafe"),
            Parameter::query("receiver", Kind::Puid, "Whom it went to.", "e1d54615"),
            Parameter::query("receiver_group", Kind::Puid, "The group that it went to.", "973e46d8"),
            Parameter::query("chat", Kind::Puid, "The chat, in both directions.", "1fee435b"),
            Parameter::query("create_time", Kind::Time, "The time must equal this.", "2020-01-07 11:32:48"),
            Parameter::query("create_time__gte", Kind::Time, "The time must be this or later.", "2020-01-07 11:32:48"),
            Parameter::query("create_time__gt", Kind::Time, "The time must be later.", "2020-01-07 11:32:48"),
            Parameter::query(
                "create_time__lte",
                Kind::Time,
                "The time must be this or earlier.",
                "2020-01-07 11:32:48",
            ),
            Parameter::query("create_time__lt", Kind::Time, "The time must be earlier.", "2020-01-07 11:32:48"),
            Parameter::query("receive_time", Kind::Time, "The time must equal this.", "2020-01-07 11:32:48"),
            Parameter::query("receive_time__gte", Kind::Time, "The time must be this or later.", "2020-01-07 11:32:48"),
            Parameter::query("receive_time__gt", Kind::Time, "The time must be later.", "2020-01-07 11:32:48"),
            Parameter::query(
                "receive_time__lte",
                Kind::Time,
                "The time must be this or earlier.",
                "2020-01-07 11:32:48",
            ),
            Parameter::query("receive_time__lt", Kind::Time, "The time must be earlier.", "2020-01-07 11:32:48"),
            Parameter::query(
                "after",
                Kind::Whole(0, u64::MAX),
                "A cursor: `content.id` of a message, or `cursor`.",
                "44",
            ),
            WAIT,
        ],
        PAGES,
    ],
    body: &[],
    file: None,
    replies: &[Reply::ok::<Messages<'static>>("A page of them, or with `after` the later ones.")],
    failures: &[Failure::INVALID_PAGE],
}];

/// The bodies of the two ways to ask.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only describes them")]
enum Messages<'a> {
    Page(page::Body<MessageRow<'a>>),
    New(ApiResponse<NewMessages<'a>>),
}

#[derive(Serialize, JsonSchema)]
struct NewMessages<'a> {
    results: Vec<MessageRow<'a>>,
    /// The value of `after` for the next request.
    cursor: String,
}

async fn handle(state: AppState, caller: Caller) -> Result<Response, ApiError> {
    let filter = message_filter::parse(&caller.params, &state.relay.zone)?;
    let wait = caller.params.wait()?;
    if let Some(after) = caller.params.get("after") {
        let after = after
            .parse()
            .map(Seq::new)
            .map_err(|_| ApiError::field("after", "must be a cursor from an earlier answer"))?;
        return new_messages(&state, &caller, &filter, after, wait).await;
    }
    let request = page::request(&caller.params)?;
    let history = state.relay.store.history(&caller.app.id, &filter, request).await?;
    let history = history.ok_or(ApiError::InvalidPage)?;
    page::respond(request, &caller.url, history.count, rows(&state, &history.rows))
}

fn rows<'a>(state: &AppState, messages: &'a [Message]) -> Vec<MessageRow<'a>> {
    messages.iter().map(|message| MessageRow::of(message, TimeFormat::History, Times(&state.relay.zone))).collect()
}

async fn new_messages(
    state: &AppState,
    caller: &Caller,
    filter: &Filter,
    mut after: Seq,
    wait: Duration,
) -> Result<Response, ApiError> {
    let (limit, polling) = (page::size(&caller.params)?, state.poll_for(wait));
    let mut found = read_after(state, &caller.app.id, filter, &mut after, limit).await?;
    while found.is_empty() && polling.next().await {
        found = read_after(state, &caller.app.id, filter, &mut after, limit).await?;
    }
    Ok(ApiResponse::new(NewMessages { results: rows(state, &found), cursor: after.to_string() }).into_response())
}

/// The messages after `after` that match. Moves `after` past every message that was read, whether it matches or not.
async fn read_after(
    state: &AppState,
    app: &AppId,
    filter: &Filter,
    after: &mut Seq,
    limit: u32,
) -> Result<Vec<Message>, ApiError> {
    let head = state.relay.store.head(app).await?;
    if head <= *after {
        return Ok(Vec::new());
    }
    let found = state.relay.store.messages_after(app, filter, *after, limit).await?;
    let last = found.last().map_or(Seq::START, |message| message.seq);
    // A page that is not full was read up to the head.
    *after = if found.len() < limit as usize { last.max(head) } else { last };
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::message::{Content, Direction};

    use testing::message;

    use crate::support::Api;

    #[tokio::test]
    async fn a_message_is_shown_as_in_the_readme() {
        let api = Api::start().await;
        api.append(message(1)).await;
        insta::assert_snapshot!(api.signed("/message").await, @r#"
        200 OK
        {
          "count": 1,
          "next": null,
          "previous": null,
          "results": [
            {
              "chat": "1fee435b",
              "content": {
                "id": 1,
                "insert_time": "2020-01-07T11:25:45.988020",
                "message": 6050338562629220245,
                "text": "测试",
                "update_time": "2020-01-07T11:25:45.988020"
              },
              "create_time": "2020-01-07 11:32:48",
              "direction": "in",
              "id": 6050338562629220245,
              "id_str": "6050338562629220245",
              "insert_time": "2020-01-07T11:25:45.988020",
              "is_at": null,
              "maps": null,
              "owner": "e1d54615",
              "receive_time": "2020-01-07 11:25:45",
              "receiver": "e1d54615",
              "receiver_group": null,
              "send_group": null,
              "send_user": "1fee435b",
              "type": "Text",
              "update_time": "2020-01-07T11:25:45.988020"
            }
          ],
          "success": true
        }
        "#);
    }

    #[tokio::test]
    async fn the_newest_message_comes_first() {
        let api = Api::start().await;
        insta::assert_snapshot!(api.signed("/message").await, @r#"
        200 OK
        {
          "count": 0,
          "next": null,
          "previous": null,
          "results": [],
          "success": true
        }
        "#);
        for seq in 1..=5 {
            api.append(message(seq)).await;
        }
        assert_eq!(api.signed("/messages?page_size=2").await.seqs(), [5, 4]);
        let last = api.signed("/messages/?page_size=2&page=3").await;
        assert_eq!((last.seqs(), &last.json["next"]), (vec![1], &serde_json::Value::Null));
        assert_eq!(api.signed("/message?page_size=2&page=4").await.json["code"], "invalid_page");
    }

    #[tokio::test]
    async fn every_filter_narrows_the_history() {
        let api = Api::start().await;
        let mut out = message(2);
        (out.direction, out.send_user, out.receiver) = (Direction::Out, Some(out.owner.clone()), out.send_user.clone());
        out.content = Content::System { text: String::new() };
        api.append(message(1)).await;
        api.append(out).await;
        for (query, found) in [
            ("send_user=1fee435b", vec![1]),
            ("receiver=1fee435b", vec![2]),
            ("chat=1fee435b", vec![2, 1]),
            ("type=System", vec![2]),
            ("send_group=973e46d8", vec![]),
            ("type=Text&create_time=2020-01-07 11:32:48", vec![1]),
            ("create_time=2020-01-07 11:32:49", vec![]),
            ("receive_time=2020-01-07T11:25:45", vec![2, 1]),
            ("receive_time__gte=2020-01-07 11:25:45", vec![2, 1]),
            ("receive_time__gt=2020-01-07 11:25:45", vec![]),
            ("receive_time__lte=2020-01-07 11:25:45", vec![2, 1]),
            ("receive_time__lt=2020-01-07 11:25:45", vec![]),
            ("receive_time__gt=2020-01-07T11:25:45.988019", vec![2, 1]),
            ("receive_time__gt=2020-01-07T11:25:45.988020", vec![]),
            ("receive_time__gte=2020-01-07&receive_time__lt=2020-01-08", vec![2, 1]),
        ] {
            assert_eq!(api.signed(&format!("/message?{query}")).await.seqs(), found, "{query}");
        }
        insta::assert_snapshot!(api.signed("/message?type=Smoke&create_time__lt=soon").await, @r#"
        400 Bad Request
        {
          "code": "invalid_parameter",
          "errmsg": "A parameter is missing or malformed.",
          "fields": {
            "create_time__lt": "must be a time such as 2020-01-07 11:32:48",
            "type": "must be one of Text, Map, Card, Note, Sharing, Picture, Recording, Attachment, Video, Friends, System"
          },
          "success": false
        }
        "#);
    }

    #[tokio::test]
    async fn new_messages_come_oldest_first_and_the_cursor_passes_those_that_do_not_match() {
        let api = Api::start().await;
        for seq in 1..=3 {
            api.append(message(seq)).await;
        }
        let first = api.signed("/message?after=0&page_size=2").await;
        assert_eq!((first.seqs(), &first.json["cursor"]), (vec![1, 2], &"2".into()));
        let second = api.signed("/message?after=2&page_size=2").await;
        assert_eq!((second.seqs(), &second.json["cursor"]), (vec![3], &"3".into()));
        insta::assert_snapshot!(api.signed("/message?after=0&type=Map").await, @r#"
        200 OK
        {
          "cursor": "3",
          "results": [],
          "success": true
        }
        "#);
        assert_eq!(api.signed("/message?after=9").await.json["cursor"], "9");
        assert_eq!(api.signed("/message?after=x").await.json["code"], "invalid_parameter");
        assert_eq!(api.signed("/message?after=1&wait=21").await.json["code"], "invalid_parameter");
    }

    #[tokio::test]
    async fn a_waiting_request_is_answered_by_a_new_message() {
        let api = Api::start().await;
        api.append(message(1)).await;
        let later = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            api.append(message(2)).await;
        };
        let (answer, ()) = tokio::join!(api.signed("/message?after=1&wait=20"), later);
        assert_eq!(answer.seqs(), [2]);
    }
}
