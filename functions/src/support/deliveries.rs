//! A dispatcher that delivers to a callback on loopback.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::response::IntoResponse;
use boot::Grant;
use domain::{
    app::App,
    delivery::{Delivery, RetrySchedule},
    id::Seq,
    message::Message,
    puid::Puid,
};
use guard::Policy;
use queue::InboundEnvelope;
use serde_json::Value;
use testing::{Callback, Delivered, Fixture, Recorder, message};
use url::Url;

use crate::delivery::{
    batch::Record,
    callback::Client,
    dispatch::{self, AttemptOutcome, Dispatcher, Outcome},
    sweep::{self, SweepCounts},
};

/// An app with a callback. A delivery or a sweep fails the test if its function's grants lack an AWS operation that it
/// called.
pub(crate) struct Deliveries {
    pub fixture: Fixture,
    pub app: App,
    dispatcher: Dispatcher,
    callback: Callback,
    recorder: Recorder,
    called: Mutex<BTreeSet<Grant>>,
}

impl Deliveries {
    pub(crate) async fn start() -> Self {
        Self::with(Policy::parse("127.0.0.0/8").unwrap()).await
    }

    pub(crate) async fn with(policy: Policy) -> Self {
        let (callback, fixture) = (Callback::start().await, Fixture::start().await);
        let app = fixture.app(Some(&callback.url)).await;
        let schedule = RetrySchedule { quick: vec![Duration::ZERO; 2], ..RetrySchedule::default() };
        let (relay, recorder) = fixture.recorded();
        let dispatcher = Dispatcher::new(
            relay,
            Client::new(policy).unwrap(),
            schedule,
            Some(Url::parse("https://relay.test").unwrap()),
        );
        Self { fixture, app, dispatcher, callback, recorder, called: Mutex::default() }
    }

    /// From now on the callback answers a message with what `answer` returns.
    pub(crate) fn answer<Given: IntoResponse>(&self, mut answer: impl FnMut(&Value) -> Given + Send + 'static) {
        self.callback.answer(move |delivered| answer(&delivered.json()));
    }

    /// Removes and returns the requests to the callback so far.
    pub(crate) fn taken(&self) -> Vec<Delivered> {
        self.callback.take()
    }

    /// Removes the requests to the callback so far; the sequence numbers of their messages.
    pub(crate) fn taken_seqs(&self) -> Vec<u64> {
        self.taken().iter().map(Delivered::seq).collect()
    }

    /// Appends a message in a chat; its envelope.
    pub(crate) async fn append(&self, seq: u64, chat: &str) -> InboundEnvelope {
        self.append_message(Message { chat: Puid::new(chat), ..message(seq) }).await
    }

    pub(crate) async fn append_message(&self, message: Message) -> InboundEnvelope {
        self.fixture.relay.store.append(&self.app.id, &message, None).await.unwrap();
        InboundEnvelope { app: self.app.id.clone(), chat: message.chat, seq: message.seq }
    }

    /// Appends a message in a chat and delivers it.
    pub(crate) async fn deliver(&self, seq: u64, chat: &str) -> Outcome {
        let envelope = self.append(seq, chat).await;
        self.deliver_envelope(&envelope).await
    }

    pub(crate) async fn deliver_envelope(&self, envelope: &InboundEnvelope) -> Outcome {
        let outcome = self.dispatcher.deliver(envelope).await.unwrap();
        self.record(dispatch::GRANTS, "dispatcher");
        outcome
    }

    pub(crate) async fn deliver_batch(&self, records: Vec<Record>) -> Vec<String> {
        let failed = self.dispatcher.deliver_batch(records).await;
        self.record(dispatch::GRANTS, "dispatcher");
        failed
    }

    /// One attempt, as the sweep makes it.
    pub(crate) async fn attempt_once(&self, seq: u64, chat: &str) -> AttemptOutcome {
        let outcome = self.dispatcher.attempt_once(&self.app.id, &Puid::new(chat), Seq::new(seq)).await.unwrap();
        self.record(sweep::GRANTS, "sweep");
        outcome
    }

    /// Sweeps the only shard.
    pub(crate) async fn sweep(&self) -> SweepCounts {
        let swept = sweep::sweep(&self.dispatcher, 0).await.unwrap();
        self.record(sweep::GRANTS, "sweep");
        swept
    }

    fn record(&self, granted: &[Grant], function: &str) {
        let called = self.recorder.take_within(granted, function);
        self.called.lock().unwrap_or_else(PoisonError::into_inner).extend(called);
    }

    /// Removes and returns the grants that deliveries and sweeps needed so far.
    pub(crate) fn take_called(&self) -> BTreeSet<Grant> {
        std::mem::take(&mut *self.called.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn delivery(&self, seq: u64) -> Delivery {
        self.fixture.relay.store.message(&self.app.id, Seq::new(seq)).await.unwrap().unwrap().delivery
    }
}
