//! The running server: start, stop and address.

use std::net::SocketAddr;

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::names::Rng;
use crate::server::{self, BreakableListener};
use crate::world::World;

/// A simulated WeChat. It listens until it is stopped or dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    world: World,
    serving: JoinHandle<()>,
}

impl Simulator {
    /// Listens on the address and serves in a background task. Port 0 selects a free port.
    pub async fn start(address: impl ToSocketAddrs) -> std::io::Result<Self> {
        Self::start_with(address, Config::default()).await
    }

    pub async fn start_with(address: impl ToSocketAddrs, config: Config) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let seed = match config.seed {
            Some(seed) => seed,
            None => getrandom::u64().map_err(std::io::Error::other)?,
        };
        let world = World::new(config, Rng::new(seed).next_u64());
        let serving = tokio::spawn(server::serve(BreakableListener::new(listener), world.clone()));
        Ok(Self { address, world, serving })
    }

    /// `http://127.0.0.1:PORT`. It replaces every WeChat host.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The handle that controls the simulated WeChat.
    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// Closes all connections, including long polls, and stops listening.
    pub async fn stop(mut self) {
        self.world.close();
        // An error means that the task panicked, and the panic has been printed.
        let _ = (&mut self.serving).await;
    }

    /// Serves until the process ends.
    pub async fn serve_forever(mut self) {
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.world.close();
        self.serving.abort();
    }
}
