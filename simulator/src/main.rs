//! The simulated Web WeChat as a process: `simulator --listen 127.0.0.1:4080`.

use std::net::SocketAddr;

use clap::Parser;

/// A Web WeChat server for demos, tests and CI. Its control API is under /_sim/.
#[derive(Debug, Parser)]
struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4080")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let simulator = simulator::Simulator::start(options.listen).await?;
    println!("listening on {}", simulator.origin());
    simulator.serve_forever().await;
    Ok(())
}
