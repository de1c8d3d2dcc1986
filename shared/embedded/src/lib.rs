//! DynamoDB, SQS and S3 on the real wire protocol, inside this process.
//!
//! `local` keeps them in a folder; the tests run them in memory. Either way the
//! product's own code talks to them through the real AWS SDK, and only the
//! endpoint URL differs from production.
//!
//! | module | service | engine | kept in the folder |
//! |---|---|---|---|
//! | `dynamodb` | DynamoDB | dynoxide, over SQLite | `dynamodb.sqlite` |
//! | `sqs` | SQS | rustack, in memory | nothing: queues start empty |
//! | `s3` | S3 | s3s-fs, files in folders | `s3/` |
//! | `folder` | – | owner's lock, addresses of the running services | `lock`, `services.json` |
//! | `thread` | – | the threads the services run on | – |
//! | `serve` | – | listeners, and the accept loop of SQS and S3 | – |
//!
//! # What survives what
//! A write that DynamoDB acknowledged survives `kill -9`: SQLite runs in WAL
//! mode, so the write is with the operating system before the answer is.
//! Whether it also survives the loss of power is [`Flush`]'s to say. The
//! default, [`Flush::NowAndThen`], may then lose the last writes, but never
//! only some of a transaction, nor an earlier write without all later ones;
//! since WeChat's cursor is one of those writes, WeChat is asked again for
//! what was lost. An S3 object survives `kill -9`, and is not flushed either.
//! Messages in SQS survive nothing: they live in memory, as do the queues
//! themselves, which have to be made at every start.
//!
//! # Threads
//! The services run on two threads with runtimes of their own, not on the
//! caller's: a flush to disk blocks the thread it happens on, and a service
//! must outlive the runtime of the one test that happened to start it. For the
//! same reason a caller's paused clock does not stop the services' timers.
//!
//! # Security
//! Bind loopback addresses only: DynamoDB and SQS take any signature.

mod dynamodb;
mod folder;
mod in_process;
mod options;
mod s3;
mod serve;
mod sqs;
mod thread;

pub use folder::{Endpoints, FolderTaken};
pub use in_process::InProcess;
pub use options::{Flush, Options};

use anyhow::Context;
use folder::{Folder, Home};
use thread::{ServiceThread, Stop};

/// The access key that S3 expects and the others accept.
pub const ACCESS_KEY: &str = "local";
/// The secret key that belongs to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "local-secret";
/// The region that names in ARNs come from.
pub const REGION: &str = "us-east-1";

/// The running services.
///
/// [`stop`](Self::stop) ends them: listeners close, requests in hand are
/// answered, SQLite folds its log into the database file and closes it, and
/// the folder is free for the next owner. Dropping does the same, but blocks
/// the thread while it lasts (up to two seconds when a client keeps a request
/// open).
pub struct Embedded {
    stop: Stop,
    dynamodb: ServiceThread,
    sqs_s3: ServiceThread,
    endpoints: Endpoints,
    // Last, so that the folder is given up after everything in it is closed.
    home: Home,
}

impl Embedded {
    /// Binds the three addresses and starts the services.
    ///
    /// # Errors
    /// [`FolderTaken`] (by downcast) when another process, or another
    /// `Embedded`, owns the folder; otherwise what the system said, with the
    /// address or path it is about.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let home = match &options.folder {
            Some(path) => Home::Kept(Folder::own(path)?),
            None => Home::Temporary(tempfile::tempdir().context("temporary folder for S3")?),
        };
        let dynamodb = serve::bind(options.dynamodb).context("DynamoDB")?;
        let sqs = serve::bind(options.sqs).context("SQS")?;
        let s3 = serve::bind(options.s3).context("S3")?;
        let endpoints = Endpoints { dynamodb: serve::url(&dynamodb)?, sqs: serve::url(&sqs)?, s3: serve::url(&s3)? };

        let stop = Stop::new();
        let dynamodb = {
            let (file, stop) = (home.database(), stop.clone());
            let flush = options.flush;
            ServiceThread::start("dynamodb", move || dynamodb::open(dynamodb, file, flush, stop)).await?
        };
        let sqs_s3 = {
            let (root, stop) = (home.objects()?, stop.clone());
            ServiceThread::start("sqs-s3", move || {
                let sqs = sqs::open(sqs, stop.clone())?;
                let s3 = s3::open(s3, &root, stop)?;
                Ok(async move {
                    tokio::join!(sqs, s3);
                })
            })
            .await?
        };
        home.publish(&endpoints)?;
        Ok(Self { stop, dynamodb, sqs_s3, endpoints, home })
    }

    /// Where the services listen.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// For `AWS_ENDPOINT_URL_DYNAMODB`.
    pub fn dynamodb_url(&self) -> &str {
        &self.endpoints.dynamodb
    }

    /// For `AWS_ENDPOINT_URL_SQS`; queue URLs in answers start with it.
    pub fn sqs_url(&self) -> &str {
        &self.endpoints.sqs
    }

    /// For `AWS_ENDPOINT_URL_S3`, with path-style addressing.
    pub fn s3_url(&self) -> &str {
        &self.endpoints.s3
    }

    /// Ends the services and returns when all of them have ended.
    pub async fn stop(mut self) {
        self.stop.signal();
        self.home.withdraw();
        self.sqs_s3.ended().await;
        self.dynamodb.ended().await;
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // The threads' own drop waits for them, in the order of the fields.
        self.stop.signal();
        self.home.withdraw();
    }
}
