//! Creating the table.

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, TimeToLiveSpecification,
    },
};

use crate::{Store, StoreError};

/// Definition of a table. Types and projections have DynamoDB's names (`S`, `KEYS_ONLY`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// Attributes of the keys, with their types.
    pub attributes: Vec<(String, String)>,
    pub key: KeySpec,
    pub indexes: Vec<IndexSpec>,
    /// The time-to-live attribute: seconds since the epoch.
    pub expires: String,
}

/// Names of the key attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    pub hash: String,
    pub range: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    pub name: String,
    pub key: KeySpec,
    pub projection: String,
}

fn attribute((name, kind): &(String, String)) -> AttributeDefinition {
    let attribute = AttributeDefinition::builder().attribute_name(name);
    attribute.attribute_type(ScalarAttributeType::from(kind.as_str())).build().expect("both parts are given")
}

fn schema(key: &KeySpec) -> Vec<KeySchemaElement> {
    let element = |name: &String, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("both parts are given")
    };
    vec![element(&key.hash, KeyType::Hash), element(&key.range, KeyType::Range)]
}

fn index(index: &IndexSpec) -> GlobalSecondaryIndex {
    let projection = Projection::builder().projection_type(ProjectionType::from(index.projection.as_str())).build();
    let built = GlobalSecondaryIndex::builder().index_name(&index.name).projection(projection);
    built.set_key_schema(Some(schema(&index.key))).build().expect("name and keys are given")
}

impl Store {
    /// Creates the table with its indexes and time-to-live, if it does not exist.
    pub async fn create_table(&self, spec: &TableSpec) -> Result<(), StoreError> {
        let indexes: Vec<_> = spec.indexes.iter().map(index).collect();
        let created = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(spec.attributes.iter().map(attribute).collect()))
            .set_key_schema(Some(schema(&spec.key)))
            .set_global_secondary_indexes(Some(indexes))
            .send()
            .await;
        match created {
            Err(error) if error.code() != Some("ResourceInUseException") => Err(StoreError::from_sdk(error)),
            _ => self.enable_expiry(&spec.expires).await,
        }
    }

    async fn enable_expiry(&self, attribute: &str) -> Result<(), StoreError> {
        let described = self.client.describe_time_to_live().table_name(&self.table).send().await;
        let current = described.map_err(StoreError::from_sdk)?.time_to_live_description;
        if current.and_then(|current| current.attribute_name).as_deref() == Some(attribute) {
            return Ok(());
        }
        let ttl = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build();
        self.client
            .update_time_to_live()
            .table_name(&self.table)
            .time_to_live_specification(ttl.expect("both parts are given"))
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        Ok(())
    }
}
