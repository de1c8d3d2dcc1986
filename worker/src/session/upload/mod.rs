//! Media of a job, on their way to the channel: staged in the bucket under their final path, then uploaded. It happens
//! beside the session's loop; the sends behind it wait. All of it may be repeated, and nobody sees it before the loop sends
//! the message.

mod fetch;
mod file;
mod staged;

use std::time::Duration;

use channel::{Credentials, OutgoingFile, Uploaded};
use domain::{
    channel::MediaKind,
    contact::Contact,
    id::JobId,
    job::{Command, OutgoingSource},
    media::MediaPath,
    message::Content,
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tracing::Instrument;

use self::{
    file::StoredFile,
    staged::{Staged, stage},
};
use super::{Context, Halt, transfer::Failure};

/// How often the upload is attempted.
const ATTEMPTS: u32 = 5;
/// No attempt takes longer, and none begins after this time.
const LONGEST: Duration = Duration::from_mins(15);

/// What a job sends.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) job: JobId,
    pub(super) to: Contact,
    pub(super) kind: MediaKind,
    pub(super) source: OutgoingSource,
    pub(super) name: Option<String>,
}

impl Order {
    /// The order of a job that sends media.
    pub(super) fn of(job: &JobId, command: &Command, to: Contact) -> Option<Self> {
        let Command::SendMedia { kind, source, name, .. } = command else { return None };
        Some(Self { job: job.clone(), to, kind: *kind, source: source.clone(), name: name.clone() })
    }
}

/// Media that the channel has, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) to: Contact,
    pub(super) uploaded: Uploaded,
    /// The content of the message.
    pub(super) content: Content,
    /// In bytes.
    pub(super) size: u64,
}

/// The upload of one job. Dropping it ends its task.
pub(super) struct Upload {
    pub(super) job: JobId,
    task: JoinSet<Result<Result<Ready, Failure>, Halt>>,
    outcome: Option<Result<Ready, Failure>>,
}

impl Upload {
    pub(super) fn start(context: &Context, credentials: Credentials, order: Order) -> Self {
        let job = order.job.clone();
        let mut task = JoinSet::new();
        task.spawn(run(context.clone(), credentials, order).in_current_span());
        Self { job, task, outcome: None }
    }

    /// Waits for the end of the upload. May be cancelled.
    pub(super) async fn ended(&mut self) -> Result<(), Halt> {
        if let Some(ended) = self.task.join_next().await {
            let ended = ended.unwrap_or_else(|_| Ok(Err(Failure::lasting("an internal error"))));
            self.outcome = Some(ended?);
        }
        Ok(())
    }

    /// How the upload has ended; `None` while it runs.
    pub(super) fn outcome(&self) -> Option<&Result<Ready, Failure>> {
        self.outcome.as_ref()
    }
}

/// Stages and uploads; several times if necessary.
async fn run(context: Context, credentials: Credentials, order: Order) -> Result<Result<Ready, Failure>, Halt> {
    let ledger = &context.ledger;
    let began = Instant::now();
    let (mut failures, mut outages) = (ledger.backoff(), ledger.backoff());
    loop {
        let failure = match timeout(LONGEST, attempt(&context, &credentials, &order)).await {
            Ok(Ok(ready)) => return Ok(Ok(ready)),
            Ok(Err(failure)) => failure,
            Err(_) => return Ok(Err(Failure::lasting("the upload took too long"))),
        };
        let pause = match &failure {
            Failure::Lasting { .. } | Failure::LoggedOut { .. } => return Ok(Err(failure)),
            Failure::Passing { pause, .. } => ledger.next_pause(&mut failures).max(*pause),
            Failure::BucketUnavailable(_) => ledger.next_pause(&mut outages),
        };
        if failures.failures() >= ATTEMPTS || began.elapsed() + pause > LONGEST {
            return Ok(Err(failure));
        }
        tracing::info!(error = %domain::error::chain(&failure), job.id = %order.job, "media upload failed; retrying");
        ledger.pause(pause).await?;
    }
}

async fn attempt(context: &Context, credentials: &Credentials, order: &Order) -> Result<Ready, Failure> {
    let Staged { path, name, object } = stage(context, order).await?;
    let relay = context.ledger.relay();
    let bytes = StoredFile { media: relay.media.clone(), key: path.key(context.ledger.app()) };
    let file = OutgoingFile {
        kind: order.kind,
        name: &name,
        content_type: &object.content_type,
        size: object.size,
        bytes: &bytes,
    };
    let mut connection = context.channel.connect(credentials).await?;
    let uploaded = connection.upload(&order.to.peer(), &file).await?;
    let size = object.size;
    Ok(Ready { to: order.to.clone(), uploaded, content: shown(order.kind, &path, name, size), size })
}

/// The content of a message with these media.
fn shown(kind: MediaKind, path: &MediaPath, name: String, size: u64) -> Content {
    let path = Some(path.as_str().to_owned());
    match kind {
        MediaKind::Image => Content::Picture { image: path, img_height: None, img_width: None },
        MediaKind::Record => Content::Recording { record: path, voice_length: None },
        MediaKind::File => Content::Attachment { file: path, file_name: name, file_size: Some(size) },
        MediaKind::Video => Content::Video { video: path, play_length: None },
    }
}
