//! The end of an app's log: the next sequence number, and which messages it holds already.

use std::collections::VecDeque;

use channel::Cursor;
use domain::{
    id::Seq,
    job::{Job, JobState},
    message::Message,
};
use store::{Checkpoint, Entry};

use super::{
    Halt,
    ledger::{Ledger, Rejected},
    summaries::Summaries,
    whole::reduce,
};

/// Message ids kept at least: an old cursor brings no older messages again.
const KNOWN: usize = 256;

/// Appends to an app's log. The session is its only writer.
pub(super) struct Log {
    ledger: Ledger,
    next: Seq,
    /// Ids of the newest rows, oldest first.
    known: VecDeque<i64>,
    capacity: usize,
    summaries: Summaries,
}

impl Log {
    /// Reads the end of the log, and the newest cursor of the login that is stored on it. All messages after that cursor
    /// may come again, so all of their ids are kept.
    pub(super) async fn load(ledger: Ledger, login_number: u64) -> Result<(Self, Option<Cursor>), Halt> {
        let mut count = KNOWN;
        loop {
            let tail = read_tail(&ledger, count).await?;
            // A checkpoint of an earlier login means that none of this login is before it.
            let newest = tail.iter().position(|entry| entry.checkpoint.is_some());
            if newest.is_some() || tail.len() < count {
                return Ok(Self::at_end(ledger, &tail, newest, login_number));
            }
            count *= 4;
        }
    }

    fn at_end(ledger: Ledger, tail: &[Entry], newest: Option<usize>, login_number: u64) -> (Self, Option<Cursor>) {
        let checkpoint = newest.and_then(|at| tail[at].checkpoint.as_ref());
        let checkpoint = checkpoint.filter(|checkpoint| checkpoint.login_number == login_number);
        let cursor = checkpoint.map(|checkpoint| checkpoint.cursor.clone());
        let mut log = Self {
            summaries: Summaries::new(ledger.clone()),
            ledger,
            next: tail.first().map_or(Seq::FIRST, |entry| entry.message.seq.next()),
            known: tail.iter().rev().map(|entry| entry.message.id).collect(),
            capacity: KNOWN.max(newest.unwrap_or(tail.len())),
        };
        log.summaries.head_moved(log.head());
        (log, cursor)
    }

    /// The newest row's sequence number.
    pub(super) fn head(&self) -> Seq {
        self.next.previous()
    }

    /// Whether a message is among the newest rows.
    pub(super) fn contains(&self, id: i64) -> bool {
        self.known.contains(&id)
    }

    fn appended(&mut self, id: i64) {
        if self.known.len() >= self.capacity {
            self.known.pop_front();
        }
        self.known.push_back(id);
        self.next = self.next.next();
        self.summaries.head_moved(self.head());
    }

    /// Appends a message and sets its `seq`. `false` when the log turns out to hold the message already. A message that the
    /// ledger refuses is kept as a stub.
    async fn append(&mut self, message: &mut Message, checkpoint: Option<&Checkpoint>) -> Result<bool, Halt> {
        while !self.contains(message.id) {
            message.seq = self.next;
            let row = &*message;
            match self.ledger.try_ask(|store, app| store.append(app, row, checkpoint)).await? {
                Ok(()) => {
                    self.appended(message.id);
                    return Ok(true);
                }
                Err(Rejected::Conflict) => self.reload().await?,
                Err(Rejected::Refused) => reduce(&self.ledger, message).await?,
            }
        }
        Ok(false)
    }

    /// Appends a batch and sets its sequence numbers; the checkpoint is stored on the last row. `false` for a message
    /// that the log turns out to hold already.
    pub(super) async fn append_all(
        &mut self,
        messages: &mut [Message],
        checkpoint: &Checkpoint,
    ) -> Result<Vec<bool>, Halt> {
        let mut seq = self.next;
        for message in messages.iter_mut() {
            message.seq = seq;
            seq = seq.next();
        }
        let rows = &*messages;
        let appended = self.ledger.try_ask(|store, app| store.append_all(app, rows, Some(checkpoint)));
        if appended.await?.is_ok() {
            for message in messages.iter() {
                self.appended(message.id);
            }
            return Ok(vec![true; messages.len()]);
        }
        // A number is taken, or a row is refused. Row by row it shows which, and by whom: by these very rows, when the first
        // answer was lost, or by another writer.
        let (mut appended, count) = (Vec::with_capacity(messages.len()), messages.len());
        for (number, message) in messages.iter_mut().enumerate() {
            appended.push(self.append(message, (number + 1 == count).then_some(checkpoint)).await?);
        }
        Ok(appended)
    }

    /// Appends the message that was sent for a job and ends the job, in one transaction.
    pub(super) async fn append_sent(
        &mut self,
        message: &mut Message,
        checkpoint: &Checkpoint,
        job: &Job,
    ) -> Result<(), Halt> {
        let at = self.ledger.now();
        while !self.contains(message.id) {
            message.seq = self.next;
            let row = &*message;
            match self.ledger.try_ask(|store, _| store.append_sent(row, checkpoint, job, at)).await? {
                Ok(()) => {
                    self.appended(message.id);
                    return Ok(());
                }
                Err(Rejected::Conflict) => {}
                Err(Rejected::Refused) => {
                    reduce(&self.ledger, message).await?;
                    continue;
                }
            }
            // The number is taken, perhaps by this very row when the first answer was lost; or the job has ended.
            self.reload().await?;
            let stored = self.ledger.ask(|store, app| store.job(app, &job.id)).await?;
            if stored.is_none_or(|job| job.state.is_final()) {
                self.append(message, Some(checkpoint)).await?;
                return Ok(());
            }
        }
        // The row exists: after a crash the message came with WeChat's own stream. The job still has to end.
        let sent = JobState::Sent { message_id: Some(message.id) };
        self.ledger.ask(|store, _| store.finish_job(job, sent.clone(), at)).await.map(drop)
    }

    /// Reads the new end after another writer has appended. Stops the session if the lease is lost.
    async fn reload(&mut self) -> Result<(), Halt> {
        if !self.ledger.owns_lease().await? {
            return Err(Halt::Stopped);
        }
        tracing::warn!(log.seq = self.next.get(), "sequence number taken; continuing after it");
        let tail = read_tail(&self.ledger, KNOWN).await?;
        for entry in tail.iter().rev().filter(|entry| entry.message.seq >= self.next) {
            self.known.push_back(entry.message.id);
        }
        self.next = tail.first().map_or(self.next, |entry| entry.message.seq.next());
        Ok(())
    }
}

/// The newest `count` rows, newest first.
async fn read_tail(ledger: &Ledger, count: usize) -> Result<Vec<Entry>, Halt> {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    ledger.ask(|store, app| store.tail(app, count)).await
}
