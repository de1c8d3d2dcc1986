//! Benchmarks: `cargo run --release -p bench -- latency|throughput|memory|contacts|read|history|cold-start`.
//!
//! The measured process does nothing else: the relay (with its embedded AWS services on disk), the simulated WeChat, the
//! callback and this program are processes of their own. This program starts itself again for some of them, see `roles`.

mod child;
mod cold_start;
mod contacts;
mod floor;
mod history;
mod latency;
mod memory;
mod processes;
mod read;
mod receiver;
mod roles;
mod simulated;
mod table;
mod throughput;
mod wire;

use clap::{Parser, Subcommand};

use crate::roles::Role;

/// Measures the relay against the simulator and prints figures beside their budgets.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
    /// Measurements a figure; memory takes three at most.
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
}

#[derive(Debug, Subcommand)]
enum What {
    /// From WeChat's having a message to the callback's having it: 50 sessions at five messages a second.
    Latency,
    /// Messages a second through a relay that has more than it can do, and CPU time a message.
    Throughput,
    /// Memory of a session that waits for messages, with 200 and with 2,000 friends.
    Memory,
    /// From the phone's confirming to 2,000 friends and 50 groups of 100 in the ledger, WeChat being 80 ms away.
    Contacts,
    /// `GET /friends?page=3` over 16 connections.
    Read,
    /// Pages and filters of a log of a million messages.
    History,
    /// From the start of each function's process to its first answer, beside a bare handler.
    ColdStart,
    #[command(flatten)]
    Role(Role),
}

/// The worker's allocator, because this program is the worker in some runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    boot::start_logs("error", true);
    let repetitions = options.repetitions;
    let report = match options.what {
        What::Latency => latency::measure(repetitions).await?.to_string(),
        What::Throughput => throughput::measure(repetitions).await?.to_string(),
        What::Memory => memory::measure(repetitions.min(3)).await?.to_string(),
        What::Contacts => contacts::measure(repetitions).await?.to_string(),
        What::Read => read::measure(repetitions).await?.to_string(),
        What::History => history::measure(repetitions).await?.to_string(),
        What::ColdStart => cold_start::measure(repetitions).await?.to_string(),
        What::Role(role) => return role.play().await,
    };
    println!("{report}");
    Ok(())
}
