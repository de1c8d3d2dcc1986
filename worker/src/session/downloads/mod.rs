//! Media of received messages: downloaded beside the session's loop, while the envelopes of their chats wait.
//!
//! ```text
//! append the row, media pending ─▶ download into the bucket ─▶ media stored, or given up, on the row ─▶ envelopes
//! ```
//! All of it is on the row: a session that starts finds the rows with pending media and continues.

mod attempt;
mod held;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    panic,
    time::Duration,
};

use channel::Credentials;
use domain::{id::Seq, puid::Puid};
use queue::InboundEnvelope;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tracing::Instrument;

use self::{
    attempt::{Attempt, Ended, Outcome},
    held::Held,
};
use super::{Context, Halt};
use crate::backoff::Backoff;

/// Downloads of a session at once.
const AT_ONCE: usize = 2;
/// How often a download is attempted.
const ATTEMPTS: u32 = 5;
/// The pause after the channel has said that the session has ended. The session's loop hears it within one poll.
const AFTER_LOGOUT: Duration = Duration::from_secs(40);

/// A message whose media are awaited.
struct Awaited {
    /// The chat that waits; `None` if the message is not delivered.
    chat: Option<Puid>,
    failures: Backoff,
}

/// The media that an app's messages await. A session has it only while there are some.
pub(super) struct Downloads {
    held: Held,
    awaited: HashMap<Seq, Awaited>,
    /// To be attempted, in this order.
    ready: VecDeque<Seq>,
    /// To be attempted later.
    delayed: BinaryHeap<Reverse<(Instant, Seq)>>,
    running: JoinSet<Ended>,
    /// No attempt before this time.
    paused_until: Option<Instant>,
    outages: Backoff,
    /// Attempts in a row that met the end of the session.
    logouts: u32,
}

impl Downloads {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            held: Held::default(),
            awaited: HashMap::new(),
            ready: VecDeque::new(),
            delayed: BinaryHeap::new(),
            running: JoinSet::new(),
            paused_until: None,
            outages: context.ledger.backoff(),
            logouts: 0,
        }
    }

    /// Adds a message whose media are pending. `chat` is its chat if it has to be delivered.
    pub(super) fn add(&mut self, context: &Context, seq: Seq, chat: Option<&Puid>) {
        if self.awaited.contains_key(&seq) {
            return;
        }
        if let Some(chat) = chat {
            self.held.admit(chat, seq, true);
        }
        self.awaited.insert(seq, Awaited { chat: chat.cloned(), failures: context.ledger.backoff() });
        self.ready.push_back(seq);
    }

    /// Whether the envelope of a message may go at once. Otherwise it is held until those before it have gone.
    pub(super) fn admit(&mut self, chat: &Puid, seq: Seq) -> bool {
        self.held.admit(chat, seq, false)
    }

    /// Waits until envelopes may go, and returns them; `None` when nothing is awaited any more. May be cancelled: the
    /// downloads go on. The caller reports the envelopes as [`sent`](Self::sent); until then they are returned again.
    pub(super) async fn next(
        &mut self,
        context: &Context,
        credentials: &Credentials,
    ) -> Result<Option<Vec<InboundEnvelope>>, Halt> {
        loop {
            let released = self.held.released();
            if !released.is_empty() {
                let app = context.ledger.app();
                let envelope = |(chat, seq)| InboundEnvelope { app: app.clone(), chat, seq };
                return Ok(Some(released.into_iter().map(envelope).collect()));
            }
            if self.awaited.is_empty() {
                return Ok(None);
            }
            self.start(context, credentials);
            let wake = self.next_start();
            tokio::select! {
                biased;
                Some(ended) = self.running.join_next() => self.ended(context, ended)?,
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
        }
    }

    /// Removes envelopes that were sent.
    pub(super) fn sent(&mut self, envelopes: Vec<InboundEnvelope>) {
        self.held.sent(envelopes.into_iter().map(|envelope| (envelope.chat, envelope.seq)));
    }

    /// When the next attempt may start; `None` while as many run as may.
    fn next_start(&self) -> Option<Instant> {
        if self.running.len() >= AT_ONCE {
            return None;
        }
        let next = if self.ready.is_empty() { self.delayed.peek().map(|Reverse((at, _))| *at) } else { None };
        next.max(self.paused_until)
    }

    fn start(&mut self, context: &Context, credentials: &Credentials) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until > now) {
            return;
        }
        self.paused_until = None;
        while self.delayed.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            if let Some(Reverse((_, seq))) = self.delayed.pop() {
                self.ready.push_front(seq);
            }
        }
        while self.running.len() < AT_ONCE
            && let Some(seq) = self.ready.pop_front()
        {
            let failures = self.awaited.get(&seq).map_or(0, |awaited| awaited.failures.failures());
            let attempt = Attempt {
                context: context.clone(),
                credentials: credentials.clone(),
                seq,
                is_last: failures + 1 >= ATTEMPTS,
                is_last_logout: self.logouts + 1 >= ATTEMPTS,
            };
            self.running.spawn(attempt.run().in_current_span());
        }
    }

    fn ended(&mut self, context: &Context, ended: Result<Ended, JoinError>) -> Result<(), Halt> {
        let Ended { seq, outcome } = match ended {
            Ok(ended) => ended,
            Err(error) => panic::resume_unwind(error.into_panic()),
        };
        let now = Instant::now();
        match outcome? {
            Outcome::Finished => {
                self.outages.succeeded();
                self.logouts = 0;
                if let Some(Awaited { chat: Some(chat), .. }) = self.awaited.remove(&seq) {
                    self.held.media_ended(&chat, seq);
                }
            }
            Outcome::Failed { pause } => {
                let Some(awaited) = self.awaited.get_mut(&seq) else { return Ok(()) };
                let own = context.ledger.next_pause(&mut awaited.failures);
                self.delayed.push(Reverse((now + own.max(pause), seq)));
            }
            Outcome::BucketUnavailable(error) => {
                if self.outages.failures() == 0 {
                    tracing::warn!(error = %domain::error::chain(&error), "media bucket unavailable; retrying");
                }
                self.paused_until = Some(now + context.ledger.next_pause(&mut self.outages));
                self.ready.push_front(seq);
            }
            Outcome::LoggedOut => {
                self.logouts += 1;
                self.paused_until = Some(now + AFTER_LOGOUT);
                self.ready.push_front(seq);
            }
        }
        Ok(())
    }
}
