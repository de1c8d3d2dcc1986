//! `GET /members/<group_puid>`: the members of a group, with pages; 404 for an unknown group.

use axum::{response::Response, routing::on};
use boot::{Grant::Table, TableOperation::BatchGetItem};
use domain::{channel::Capability, puid::Puid};

use crate::{
    api::{
        auth::Caller,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        openapi::{Auth, Failure, Kind, Operation, PAGES, Parameter, Reply},
        page,
        params::is_puid,
        path_segment::PathSegment,
        state::AppState,
        view::contact::{Linked, MemberRow, Person},
    },
    times::Times,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "members",
    title: Title { zh: "群成员", en: "Group members" },
    routes: &[Route { method: Method::Get, path: "/members/{group}", handler: |method| on(method, handle) }],
    needs: Some(Capability::Groups),
    grants: &[Table(BatchGetItem)],
    sample: Sample {
        auth: SampleAuth::Signature,
        online: true,
        query: "",
        fields: &["count", "next", "previous", "results"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Get,
    paths: &["/members/{group}"],
    summary: "The members of a group.",
    auth: Auth::Signature,
    parameters: &[&[Parameter::path("group", Kind::Puid, "The group's puid.", "973e46d8")], PAGES],
    body: &[],
    file: None,
    replies: &[Reply::ok::<page::Body<Linked<'static, MemberRow>>>("A page of them.")],
    failures: &[Failure::NOT_FOUND, Failure::INVALID_PAGE],
}];

async fn handle(state: AppState, PathSegment(group): PathSegment, caller: Caller) -> Result<Response, ApiError> {
    if !is_puid(&group) {
        return Err(ApiError::NotFound("group"));
    }
    let request = page::request(&caller.params)?;
    let offset = usize::try_from(request.offset()).unwrap_or(usize::MAX);
    let range = offset..offset.saturating_add(request.size as usize);
    let read = state.members(&caller, &Puid::new(group), range.clone()).await?.ok_or(ApiError::NotFound("group"))?;
    let (owner, times) = (caller.owner(), Times(&state.relay.zone));
    let rows = read.list.iter().skip(range.start).take(range.len()).map(|member| {
        let (contact, is_friend) = read.friend(member).map_or((&member.contact, false), |friend| (friend, true));
        MemberRow::of(member, Person::of(contact, is_friend, owner.clone(), times))
    });
    let (rows, links) = (rows.collect::<Vec<_>>(), caller.links(&state));
    let linked = rows.iter().map(|row| Linked::of(row, &links)).collect();
    page::respond(request, &caller.url, read.list.len() as u64, linked)
}

#[cfg(test)]
mod tests {
    use domain::{
        contact::{ContactKind, Member},
        puid::Puid,
    };

    use testing::contact;

    use crate::support::Api;

    #[tokio::test]
    async fn members_are_shown_as_in_the_readme_and_friends_with_their_own_data() {
        let api = Api::start().await;
        let mut friend = contact("12ed2cd6", ContactKind::Friend, "朋友");
        friend.remark_name = Some("备注".to_owned());
        api.contacts(vec![contact("973e46d8", ContactKind::Group, "群"), friend]).await;
        let member = |puid: &str, display: Option<&str>| Member {
            contact: contact(puid, ContactKind::Stranger, "群员"),
            display_name: display.map(str::to_owned),
        };
        let members = vec![member("c9c27d87", Some("群里的名字")), member("12ed2cd6", None)];
        api.fixture.relay.store.put_members(&api.app.id, &[(Puid::new("973e46d8"), members)]).await.unwrap();

        insta::assert_snapshot!(api.signed("/members/973e46d8?page_size=1").await, @r#"
        200 OK
        {
          "count": 2,
          "next": "http://relay.test/members/973e46d8?page_size=1&app_id=00000000000000000000000000000001&app_secret=5ec2e700000000000000000000000000&timestamp=1578367545&signature=6df8a25928e7a6f7adfe44074198c9d05abbe0b3&page=2",
          "previous": null,
          "results": [
            {
              "avatar": "/media/image/avatar/c9c27d87.jpg",
              "avatar_url": "http://relay.test/media/image/avatar/c9c27d87.jpg?app_id=00000000000000000000000000000001&expires=1578371145&sig=05369101f2f25df711e443388f76fe9ef731cd8d2490ba2f096c334ce231fa9d",
              "city": null,
              "display_name": "群里的名字",
              "friend": false,
              "insert_time": "2020-01-07T11:25:45.988020",
              "is_friend": false,
              "name": "群员",
              "nick_name": "群员",
              "owner": "e1d54615",
              "province": null,
              "puid": "c9c27d87",
              "remark_name": null,
              "sex": null,
              "signature": null,
              "update_time": "2020-01-07T11:25:45.988020",
              "user_name": "@c9c27d87"
            }
          ],
          "success": true
        }
        "#);
        let second = api.signed("/members/973e46d8/?page_size=1&page=2").await;
        assert_eq!(second.json["results"][0]["name"], "备注");
        assert_eq!(second.json["results"][0]["is_friend"], true);
    }

    #[tokio::test]
    async fn only_a_group_has_members() {
        let api = Api::start().await;
        api.contacts(vec![contact("12ed2cd6", ContactKind::Friend, "朋友")]).await;
        insta::assert_snapshot!(api.signed("/members/12ed2cd6").await, @r#"
        404 Not Found
        {
          "code": "not_found",
          "errmsg": "There is no such group.",
          "success": false
        }
        "#);
        assert_eq!(api.signed(&format!("/members/{}", "0".repeat(5000))).await.status, 404);
    }
}
