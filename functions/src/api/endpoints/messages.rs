//! `GET /message`, also `/messages`: the history, newest first, with filters and pages. With `after=<cursor>`: the later
//! messages, oldest first; `wait=<seconds>` waits for one.
//!
//! A request reads a bounded part of the log. If that is not enough for a filter, the response has what was found,
//! `"complete": false`, and a `cursor` for a request that goes on; `next` is the URL of that request. Its `count` is then
//! the number of messages found so far. The results that follow a cursor begin where the ones before ended; `page` has
//! no meaning beside it. With `after`, `"complete": false` means that the next request should not wait.

use std::{str::FromStr, time::Duration};

use axum::{
    response::{IntoResponse, Response},
    routing::on,
};
use boot::{
    Grant::Table,
    TableOperation::{BatchGetItem, Query},
};
use domain::{
    id::Seq,
    message::{self, Message},
    page::{link, link_from},
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Filter, HistoryCursor, HistoryPage};

use crate::{
    api::{
        auth::Caller,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        message_filter,
        openapi::{Auth, Failure, Kind, Operation, PAGES, Parameter, Reply, WAIT},
        page,
        params::Params,
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

/// The longest cursor, in characters.
const MAX_CURSOR: usize = 64;

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Get,
    paths: &["/message", "/messages"],
    summary: "The history, newest first. With the parameter after: the later messages, oldest first.",
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
            Parameter::query(
                "cursor",
                Kind::Text(MAX_CURSOR),
                "Where a response with `complete` false ended.",
                "48120.300.680",
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
    Part(ApiResponse<Part<'a>>),
    New(ApiResponse<NewMessages<'a>>),
}

#[derive(Serialize, JsonSchema)]
struct Part<'a> {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<MessageRow<'a>>,
    #[serde(skip_serializing_if = "is_true")]
    complete: bool,
    /// The value of `cursor` for the next request.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct NewMessages<'a> {
    results: Vec<MessageRow<'a>>,
    /// The value of `after` for the next request.
    #[schemars(example = &"44")]
    cursor: String,
    #[serde(skip_serializing_if = "is_true")]
    complete: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

async fn handle(state: AppState, caller: Caller) -> Result<Response, ApiError> {
    let filter = message_filter::parse(&caller.params, &state.relay.zone)?;
    let wait = caller.params.wait()?;
    let after = cursor::<u64>(&caller.params, "after")?;
    match (after, cursor(&caller.params, "cursor")?) {
        (Some(_), Some(_)) => Err(ApiError::field("cursor", "must not be given with after")),
        (Some(after), None) => new_messages(&state, &caller, &filter, Seq::new(after), wait).await,
        (None, Some(cursor)) => from_cursor(&state, &caller, &filter, cursor).await,
        (None, None) => page(&state, &caller, &filter).await,
    }
}

/// A parameter whose value comes from an earlier response.
fn cursor<T: FromStr>(params: &Params, name: &'static str) -> Result<Option<T>, ApiError> {
    let value = params.filled(name).map_err(|why| ApiError::field(name, why))?;
    let cursor = value.map(str::parse).transpose();
    cursor.map_err(|_| ApiError::field(name, "must be a cursor from an earlier answer"))
}

async fn page(state: &AppState, caller: &Caller, filter: &Filter) -> Result<Response, ApiError> {
    let request = page::request(&caller.params)?;
    let begin = HistoryCursor::of_page(request);
    let found = state.relay.store.history(&caller.app.id, filter, begin, request.size).await?;
    if found.complete {
        return page::respond(request, &caller.url, found.count, rows(state, caller, &found.rows));
    }
    let previous = (request.page > 1).then(|| link(&caller.url, request.page - 1));
    Ok(part(state, caller, &found, previous))
}

async fn from_cursor(
    state: &AppState,
    caller: &Caller,
    filter: &Filter,
    cursor: HistoryCursor,
) -> Result<Response, ApiError> {
    let size = page::size(&caller.params)?;
    let found = state.relay.store.history(&caller.app.id, filter, cursor, size).await?;
    Ok(part(state, caller, &found, None))
}

/// The response from which the caller goes on with a cursor.
fn part(state: &AppState, caller: &Caller, found: &HistoryPage, previous: Option<String>) -> Response {
    let cursor = found.next.map(|next| next.to_string());
    let next = cursor.as_deref().map(|cursor| link_from(&caller.url, cursor));
    let (count, results, complete) = (found.count, rows(state, caller, &found.rows), found.complete);
    ApiResponse::new(Part { count, next, previous, results, complete, cursor }).into_response()
}

fn rows<'a>(state: &AppState, caller: &Caller, messages: &'a [Message]) -> Vec<MessageRow<'a>> {
    let (times, links) = (Times(&state.relay.zone), caller.links(state));
    messages.iter().map(|message| MessageRow::of(message, TimeFormat::History, times, &links)).collect()
}

async fn new_messages(
    state: &AppState,
    caller: &Caller,
    filter: &Filter,
    after: Seq,
    wait: Duration,
) -> Result<Response, ApiError> {
    let (store, app) = (&state.relay.store, &caller.app.id);
    let (size, polling) = (page::size(&caller.params)?, state.poll_for(wait));
    let mut found = store.messages_after(app, filter, after, size).await?;
    while found.rows.is_empty() && found.complete && polling.next().await {
        found = store.messages_after(app, filter, found.last, size).await?;
    }
    let (cursor, complete) = (found.last.to_string(), found.complete);
    Ok(ApiResponse::new(NewMessages { results: rows(state, caller, &found.rows), cursor, complete }).into_response())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::message::{Content, Direction, Message};

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
        let history = api.signed("/message?cursor=3.0.0&page_size=1").await;
        assert_eq!((history.seqs(), &history.json["count"]), (vec![2], &2.into()));
        assert_eq!(history.json["cursor"], "2.1.0");
        assert_eq!(api.signed("/message?cursor=2.1.0&page_size=1&page=9").await.seqs(), [1]);
    }

    #[tokio::test]
    async fn every_wrong_parameter_is_named() {
        let api = Api::start().await;
        let long = "a".repeat(129);
        for (query, fields) in [
            ("type=", vec!["type"]),
            ("type=text", vec!["type"]),
            ("type=Text&type=Map", vec!["type"]),
            ("send_user=&receiver=", vec!["receiver", "send_user"]),
            ("chat=a&chat=a", vec!["chat"]),
            (&format!("maps={long}"), vec!["maps"]),
            ("create_time=2020-13-01", vec!["create_time"]),
            ("create_time__gte=now&receive_time__lte=1578367965", vec!["create_time__gte", "receive_time__lte"]),
            ("receive_time__lt=2020-01-07&receive_time__lt=2020-01-08", vec!["receive_time__lt"]),
            ("receive_time__gt=99999-01-01", vec!["receive_time__gt"]),
            ("receive_time=9999-12-31 23:59:59", vec!["receive_time"]),
            ("after=", vec!["after"]),
            ("after=-1", vec!["after"]),
            ("after=18446744073709551616", vec!["after"]),
            ("after=1&after=2", vec!["after"]),
            ("after=1&cursor=1.0.0", vec!["cursor"]),
            ("cursor=", vec!["cursor"]),
            ("cursor=7", vec!["cursor"]),
            ("cursor=1.2.18446744073709551616", vec!["cursor"]),
            ("after=1&wait=x", vec!["wait"]),
        ] {
            let answer = api.signed(&format!("/message?{query}")).await;
            assert_eq!((answer.status.as_u16(), &answer.json["code"]), (400, &"invalid_parameter".into()), "{query}");
            let named: Vec<&String> = answer.json["fields"].as_object().unwrap().keys().collect();
            assert_eq!(named, fields, "{query}");
        }
        for page in ["0", "-1", "x", "2", "99999999999999999999"] {
            for filter in ["", "&type=Text"] {
                let answer = api.signed(&format!("/message?page={page}{filter}")).await;
                assert_eq!((answer.status.as_u16(), &answer.json["code"]), (404, &"invalid_page".into()), "{page}");
            }
        }
        // A cursor past the log's ends is a cursor.
        for cursor in ["0.0.0", "1.0.9", "18446744073709551615.18446744073709551615.18446744073709551615"] {
            assert_eq!(api.signed(&format!("/message?type=Text&cursor={cursor}")).await.seqs(), [0_u64; 0]);
            assert_eq!(api.signed(&format!("/message?cursor={cursor}")).await.seqs(), [0_u64; 0]);
        }
    }

    #[tokio::test]
    async fn a_time_may_have_an_offset() {
        let api = Api::start().await;
        api.append(message(1)).await;
        for (time, found) in [
            ("2020-01-07T03:25:45Z", 1),
            ("2020-01-07T11:25:45%2B08:00", 1),
            ("2020-01-07T11:25:45.988020", 1),
            ("2020-01-07T11:25:45Z", 0),
        ] {
            assert_eq!(api.signed(&format!("/message?receive_time={time}")).await.seqs().len(), found, "{time}");
        }
    }

    #[tokio::test]
    async fn a_long_search_is_continued_with_its_cursor() {
        let api = Api::start().await;
        let rows: Vec<Message> = (1..=3_000).map(message).collect();
        api.fixture.relay.store.append_all(&api.app.id, &rows, None).await.unwrap();
        let first = api.signed("/message?type=Map&page_size=5&page=3").await;
        assert_eq!((first.status.as_u16(), first.seqs()), (200, vec![]));
        assert_eq!((&first.json["complete"], &first.json["count"]), (&false.into(), &0.into()));
        let cursor = first.json["cursor"].as_str().unwrap();
        let next = first.json["next"].as_str().unwrap();
        assert!(next.ends_with(&format!("&cursor={cursor}")) && !next.contains("page="), "{next}");
        assert!(first.json["previous"].as_str().unwrap().contains("page=2"));
        insta::assert_snapshot!(api.signed(&format!("/message?type=Map&page_size=5&cursor={cursor}")).await, @r#"
        200 OK
        {
          "count": 0,
          "next": null,
          "previous": null,
          "results": [],
          "success": true
        }
        "#);
        let after = api.signed("/message?type=Map&after=0&wait=20").await;
        assert_eq!((after.seqs(), &after.json["complete"]), (vec![], &false.into()), "it does not wait");
        assert!(after.json["cursor"].as_str().unwrap().parse::<u64>().unwrap() > 2_000);
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
