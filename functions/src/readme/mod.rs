//! Conformance with the predecessor's README: a test for each of its JSON examples, which the files beside this one hold
//! as the README shows them, without the rows that it leaves out.
//!
//! Each test makes the relay hold what the example shows. The response must then have every field of the example, under
//! its name and at its place, with the same value. A field whose value cannot be the same must have the same form. Fields
//! that the README does not know are listed in each test; API.md documents them.

use domain::{
    contact::{Contact, ContactKind, Member},
    job::JobState,
    message::Message,
    puid::Puid,
};
use jiff::Timestamp;
use serde_json::Value;
use testing::{contact, message};
use url::Url;

use crate::{
    delivery::dispatch::Outcome,
    support::{Api, Deliveries},
};

fn example(text: &str) -> Value {
    serde_json::from_str(text).expect("the README's example")
}

/// Compares a response with an example.
#[derive(Default)]
struct Comparison {
    /// The paths of fields that the example lacks.
    extra: Vec<String>,
    /// The paths of fields whose value differs.
    other: Vec<String>,
    wrong: Vec<String>,
}

impl Comparison {
    /// The paths of the fields that only the response has, and of those with another value. Fails the test if a field is
    /// missing or of another form.
    fn of(example: &Value, found: &Value) -> (Vec<String>, Vec<String>) {
        let mut comparison = Self::default();
        comparison.compare("", example, found);
        assert!(comparison.wrong.is_empty(), "{:#?}\n{found:#}", comparison.wrong);
        (comparison.extra, comparison.other)
    }

    fn compare(&mut self, path: &str, example: &Value, found: &Value) {
        match (example, found) {
            (Value::Object(example), Value::Object(found)) => {
                let inner = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                for (name, value) in example {
                    match found.get(name) {
                        Some(found) => self.compare(&inner(name), value, found),
                        None => self.wrong.push(format!("{} is missing", inner(name))),
                    }
                }
                self.extra.extend(found.keys().filter(|name| !example.contains_key(*name)).map(inner));
            }
            (Value::Array(example), Value::Array(found)) if example.len() == found.len() => {
                for (example, found) in example.iter().zip(found) {
                    self.compare(&format!("{path}[]"), example, found);
                }
            }
            _ if example == found => {}
            _ if form(example) == form(found) => self.other.push(path.to_owned()),
            _ => self.wrong.push(format!("{path} is {found} instead of {example}")),
        }
    }
}

/// What a value has in common with others of its form: its type, and of a text the places of digits, letters and signs.
fn form(value: &Value) -> String {
    match value {
        Value::String(text) => match Url::parse(text) {
            Ok(url) => {
                let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
                format!("{}{} {names:?}", url.scheme(), url.path())
            }
            Err(_) => text.chars().map(|c| if c.is_ascii_hexdigit() { '0' } else { c }).collect(),
        },
        Value::Number(number) => format!("number, negative: {}", number.is_i64() && number.as_i64() < Some(0)),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Array(_) | Value::Object(_) => "nested".to_owned(),
    }
}

/// The instant of a local time in the service's zone.
fn at(local: &str) -> Timestamp {
    format!("{local}+08:00").parse().expect("a time")
}

fn seen(contact: Contact, insert_time: &str, update_time: &str) -> Contact {
    Contact { insert_time: at(insert_time), update_time: at(update_time), ..contact }
}

/// The first row of a list, in the README's form of the list. The README shows the first of several.
fn with_first_row(mut list: Value) -> Value {
    if let Some(rows) = list["results"].as_array_mut() {
        rows.truncate(1);
    }
    list
}

/// A list at `path`, asked for as the README says: with app id, app secret, timestamp and signature.
async fn list(api: &Api, path: &str) -> Value {
    with_first_row(api.signed(path).await.json)
}

/// As [`list`]. The README's links to further pages lack timestamp and signature, which ours keep.
fn without_signature(mut list: Value) -> Value {
    if let Some(next) = list["next"].as_str() {
        let mut url: Url = next.parse().expect("an absolute URL");
        let kept: Vec<_> = url.query_pairs().into_owned().collect();
        let kept = kept.into_iter().filter(|(name, _)| name != "timestamp" && name != "signature");
        url.query_pairs_mut().clear().extend_pairs(kept.collect::<Vec<_>>());
        list["next"] = url.as_str().into();
    }
    list
}

/// The link that opens a contact's picture, which each contact has besides the README's fields.
const AVATAR: &str = "results[].avatar_url";

#[tokio::test]
async fn friends() {
    let api = Api::start().await;
    let mut first = contact("12ed2cd6", ContactKind::Friend, "多吃点苹果🍏");
    "@b5062876e38c69d46e08bffc445933c79411023c8dcaf0a68d7d83a5b253c517".clone_into(&mut first.user_name);
    let first = seen(first, "2020-01-06T11:14:09.569667", "2020-01-06T17:29:50.041745");
    let others = (1..313).map(|n| contact(&format!("{n:08x}"), ContactKind::Friend, "朋友"));
    api.contacts([first].into_iter().chain(others).collect()).await;
    let example = example(include_str!("friends.json"));
    let (extra, other) = Comparison::of(&example, &without_signature(list(&api, "/friends").await));
    assert_eq!((extra.join(" "), other.join(" ")), (AVATAR.to_owned(), "next results[].owner".to_owned()));
    let misspelt = list(&api, "/firends").await;
    assert_eq!(misspelt["results"], list(&api, "/friends").await["results"]);
}

#[tokio::test]
async fn groups() {
    let api = Api::start().await;
    let mut first = contact("973e46d8", ContactKind::Group, "测试群1");
    "@@9419e194b03ebddd6b62b7ebd9de397eb764c8e450c1552e4e9f8b27e7f066ec".clone_into(&mut first.user_name);
    first.member_count = 3;
    let first = seen(first, "2020-01-06T15:21:20.837751", "2020-01-06T16:11:29.169215");
    let others = (1..13).map(|n| contact(&format!("{n:08x}"), ContactKind::Group, "群"));
    api.contacts([first].into_iter().chain(others).collect()).await;
    let mut example = example(include_str!("groups.json"));
    // A page of the README's relay had fewer rows than 13; one of ours has 20.
    let found = without_signature(list(&api, "/groups?page_size=10").await);
    let next = example["next"].as_str().expect("a URL").replace("groups?", "groups?page_size=10&");
    example["next"] = next.into();
    let (extra, other) = Comparison::of(&example, &found);
    assert_eq!((extra.join(" "), other.join(" ")), (AVATAR.to_owned(), "next results[].owner".to_owned()));
}

#[tokio::test]
async fn members() {
    let api = Api::start().await;
    let mut friend = contact("c9c27d87", ContactKind::Friend, "nick_name");
    "user_name".clone_into(&mut friend.user_name);
    friend.remark_name = Some("***".to_owned());
    friend.signature = Some("想念从前的某些日子某些朋友\n时光总是在走，记忆似乎也已模糊了".to_owned());
    (friend.sex, friend.province, friend.city) = (Some(1), Some("**".to_owned()), Some("**".to_owned()));
    let friend = seen(friend, "2020-01-07T10:20:31.179869", "2020-01-07T10:21:13.701743");
    api.contacts(vec![contact("973e46d8", ContactKind::Group, "群"), friend.clone()]).await;
    let others = (1..4).map(|n| contact(&format!("{n:08x}"), ContactKind::Stranger, "群员"));
    let members = [friend].into_iter().chain(others).map(|contact| Member { contact, display_name: None }).collect();
    api.fixture.relay.store.put_members(&api.app.id, &[(Puid::new("973e46d8"), members)]).await.unwrap();
    let mut example = example(include_str!("members.json"));
    // A contact with a remark name is shown under it; the README has a placeholder.
    example["results"][0]["name"] = "***".into();
    let (extra, other) = Comparison::of(&example, &list(&api, "/members/973e46d8").await);
    assert_eq!((extra.join(" "), other.join(" ")), (format!("{AVATAR} results[].display_name"), String::new()));
}

#[tokio::test]
async fn a_sent_message() {
    let api = Api::start().await;
    api.contacts(vec![contact("1fee435b", ContactKind::Friend, "朋友")]).await;
    api.online().await;
    let example = example(include_str!("send.json"));
    let worker = async {
        let jobs = api.commands(1).await;
        api.finish(&jobs[0], JobState::Sent { message_id: None }).await;
    };
    let (answer, ()) = tokio::join!(api.post("/send?msg_type=text&puid=1fee435b&text=666", &[], ""), worker);
    let (extra, other) = Comparison::of(&example, &answer.json);
    assert_eq!((extra.join(" "), other.join(" ")), ("id status".to_owned(), String::new()));
}

/// What a message has besides the README's fields.
const MESSAGE: &str = "chat direction id_str";
/// The fields of a message that the relay numbers and dates itself.
const ITS_OWN: [&str; 5] = ["content.id", "content.insert_time", "content.update_time", "insert_time", "update_time"];

fn readme_message() -> Message {
    Message { receive_time: at("2020-01-07T11:25:45.988020"), create_time: at("2020-01-07T11:32:48"), ..message(1) }
}

#[tokio::test]
async fn a_message_for_the_callback() {
    let test = Deliveries::start().await;
    let envelope = test.append_message(readme_message()).await;
    assert_eq!(test.deliver_envelope(&envelope).await, Outcome::Delivered);
    let (extra, other) = Comparison::of(&example(include_str!("callback.json")), &test.taken()[0].json());
    assert_eq!((extra.join(" "), other.join(" ")), (MESSAGE.to_owned(), ITS_OWN.join(" ")));
}

#[tokio::test]
async fn the_history() {
    let api = Api::start().await;
    api.append(readme_message()).await;
    let example = example(include_str!("history.json"));
    let (extra, other) = Comparison::of(&example, &api.signed("/message").await.json);
    let in_row = |names: &[&str]| names.iter().map(|name| format!("results[].{name}")).collect::<Vec<_>>();
    assert_eq!(extra, in_row(&MESSAGE.split(' ').collect::<Vec<_>>()));
    assert_eq!(other, in_row(&ITS_OWN));
    // The filter of the README's example, and each of its `filterset_fields`.
    for found in [
        "type=Text",
        "create_time=2020-01-07 11:32:48",
        "receive_time=2020-01-07 11:25:45",
        "send_user=1fee435b",
        "receiver=e1d54615",
    ] {
        assert_eq!(api.signed(&format!("/message?{found}")).await.json["count"], 1, "{found}");
    }
    for absent in ["send_group=973e46d8", "maps=0badcafe", "receiver_group=973e46d8", "type=Map"] {
        assert_eq!(api.signed(&format!("/message?{absent}")).await.json["count"], 0, "{absent}");
    }
}
