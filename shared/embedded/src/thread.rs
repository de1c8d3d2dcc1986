//! The services' threads, and the signal that stops them.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{oneshot, watch};

/// How long running requests may take after the stop is requested; then their connections are closed.
const GRACE: Duration = Duration::from_secs(2);

/// A request to stop, seen by every clone.
#[derive(Clone)]
pub(crate) struct Stop {
    requested: watch::Sender<bool>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self { requested: watch::Sender::new(false) }
    }

    pub(crate) fn signal(&self) {
        self.requested.send_replace(true);
    }

    /// Waits until the stop is requested. The future borrows nothing.
    pub(crate) fn requested(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut requested = self.requested.subscribe();
        async move {
            // An error means that every sender is gone: stop as well.
            let _ = requested.wait_for(|requested| *requested).await;
        }
    }

    /// Runs `service` to its end, or until [`GRACE`] after the stop is requested.
    pub(crate) async fn within_grace(&self, service: impl Future<Output = ()>) {
        let late = async {
            self.requested().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = service => {}
            () = late => tracing::debug!("closed connections with running requests"),
        }
    }
}

/// A thread with a single-threaded runtime of its own.
pub(crate) struct ServiceThread {
    ended: oneshot::Receiver<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl ServiceThread {
    /// Runs `open` on a new thread, inside its runtime, and then the future that it returns. Returns when `open` has
    /// returned, with its error.
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
                            // The receiver is gone if the starter was dropped.
                            let _ = opened.send(Ok(()));
                            service.await;
                        }
                        Err(error) => {
                            let _ = opened.send(Err(error));
                        }
                    }
                });
                // Drops the remaining connections; the database closes here.
                drop(runtime);
                let _ = end.send(());
            })
            .with_context(|| format!("thread of {name}"))?;
        is_open
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the thread panicked")))
            .with_context(|| format!("opening {name}"))?;
        Ok(Self { ended, thread: Some(thread) })
    }

    /// Waits for the thread's end. Request the stop first.
    pub(crate) async fn ended(&mut self) {
        // An error means that the thread panicked, so it has ended as well.
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
