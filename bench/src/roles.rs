//! The roles of this program as a child process of a run. Each prints the address where it listens as the last word of
//! its first line.

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
use worker::{Channels, Config, Worker};

use crate::receiver;

/// WeChat's hosts that a login at the simulated WeChat uses.
const HOSTS: [&str; 3] = ["login.wx.qq.com", "wx.qq.com", "webpush.wx.qq.com"];
/// Time for connections to open before a process reports that it is ready.
const SETTLE: Duration = Duration::from_secs(5);

#[derive(Debug, Subcommand)]
pub enum Role {
    /// The relay with its embedded services, or the parts in `only`.
    #[command(hide = true)]
    Relay {
        data: PathBuf,
        origin: String,
        #[arg(long)]
        only: Option<String>,
    },
    /// A worker alone, as in production, on the services of `data`. It reaches WeChat's hosts through `proxy`.
    #[command(hide = true)]
    Worker { data: PathBuf, proxy: String, certificate: PathBuf },
    /// The callback.
    #[command(hide = true)]
    Receiver,
    /// A CONNECT proxy that terminates TLS for WeChat's hosts and forwards to `origin`. Writes its certificate to a file.
    #[command(hide = true)]
    Tls { origin: Url, certificate: PathBuf },
    /// A proxy that terminates TLS for the service at `origin`. Writes its certificate to a file.
    #[command(hide = true)]
    TlsFront { origin: Url, certificate: PathBuf },
    /// `count` requests for `address`, through `proxy`, that get no response.
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
            Self::TlsFront { origin, certificate } => tls_front(&origin, &certificate).await,
            Self::Polls { address, proxy, certificate, count } => {
                polls(&address, through(&proxy, &certificate)?, count).await
            }
        }
    }
}

/// Resolves when the parent process has ended.
async fn parent_ended() {
    let read = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    // An error means that the pipe is gone as well.
    drop(read.await);
}

async fn relay(data: &Path, origin: &str, only: Option<&str>) -> anyhow::Result<()> {
    let data = data.to_str().context("the folder's name is not UTF-8")?;
    let mut line = vec!["relay", "--data", data, "--port", "0", "--wechat", origin, "--pace", "0"];
    line.extend(only.map(|only| ["--only", only]).into_iter().flatten());
    let cli = Cli::try_parse_from(line)?;
    let running = run::start(&cli).await?;
    println!("listening on {}", running.api.as_deref().unwrap_or("nothing"));
    parent_ended().await;
    running.stop().await;
    Ok(())
}

async fn worker(data: &Path, proxy: &str, certificate: &Path) -> anyhow::Result<()> {
    let relay = Home::join(data, template::STACK).await?.relay;
    let (clock, ids) = (Arc::clone(&relay.clock), Arc::clone(&relay.ids));
    let web = WebWeChat::new(through(proxy, certificate)?, Hosts::default(), clock, ids)?;
    println!("listening on nothing");
    let channels = Channels { web: Arc::new(web) };
    Worker::new(relay, channels, Config { pace: None, ..Config::default() }).run(parent_ended()).await;
    Ok(())
}

fn through(proxy: &str, certificate: &Path) -> anyhow::Result<ClientBuilder> {
    let trusted = Certificate::from_pem(&std::fs::read(certificate)?)?;
    Ok(boot::http_client().proxy(Proxy::https(proxy)?).tls_certs_only([trusted]))
}

/// Terminates TLS for `hosts` with a self-signed certificate, which is written to a file.
fn acceptor(hosts: &[&str], certificate: &Path) -> anyhow::Result<TlsAcceptor> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(hosts)?;
    std::fs::write(certificate, made.cert.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let chain = vec![made.cert.der().clone()];
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Decrypts the connections to a new port and forwards them to `origin`. With `proxy`, a connection begins with a CONNECT
/// request.
async fn forward(origin: &Url, acceptor: TlsAcceptor, scheme: &str, proxy: bool) -> anyhow::Result<()> {
    let target = origin.socket_addrs(|| None)?.first().copied().context("the origin has no address")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {scheme}://{}", listener.local_addr()?);
    loop {
        let (mut client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if proxy {
                connect(&mut client).await?;
            }
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(target).await?;
            server.set_nodelay(true)?;
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}

async fn tls(origin: &Url, certificate: &Path) -> anyhow::Result<()> {
    forward(origin, acceptor(&HOSTS, certificate)?, "http", true).await
}

async fn tls_front(origin: &Url, certificate: &Path) -> anyhow::Result<()> {
    forward(origin, acceptor(&["127.0.0.1"], certificate)?, "https", false).await
}

/// Accepts a CONNECT request for any host. TLS fails later if the host is not one of [`HOSTS`].
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
    parent_ended().await;
    Ok(())
}
