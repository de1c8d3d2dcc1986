//! The endpoints: one file and one line in [`ALL`] each.

pub mod access_token;
pub mod check_login;
pub mod docs;
pub mod friends;
pub mod friends_accept;
pub mod friends_remark;
pub mod groups;
pub mod login;
pub mod logout;
pub mod media;
pub mod members;
pub mod messages;
pub mod mps;
pub mod revoke;
pub mod root;
pub mod send;
pub mod session;
pub mod update;
pub mod upload;

use std::sync::Arc;

use axum::Router;
use domain::channel::Capability;

use crate::api::{
    endpoint::{Endpoint, Method, Title},
    openapi::Operation,
    router,
    state::AppState,
};

/// Every endpoint. Routes, the cold-start bench and the walk of `tests/watch` come from this list; a test checks
/// `template.yaml`, the binaries and the router of `cargo lambda watch` against it.
pub const ALL: &[Endpoint] = &[
    access_token::ENDPOINT,
    check_login::ENDPOINT,
    docs::ENDPOINT,
    friends::ENDPOINT,
    friends_accept::ENDPOINT,
    friends_remark::ENDPOINT,
    groups::ENDPOINT,
    login::ENDPOINT,
    logout::ENDPOINT,
    media::ENDPOINT,
    members::ENDPOINT,
    messages::ENDPOINT,
    mps::ENDPOINT,
    revoke::ENDPOINT,
    root::ENDPOINT,
    send::ENDPOINT,
    session::ENDPOINT,
    upload::ENDPOINT,
    update::ENDPOINT,
];

/// What the OpenAPI document says of every endpoint. A test checks it against [`ROUTES`], both ways.
pub(crate) static OPERATIONS: &[&[Operation]] = &[
    access_token::OPERATIONS,
    check_login::OPERATIONS,
    docs::OPERATIONS,
    friends::OPERATIONS,
    friends_accept::OPERATIONS,
    friends_remark::OPERATIONS,
    groups::OPERATIONS,
    login::OPERATIONS,
    logout::OPERATIONS,
    media::OPERATIONS,
    members::OPERATIONS,
    messages::OPERATIONS,
    mps::OPERATIONS,
    revoke::OPERATIONS,
    root::OPERATIONS,
    send::OPERATIONS,
    session::OPERATIONS,
    upload::OPERATIONS,
    update::OPERATIONS,
];

/// Every endpoint, ready to serve.
pub fn router(state: AppState) -> Router {
    let routes = ALL.iter().fold(Router::new(), |routes, endpoint| routes.merge(endpoint.router()));
    router::complete(routes, Arc::clone(&state.relay.ids), state)
}

/// A route without the code behind it.
#[derive(Debug, Clone, Copy)]
pub struct ListedRoute {
    pub method: Method,
    pub path: &'static str,
    pub title: Title,
    pub needs: Option<Capability>,
}

/// The routes of [`ALL`]. A function that uses `ALL` links the code of every endpoint; one that uses this does not.
pub static ROUTES: &[ListedRoute] = &LISTED;

const LISTED: [ListedRoute; COUNT] = {
    let none = ListedRoute { method: Method::Get, path: "", title: Title { zh: "", en: "" }, needs: None };
    let (mut listed, mut next, mut endpoint) = ([none; COUNT], 0, 0);
    while endpoint < ALL.len() {
        let Endpoint { routes, title, needs, .. } = ALL[endpoint];
        let mut route = 0;
        while route < routes.len() {
            listed[next] = ListedRoute { method: routes[route].method, path: routes[route].path, title, needs };
            next += 1;
            route += 1;
        }
        endpoint += 1;
    }
    listed
};

const COUNT: usize = {
    let (mut count, mut endpoint) = (0, 0);
    while endpoint < ALL.len() {
        count += ALL[endpoint].routes.len();
        endpoint += 1;
    }
    count
};

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write, time::Duration};

    use boot::Grant;
    use domain::{channel::Capabilities, contact::ContactKind, session::SessionState};
    use testing::contact;

    use super::*;
    use crate::{
        api::state::Config,
        support::{Api, friend_request},
    };

    /// An app with a friend, a group, a friend request, a sent message, and a login that no worker carries out.
    async fn api() -> Api {
        let api = api_of_an_earlier_version().await;
        api.contacts(Vec::new()).await;
        api
    }

    /// The same, with a contact book without lists.
    async fn api_of_an_earlier_version() -> Api {
        let api = Api::with(Config { worker_wait: Duration::ZERO, ..Config::default() }).await;
        let group = contact("973e46d8", ContactKind::Group, "群");
        api.contacts_without_lists(vec![contact("1fee435b", ContactKind::Friend, "朋友"), group]).await;
        api.append(friend_request(1)).await;
        api.sent_job().await;
        api
    }

    /// The grants of what an endpoint does besides its sample.
    async fn called_besides(api: &Api, binary: &str) -> BTreeSet<Grant> {
        let post = async |path: &str| api.post(path, &[], "").await.called;
        match binary {
            "send" => {
                let image = [("msg_type", "image"), ("puid", "1fee435b")];
                let mut called = api.form(&api.sign("/send"), &image, Some(("a.png", b"bytes"))).await.called;
                let upload = "0000000000000000000000000000000b";
                called.append(&mut post(&format!("/send?msg_type=image&puid=1fee435b&upload={upload}")).await);
                called
            }
            "revoke" => post("/revoke?message_id=1").await,
            _ => BTreeSet::new(),
        }
    }

    #[tokio::test]
    async fn every_sample_has_the_response_that_it_promises() {
        let api = api().await;
        for endpoint in ALL {
            let state = if endpoint.sample.online { SessionState::Online } else { SessionState::Offline };
            api.online().await;
            api.session(|session| session.state = state).await;
            let answer = api.sample(endpoint).await;
            let answered = endpoint.sample.is_answered_by(answer.status.as_u16(), &answer.json);
            assert!(answered, "{}: {answer}", endpoint.binary);
        }
    }

    #[tokio::test]
    async fn every_grant_is_used() {
        for endpoint in ALL {
            // A contact book without lists is queried.
            let api = api_of_an_earlier_version().await;
            api.session(|session| session.state = SessionState::Offline).await;
            let mut called = api.sample(endpoint).await.called;
            api.online().await;
            called.append(&mut api.sample(endpoint).await.called);
            called.append(&mut called_besides(&api, endpoint.binary).await);
            let granted: BTreeSet<Grant> = endpoint.grants.iter().copied().collect();
            assert_eq!(called, granted, "{}", endpoint.binary);
        }
    }

    #[tokio::test]
    async fn a_channel_that_lacks_what_an_endpoint_needs_is_refused_after_authentication() {
        let capabilities = |_| Capabilities {
            contacts: false,
            groups: false,
            official_accounts: false,
            recall: false,
            accept_friends: false,
            remarks: false,
            write_first: false,
            media_in: &[],
            media_out: &[],
        };
        let api = Api::with(Config { capabilities, ..Config::default() }).await;
        let mut sentences = String::new();
        for endpoint in ALL.iter().filter(|endpoint| endpoint.needs.is_some()) {
            let answer = api.sample(endpoint).await;
            assert_eq!((answer.status.as_u16(), &answer.json["code"]), (422, &"unsupported_by_channel".into()));
            writeln!(sentences, "{}: {}", endpoint.binary, answer.json["errmsg"]).unwrap();
        }
        insta::assert_snapshot!(sentences, @r#"
        friends: "The app's channel does not list contacts."
        friends-accept: "The app's channel cannot accept friend requests."
        friends-remark: "The app's channel cannot set remarks."
        groups: "The app's channel has no groups."
        members: "The app's channel has no groups."
        mps: "The app's channel has no official accounts."
        revoke: "The app's channel cannot recall messages."
        update: "The app's channel does not list contacts."
        "#);
        insta::assert_snapshot!(api.signed("/groups").await, @r#"
        422 Unprocessable Entity
        {
          "code": "unsupported_by_channel",
          "errmsg": "The app's channel has no groups.",
          "success": false
        }
        "#);
        assert_eq!(api.get("/groups").await.json["code"], "unauthorized");
        assert_eq!(api.signed("/session").await.json["capabilities"]["groups"], false);
    }

    #[tokio::test]
    async fn unknown_paths_and_methods_answer_as_json() {
        let api = Api::start().await;
        insta::assert_snapshot!(api.get("/nothing").await, @r#"
        404 Not Found
        {
          "code": "not_found",
          "errmsg": "There is no such path.",
          "success": false
        }
        "#);
        let answer = api.request(http::Request::delete("/friends/")).await;
        insta::assert_snapshot!(answer, @r#"
        405 Method Not Allowed
        {
          "code": "method_not_allowed",
          "errmsg": "This method is not allowed here.",
          "success": false
        }
        "#);
        assert_eq!(answer.header("allow"), Some("GET,HEAD"));
        insta::assert_snapshot!(api.get("/members/%FF").await, @r#"
        404 Not Found
        {
          "code": "not_found",
          "errmsg": "There is no such path.",
          "success": false
        }
        "#);
    }
}
