//! The end of an app's log: the next number, and what is in it already.

use std::collections::VecDeque;

use domain::{
    id::Seq,
    job::{Job, JobState},
    message::Message,
};
use store::{Checkpoint, Entry};
use wechat::Channel;

use super::{Halt, Task};

/// Ids kept at least: an old cursor brings again what is no older than this many messages.
const KNOWN: usize = 256;

/// Where the log ends.
#[derive(Debug)]
pub(super) struct Log {
    next: Seq,
    /// Ids of the newest rows, oldest first.
    known: VecDeque<i64>,
    room: usize,
}

impl Log {
    /// Reads the end of the log, and the newest cursor of the login that rides on it. What lies after that cursor may
    /// come again, so all of its ids are kept.
    pub async fn load<C: Channel>(task: &Task<C>, login_number: u64) -> Result<(Self, Option<String>), Halt> {
        let store = &task.shared.relay.store;
        let mut count = KNOWN;
        loop {
            let wanted = i32::try_from(count).unwrap_or(i32::MAX);
            let tail = task.ledger(|| store.tail(&task.app, wanted)).await?;
            // A row of an earlier login says that there are none of this one before it.
            let found = tail.iter().position(|entry| entry.checkpoint.is_some());
            if found.is_some() || tail.len() < count {
                return Ok(Self::of(&tail, found, login_number));
            }
            count *= 4;
        }
    }

    fn of(tail: &[Entry], found: Option<usize>, login_number: u64) -> (Self, Option<String>) {
        let checkpoint = found.and_then(|at| tail[at].checkpoint.as_ref());
        let of_login = checkpoint.filter(|checkpoint| checkpoint.login_number == login_number);
        let cursor = of_login.map(|checkpoint| checkpoint.cursor.clone());
        let log = Self {
            next: tail.first().map_or(Seq::START, |entry| entry.message.seq).next(),
            known: tail.iter().rev().map(|entry| entry.message.id).collect(),
            room: KNOWN.max(found.unwrap_or(tail.len())),
        };
        (log, cursor)
    }

    /// The number of the newest row.
    pub fn head(&self) -> Seq {
        self.next.previous()
    }

    /// Whether a message is in the log, among the newest.
    pub fn knows(&self, id: i64) -> bool {
        self.known.contains(&id)
    }

    fn appended(&mut self, id: i64) {
        if self.known.len() >= self.room {
            self.known.pop_front();
        }
        self.known.push_back(id);
        self.next = self.next.next();
    }

    /// Appends a message, whose `seq` is set here: `false`, and nothing done, for one that turns out to be in the log.
    pub async fn append<C: Channel>(
        &mut self,
        task: &Task<C>,
        message: &mut Message,
        cursor: Option<&Checkpoint>,
    ) -> Result<bool, Halt> {
        let store = &task.shared.relay.store;
        while !self.knows(message.id) {
            message.seq = self.next;
            if task.ledger_unless_taken(|| store.append(&task.app, message, cursor)).await?.is_some() {
                self.appended(message.id);
                return Ok(true);
            }
            self.reload(task).await?;
        }
        Ok(false)
    }

    /// Appends a batch, whose numbers are set here; the cursor rides on its last row. `false` for a message that turns
    /// out to be in the log.
    pub async fn append_all<C: Channel>(
        &mut self,
        task: &Task<C>,
        messages: &mut [Message],
        cursor: &Checkpoint,
    ) -> Result<Vec<bool>, Halt> {
        for (seq, message) in (self.next.get()..).zip(messages.iter_mut()) {
            message.seq = Seq::new(seq);
        }
        let store = &task.shared.relay.store;
        let appended = || store.append_all(&task.app, messages, Some(cursor));
        if task.ledger_unless_taken(appended).await?.is_some() {
            for message in messages.iter() {
                self.appended(message.id);
            }
            return Ok(vec![true; messages.len()]);
        }
        // A number is taken: row by row it shows whether by these very rows, an answer lost, or by another writer.
        let (mut ours, count) = (Vec::with_capacity(messages.len()), messages.len());
        for (number, message) in messages.iter_mut().enumerate() {
            ours.push(self.append(task, message, (number + 1 == count).then_some(cursor)).await?);
        }
        Ok(ours)
    }

    /// Appends what was sent for a job, and ends the job with it, both or neither.
    pub async fn append_sent<C: Channel>(
        &mut self,
        task: &Task<C>,
        message: &mut Message,
        cursor: &Checkpoint,
        job: &Job,
    ) -> Result<(), Halt> {
        let relay = &task.shared.relay;
        while !self.knows(message.id) {
            message.seq = self.next;
            let appended = || relay.store.append_sent(message, cursor, job, relay.now());
            if task.ledger_unless_taken(appended).await?.is_some() {
                self.appended(message.id);
                return Ok(());
            }
            // The number is taken, perhaps by this very row, the first answer lost; or the job has ended.
            self.reload(task).await?;
            let there = task.ledger(|| relay.store.job(&task.app, &job.id)).await?;
            if there.is_none_or(|job| job.state.is_final()) {
                self.append(task, message, Some(cursor)).await?;
                return Ok(());
            }
        }
        // The row is there without us: WeChat's own stream told of it after a crash. The job must end all the same.
        let sent = JobState::Sent { message_id: Some(message.id) };
        task.ledger(|| relay.store.finish_job(job, sent.clone(), relay.now())).await.map(drop)
    }

    /// Somebody else has written: stops if the lease is gone, else goes on from the new end.
    async fn reload<C: Channel>(&mut self, task: &Task<C>) -> Result<(), Halt> {
        if !task.still_ours().await? {
            return Err(Halt::Stopped);
        }
        tracing::warn!(log.seq = self.next.get(), "the row's number was taken; going on behind it");
        let wanted = i32::try_from(KNOWN).unwrap_or(i32::MAX);
        let tail = task.ledger(|| task.shared.relay.store.tail(&task.app, wanted)).await?;
        for entry in tail.iter().rev().filter(|entry| entry.message.seq >= self.next) {
            self.known.push_back(entry.message.id);
        }
        self.next = tail.first().map_or(self.next, |entry| entry.message.seq.next());
        Ok(())
    }
}
