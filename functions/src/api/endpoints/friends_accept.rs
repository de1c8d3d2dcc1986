//! `POST /friends/accept`: accepts a friend request by the ticket of its message.

use axum::routing::on;
use boot::{
    Grant::{Commands, Table},
    QueueOperation::SendMessage,
    TableOperation::{BatchGetItem, GetItem, PutItem, Query},
};
use domain::{
    channel::Capability,
    job::{Command, derived_id},
    message::{Content, Message},
};

use crate::api::{
    auth::Caller,
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    error::ApiError,
    openapi::{Auth, Failure, Kind, Operation, Parameter, Reply, WAIT},
    params::present,
    response::ApiResponse,
    state::AppState,
    view::job::JobRow,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "friends-accept",
    title: Title { zh: "通过好友请求", en: "Accept a friend request" },
    routes: &[Route { method: Method::Post, path: "/friends/accept", handler: |method| on(method, handle) }],
    needs: Some(Capability::AcceptFriends),
    grants: &[Table(BatchGetItem), Table(GetItem), Table(PutItem), Table(Query), Commands(SendMessage)],
    sample: Sample { auth: SampleAuth::Signature, online: true, query: "ticket={ticket}", fields: &["id", "status"] },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Post,
    paths: &["/friends/accept"],
    summary: "Accepts a friend request.",
    auth: Auth::Signature,
    parameters: &[],
    body: &[
        Parameter::query("ticket", Kind::Opaque, "`ticket` of the message of type `Friends`.", "v2_9f2c@stranger")
            .required(),
        Parameter::query(
            "username",
            Kind::Opaque,
            "`username` of that message. Without it, the message is searched among the newest 1,000.",
            "v1_58ab@stranger",
        ),
        WAIT,
    ],
    file: None,
    replies: &[Reply::ok::<ApiResponse<JobRow>>("The job. `GET /send/<id>` shows it later.")],
    failures: &[Failure::NOT_FOUND, Failure::SESSION_OFFLINE],
}];

/// The newest messages among which the request is searched.
const SEARCHED: u64 = 1_000;

async fn handle(state: AppState, caller: Caller) -> Result<ApiResponse<JobRow>, ApiError> {
    let (params, app) = (&caller.params, &caller.app);
    let polling = state.poll_for(params.wait()?);
    let ticket = present("ticket", params.opaque("ticket")?)?;
    let username = match params.opaque("username")? {
        Some(username) => username.to_owned(),
        None => sender(&state, &caller, ticket).await?,
    };
    state.check_online(&app.id).await?;
    let id = derived_id(&["accept", &app.id, ticket]);
    let command = Command::AcceptFriend { username, ticket: ticket.to_owned() };
    let job = state.enqueue_once(app, id, command).await?;
    Ok(ApiResponse::new(JobRow::from(&state.wait_for(job, &polling).await?)))
}

/// The user name in the friend request with this ticket.
async fn sender(state: &AppState, caller: &Caller, ticket: &str) -> Result<String, ApiError> {
    let with_ticket =
        |message: &Message| matches!(&message.content, Content::Friends { ticket: its, .. } if its == ticket);
    let found = state.relay.store.newest(&caller.app.id, SEARCHED, with_ticket).await?;
    match found.map(|row| row.message.content) {
        Some(Content::Friends { username, .. }) => Ok(username),
        _ => Err(ApiError::NotFound("friend request among the newest 1,000 messages")),
    }
}

#[cfg(test)]
mod tests {
    use domain::{job::JobState, session::SessionState};
    use testing::message;

    use super::*;
    use crate::support::{Answer, Api, TICKET, friend_request};

    async fn api() -> Api {
        let api = Api::start().await;
        api.online().await;
        api.append(friend_request(1)).await;
        api.append(message(2)).await;
        api
    }

    async fn accept(api: &Api, query: &str) -> Answer {
        api.post(&format!("/friends/accept?{query}"), &[], "").await
    }

    #[tokio::test]
    async fn a_request_is_accepted_once_by_the_ticket_of_its_message() {
        let api = api().await;
        let answer = accept(&api, &format!("ticket={TICKET}")).await;
        let [job] = &api.commands(1).await[..] else { panic!("one job") };
        let command = |username: &str, ticket: &str| Command::AcceptFriend {
            username: username.to_owned(),
            ticket: ticket.to_owned(),
        };
        assert_eq!(job.command, command("v1_58ab@stranger", TICKET));
        assert_eq!((&answer.json["id"], &answer.json["status"]), (&job.id.as_str().into(), &"queued".into()));
        api.finish(job, JobState::Sent { message_id: None }).await;
        insta::assert_snapshot!(accept(&api, &format!("ticket={TICKET}&wait=20")).await, @r#"
        200 OK
        {
          "id": "6b6b2611adc4c289d5e6ddeece948653",
          "status": "sent",
          "success": true
        }
        "#);
        assert_eq!(api.signed(&format!("/send/{}", job.id)).await.json["status"], "sent");

        assert_eq!(accept(&api, "ticket=v2_old&username=v1_old").await.json["status"], "queued", "no look-up");
        assert_eq!(api.commands(1).await[0].command, command("v1_old", "v2_old"));
    }

    #[tokio::test]
    async fn a_request_that_is_unknown_or_incomplete_is_refused() {
        let api = api().await;
        insta::assert_snapshot!(accept(&api, "ticket=v2_unknown").await, @r#"
        404 Not Found
        {
          "code": "not_found",
          "errmsg": "There is no such friend request among the newest 1,000 messages.",
          "success": false
        }
        "#);
        assert_eq!(accept(&api, "username=x").await.json["fields"]["ticket"], "is required");
        assert_eq!(
            accept(&api, &format!("ticket={}", "x".repeat(2_049))).await.json["fields"]["ticket"],
            "is too long"
        );
        let refused = accept(&api, "ticket=v2%5Cu0001%00&username=x").await;
        assert_eq!(refused.json["fields"]["ticket"], "must consist of visible ASCII characters");
        let refused = accept(&api, &format!("ticket={TICKET}&username=测试")).await;
        assert_eq!(refused.json["fields"]["username"], "must consist of visible ASCII characters");
        api.session(|session| session.state = SessionState::Offline).await;
        assert_eq!(accept(&api, &format!("ticket={TICKET}")).await.json["code"], "session_offline");
    }
}
