//! `GET /mps`: the official accounts (公众号) that the account follows, with filters and pages.

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
        row_filter::{CITY, Field, NAME, NICK_NAME, PROVINCE, SEARCH, USER_NAME},
        state::AppState,
        view::contact::{Linked, OfficialAccount},
    },
    times::Times,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "mps",
    title: Title { zh: "公众号", en: "Official accounts" },
    routes: &[Route { method: Method::Get, path: "/mps", handler: |method| on(method, handle) }],
    needs: Some(Capability::OfficialAccounts),
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
    paths: &["/mps"],
    summary: "The official accounts (公众号) that the account follows.",
    auth: Auth::Signature,
    parameters: &[
        &[
            Parameter::query("puid", Kind::Puid, "The field must equal this.", "973e46d8"),
            Parameter::exact("name", "测试"),
            Parameter::exact("nick_name", "测试"),
            Parameter::exact("user_name", "@9419e194b03ebddd6b62b7ebd9de397e"),
            Parameter::exact("province", "北京"),
            Parameter::exact("city", "北京"),
            SEARCH,
        ],
        PAGES,
    ],
    body: &[],
    file: None,
    replies: &[Reply::ok::<page::Body<Linked<'static, OfficialAccount>>>("A page of them.")],
    failures: &[Failure::INVALID_PAGE],
}];

const FIELDS: [Field; 5] = [NAME, NICK_NAME, USER_NAME, PROVINCE, CITY];
const SEARCHED: [Field; 2] = [NAME, NICK_NAME];

async fn handle(state: AppState, caller: Caller) -> Result<Response, ApiError> {
    let (owner, times) = (caller.owner(), Times(&state.relay.zone));
    let row = |contact: &Contact| OfficialAccount::of(contact, owner.clone(), times);
    contact_list::respond(&state, &caller, List::OfficialAccounts, (&FIELDS, &SEARCHED), row).await
}

#[cfg(test)]
mod tests {
    use domain::contact::ContactKind;

    use testing::contact;

    use crate::support::Api;

    #[tokio::test]
    async fn an_official_account_is_shown_with_its_owner() {
        let api = Api::start().await;
        let mut account = contact("0badcafe", ContactKind::OfficialAccount, "新闻");
        (account.province, account.signature) = (Some("北京".to_owned()), Some("每日新闻".to_owned()));
        api.contacts(vec![account, contact("12ed2cd6", ContactKind::Friend, "测试")]).await;
        insta::assert_snapshot!(api.signed("/mps?province=北京").await, @r#"
        200 OK
        {
          "count": 1,
          "next": null,
          "previous": null,
          "results": [
            {
              "avatar": "/media/image/avatar/0badcafe.jpg",
              "avatar_url": "http://relay.test/media/image/avatar/0badcafe.jpg?app_id=00000000000000000000000000000001&expires=1578371145&sig=0e0ca28b519fdea9ebc9ac844e89bda3601c9ed86a50f2f62af482405f41a1ea",
              "city": null,
              "insert_time": "2020-01-07T11:25:45.988020",
              "name": "新闻",
              "nick_name": "新闻",
              "owner": "e1d54615",
              "province": "北京",
              "puid": "0badcafe",
              "signature": "每日新闻",
              "update_time": "2020-01-07T11:25:45.988020",
              "user_name": "@0badcafe"
            }
          ],
          "success": true
        }
        "#);
    }
}
