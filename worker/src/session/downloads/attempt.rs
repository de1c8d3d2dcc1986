//! One attempt to download the media of a message.

use std::{panic::AssertUnwindSafe, time::Duration};

use boot::metrics;
use channel::{Credentials, MediaSource};
use domain::{
    delivery,
    id::Seq,
    media::{MediaPath, MediaState, PREFIX},
};
use futures_util::FutureExt;
use media::{MediaError, Object, PutError};
use tokio::time::timeout;

use crate::session::{
    Context, Halt,
    transfer::{Failure, unless_stalled},
};

/// The largest media that are received, in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// How long an attempt may take, however steadily the bytes come.
const LONGEST: Duration = Duration::from_hours(1);

/// An attempt.
pub(super) struct Attempt {
    pub(super) context: Context,
    pub(super) credentials: Credentials,
    pub(super) seq: Seq,
    /// A failure ends the download.
    pub(super) is_last: bool,
    /// The end of the session ends the download.
    pub(super) is_last_logout: bool,
}

/// An attempt that has ended.
pub(super) struct Ended {
    pub(super) seq: Seq,
    pub(super) outcome: Result<Outcome, Halt>,
}

pub(super) enum Outcome {
    /// The row says how the download has ended.
    Finished,
    /// To be attempted again, after this pause at least.
    Failed { pause: Duration },
    /// To be attempted again; it does not count.
    BucketUnavailable(MediaError),
    /// The channel says that the session has ended.
    LoggedOut,
}

impl Attempt {
    pub(super) async fn run(self) -> Ended {
        Ended { seq: self.seq, outcome: self.attempt().await }
    }

    async fn attempt(&self) -> Result<Outcome, Halt> {
        let (ledger, seq) = (&self.context.ledger, self.seq);
        // Read here and not kept: a burst of pictures takes little memory.
        let Some(message) = ledger.ask(|store, app| store.message(app, seq)).await? else {
            return Ok(Outcome::Finished);
        };
        let Some(MediaState::Pending { source }) = &message.media else { return Ok(Outcome::Finished) };
        let path = message.content.media().and_then(|path| path.strip_prefix(PREFIX)).and_then(MediaPath::parse);
        let transferred = match path {
            // A panic over odd bytes must not stop the app.
            Some(path) => AssertUnwindSafe(self.transfer(source, &path.key(ledger.app()))).catch_unwind().await,
            None => Ok(Err(Failure::lasting("the message has no place for media"))),
        };
        let transferred = transferred.unwrap_or_else(|_| Err(Failure::passing("an internal error")));
        let state = match transferred {
            Ok(Object { size, .. }) => MediaState::Stored { size },
            Err(Failure::Passing { why, pause }) if !self.is_last => {
                tracing::debug!(log.seq = seq.get(), error = why, "media download failed; retrying");
                return Ok(Outcome::Failed { pause });
            }
            Err(Failure::BucketUnavailable(error)) => {
                return Ok(Outcome::BucketUnavailable(error));
            }
            Err(Failure::LoggedOut { .. }) if !self.is_last_logout => return Ok(Outcome::LoggedOut),
            Err(failure) => MediaState::Failed { why: failure.to_string() },
        };
        self.finish(&state).await?;
        Ok(Outcome::Finished)
    }

    async fn transfer(&self, source: &MediaSource, key: &str) -> Result<Object, Failure> {
        let Context { worker, channel, ledger } = &self.context;
        let idle = worker.config.media_idle;
        let transfer = async {
            let mut connection = channel.connect(&self.credentials).await?;
            let download = timeout(idle, connection.download(source)).await.map_err(|_| Failure::stalled(idle))??;
            let bytes = unless_stalled(download.bytes, idle, Failure::from);
            ledger.relay().media.put_stream(key, bytes, MAX_BYTES).await.map_err(|error| match error {
                PutError::Source(failure) => failure,
                PutError::Empty => Failure::passing("there are no bytes"),
                PutError::TooLarge { limit } => Failure::lasting(format!("they have more than {limit} bytes")),
                PutError::Store(error) => Failure::BucketUnavailable(error),
            })
        };
        timeout(LONGEST, transfer).await.unwrap_or_else(|_| Err(Failure::passing("it took too long")))
    }

    /// Writes the end of the download to the row, unless another worker has done so.
    async fn finish(&self, state: &MediaState) -> Result<(), Halt> {
        let (ledger, seq) = (&self.context.ledger, self.seq);
        let at = ledger.now();
        if !ledger.ask(|store, app| store.finish_media(app, seq, state, at)).await? {
            return Ok(());
        }
        let delivery = delivery::id(ledger.app(), seq);
        match state {
            MediaState::Stored { size } => {
                metrics::MEDIA_IN.add(1);
                metrics::MEDIA_IN_BYTES.add(*size);
                tracing::info!(delivery.id = delivery, media.bytes = size, "media stored");
            }
            MediaState::Failed { why } => {
                metrics::MEDIA_FAILED.add(1);
                tracing::warn!(delivery.id = delivery, error = why, "media given up");
            }
            MediaState::Pending { .. } => {}
        }
        Ok(())
    }
}
