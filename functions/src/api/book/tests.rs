//! What lists cost to read, and that they are right while they change.

use axum::{Router, body::Body};
use domain::contact::{Contact, ContactKind, Member};
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use testing::{Meter, Units, contact};
use tower::ServiceExt;

use super::*;
use crate::{
    api::{auth::AuthMode, endpoints, params::Params, state::Config},
    support::Api,
};

/// A function whose units are counted. It begins without cached contacts.
struct Function<'a> {
    api: &'a Api,
    router: Router,
    meter: Meter,
}

impl<'a> Function<'a> {
    fn cold(api: &'a Api) -> Self {
        let (relay, meter) = api.fixture.metered();
        Self { api, router: endpoints::router(AppState::new(relay, Config::default())), meter }
    }

    /// The response, and the units besides the three of authentication.
    async fn ask(&self, path: &str) -> (Value, Units) {
        let request = Request::get(self.api.sign(path)).header("host", "relay.test").body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let Units { read, reads, .. } = self.meter.take();
        (serde_json::from_slice(&body).unwrap(), Units { read: read - 3, reads: reads - 1, written: 0 })
    }
}

fn friend(number: u32) -> Contact {
    let user_name = format!("@{:064x}", u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    Contact { user_name, ..contact(&format!("{number:08x}"), ContactKind::Friend, &format!("friend{number}")) }
}

/// An app with 450 friends, three groups, of which one has 250 members, and 500 strangers.
async fn with_many() -> Api {
    let api = Api::start().await;
    let groups = (0..3).map(|n| contact(&format!("9000000{n}"), ContactKind::Group, &format!("group{n}")));
    let strangers = (0..500).map(|n| Contact { kind: ContactKind::Stranger, ..friend(700_000 + n) });
    let members = (0..250).map(|n| Member {
        contact: Contact { kind: ContactKind::Stranger, ..friend(if n % 2 == 0 { n } else { 800_000 + n }) },
        display_name: None,
    });
    let members: Vec<Member> = members.collect();
    api.fixture.relay.store.put_members(&api.app.id, &[(Puid::new("90000000"), members)]).await.unwrap();
    api.contacts((0..450).map(friend).chain(groups).chain(strangers).collect()).await;
    api
}

fn puids(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|row| row["puid"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_page_takes_a_few_units_cold_and_none_warm() {
    let api = with_many().await;
    for page in [1, 12, 23] {
        let function = Function::cold(&api);
        let path = format!("/friends?page={page}");
        let (answer, units) = function.ask(&path).await;
        let expected: Vec<String> = (0..450).skip((page - 1) * 20).take(20).map(|n| format!("{n:08x}")).collect();
        assert_eq!((puids(&answer), &answer["count"]), (expected.iter().map(String::as_str).collect(), &450.into()));
        assert!(units.reads == 1 && units.read <= 6, "{units:?}");
        assert_eq!(function.ask(&path).await.1, Units::default());
    }
    let function = Function::cold(&api);
    function.ask("/friends?page=1").await;
    function.ask("/friends?page=9").await;
    for page in 1..=23 {
        assert_eq!(function.ask(&format!("/friends?page={page}")).await.1, Units::default(), "{page}");
    }
    assert_eq!(function.ask("/friends?name=friend7").await.1, Units::default());
    api.contacts(vec![Contact { nick_name: "renamed".into(), ..friend(7) }]).await;
    let (answer, units) = function.ask("/friends?name=renamed").await;
    assert_eq!(puids(&answer), ["00000007"]);
    assert!(units.reads == 1 && units.read <= 4, "only the part that has changed: {units:?}");
}

#[tokio::test]
async fn a_filter_reads_the_contacts_of_its_list_only() {
    let api = with_many().await;
    let ask = async |path: &str| Function::cold(&api).ask(path).await;
    let (answer, units) = ask("/friends?puid=00000007").await;
    assert_eq!((puids(&answer), units.read), (vec!["00000007"], 1));
    assert_eq!(ask("/friends?puid=90000000").await.0["count"], 0, "a group");
    assert_eq!(ask("/friends?puid=00000007&name=other").await.0["count"], 0);
    for path in ["/groups", "/groups?name=group1", "/groups?search=oup1", "/mps", "/mps?name=x"] {
        let (_, units) = ask(path).await;
        assert!(units.read <= 1, "{path}: {units:?}");
    }
    for path in ["/friends?search=friend", "/friends?nick_name=friend1", "/friends?sex=1", "/friends?city=x"] {
        let (_, units) = ask(path).await;
        assert!(units.reads == 1 && units.read <= 25, "{path}: {units:?}");
    }
}

#[tokio::test]
async fn members_are_read_by_the_page() {
    let api = with_many().await;
    let function = Function::cold(&api);
    let (answer, units) = function.ask("/members/90000000?page=2").await;
    assert_eq!((answer["count"].as_u64(), answer["results"][0]["is_friend"].as_bool()), (Some(250), Some(true)));
    assert_eq!(answer["results"][1]["is_friend"], false);
    assert!(units.reads == 2 && units.read <= 40, "{units:?}");
    assert_eq!(function.ask("/members/90000000?page=2").await.1, Units::default());
    function.ask("/members/90000000?page=5").await;
    assert_eq!(function.ask("/members/90000000?page=13").await.1, Units::default());
    let renamed = Contact { nick_name: "renamed".into(), ..friend(20) };
    api.contacts(vec![renamed, Contact { present: false, ..friend(22) }]).await;
    let (answer, _) = function.ask("/members/90000000?page=2").await;
    assert_eq!(answer["results"][0]["nick_name"], "renamed", "the group's row has the old name");
    assert_eq!(
        (&answer["results"][2]["is_friend"], &answer["results"][2]["nick_name"]),
        (&false.into(), &"friend22".into())
    );
}

#[tokio::test]
async fn contacts_of_an_earlier_version_are_listed_without_lists() {
    let api = Api::start().await;
    let group = contact("90000000", ContactKind::Group, "group");
    api.contacts_without_lists((0..30).map(friend).chain([group]).collect()).await;
    let function = Function::cold(&api);
    let (answer, _) = function.ask("/friends?page=2").await;
    assert_eq!((answer["count"].as_u64(), puids(&answer).len()), (Some(30), 10));
    assert_eq!(function.ask("/friends?name=friend3").await.1, Units::default(), "cached");
    assert_eq!(puids(&function.ask("/groups").await.0), ["90000000"]);
}

/// The first page of the friends, for a caller that was authenticated when the book was `book`.
async fn first_page(api: &Api, state: &AppState, book: store::Book) -> Vec<String> {
    let caller = Caller {
        app: api.app.clone(),
        book,
        mode: AuthMode::AccessToken,
        params: Params::default(),
        base: "http://relay.test/".parse().unwrap(),
        url: "http://relay.test/friends".parse().unwrap(),
    };
    let page = state.page_of(&caller, List::Friends, PageRequest { page: 1, size: 20 }).await.unwrap();
    page.rows.into_iter().map(|contact| contact.nick_name).collect()
}

#[tokio::test]
async fn a_list_that_changes_meanwhile_is_read_as_it_is_now() {
    let api = Api::start().await;
    api.contacts(vec![friend(1), friend(2)]).await;
    let store = &api.fixture.relay.store;
    let old = store.book(&api.app.id).await.unwrap();
    api.contacts(vec![Contact { nick_name: "renamed".into(), ..friend(1) }]).await;
    let state = AppState::new(api.fixture.relay.clone(), Config::default());
    assert_eq!(first_page(&api, &state, old).await, ["renamed", "friend2"]);
}

#[tokio::test]
async fn a_list_whose_change_was_not_completed_is_read_from_the_contacts() {
    let api = Api::start().await;
    api.contacts(vec![friend(1), friend(2)]).await;
    let store = &api.fixture.relay.store;
    let head = store.book(&api.app.id).await.unwrap();
    store.begin_book(&api.app.id, &head).await.unwrap();
    let changed = head.lists.clone().unwrap().replace(&[friend(3)]).unwrap();
    store.put_list_parts(&api.app.id, &changed).await.unwrap();
    let state = AppState::new(api.fixture.relay.clone(), Config::default());
    assert_eq!(first_page(&api, &state, head).await, ["friend1", "friend2"]);
}
