//! What the relay does in figures: `cargo run --release -p bench -- latency|throughput|memory|contacts|read`.
//!
//! | module | holds |
//! |---|---|
//! | `latency`, `throughput`, `memory`, `contacts`, `read` | one measurement each |
//! | `floor` | the least that the same machine takes for a part of the work, measured in the same run |
//! | `table` | medians, spreads, budgets, and how they are printed |
//! | `stage` | the processes of a run: a simulated WeChat, a relay, a callback |
//! | `simulated`, `receiver`, `wire` | driving them |
//! | `roles` | what this program is when a stage starts it as one of them |
//! | `process` | child processes, their CPU time and memory |
//!
//! Everything that is not measured runs in another process than what is: the relay (with its embedded AWS services on
//! disk), the simulated WeChat, the callback and the one that asks.

mod contacts;
mod floor;
mod latency;
mod memory;
mod process;
mod read;
mod receiver;
mod roles;
mod simulated;
mod stage;
mod table;
mod throughput;
mod wire;

use clap::{Parser, Subcommand};

use crate::{roles::Role, table::Table};

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
    #[command(flatten)]
    Role(Role),
}

/// The worker's own, for this program is the worker of some runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    boot::start_logs("error", true);
    let repetitions = options.repetitions;
    let table: Table = match options.what {
        What::Latency => latency::measure(repetitions).await?,
        What::Throughput => throughput::measure(repetitions).await?,
        What::Memory => memory::measure(repetitions.min(3)).await?,
        What::Contacts => contacts::measure(repetitions).await?,
        What::Read => read::measure(repetitions).await?,
        What::Role(role) => return role.play().await,
    };
    println!("{table}");
    Ok(())
}
