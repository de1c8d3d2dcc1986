//! Clients of the embedded services.
#![allow(dead_code, reason = "each test file uses its own part")]

use aws_sdk_dynamodb as dynamodb;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_sqs as sqs;
use embedded::{ACCESS_KEY, Embedded, Endpoints, Options, REGION, SECRET_KEY};

pub const TABLE: &str = "ledger";

pub async fn in_memory() -> Embedded {
    Embedded::start(Options::memory()).await.expect("start")
}

pub fn dynamodb(endpoints: &Endpoints) -> dynamodb::Client {
    let config = dynamodb::Config::builder()
        .behavior_version(dynamodb::config::BehaviorVersion::latest())
        .region(dynamodb::config::Region::new(REGION))
        .credentials_provider(dynamodb::config::Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .endpoint_url(&endpoints.dynamodb);
    dynamodb::Client::from_conf(config.build())
}

pub fn sqs(endpoints: &Endpoints) -> sqs::Client {
    let config = sqs::Config::builder()
        .behavior_version(sqs::config::BehaviorVersion::latest())
        .region(sqs::config::Region::new(REGION))
        .credentials_provider(sqs::config::Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .endpoint_url(&endpoints.sqs);
    sqs::Client::from_conf(config.build())
}

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub fn number(value: usize) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Creates a table with `pk`, `sk`, the index `due` over `due_pk`, `due_at`, and a time to live in `ttl`.
pub async fn create_table(client: &dynamodb::Client) {
    let attribute = |name: &str, kind: ScalarAttributeType| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().expect("attribute")
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("key")
    };
    let due = GlobalSecondaryIndex::builder()
        .index_name("due")
        .key_schema(key("due_pk", KeyType::Hash))
        .key_schema(key("due_at", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .expect("index");
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk", ScalarAttributeType::S))
        .attribute_definitions(attribute("sk", ScalarAttributeType::N))
        .attribute_definitions(attribute("due_pk", ScalarAttributeType::S))
        .attribute_definitions(attribute("due_at", ScalarAttributeType::N))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .global_secondary_indexes(due)
        .send()
        .await
        .expect("create table");
    client
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(
            TimeToLiveSpecification::builder().enabled(true).attribute_name("ttl").build().expect("ttl"),
        )
        .send()
        .await
        .expect("time to live");
}

/// A put of `pk`, `sk` that must not exist yet.
pub fn new_row(
    client: &dynamodb::Client,
    pk: &str,
    sk: usize,
) -> dynamodb::operation::put_item::builders::PutItemFluentBuilder {
    client
        .put_item()
        .table_name(TABLE)
        .item("pk", text(pk))
        .item("sk", number(sk))
        .condition_expression("attribute_not_exists(pk)")
}

/// How many rows `pk` has.
pub async fn rows(client: &dynamodb::Client, pk: &str) -> i32 {
    client
        .query()
        .table_name(TABLE)
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", text(pk))
        .consistent_read(true)
        .select(dynamodb::types::Select::Count)
        .send()
        .await
        .expect("count")
        .count()
}
