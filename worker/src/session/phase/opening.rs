//! From a confirmed login, or from the ledger's row after a restart, to a session that is online.

use channel::{AccountId, Opened, Opening, Ticket};
use domain::{
    app::{App, Binding},
    contact::Card,
    puid::Puid,
    session::{EndReason, Progress, Session as SessionRow, SessionState, User},
};

use super::{
    Phase,
    end::{close, end_reason},
    online::Online,
};
use crate::session::{
    Context, Halt,
    contacts::{Book, LoginSnapshot},
    inbound::Inbound,
    log::Log,
};

/// Opens the session of a confirmed login.
pub(super) async fn open(context: &Context, ticket: &Ticket) -> Result<Phase, Halt> {
    match context.channel.open(ticket).await {
        Ok(Opening::Opened(opened)) => bind_and_sync(context, *opened).await,
        Ok(Opening::Restarted(new)) => Ok(Phase::Restarted(new)),
        Err(error) => {
            tracing::warn!(%error, "confirmed login not opened");
            context.ledger.end_session(end_reason(&error), None).await?;
            Ok(Phase::Offline)
        }
    }
}

/// Binds the app to the account, or turns the account away; then reads its contacts.
async fn bind_and_sync(context: &Context, opened: Opened) -> Result<Phase, Halt> {
    let Opened { mut connection, account, user, recent, mentioned, cursor } = opened;
    let ledger = &context.ledger;
    let app = ledger.ask(store::Store::app).await?.ok_or(Halt::AppDeleted)?;
    let Some(owner) = bind(context, app, &account, &user).await? else {
        close(&mut *connection).await;
        ledger.end_session(EndReason::AccountMismatch, None).await?;
        return Ok(Phase::Offline);
    };
    let row_user =
        User { account, puid: owner.clone(), user_name: user.user_name.clone(), nick_name: user.nick_name.clone() };
    let credentials = ledger.seal(&connection.credentials());
    let mut login_number = 0;
    ledger
        .change_session(|row| {
            row.state = SessionState::Online;
            row.login_number += 1;
            login_number = row.login_number;
            row.user = Some(row_user);
            row.credentials = Some(credentials);
            row.cursor = Some(cursor.clone());
            row.ending = None;
            row.last_error = None;
            row.contacts = Progress::default();
            row.last_sync = None;
            row.sync_error = None;
            row.updating = true;
        })
        .await?;
    let (log, _) = Log::load(ledger.clone(), login_number).await?;
    let inbound = Inbound::new(context, cursor, login_number, owner, log);
    let snapshot = LoginSnapshot { user_name: user.user_name.clone(), user: Some(user), recent, mentioned };
    Online::new(context, connection, inbound).sync_contacts(context, snapshot).await
}

/// Binds the app to the account: the account's own puid, or `None` when the app is bound to another account.
async fn bind(context: &Context, app: App, account: &AccountId, user: &Card) -> Result<Option<Puid>, Halt> {
    let ledger = &context.ledger;
    let binding = match app.bound {
        Some(bound) if bound.account != *account => return Ok(None),
        Some(bound) if bound.nick_name == user.nick_name => return Ok(Some(bound.puid)),
        Some(bound) => Binding { nick_name: user.nick_name.clone(), ..bound },
        None => {
            let contacts = ledger.ask(store::Store::contacts).await?;
            let mut book = Book::new(contacts, Vec::new(), ledger.now());
            book.full(std::slice::from_ref(user));
            let puid = book.puid(&user.user_name).expect("every card was given a puid").clone();
            Binding { account: account.clone(), puid, nick_name: user.nick_name.clone(), since: ledger.now() }
        }
    };
    let bound = ledger.ask(|store, app| store.bind(app, &binding)).await?;
    Ok(bound.then_some(binding.puid))
}

/// Continues a session that was online, without a login.
pub(super) async fn resume_online(context: &Context, row: SessionRow) -> Result<Phase, Halt> {
    let ledger = &context.ledger;
    let connection = match ledger.unseal(&row) {
        Some(credentials) => context.channel.connect(&credentials).await.ok(),
        None => None,
    };
    let (Some(connection), Some(user)) = (connection, row.user.clone()) else { return unreadable(context).await };
    let (log, stored) = Log::load(ledger.clone(), row.login_number).await?;
    let Some(cursor) = stored.or(row.cursor.clone()) else { return unreadable(context).await };
    let inbound = Inbound::new(context, cursor, row.login_number, user.puid.clone(), log);
    let mut online = Online::new(context, connection, inbound);
    online.resume(&row);
    if row.last_sync.is_none() {
        // The first sync of this login was interrupted. Recent chats that are saved nowhere were named at the login
        // only; they come again with their next message.
        let snapshot = LoginSnapshot { user_name: user.user_name, ..LoginSnapshot::default() };
        return online.sync_contacts(context, snapshot).await;
    }
    if row.updating {
        // The update was interrupted. Its command comes again, and begins it anew.
        ledger.change_session(|row| row.updating = false).await?;
    }
    Ok(Phase::Online(Box::new(online)))
}

async fn unreadable(context: &Context) -> Result<Phase, Halt> {
    let reason = EndReason::Failed { reason: "the kept session cannot be opened".into() };
    context.ledger.end_session(reason, None).await?;
    Ok(Phase::Offline)
}
