//! `GET /groups`: the account's groups, with filters and pages.

use axum::{response::Response, routing::on};
use boot::{
    Grant::Table,
    TableOperation::{BatchGetItem, Query},
};
use domain::{channel::Capability, contact::Contact};
use store::List;

use crate::{
    api::{
        auth::Caller,
        contact_list,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        openapi::{Auth, Failure, Kind, Operation, PAGES, Parameter, Reply},
        page,
        row_filter::{Field, NAME, NICK_NAME, SEARCH, USER_NAME},
        state::AppState,
        view::contact::{Group, Linked},
    },
    times::Times,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "groups",
    title: Title { zh: "群组", en: "Groups" },
    routes: &[Route { method: Method::Get, path: "/groups", handler: |method| on(method, handle) }],
    needs: Some(Capability::Groups),
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
    paths: &["/groups"],
    summary: "The account's groups.",
    auth: Auth::Signature,
    parameters: &[
        &[
            Parameter::query("puid", Kind::Puid, "The field must equal this.", "973e46d8"),
            Parameter::exact("name", "测试"),
            Parameter::exact("nick_name", "测试"),
            Parameter::exact("user_name", "@9419e194b03ebddd6b62b7ebd9de397e"),
            SEARCH,
        ],
        PAGES,
    ],
    body: &[],
    file: None,
    replies: &[Reply::ok::<page::Body<Linked<'static, Group>>>("A page of them.")],
    failures: &[Failure::INVALID_PAGE],
}];

const FIELDS: [Field; 3] = [NAME, NICK_NAME, USER_NAME];
const SEARCHED: [Field; 2] = [NAME, NICK_NAME];

async fn handle(state: AppState, caller: Caller) -> Result<Response, ApiError> {
    let (owner, times) = (caller.owner(), Times(&state.relay.zone));
    let row = |contact: &Contact| Group::of(contact, owner.clone(), times);
    contact_list::respond(&state, &caller, List::Groups, (&FIELDS, &SEARCHED), row).await
}

#[cfg(test)]
mod tests {
    use domain::contact::ContactKind;

    use testing::contact;

    use crate::support::Api;

    #[tokio::test]
    async fn a_group_is_shown_as_in_the_readme() {
        let api = Api::start().await;
        let mut group = contact("973e46d8", ContactKind::Group, "测试群1");
        group.member_count = 3;
        let other = contact("00000001", ContactKind::Group, "别的");
        api.contacts(vec![group, other, contact("12ed2cd6", ContactKind::Friend, "测试")]).await;
        insta::assert_snapshot!(api.signed("/groups?search=测试").await, @r#"
        200 OK
        {
          "count": 1,
          "next": null,
          "previous": null,
          "results": [
            {
              "avatar": "/media/image/avatar/973e46d8.jpg",
              "avatar_url": "http://relay.test/media/image/avatar/973e46d8.jpg?app_id=00000000000000000000000000000001&expires=1578371145&sig=cbf71968f98a6d4247744a490d1b5deec76dc2a2acafc4023ad23db1f602c3b3",
              "insert_time": "2020-01-07T11:25:45.988020",
              "member_count": 3,
              "name": "测试群1",
              "nick_name": "测试群1",
              "owner": "e1d54615",
              "puid": "973e46d8",
              "update_time": "2020-01-07T11:25:45.988020",
              "user_name": "@973e46d8"
            }
          ],
          "success": true
        }
        "#);
        assert_eq!(api.signed("/groups?user_name=@973e46d8").await.puids(), ["973e46d8"]);
        assert_eq!(api.signed("/groups/?nick_name=别的").await.puids(), ["00000001"]);
    }
}
