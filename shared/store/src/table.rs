//! The table itself.

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, TimeToLiveSpecification,
    },
};

use crate::{
    Store, StoreError,
    keys::{DUE, DUE_AT, DUE_KEY, EXPIRES, PK, SK},
};

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().expect("both parts are given")
}

fn schema(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("both parts are given")
}

impl Store {
    /// Makes the table, with its index and time-to-live, unless it is there.
    pub async fn create_table(&self) -> Result<(), StoreError> {
        let due = GlobalSecondaryIndex::builder()
            .index_name(DUE)
            .key_schema(schema(DUE_KEY, KeyType::Hash))
            .key_schema(schema(DUE_AT, KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()
            .expect("name and keys are given");
        let created = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute(PK, ScalarAttributeType::S))
            .attribute_definitions(attribute(SK, ScalarAttributeType::S))
            .attribute_definitions(attribute(DUE_KEY, ScalarAttributeType::S))
            .attribute_definitions(attribute(DUE_AT, ScalarAttributeType::N))
            .key_schema(schema(PK, KeyType::Hash))
            .key_schema(schema(SK, KeyType::Range))
            .global_secondary_indexes(due)
            .send()
            .await;
        match created {
            Err(error) if error.code() != Some("ResourceInUseException") => Err(StoreError::from_sdk(error)),
            _ => self.enable_expiry().await,
        }
    }

    async fn enable_expiry(&self) -> Result<(), StoreError> {
        let there = self.client.describe_time_to_live().table_name(&self.table).send().await;
        let there = there.map_err(StoreError::from_sdk)?.time_to_live_description;
        if there.and_then(|there| there.attribute_name).as_deref() == Some(EXPIRES) {
            return Ok(());
        }
        let ttl = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true).build();
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
