//! What this program is when a stage starts it as one of its processes. Each prints where it listens as the last word
//! of its first line.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use local::{cli::Cli, home::Home, run};
use reqwest::{Certificate, Url};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};
use wechat::{Hosts, WebWeChat};
use worker::{Config, Worker};

use crate::receiver;

/// How long connections are given to be made before a process says that it is ready.
const SETTLE: Duration = Duration::from_secs(5);

#[derive(Debug, Subcommand)]
pub enum Role {
    /// The relay with its embedded services; `only` chooses parts.
    #[command(hide = true)]
    Relay {
        data: PathBuf,
        origin: String,
        #[arg(long)]
        only: Option<String>,
    },
    /// A worker alone, as in production, on the services of `data`; WeChat is behind TLS at `origin`.
    #[command(hide = true)]
    Worker { data: PathBuf, origin: Url, certificate: PathBuf },
    /// The callback.
    #[command(hide = true)]
    Receiver,
    /// TLS in front of `origin`; the certificate is written to a file.
    #[command(hide = true)]
    Tls { origin: Url, certificate: PathBuf },
    /// So many requests for `address` that are not answered.
    #[command(hide = true)]
    Polls { address: Url, certificate: PathBuf, count: usize },
}

impl Role {
    pub async fn play(self) -> anyhow::Result<()> {
        match self {
            Self::Relay { data, origin, only } => relay(&data, &origin, only.as_deref()).await,
            Self::Worker { data, origin, certificate } => worker(&data, &origin, &certificate).await,
            Self::Receiver => receiver::serve().await,
            Self::Tls { origin, certificate } => tls(&origin, &certificate).await,
            Self::Polls { address, certificate, count } => polls(&address, &certificate, count).await,
        }
    }
}

/// Resolves when the process that started this one has ended.
async fn abandoned() {
    let read = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    // An error is an end as well.
    drop(read.await);
}

async fn relay(data: &Path, origin: &str, only: Option<&str>) -> anyhow::Result<()> {
    let data = data.to_str().context("the folder's name is no text")?;
    let mut line = vec!["relay", "--data", data, "--port", "0", "--wechat", origin, "--pace", "0"];
    line.extend(only.map(|only| ["--only", only]).into_iter().flatten());
    let cli = Cli::try_parse_from(line)?;
    let running = run::start(&cli.data, &cli.run).await?;
    println!("listening on {}", running.api.as_deref().unwrap_or("nothing"));
    abandoned().await;
    running.stop().await;
    Ok(())
}

async fn worker(data: &Path, origin: &Url, certificate: &Path) -> anyhow::Result<()> {
    let relay = Home::join(data).await?.relay;
    let (clock, ids) = (Arc::clone(&relay.clock), Arc::clone(&relay.ids));
    let http = boot::http_client().tls_certs_only([trusted(certificate)?]);
    let channel = WebWeChat::new(http, Hosts::single(origin), clock, ids)?;
    println!("listening on nothing");
    Worker::new(relay, channel, Config { pace: None, ..Config::default() }).run(abandoned()).await;
    Ok(())
}

fn trusted(certificate: &Path) -> anyhow::Result<Certificate> {
    Ok(Certificate::from_pem(&std::fs::read(certificate)?)?)
}

async fn tls(origin: &Url, certificate: &Path) -> anyhow::Result<()> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    std::fs::write(certificate, made.cert.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let chain = vec![made.cert.der().clone()];
    let acceptor =
        TlsAcceptor::from(Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?));
    let behind = origin.socket_addrs(|| None)?.first().copied().context("the origin has no address")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on https://{}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(behind).await?;
            server.set_nodelay(true)?;
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}

async fn polls(address: &Url, certificate: &Path, count: usize) -> anyhow::Result<()> {
    let http = boot::http_client().tls_certs_only([trusted(certificate)?]).build()?;
    for _ in 0..count {
        tokio::spawn(http.get(address.clone()).send());
    }
    tokio::time::sleep(SETTLE).await;
    println!("listening on nothing");
    abandoned().await;
    Ok(())
}
