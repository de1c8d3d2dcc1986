//! The folder of the services' data. One process at a time owns it, by the operating system's lock on an open file, which
//! ends with the process in every case.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

const LOCK: &str = "lock";
const SERVICES: &str = "services.json";

/// Another process, or another `Embedded` of this one, owns the folder.
#[derive(Debug, thiserror::Error)]
#[error("the folder {} is in use by another running relay", folder.display())]
pub struct FolderTaken {
    /// As given in the options.
    pub folder: PathBuf,
}

/// The services' URLs, `http://host:port` without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    pub dynamodb: String,
    pub sqs: String,
    pub s3: String,
}

impl Endpoints {
    /// The URLs of the services that own `folder`, for a second process that uses them. `None`: the folder has no owner,
    /// or its owner is starting or stopping.
    pub fn of_running(folder: &Path) -> anyhow::Result<Option<Self>> {
        let lock = match File::open(folder.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path(folder)),
        };
        match lock.try_lock_shared() {
            // No owner: services.json is left from an owner that was killed.
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| path(folder)),
        }
        match std::fs::read(folder.join(SERVICES)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path(folder)),
        }
    }
}

/// Where the services keep their files.
pub(crate) enum Home {
    Kept(Folder),
    Temporary(tempfile::TempDir),
}

impl Home {
    /// The SQLite file; `None` for a database in memory.
    pub(crate) fn database(&self) -> Option<PathBuf> {
        match self {
            Self::Kept(folder) => Some(folder.path.join("dynamodb.sqlite")),
            Self::Temporary(_) => None,
        }
    }

    /// The folder of the buckets, created if missing.
    pub(crate) fn objects(&self) -> anyhow::Result<PathBuf> {
        let root = match self {
            Self::Kept(folder) => folder.path.join("s3"),
            Self::Temporary(folder) => folder.path().to_owned(),
        };
        create(&root)?;
        Ok(root)
    }

    /// Writes the services' URLs for other processes.
    pub(crate) fn publish(&self, endpoints: &Endpoints) -> anyhow::Result<()> {
        let Self::Kept(folder) = self else {
            return Ok(());
        };
        // Written to another file and renamed, so that a reader never sees a part of it.
        let (target, new) = (folder.path.join(SERVICES), folder.path.join("services.new"));
        std::fs::write(&new, serde_json::to_vec_pretty(endpoints)?)
            .and_then(|()| std::fs::rename(&new, &target))
            .with_context(|| path(&target))
    }

    /// Removes the file that [`publish`](Self::publish) wrote.
    pub(crate) fn withdraw(&self) {
        if let Self::Kept(folder) = self {
            folder.withdraw();
        }
    }
}

/// A folder that this process owns until the value is dropped.
pub(crate) struct Folder {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl Folder {
    /// Creates the folder if missing and acquires its lock.
    pub(crate) fn own(folder: &Path) -> anyhow::Result<Self> {
        create(folder)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(LOCK))
            .with_context(|| path(folder))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderTaken { folder: folder.to_owned() }.into());
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| path(folder)),
        }
        let folder = Self { path: folder.to_owned(), _lock: lock };
        // An owner that was killed leaves its file behind.
        folder.withdraw();
        Ok(folder)
    }

    fn withdraw(&self) {
        let services = self.path.join(SERVICES);
        if let Err(error) = std::fs::remove_file(&services)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(path = %services.display(), %error, "cannot remove the file of the services' URLs");
        }
    }
}

fn create(folder: &Path) -> anyhow::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| path(folder))
}

fn path(path: &Path) -> String {
    path.display().to_string()
}
