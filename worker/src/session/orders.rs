//! Commands: taken from the queue, claimed in the ledger, ended there, forgotten by the queue.

use boot::metrics;
use domain::{
    error::chain,
    id::JobId,
    job::{Command, Job, JobState},
};
use store::Claim;
use tokio::sync::mpsc::error::TryRecvError;
use wechat::Channel;

use super::{Halt, Shared, Task};
use crate::commands;

/// A command for an app.
#[derive(Debug)]
pub(crate) struct Order {
    pub job: JobId,
    /// What the queue forgets it by; `None` for one that was found in the ledger.
    pub receipt: Option<String>,
}

/// A command that is ours to carry out.
#[derive(Debug)]
pub(super) struct Claimed {
    pub job: Job,
    pub receipt: Option<String>,
    /// Whether an earlier try may have reached WeChat, its answer lost.
    pub may_be_sent: bool,
}

impl<C: Channel> Task<C> {
    /// The next command, in order.
    pub(super) async fn next_order(&mut self) -> Result<Order, Halt> {
        if let Some(order) = self.waiting.pop_front() {
            return Ok(order);
        }
        tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stop| *stop) => Err(Halt::Stopped),
            order = self.incoming.recv() => order.ok_or(Halt::Stopped),
        }
    }

    /// Puts commands that have come behind those that wait.
    pub(super) fn take_in(&mut self) -> Result<(), Halt> {
        loop {
            match self.incoming.try_recv() {
                Ok(order) => self.waiting.push_back(order),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(Halt::Stopped),
            }
        }
    }

    /// Takes a command's job; `None` when it has ended already.
    pub(super) async fn claim(&self, order: Order) -> Result<Option<Claimed>, Halt> {
        let relay = &self.shared.relay;
        let Order { job, receipt } = order;
        match self.ledger(|| relay.store.claim_job(&self.app, &job, relay.now())).await? {
            Claim::Ours(job) => {
                let may_be_sent = job.state == JobState::Sending { uncertain: true };
                tracing::debug!(
                    job.id = %job.id,
                    delivery.id = job.delivery_id(),
                    request.id = job.request_id(),
                    job.uncertain = may_be_sent,
                    "a job is claimed"
                );
                Ok(Some(Claimed { job, receipt, may_be_sent }))
            }
            Claim::Done => {
                self.forget(receipt).await;
                Ok(None)
            }
        }
    }

    /// Ends a command.
    pub(super) async fn finish(&self, claimed: Claimed, state: JobState) -> Result<(), Halt> {
        let relay = &self.shared.relay;
        self.ledger(|| relay.store.finish_job(&claimed.job, state.clone(), relay.now())).await?;
        let job = &claimed.job;
        tracing::info!(
            job.id = %job.id,
            delivery.id = job.delivery_id(),
            request.id = job.request_id(),
            job.state = state.as_str(),
            "a job has ended"
        );
        self.forget(claimed.receipt).await;
        Ok(())
    }

    /// Ends a command that cannot be carried out. Whoever asked is told when an earlier try may have gone out all the
    /// same: sending it again might send it twice.
    pub(super) async fn fail(&self, claimed: Claimed, why: impl Into<String>) -> Result<(), Halt> {
        if matches!(claimed.job.command, Command::SendText { .. }) {
            metrics::SENDS_FAILED.add(1);
        }
        let mut why = why.into();
        if claimed.may_be_sent {
            why.push_str(" (it is not known whether the message was sent)");
        }
        self.finish(claimed, JobState::Failed { why }).await
    }

    /// Ends a command that needs a session while there is none.
    pub(super) async fn refuse(&self, claimed: Claimed) -> Result<(), Halt> {
        match claimed.job.command {
            Command::Login | Command::Logout => self.finish(claimed, JobState::Sent { message_id: None }).await,
            Command::SendText { .. } => self.fail(claimed, "the session is offline").await,
        }
    }

    /// Gives back the commands that were not carried out; the ledger knows what is to be done, too.
    pub(super) async fn give_back(mut self) {
        self.incoming.close();
        let mut receipts: Vec<String> = self.in_hand.take().and_then(|claimed| claimed.receipt).into_iter().collect();
        receipts.extend(self.waiting.drain(..).filter_map(|order| order.receipt));
        while let Ok(order) = self.incoming.try_recv() {
            receipts.extend(order.receipt);
        }
        let queue = &self.shared.relay.queues.commands[usize::from(self.lease.shard)];
        for receipt in receipts {
            commands::give_back(queue, &receipt).await;
        }
    }

    pub(super) async fn forget(&self, receipt: Option<String>) {
        if let Some(receipt) = receipt {
            self.shared.forget(self.lease.shard, &receipt).await;
        }
    }
}

impl<C> Shared<C> {
    /// Takes a command that is done with out of its queue. Where that fails it comes again, and its job has ended.
    pub async fn forget(&self, shard: u16, receipt: &str) {
        if let Err(error) = self.relay.queues.commands[usize::from(shard)].delete(&[receipt]).await {
            tracing::warn!(error = %chain(&error), "a command that is done with stays in the queue");
        }
    }
}
