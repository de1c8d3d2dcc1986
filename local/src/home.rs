//! The data folder, and the services that the relay runs on.

use std::{
    fs::{self, File, TryLockError},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use boot::{AwsClients, AwsEndpoints, Relay, Settings};
use embedded::{Embedded, Endpoints, Options};

/// Shards of a relay on one machine.
const SHARDS: u16 = 1;

/// The relay's ledger and queues: embedded ones on a folder, those of another process on the same folder, or those that
/// `AWS_ENDPOINT_URL` names.
pub struct Home {
    pub relay: Relay,
    /// The configuration of the relay's parts, also of those in other processes.
    pub settings: Settings,
    pub folder: PathBuf,
    /// The embedded services' URLs; `None` for services that `AWS_ENDPOINT_URL` names.
    pub endpoints: Option<Endpoints>,
    /// The services, if they run in this process.
    embedded: Option<Embedded>,
}

impl Home {
    /// Starts the embedded services on `folder`.
    pub async fn own(folder: &Path, stack: &str) -> anyhow::Result<Self> {
        let embedded = Embedded::start(Options::folder(folder)).await?;
        let endpoints = embedded.endpoints().clone();
        Self::new(&clients(&endpoints), folder, stack, Some(endpoints), Some(embedded)).await
    }

    /// Uses the services that another process runs on `folder`, or that `AWS_ENDPOINT_URL` names.
    pub async fn join(folder: &Path, stack: &str) -> anyhow::Result<Self> {
        if let Some(endpoints) = Endpoints::of_running(folder)? {
            return Self::new(&clients(&endpoints), folder, stack, Some(endpoints), None).await;
        }
        if boot::optional("AWS_ENDPOINT_URL").is_some() {
            return Self::new(&AwsClients::from_env().await?, folder, stack, None, None).await;
        }
        bail!(
            "no services to use: nothing runs on {} (start `--only aws` there first) and AWS_ENDPOINT_URL is not set",
            folder.display()
        )
    }

    /// For a command: joins running services, or starts them until the command has ended.
    pub async fn join_or_own(folder: &Path, stack: &str) -> anyhow::Result<Self> {
        if Endpoints::of_running(folder)?.is_some() || boot::optional("AWS_ENDPOINT_URL").is_some() {
            Self::join(folder, stack).await
        } else {
            Self::own(folder, stack).await
        }
    }

    async fn new(
        clients: &AwsClients,
        folder: &Path,
        stack: &str,
        endpoints: Option<Endpoints>,
        embedded: Option<Embedded>,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let zone = Settings::zone(boot::optional("TIME_ZONE").as_deref().unwrap_or("Asia/Shanghai"))?;
        let key = sealing_key(&folder.join("sealing.key"))?;
        let settings = template::provision(clients, stack, SHARDS, key, zone).await?;
        let relay = Relay::new(clients, &settings);
        Ok(Self { relay, settings, folder: folder.to_owned(), endpoints, embedded })
    }

    /// Makes this process the folder's only worker, for as long as the answer lives: two under one name would take the
    /// lease from each other.
    pub fn lock_worker(&self) -> anyhow::Result<File> {
        let name = self.folder.join("worker.lock");
        let lock = File::create(&name).with_context(|| format!("cannot make {}", name.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => bail!("another worker runs on the folder {}", self.folder.display()),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", name.display())),
        }
    }

    /// Stops the services if they run in this process.
    pub async fn close(self) {
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

fn clients(endpoints: &Endpoints) -> AwsClients {
    AwsClients::at(&AwsEndpoints {
        dynamodb: endpoints.dynamodb.clone(),
        sqs: endpoints.sqs.clone(),
        s3: endpoints.s3.clone(),
        region: embedded::REGION.to_owned(),
        access_key: embedded::ACCESS_KEY.to_owned(),
        secret_key: embedded::SECRET_KEY.to_owned(),
    })
}

/// The key in `file`: 64 hex digits. A missing file is created with mode 0600. Two processes that start together get the
/// same key, because only one of them creates the file.
fn sealing_key(file: &Path) -> anyhow::Result<[u8; 32]> {
    let name = || format!("the sealing key {}", file.display());
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let fresh = file.with_extension(format!("new-{}", std::process::id()));
    let mut created =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).with_context(name)?;
    created.write_all(data_encoding::HEXLOWER.encode(&key).as_bytes()).with_context(name)?;
    created.sync_all().with_context(name)?;
    // A hard link is created atomically, and never replaces an existing file.
    let linked = fs::hard_link(&fresh, file);
    fs::remove_file(&fresh).with_context(name)?;
    match linked {
        Ok(()) => return Ok(key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(name),
    }
    let text = fs::read_to_string(file).with_context(name)?;
    let bytes = data_encoding::HEXLOWER.decode(text.trim().as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).with_context(|| format!("{} is not 64 hex digits", name()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_sealing_key_is_created_once_and_readable_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sealing.key");
        let key = sealing_key(&file).unwrap();
        assert_eq!(sealing_key(&file).unwrap(), key);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&file, "short").unwrap();
        assert!(sealing_key(&file).unwrap_err().to_string().contains("64 hex digits"));
    }
}
