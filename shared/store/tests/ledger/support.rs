//! Setup of the tests.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::AttributeValue,
};
use domain::{
    app::{App, NewApp},
    channel::ChannelKind,
    id::{AppId, JobId, Seq},
    message::{Content, Message},
    puid::Puid,
    secret::{Sealed, Sealer},
};
use jiff::{Timestamp, ToSpan};
use store::{Filter, Store, StoreError};
use template::Deployment;
use testing::{CountedIds, Services};

/// An app id for tests that need no app.
pub(crate) static APP: LazyLock<AppId> = LazyLock::new(|| app_id("00000000000000000000000000000001"));

pub(crate) type Item = HashMap<String, AttributeValue>;

/// A ledger for one test, with direct access to its rows.
pub(crate) struct Ledger {
    pub(crate) store: Store,
    pub(crate) rows: Client,
    ids: Arc<CountedIds>,
    sealer: Sealer,
    services: Services,
}

impl Ledger {
    pub(crate) async fn start() -> Self {
        let services = Services::start().await;
        let store = services.clients.store(&services.stack);
        let ids = Arc::new(CountedIds::default());
        let sealer = Sealer::new(&[7; 32], Arc::clone(&ids) as _);
        let ledger = Self { store, rows: services.clients.dynamodb(), ids, sealer, services };
        ledger.create_table().await;
        ledger
    }

    pub(crate) async fn create_table(&self) {
        let table = Deployment::of(self.table(), 1).unwrap().table;
        self.store.create_table(&table).await.unwrap();
    }

    pub(crate) fn table(&self) -> &str {
        &self.services.stack
    }

    /// Creates an app in shard 3.
    pub(crate) async fn app(&self) -> App {
        let new = NewApp { name: "名", token: "t", callback: Some("http://c/"), channel: ChannelKind::Web, shard: 3 };
        let (app, _) = App::create(&new, &self.sealer, &*self.ids, at(0));
        self.store.create_app(&app).await.unwrap();
        app
    }

    pub(crate) async fn item(&self, pk: &str, sk: &str) -> Option<Item> {
        let get = self.rows.get_item().table_name(self.table()).set_key(Some(key(pk, sk)));
        get.consistent_read(true).send().await.unwrap().item
    }

    /// Sets an attribute of a row to a value that no version writes.
    pub(crate) async fn spoil(&self, pk: &str, sk: &str, part: &str) {
        self.set(pk, sk, part, AttributeValue::Bool(true)).await;
    }

    /// Sets an attribute of a row.
    pub(crate) async fn set(&self, pk: &str, sk: &str, part: &str, value: AttributeValue) {
        let mut row = self.item(pk, sk).await.unwrap_or_else(|| key(pk, sk));
        row.insert(part.to_owned(), value);
        self.rows.put_item().table_name(self.table()).set_item(Some(row)).send().await.unwrap();
    }

    /// Number of rows in a partition.
    pub(crate) async fn count(&self, pk: &str) -> i32 {
        let query = self.rows.query().table_name(self.table()).key_condition_expression("pk = :pk");
        query.expression_attribute_values(":pk", AttributeValue::S(pk.into())).send().await.unwrap().count
    }

    /// A sealed value.
    pub(crate) fn sealed(&self, text: &str) -> Sealed {
        self.sealer.seal("test", text.as_bytes())
    }
}

/// A client for a DynamoDB at `url`.
pub(crate) fn client(url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "s", None, None, "test"))
        .retry_config(
            aws_sdk_dynamodb::config::retry::RetryConfig::standard()
                .with_initial_backoff(std::time::Duration::from_millis(1)),
        );
    Client::from_conf(config.build())
}

fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([("pk".into(), AttributeValue::S(pk.into())), ("sk".into(), AttributeValue::S(sk.into()))])
}

/// A time, `seconds` after the start of the test clock.
pub(crate) fn at(seconds: i64) -> Timestamp {
    testing::START.parse::<Timestamp>().unwrap().checked_add(seconds.seconds()).unwrap()
}

pub(crate) fn app_id(text: &str) -> AppId {
    AppId::trusted(text)
}

pub(crate) fn job_id(text: &str) -> JobId {
    JobId::trusted(text)
}

pub(crate) fn puid(text: &str) -> Puid {
    Puid::new(text)
}

/// An inbound text from `friend01` whose delivery is pending.
pub(crate) fn message(seq: u64, text: &str) -> Message {
    let received = at(i64::try_from(seq).unwrap());
    Message {
        chat: puid("friend01"),
        send_user: Some(puid("friend01")),
        receiver: Some(puid("myself01")),
        owner: puid("myself01"),
        create_time: received.round(jiff::Unit::Second).unwrap(),
        receive_time: received,
        update_time: received,
        content: Content::Text { text: text.to_owned() },
        ..testing::message(seq)
    }
}

/// Appends messages to the log of [`APP`].
pub(crate) async fn append(store: &Store, messages: &[Message]) {
    for message in messages {
        store.append(&APP, message, None).await.unwrap();
    }
}

/// Sequence numbers of the messages of [`APP`] that a filter selects, oldest first.
pub(crate) async fn found(store: &Store, filter: &Filter) -> Vec<u64> {
    let found = store.messages_after(&APP, filter, Seq::START, 100).await.unwrap();
    found.rows.iter().map(|row| row.seq.get()).collect()
}

pub(crate) fn is_conflict<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict))
}

/// Whether the error says that a row is unreadable, and names it.
pub(crate) fn is_corrupt<T>(result: Result<T, StoreError>, key: &str) -> bool {
    matches!(result, Err(StoreError::Corrupt { key: named, .. }) if named.contains(key))
}
