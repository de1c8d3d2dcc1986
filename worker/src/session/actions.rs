//! Commands that change something at the channel without a message: recalls, friend requests and remarks.

use channel::{Connection, Error};
use domain::{
    contact::{Contact, ContactKind},
    job::{Command, JobState},
};

use super::{
    Context, Halt,
    contacts::write_contact,
    inbox::{ClaimedJob, Inbox},
    outbound::{NO_CONTACT, Outbound, Outcome, contact},
};

/// Executes such a command, and ends its job.
pub(super) async fn act(
    context: &Context,
    connection: &mut dyn Connection,
    outbound: &mut Outbound,
    inbox: &mut Inbox,
    claimed: ClaimedJob,
) -> Result<Outcome, Halt> {
    let acted = match &claimed.job.command {
        Command::Recall { to, message_id, sent_by } => match contact(context, to).await? {
            Some(to) => connection.recall(&to.peer(), *message_id, sent_by).await,
            None => Err(refused(NO_CONTACT)),
        },
        Command::AcceptFriend { username, ticket } => connection.accept_friend(username, ticket).await,
        Command::SetRemark { to, remark } => match contact(context, to).await? {
            Some(friend) if friend.kind == ContactKind::Friend => {
                let set = connection.set_remark(&friend.peer(), remark).await;
                if set.is_ok() {
                    keep_remark(context, friend, remark).await?;
                }
                set
            }
            Some(_) => Err(refused("only a friend has a remark name")),
            None => Err(refused(NO_CONTACT)),
        },
        _ => Err(refused("the worker does not know this command")),
    };
    match acted {
        Ok(()) => {
            inbox.finish(claimed, JobState::Sent { message_id: None }).await?;
            Ok(Outcome::Handled)
        }
        Err(Error::Refused { reason }) => {
            inbox.fail(claimed, reason).await?;
            Ok(Outcome::Handled)
        }
        Err(error) => outbound.failed(context, inbox, claimed, &error).await,
    }
}

fn refused(reason: &str) -> Error {
    Error::Refused { reason: reason.to_owned() }
}

/// Writes a friend's new remark name to the contact book: the channel does not report it.
async fn keep_remark(context: &Context, friend: Contact, remark: &str) -> Result<(), Halt> {
    let ledger = &context.ledger;
    let remark_name = (!remark.is_empty()).then(|| remark.to_owned());
    let changed = Contact { remark_name, update_time: ledger.now(), ..friend.clone() };
    write_contact(ledger, friend, changed).await
}
