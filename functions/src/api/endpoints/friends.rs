//! `GET /friends`, also spelled `/firends` as in the predecessor: the account itself and its friends, with filters and
//! pages.

use axum::{response::Response, routing::on};
use boot::{
    Grant::Table,
    TableOperation::{BatchGetItem, Query},
};
use domain::{channel::Capability, contact::Contact};
use store::List;

use crate::{
    api::{
        auth::{AuthMode, Caller},
        contact_list,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        openapi::{Auth, Failure, Kind, Operation, PAGES, Parameter, Reply},
        page,
        row_filter::{CITY, Field, NAME, NICK_NAME, PROVINCE, REMARK_NAME, SEARCH, SEX, SIGNATURE, USER_NAME},
        state::AppState,
        view::contact::{Linked, Person},
    },
    times::Times,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "friends",
    title: Title { zh: "好友", en: "Friends" },
    routes: &[
        Route { method: Method::Get, path: "/friends", handler: |method| on(method, handle) },
        Route { method: Method::Get, path: "/firends", handler: |method| on(method, handle) },
    ],
    needs: Some(Capability::Contacts),
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
    paths: &["/friends", "/firends"],
    summary: "The account itself and its friends.",
    auth: Auth::Signature,
    parameters: &[
        &[
            Parameter::query("puid", Kind::Puid, "The field must equal this.", "12ed2cd6"),
            Parameter::exact("name", "多吃点苹果🍏"),
            Parameter::exact("nick_name", "多吃点苹果🍏"),
            Parameter::exact("user_name", "@b5062876e38c69d46e08bffc445933c7"),
            Parameter::exact("remark_name", "Apple"),
            Parameter::query("sex", Kind::OneOf(|| vec!["0", "1", "2"]), "1 is male, 2 is female, 0 is unknown.", "1"),
            Parameter::exact("province", "广东"),
            Parameter::exact("city", "深圳"),
            SEARCH,
        ],
        PAGES,
    ],
    body: &[],
    file: None,
    replies: &[Reply::ok::<page::Body<Linked<'static, Person>>>(
        "A page of them, in the order in which they were first seen.",
    )],
    failures: &[Failure::INVALID_PAGE],
}];

const FIELDS: [Field; 7] = [NAME, NICK_NAME, USER_NAME, REMARK_NAME, SEX, PROVINCE, CITY];
const SEARCHED: [Field; 3] = [NAME, NICK_NAME, REMARK_NAME];

async fn handle(state: AppState, caller: Caller) -> Result<Response, ApiError> {
    if caller.params.get("sex").is_some_and(|sex| !matches!(sex, "0" | "1" | "2")) {
        return Err(ApiError::field("sex", "must be 1 (male), 2 (female) or 0 (unknown)"));
    }
    let mut fields = FIELDS.to_vec();
    // In a signed request, `signature` is the request's.
    if caller.mode != AuthMode::Signature {
        fields.push(SIGNATURE);
    }
    let (owner, times) = (caller.owner(), Times(&state.relay.zone));
    let row = |contact: &Contact| Person::of(contact, true, owner.clone(), times);
    contact_list::respond(&state, &caller, List::Friends, (&fields, &SEARCHED), row).await
}

#[cfg(test)]
mod tests {
    use domain::contact::ContactKind;

    use testing::contact;

    use crate::support::Api;

    async fn with_friends() -> Api {
        let api = Api::start().await;
        let mut myself = contact("e1d54615", ContactKind::Myself, "我");
        myself.insert_time = "2020-01-08T00:00:00Z".parse().unwrap();
        let mut friend = contact("12ed2cd6", ContactKind::Friend, "多吃点苹果🍏");
        friend.remark_name = Some("Apple".to_owned());
        friend.signature = Some("想念从前\n时光".to_owned());
        (friend.sex, friend.province, friend.city) = (Some(1), Some("广东".to_owned()), Some(String::new()));
        let mut gone = contact("90000000", ContactKind::Friend, "gone");
        gone.present = false;
        let group = contact("973e46d8", ContactKind::Group, "测试群1");
        let others = (0..4).map(|n| contact(&format!("0000000{n}"), ContactKind::Friend, &format!("朋友{n}")));
        api.contacts(others.chain([myself, friend, gone, group]).collect()).await;
        api
    }

    #[tokio::test]
    async fn a_friend_is_shown_as_in_the_readme() {
        let api = with_friends().await;
        insta::assert_snapshot!(api.signed("/firends?puid=12ed2cd6").await, @r#"
        200 OK
        {
          "count": 1,
          "next": null,
          "previous": null,
          "results": [
            {
              "avatar": "/media/image/avatar/12ed2cd6.jpg",
              "avatar_url": "http://relay.test/media/image/avatar/12ed2cd6.jpg?app_id=00000000000000000000000000000001&expires=1578371145&sig=35e1344d7e0796aeab4e4f9d7631f455664efd80ac25d2206e41b366884f74b9",
              "city": null,
              "friend": true,
              "insert_time": "2020-01-07T11:25:45.988020",
              "is_friend": true,
              "name": "Apple",
              "nick_name": "多吃点苹果🍏",
              "owner": "e1d54615",
              "province": "广东",
              "puid": "12ed2cd6",
              "remark_name": "Apple",
              "sex": 1,
              "signature": "想念从前\n时光",
              "update_time": "2020-01-07T11:25:45.988020",
              "user_name": "@12ed2cd6"
            }
          ],
          "success": true
        }
        "#);
    }

    #[tokio::test]
    async fn pages_are_linked_and_keep_the_callers_query() {
        let api = with_friends().await;
        let token = api.token().await;
        let ask = async |query: &str| api.get(&format!("/friends/?access_token={token}&page_size=2{query}")).await;
        let first = ask("").await;
        assert_eq!(first.puids(), ["e1d54615", "00000000"], "the account itself comes first");
        assert_eq!(first.json["count"], 6);
        assert_eq!(first.json["previous"], serde_json::Value::Null);
        let second = api.get(first.json["next"].as_str().unwrap().strip_prefix("http://relay.test").unwrap()).await;
        assert_eq!(second.puids(), ["00000001", "00000002"]);
        let base = format!("http://relay.test/friends/?access_token={token}&page_size=2");
        assert_eq!(second.json["previous"], base);
        assert_eq!(second.json["next"], format!("{base}&page=3"));
        assert_eq!(ask("&page=3").await.json["next"], serde_json::Value::Null);
        insta::assert_snapshot!(ask("&page=4").await, @r#"
        404 Not Found
        {
          "code": "invalid_page",
          "errmsg": "There is no such page.",
          "fields": {
            "page": "must be the number of a page that exists"
          },
          "success": false
        }
        "#);
        assert_eq!(ask("&page=x").await.json["code"], "invalid_page");
    }

    #[tokio::test]
    async fn filters_are_exact_and_search_is_not() {
        let api = with_friends().await;
        let token = api.token().await;
        let ask = async |query: &str| api.get(&format!("/friends?access_token={token}&{query}")).await;
        for query in [
            "nick_name=多吃点苹果🍏",
            "name=Apple",
            "remark_name=Apple",
            "user_name=@12ed2cd6",
            "sex=1",
            "province=广东",
            "search=aPPLE",
            "search=吃点",
            "signature=想念从前%0A时光",
            "name=Apple&sex=1",
        ] {
            assert_eq!(ask(query).await.puids(), ["12ed2cd6"], "{query}");
        }
        assert_eq!(ask("search=朋友&city=").await.json["count"], 4);
        assert!(ask("name=Appl").await.puids().is_empty());
        assert!(ask("name=Apple&sex=2").await.puids().is_empty());
        insta::assert_snapshot!(ask("sex=x").await, @r#"
        400 Bad Request
        {
          "code": "invalid_parameter",
          "errmsg": "A parameter is missing or malformed.",
          "fields": {
            "sex": "must be 1 (male), 2 (female) or 0 (unknown)"
          },
          "success": false
        }
        "#);
        assert_eq!(api.signed("/friends").await.json["count"], 6, "the request's signature is no filter");
    }

    #[tokio::test]
    async fn a_change_of_the_contact_book_is_visible_at_once() {
        let api = with_friends().await;
        assert_eq!(api.signed("/friends").await.json["count"], 6);
        api.contacts(vec![contact("aaaaaaaa", ContactKind::Friend, "new")]).await;
        assert_eq!(api.signed("/friends").await.json["count"], 7);
    }
}
