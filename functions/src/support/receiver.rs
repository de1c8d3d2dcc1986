//! A callback on loopback that notes what it takes and answers as told, and a dispatcher that delivers to it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use domain::{
    app::App,
    delivery::{Delivery, RetrySchedule},
    id::Seq,
    message::Message,
    puid::Puid,
};
use queue::InboundEnvelope;
use serde_json::Value;
use testing::Fixture;

use super::message;
use crate::delivery::{
    callback::{Client, Policy},
    dispatch::{Dispatcher, Outcome},
};

/// A request that the callback has taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Taken {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type Answer = Box<dyn FnMut(&Value) -> Response + Send>;

/// An app whose callback is a server of the test's own.
pub struct Deliveries {
    pub fixture: Fixture,
    pub app: App,
    pub dispatcher: Dispatcher,
    taken: Arc<Mutex<Vec<Taken>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Deliveries {
    /// A callback that takes everything and says nothing.
    pub async fn start() -> Self {
        Self::with(Policy::with_loopback()).await
    }

    pub async fn with(policy: Policy) -> Self {
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(|_| StatusCode::OK.into_response())));
        let (notes, answers) = (Arc::clone(&taken), Arc::clone(&answer));
        let callback = Router::new().fallback(async move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let request = Taken { uri, headers, body };
            let message = request.json();
            notes.lock().unwrap().push(request);
            (answers.lock().unwrap())(&message)
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?room=1", listener.local_addr().unwrap());
        // Ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, callback).await });
        let fixture = Fixture::start().await;
        let app = fixture.app(Some(&url)).await;
        let schedule = RetrySchedule { quick: vec![Duration::ZERO; 2], ..RetrySchedule::default() };
        let dispatcher = Dispatcher::new(fixture.relay.clone(), Client::new(policy).unwrap(), schedule);
        Self { fixture, app, dispatcher, taken, answer }
    }

    pub fn answer<Given: IntoResponse>(&self, mut answer: impl FnMut(&Value) -> Given + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(move |message| answer(message).into_response());
    }

    /// What the callback has taken since this was last asked.
    pub fn taken(&self) -> Vec<Taken> {
        std::mem::take(&mut *self.taken.lock().unwrap())
    }

    /// The rows, by their numbers, that the callback has taken since.
    pub fn taken_seqs(&self) -> Vec<u64> {
        self.taken().iter().map(|taken| taken.json()["content"]["id"].as_u64().unwrap()).collect()
    }

    /// Appends a message in a chat; its envelope.
    pub async fn append(&self, seq: u64, chat: &str) -> InboundEnvelope {
        self.append_message(Message { chat: Puid::new(chat), ..message(seq) }).await
    }

    pub async fn append_message(&self, message: Message) -> InboundEnvelope {
        self.fixture.relay.store.append(&self.app.id, &message, None).await.unwrap();
        InboundEnvelope { app: self.app.id.clone(), chat: message.chat, seq: message.seq }
    }

    /// Appends a message in a chat and delivers it.
    pub async fn deliver(&self, seq: u64, chat: &str) -> Outcome {
        let envelope = self.append(seq, chat).await;
        self.dispatcher.deliver(&envelope).await.unwrap()
    }

    pub async fn delivery(&self, seq: u64) -> Delivery {
        self.fixture.relay.store.message(&self.app.id, Seq::new(seq)).await.unwrap().unwrap().delivery
    }
}
