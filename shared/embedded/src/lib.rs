//! DynamoDB, SQS and S3 on the real wire protocol, inside this process.
//!
//! `local` keeps their data in a folder; tests run them in memory. In both cases the relay's code reaches them through
//! the real AWS SDK, and only the endpoint URL differs from production. [`InProcess`] does without sockets as well.
//!
//! | service | engine | kept in the folder |
//! |---|---|---|
//! | DynamoDB | dynoxide, over SQLite | `dynamodb.sqlite` |
//! | SQS | rustack, in memory | nothing: queues start empty |
//! | S3 | s3s-fs, files in folders | `s3/` |
//! | – | the owner's lock, the services' URLs | `lock`, `services.json` |
//!
//! # Durability
//! A write that DynamoDB acknowledged survives `kill -9`: SQLite runs in WAL mode, so the operating system has the write
//! before the client has the response. [`Flush`] decides whether it also survives a power failure. With the default,
//! [`Flush::Periodic`], a power failure may lose the last writes. It never loses a part of a transaction, nor an earlier
//! write without all later ones. WeChat's cursor is one of those writes, so the worker fetches the lost messages again.
//! An S3 object survives `kill -9` and is not flushed either. SQS keeps messages and queues in memory only, so the queues
//! must be created at every start.
//!
//! # Threads
//! The services run on two threads with runtimes of their own. A flush to disk blocks its thread, and a service must
//! outlive the runtime of the test that started it. Therefore a caller's paused clock does not stop the services' timers.
//!
//! # Security
//! Bind loopback addresses only: DynamoDB and SQS accept any signature.

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

/// The access key that S3 requires and the others accept.
pub const ACCESS_KEY: &str = "local";
/// The secret key that belongs to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "local-secret";
/// The region in ARNs.
pub const REGION: &str = "us-east-1";

/// The running services.
///
/// [`stop`](Self::stop) ends them: listeners close, running requests finish, SQLite checkpoints its log into the database
/// file and closes it, and the folder is free for the next owner. Dropping does the same, but blocks the thread meanwhile
/// (up to two seconds if a client keeps a request open).
pub struct Embedded {
    stop: Stop,
    dynamodb: ServiceThread,
    sqs_s3: ServiceThread,
    endpoints: Endpoints,
    // Last, so that the folder is released after everything in it is closed.
    home: Home,
}

impl Embedded {
    /// Binds the three addresses and starts the services.
    ///
    /// # Errors
    /// [`FolderTaken`] (by downcast) when another process, or another `Embedded`, owns the folder; otherwise the system's
    /// error with the address or path.
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

    /// The services' URLs.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// For `AWS_ENDPOINT_URL_DYNAMODB`.
    pub fn dynamodb_url(&self) -> &str {
        &self.endpoints.dynamodb
    }

    /// For `AWS_ENDPOINT_URL_SQS`; queue URLs in responses start with it.
    pub fn sqs_url(&self) -> &str {
        &self.endpoints.sqs
    }

    /// For `AWS_ENDPOINT_URL_S3`, with path-style addressing.
    pub fn s3_url(&self) -> &str {
        &self.endpoints.s3
    }

    /// Stops the services and waits until all have ended.
    pub async fn stop(mut self) {
        self.stop.signal();
        self.home.withdraw();
        self.sqs_s3.ended().await;
        self.dynamodb.ended().await;
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // Dropping the threads waits for them, in the order of the fields.
        self.stop.signal();
        self.home.withdraw();
    }
}
