//! The `app` commands.

use std::io::Write;

use anyhow::{Context, bail};
use boot::Relay;
use domain::{
    app::{App, NewApp},
    id::AppId,
    secret,
};
use serde_json::{Value, json};
use store::AppChange;

use crate::cli::AppCommand;

/// Runs a command on the ledger and prints the result to `out`.
pub async fn command(command: &AppCommand, relay: &Relay, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        AppCommand::Create { name, channel, token, callback, json } => {
            let new = NewApp { name, token, callback: callback.as_deref(), channel: *channel, shard: 0 };
            create(relay, &new, *json, out).await
        }
        AppCommand::List { json } => list(relay, *json, out).await,
        AppCommand::Show { app_id, json } => {
            let app = relay.store.app(&id(app_id)?).await?.with_context(|| unknown(app_id))?;
            print(&describe(&app), *json, out)
        }
        AppCommand::Update { app_id, name, token, callback, no_callback } => {
            if let Some(url) = callback {
                check_callback(url)?;
            }
            let id = id(app_id)?;
            let change = AppChange {
                name: name.clone(),
                token: token.as_deref().map(|token| App::seal_token(&id, token, &relay.sealer)),
                callback: if *no_callback { Some(None) } else { callback.clone().map(Some) },
                ..AppChange::default()
            };
            let app = relay.store.update_app(&id, &change, relay.now()).await?.with_context(|| unknown(app_id))?;
            print(&describe(&app), false, out)
        }
        AppCommand::Rotate { app_id, json } => rotate(relay, app_id, *json, out).await,
        AppCommand::Unbind { app_id } => {
            done(relay.store.unbind(&id(app_id)?).await?, app_id, "unbound: the next account that logs in owns it", out)
        }
        AppCommand::Delete { app_id } => done(relay.store.delete_app(&id(app_id)?).await?, app_id, "deleted", out),
    }
}

async fn create(relay: &Relay, new: &NewApp<'_>, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let (app, app_secret) = create_app(relay, new).await?;
    let signing = app.open_signing_secret(&relay.sealer)?;
    let created = json!({
        "app_id": app.id, "app_secret": app_secret, "signing_secret": signing, "name": app.name, "callback": app.callback,
    });
    print(&created, json, out)
}

/// Creates an app on the shard that serves the fewest. Returns it with its app secret.
pub async fn create_app(relay: &Relay, new: &NewApp<'_>) -> anyhow::Result<(App, String)> {
    if new.token.is_empty() {
        bail!("the token must not be empty: anyone could sign with it");
    }
    new.callback.map(check_callback).transpose()?;
    let new = NewApp { shard: emptiest_shard(relay).await?, ..new.clone() };
    let (app, app_secret) = App::create(&new, &relay.sealer, &*relay.ids, relay.now());
    relay.store.create_app(&app).await?;
    Ok((app, app_secret))
}

/// The shard that serves the fewest apps.
async fn emptiest_shard(relay: &Relay) -> anyhow::Result<u16> {
    let mut emptiest = (usize::MAX, 0);
    for shard in 0..relay.shards() {
        emptiest = emptiest.min((relay.store.app_ids(shard).await?.len(), shard));
    }
    Ok(emptiest.1)
}

async fn list(relay: &Relay, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut apps = Vec::new();
    for shard in 0..relay.shards() {
        for id in relay.store.app_ids(shard).await? {
            apps.extend(relay.store.app(&id).await?);
        }
    }
    apps.sort_by_key(|app| app.created);
    if json {
        return print(&apps.iter().map(describe).collect(), true, out);
    }
    if apps.is_empty() {
        writeln!(out, "no apps yet: make one with `app create NAME --token TOKEN`")?;
    }
    for app in apps {
        let account = app.bound.as_ref().map_or("not bound", |bound| bound.nick_name.as_str());
        let callback = app.callback.as_deref().unwrap_or("no callback");
        writeln!(out, "{}  {}  ({account}, {callback})", app.id, app.name)?;
    }
    Ok(())
}

async fn rotate(relay: &Relay, app_id: &str, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let app_secret = relay.ids.hex();
    let change = AppChange { secret_hash: Some(secret::hash(&app_secret)), ..AppChange::default() };
    relay.store.update_app(&id(app_id)?, &change, relay.now()).await?.with_context(|| unknown(app_id))?;
    print(&json!({ "app_id": app_id, "app_secret": app_secret }), json, out)
}

/// The id that an argument names; text in another form names no app.
fn id(app_id: &str) -> anyhow::Result<AppId> {
    app_id.parse().ok().with_context(|| unknown(app_id))
}

fn unknown(app_id: &str) -> String {
    format!("there is no app {app_id}; `app list` shows what there is")
}

fn done(applied: bool, app_id: &str, what: &str, out: &mut impl Write) -> anyhow::Result<()> {
    if !applied {
        bail!(unknown(app_id));
    }
    Ok(writeln!(out, "{app_id} {what}")?)
}

/// A callback must be an HTTP URL. Its address is checked at each delivery.
fn check_callback(url: &str) -> anyhow::Result<()> {
    let parsed = reqwest::Url::parse(url).with_context(|| format!("the callback {url} is not a URL"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        bail!("the callback {url} must begin with http:// or https://");
    }
    Ok(())
}

/// The parts of an app that are not secret.
fn describe(app: &App) -> Value {
    json!({
        "app_id": app.id,
        "name": app.name,
        "channel": app.channel,
        "callback": app.callback,
        "account": app.bound.as_ref().map(|bound| &bound.nick_name),
        "puid": app.bound.as_ref().map(|bound| &bound.puid),
        "created": app.created.to_string(),
        "updated": app.updated.to_string(),
    })
}

/// Prints a value as JSON, or an object as one line a field.
fn print(value: &Value, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    match value {
        Value::Object(fields) if !json => {
            for (name, field) in fields {
                let field = field.as_str().map_or_else(|| field.to_string(), str::to_owned);
                writeln!(out, "{name}: {}", if field == "null" { "-" } else { &field })?;
            }
        }
        _ => writeln!(out, "{}", serde_json::to_string_pretty(value)?)?,
    }
    Ok(())
}
