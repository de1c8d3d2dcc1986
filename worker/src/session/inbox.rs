//! An app's commands: received, claimed one at a time in order, and completed.

use std::collections::VecDeque;

use boot::metrics;
use domain::{
    id::JobId,
    job::{Command, Job, JobState},
};
use store::Claim;
use tokio::sync::mpsc::{self, error::TryRecvError};

use super::{Halt, ledger::Ledger};
use crate::shard::return_command;

/// A command that no session has claimed yet.
#[derive(Debug)]
pub(crate) struct PendingCommand {
    pub(crate) job: JobId,
    /// The queue's receipt; `None` for a command that was found in the ledger.
    pub(crate) receipt: Option<String>,
}

/// A job that this session executes.
#[derive(Debug)]
pub(super) struct ClaimedJob {
    pub(super) job: Job,
    pub(super) receipt: Option<String>,
    /// Whether an earlier attempt may have reached WeChat without an answer.
    pub(super) uncertain: bool,
}

/// An app's commands in order.
pub(super) struct Inbox {
    ledger: Ledger,
    incoming: mpsc::UnboundedReceiver<PendingCommand>,
    waiting: VecDeque<PendingCommand>,
    /// How many of the first that wait are known to send a message.
    sends: usize,
    /// A claimed job that has to be attempted again before any other.
    in_hand: Option<ClaimedJob>,
}

impl Inbox {
    pub(super) fn new(incoming: mpsc::UnboundedReceiver<PendingCommand>, ledger: Ledger) -> Self {
        Self { ledger, incoming, waiting: VecDeque::new(), sends: 0, in_hand: None }
    }

    /// Whether a command can be executed without waiting for one.
    pub(super) fn has_work(&self) -> bool {
        self.in_hand.is_some() || !self.waiting.is_empty()
    }

    /// Waits for the next command.
    pub(super) async fn next(&mut self) -> Result<PendingCommand, Halt> {
        if let Some(command) = self.pop() {
            return Ok(command);
        }
        tokio::select! {
            biased;
            () = self.ledger.stopped() => Err(Halt::Stopped),
            command = self.incoming.recv() => command.ok_or(Halt::Stopped),
        }
    }

    /// Waits until another command has come, and puts it behind those that wait.
    pub(super) async fn receive(&mut self) -> Result<(), Halt> {
        let command = self.incoming.recv().await.ok_or(Halt::Stopped)?;
        self.waiting.push_back(command);
        loop {
            match self.incoming.try_recv() {
                Ok(command) => self.waiting.push_back(command),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(Halt::Stopped),
            }
        }
    }

    /// The command that waits longest.
    pub(super) fn pop(&mut self) -> Option<PendingCommand> {
        self.sends = self.sends.saturating_sub(1);
        self.waiting.pop_front()
    }

    /// The first command that sends no message. It need not wait while the media of the job in hand are uploaded: a recall
    /// has two minutes, and a logout must not wait for a slow server.
    pub(super) async fn pop_action(&mut self) -> Result<Option<PendingCommand>, Halt> {
        while let Some(PendingCommand { job, .. }) = self.waiting.get(self.sends) {
            if self.in_hand.as_ref().is_some_and(|claimed| claimed.job.id == *job) {
                // The sweep has sent it again; it is being executed.
                let again = self.waiting.remove(self.sends);
                self.delete(again.and_then(|command| command.receipt)).await;
                continue;
            }
            let found = self.ledger.ask(|store, app| store.job(app, job)).await?;
            if !found.is_some_and(|job| job.command.sends()) {
                return Ok(self.waiting.remove(self.sends));
            }
            self.sends += 1;
        }
        Ok(None)
    }

    /// Keeps a claimed job for another attempt.
    pub(super) fn keep(&mut self, claimed: ClaimedJob) {
        self.in_hand = Some(claimed);
    }

    /// Whether a claimed job is kept for another attempt.
    pub(super) fn keeps_a_job(&self) -> bool {
        self.in_hand.is_some()
    }

    pub(super) fn take_kept(&mut self) -> Option<ClaimedJob> {
        self.in_hand.take()
    }

    /// Makes a kept job wait again, to be claimed anew in the next phase.
    pub(super) fn unclaim(&mut self) {
        if let Some(claimed) = self.in_hand.take() {
            self.requeue(claimed);
        }
    }

    /// Makes a job that was not completed wait again, before the others.
    pub(super) fn requeue(&mut self, claimed: ClaimedJob) {
        self.waiting.push_front(PendingCommand { job: claimed.job.id, receipt: claimed.receipt });
        self.sends = 0;
    }

    /// Claims a command's job; `None` when it has ended already.
    pub(super) async fn claim(&self, command: PendingCommand) -> Result<Option<ClaimedJob>, Halt> {
        let PendingCommand { job, receipt } = command;
        let at = self.ledger.now();
        match self.ledger.ask(|store, app| store.claim_job(app, &job, at)).await? {
            Claim::Ours(job) => {
                let uncertain = job.state == JobState::Sending { uncertain: true };
                tracing::debug!(
                    %job.id,
                    delivery.id = job.delivery_id(),
                    request.id = job.request_id(),
                    job.uncertain = uncertain,
                    "job claimed"
                );
                Ok(Some(ClaimedJob { job, receipt, uncertain }))
            }
            Claim::Done => {
                self.delete(receipt).await;
                Ok(None)
            }
        }
    }

    /// Ends a job.
    pub(super) async fn finish(&self, claimed: ClaimedJob, state: JobState) -> Result<(), Halt> {
        let at = self.ledger.now();
        self.ledger.ask(|store, _| store.finish_job(&claimed.job, state.clone(), at)).await?;
        let job = &claimed.job;
        tracing::info!(
            %job.id,
            delivery.id = job.delivery_id(),
            request.id = job.request_id(),
            job.state = state.as_str(),
            "job finished"
        );
        self.delete(claimed.receipt).await;
        Ok(())
    }

    /// Ends a job that cannot be executed. The reason says when an earlier attempt may have sent the message all the
    /// same: another one might send it twice.
    pub(super) async fn fail(&self, claimed: ClaimedJob, why: impl Into<String>) -> Result<(), Halt> {
        let sends = claimed.job.command.sends();
        if sends {
            metrics::SENDS_FAILED.add(1);
        }
        let mut why = why.into();
        if sends && claimed.uncertain {
            why.push_str(" (it is not known whether the message was sent)");
        }
        self.finish(claimed, JobState::Failed { why }).await
    }

    /// Ends a job that needs a session while there is none.
    pub(super) async fn refuse(&self, claimed: ClaimedJob) -> Result<(), Halt> {
        match claimed.job.command {
            Command::Login | Command::Logout => self.finish(claimed, JobState::Sent { message_id: None }).await,
            _ => self.fail(claimed, "the session is offline").await,
        }
    }

    /// Deletes the command of a job that takes long from its queue, so that the queue delivers those behind it. The job is in
    /// the ledger, where the next worker and the sweep find it.
    pub(super) async fn release(&self, claimed: &mut ClaimedJob) {
        self.delete(claimed.receipt.take()).await;
    }

    /// Deletes a completed command from its queue.
    pub(super) async fn delete(&self, receipt: Option<String>) {
        if let Some(receipt) = receipt {
            self.ledger.delete_command(&receipt).await;
        }
    }

    /// Returns the commands that were not executed to the queue, for the next worker; the ledger holds their jobs.
    pub(super) async fn return_to_queue(mut self) {
        self.incoming.close();
        let mut receipts: Vec<String> = self.in_hand.take().and_then(|claimed| claimed.receipt).into_iter().collect();
        receipts.extend(self.waiting.drain(..).filter_map(|command| command.receipt));
        while let Ok(command) = self.incoming.try_recv() {
            receipts.extend(command.receipt);
        }
        let queue = &self.ledger.relay().queues.commands[usize::from(self.ledger.shard())];
        for receipt in receipts {
            return_command(queue, &receipt).await;
        }
    }
}
