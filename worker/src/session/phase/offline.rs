//! No account is logged in.

use domain::job::Command;

use super::{Phase, login};
use crate::session::{Context, Halt, inbox::Inbox};

/// Waits for a login command. Other commands end at once: they need a session.
pub(super) async fn run(context: &Context, inbox: &mut Inbox) -> Result<Phase, Halt> {
    loop {
        let command = inbox.next().await?;
        let Some(claimed) = inbox.claim(command).await? else { continue };
        match claimed.job.command {
            Command::Login => return login::begin(context, inbox, Some(claimed)).await,
            _ => inbox.refuse(claimed).await?,
        }
    }
}
