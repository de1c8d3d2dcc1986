//! The threads the services run on, and how they are told to stop.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{oneshot, watch};

/// How long requests in hand may take to finish once the services are told to
/// stop; after that their connections are cut.
const GRACE: Duration = Duration::from_secs(2);

/// Told once, heard by every clone.
#[derive(Clone)]
pub(crate) struct Stop {
    told: watch::Sender<bool>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self { told: watch::Sender::new(false) }
    }

    pub(crate) fn signal(&self) {
        self.told.send_replace(true);
    }

    /// Waits until the stop was told, without borrowing.
    pub(crate) fn told(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut told = self.told.subscribe();
        async move {
            // An error means that no one is left to tell: stop as well.
            let _ = told.wait_for(|told| *told).await;
        }
    }

    /// Runs `service` to its end, or until [`GRACE`] after the stop was told.
    pub(crate) async fn within_grace(&self, service: impl Future<Output = ()>) {
        let late = async {
            self.told().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = service => {}
            () = late => tracing::debug!("requests in hand were cut off"),
        }
    }
}

/// A thread with a single-threaded runtime of its own.
pub(crate) struct ServiceThread {
    ended: oneshot::Receiver<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl ServiceThread {
    /// Runs `open` on a new thread, inside its runtime, and then the future
    /// that it made. Returns when `open` has, with its error.
    pub(crate) async fn start<Service>(
        name: &'static str,
        open: impl FnOnce() -> anyhow::Result<Service> + Send + 'static,
    ) -> anyhow::Result<Self>
    where
        Service: Future<Output = ()>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .with_context(|| format!("runtime of {name}"))?;
        let (opened, is_open) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(format!("embedded-{name}"))
            .spawn(move || {
                runtime.block_on(async move {
                    match open() {
                        Ok(service) => {
                            // The receiver is gone when the starter gave up.
                            let _ = opened.send(Ok(()));
                            service.await;
                        }
                        Err(error) => {
                            let _ = opened.send(Err(error));
                        }
                    }
                });
                // Drops what connections still hold; the database closes here.
                drop(runtime);
                let _ = end.send(());
            })
            .with_context(|| format!("thread of {name}"))?;
        is_open
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked")))
            .with_context(|| format!("opening {name}"))?;
        Ok(Self { ended, thread: Some(thread) })
    }

    /// Waits for the thread's end, which the stop has to bring about.
    pub(crate) async fn ended(&mut self) {
        // An error means that the thread panicked: ended as well.
        let _ = (&mut self.ended).await;
    }
}

impl Drop for ServiceThread {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a thread of the embedded services panicked");
        }
    }
}
