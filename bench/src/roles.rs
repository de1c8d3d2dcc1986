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
use reqwest::{Certificate, ClientBuilder, Proxy, Url};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
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

/// Those of WeChat's hosts that a login of the simulated WeChat meets.
const HOSTS: [&str; 3] = ["login.wx.qq.com", "wx.qq.com", "webpush.wx.qq.com"];
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
    /// A worker alone, as in production, on the services of `data`; it reaches WeChat's own hosts through `proxy`.
    #[command(hide = true)]
    Worker { data: PathBuf, proxy: String, certificate: PathBuf },
    /// The callback.
    #[command(hide = true)]
    Receiver,
    /// A proxy that ends TLS in the place of WeChat's hosts, all of which are `origin`; the certificate is written to a
    /// file.
    #[command(hide = true)]
    Tls { origin: Url, certificate: PathBuf },
    /// So many requests for `address`, through `proxy`, that are not answered.
    #[command(hide = true)]
    Polls { address: Url, proxy: String, certificate: PathBuf, count: usize },
}

impl Role {
    pub async fn play(self) -> anyhow::Result<()> {
        match self {
            Self::Relay { data, origin, only } => relay(&data, &origin, only.as_deref()).await,
            Self::Worker { data, proxy, certificate } => worker(&data, &proxy, &certificate).await,
            Self::Receiver => receiver::serve().await,
            Self::Tls { origin, certificate } => tls(&origin, &certificate).await,
            Self::Polls { address, proxy, certificate, count } => {
                polls(&address, through(&proxy, &certificate)?, count).await
            }
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
    let running = run::start(&cli).await?;
    println!("listening on {}", running.api.as_deref().unwrap_or("nothing"));
    abandoned().await;
    running.stop().await;
    Ok(())
}

async fn worker(data: &Path, proxy: &str, certificate: &Path) -> anyhow::Result<()> {
    let relay = Home::join(data, template::STACK).await?.relay;
    let (clock, ids) = (Arc::clone(&relay.clock), Arc::clone(&relay.ids));
    let channel = WebWeChat::new(through(proxy, certificate)?, Hosts::default(), clock, ids)?;
    println!("listening on nothing");
    Worker::new(relay, channel, Config { pace: None, ..Config::default() }).run(abandoned()).await;
    Ok(())
}

fn through(proxy: &str, certificate: &Path) -> anyhow::Result<ClientBuilder> {
    let trusted = Certificate::from_pem(&std::fs::read(certificate)?)?;
    Ok(boot::http_client().proxy(Proxy::https(proxy)?).tls_certs_only([trusted]))
}

async fn tls(origin: &Url, certificate: &Path) -> anyhow::Result<()> {
    let made = rcgen::generate_simple_self_signed(HOSTS.map(str::to_owned))?;
    std::fs::write(certificate, made.cert.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let chain = vec![made.cert.der().clone()];
    let acceptor =
        TlsAcceptor::from(Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?));
    let behind = origin.socket_addrs(|| None)?.first().copied().context("the origin has no address")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (mut client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            connect(&mut client).await?;
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(behind).await?;
            server.set_nodelay(true)?;
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}

/// Reads a CONNECT request, whose host is one of ours or TLS will fail, and agrees to it.
async fn connect(client: &mut TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await
}

async fn polls(address: &Url, http: ClientBuilder, count: usize) -> anyhow::Result<()> {
    let http = http.build()?;
    for _ in 0..count {
        tokio::spawn(http.get(address.clone()).send());
    }
    tokio::time::sleep(SETTLE).await;
    println!("listening on nothing");
    abandoned().await;
    Ok(())
}
