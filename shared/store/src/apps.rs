//! Apps, their access tokens, and callers.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem};
use domain::{
    app::{AccessToken, App, Binding},
    id::AppId,
    secret::Sealed,
};
use jiff::Timestamp;

use crate::{
    Book, Store, StoreError,
    error::applied,
    item::{Item, from_item, number, string, string_of, to_item, to_value},
    keys,
};

/// An administrator's changes to an app. `None` leaves a field unchanged.
#[derive(Debug, Clone, Default)]
pub struct AppChange {
    pub name: Option<String>,
    pub token: Option<Sealed>,
    /// `Some(None)` removes the callback.
    pub callback: Option<Option<String>>,
    pub secret_hash: Option<String>,
    pub signing_secret: Option<Sealed>,
}

/// The data for authenticating a caller and for answering from a cache. One request reads it.
#[derive(Debug, Clone)]
pub struct Caller {
    pub app: App,
    pub token: Option<AccessToken>,
    /// The state of the contact book.
    pub book: Book,
}

impl Store {
    /// Creates an app. [`StoreError::Conflict`] if the id is in use.
    pub async fn create_app(&self, app: &App) -> Result<(), StoreError> {
        let put = |item: Item| {
            let put = Put::builder().table_name(&self.table).set_item(Some(item));
            let put = put.condition_expression("attribute_not_exists(pk)").build().expect("table and item are given");
            TransactWriteItem::builder().put(put).build()
        };
        let pk = keys::app(&app.id);
        let in_shard = keys::key(&keys::shard(app.shard), &pk);
        self.transact(vec![put(to_item(&pk, keys::APP, app)?), put(in_shard)]).await
    }

    pub async fn app(&self, id: &AppId) -> Result<Option<App>, StoreError> {
        self.get(&keys::app(id), keys::APP).await?.map(from_item).transpose()
    }

    /// `None` for an unknown app.
    pub async fn caller(&self, id: &AppId) -> Result<Option<Caller>, StoreError> {
        let mut rows = self.get_many(&keys::app(id), &[keys::APP, keys::TOKEN, keys::BOOK]).await?;
        let Some(app) = rows.remove(keys::APP) else { return Ok(None) };
        Ok(Some(Caller {
            app: from_item(app)?,
            token: rows.remove(keys::TOKEN).map(from_item).transpose()?,
            book: Book::read(rows.get(keys::BOOK))?,
        }))
    }

    /// The apps that a shard serves.
    pub async fn app_ids(&self, shard: u16) -> Result<Vec<AppId>, StoreError> {
        let rows = self.collect(self.query_prefix(&keys::shard(shard), keys::APP_PREFIX)).await?;
        let id = |row: &Item| string_of(row, keys::SK)?.strip_prefix(keys::APP_PREFIX).map(AppId::trusted);
        Ok(rows.iter().filter_map(id).collect())
    }

    /// Changes an app and returns it; `None` for an unknown app.
    pub async fn update_app(&self, id: &AppId, change: &AppChange, at: Timestamp) -> Result<Option<App>, StoreError> {
        let mut set = vec!["updated = :at".to_owned()];
        let mut values = vec![(":at".to_owned(), string(at.to_string()))];
        let mut remove = "";
        let mut assign = |name: &str, value: AttributeValue| {
            set.push(format!("#{name} = :{name}"));
            values.push((format!(":{name}"), value));
        };
        let sealed = |value: &Sealed| to_value(&keys::app(id), value);
        if let Some(name) = &change.name {
            assign("name", string(name));
        }
        if let Some(token) = &change.token {
            assign("token", sealed(token)?);
        }
        if let Some(hash) = &change.secret_hash {
            assign("secret_hash", string(hash));
        }
        if let Some(secret) = &change.signing_secret {
            assign("signing_secret", sealed(secret)?);
        }
        match &change.callback {
            Some(Some(url)) => assign("callback", string(url)),
            Some(None) => remove = " REMOVE callback",
            None => {}
        }
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(id), keys::APP)))
            .condition_expression("attribute_exists(pk)")
            .update_expression(format!("SET {}{remove}", set.join(", ")))
            .return_values(ReturnValue::AllNew);
        for (name, value) in values {
            if name != ":at" {
                update = update.expression_attribute_names(format!("#{}", &name[1..]), &name[1..]);
            }
            update = update.expression_attribute_values(name, value);
        }
        match update.send().await.map_err(StoreError::from_sdk) {
            Ok(answer) => answer.attributes.map(from_item).transpose(),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Binds an app to an account. `false` if the app is bound to another account or does not exist.
    pub async fn bind(&self, id: &AppId, binding: &Binding) -> Result<bool, StoreError> {
        let mut same = "bound.account = :account".to_owned();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(id), keys::APP)))
            .update_expression("SET bound = :bound")
            .expression_attribute_values(":account", string(binding.account.as_str()))
            .expression_attribute_values(":bound", to_value(&keys::app(id), binding)?);
        // Earlier versions bound an app by a number.
        if let Ok(uin) = binding.account.as_str().parse::<u64>() {
            same.push_str(" OR bound.uin = :uin");
            update = update.expression_attribute_values(":uin", number(uin));
        }
        let update =
            update.condition_expression(format!("attribute_exists(pk) AND (attribute_not_exists(bound) OR {same})"));
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk))
    }

    /// Removes the binding, so that another account can log in. `false` for an unknown app.
    pub async fn unbind(&self, id: &AppId) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(id), keys::APP)))
            .condition_expression("attribute_exists(pk)")
            .update_expression("REMOVE bound");
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk))
    }

    /// Deletes an app with all its rows. `false` if there is none. One transaction deletes the app's row and its row in
    /// the shard first, so that nothing uses the app while the other rows are deleted. After an interrupted deletion,
    /// calling this again deletes the rest.
    pub async fn delete_app(&self, id: &AppId) -> Result<bool, StoreError> {
        let pk = keys::app(id);
        let app = self.app(id).await?;
        let mut found = app.is_some();
        if let Some(app) = app {
            let delete = |pk: &str, sk: &str| {
                let delete = Delete::builder().table_name(&self.table).set_key(Some(keys::key(pk, sk))).build();
                TransactWriteItem::builder().delete(delete.expect("table and key are given")).build()
            };
            self.transact(vec![delete(&pk, keys::APP), delete(&keys::shard(app.shard), &pk)]).await?;
        }
        let query = self.client.query().table_name(&self.table).key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", string(&pk)).projection_expression("pk, sk");
        let mut pages = query.consistent_read(true).into_paginator().send();
        while let Some(page) = pages.next().await {
            let rows = page.map_err(StoreError::from_sdk)?.items.unwrap_or_default();
            found |= !rows.is_empty();
            self.delete_all(rows).await?;
        }
        Ok(found)
    }

    /// Replaces the access token.
    pub async fn put_access_token(&self, id: &AppId, token: &AccessToken) -> Result<(), StoreError> {
        let mut item = to_item(&keys::app(id), keys::TOKEN, token)?;
        item.insert(keys::EXPIRES.into(), number(token.expires.as_second()));
        self.put_all(vec![item]).await
    }
}
