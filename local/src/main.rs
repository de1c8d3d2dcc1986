//! The program `wechat-relay`: `cargo run`.

use std::{process::ExitCode, time::Instant};

use anyhow::{Context, bail};
use boot::Relay;
use clap::Parser;
use local::{
    apps,
    cli::{Cli, Command},
    home::Home,
    login, provision, run, simulation,
};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let started = Instant::now();
    let cli = Cli::parse();
    boot::start_logs(&cli.run.log, true);
    match run_command(&cli, started).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run_command(cli: &Cli, started: Instant) -> anyhow::Result<()> {
    match &cli.command {
        command if cli.deployed => run_on_deployment(command.as_ref()).await,
        None => run_relay(cli, started).await,
        Some(Command::App(command)) => {
            let home = Home::join_or_own(&cli.data, &cli.stack).await?;
            let done = apps::command(command, &home.relay, &mut std::io::stdout()).await;
            home.close().await;
            done
        }
        Some(Command::Login { app_id }) => {
            let home = Home::join(&cli.data, &cli.stack).await.context("the relay must be running to log in")?;
            login::login(app_id, &home.relay, &mut std::io::stdout()).await
        }
        Some(Command::Provision) => {
            let home = Home::join(&cli.data, &cli.stack).await?;
            provision::print(&home, &mut std::io::stdout())
        }
    }
}

/// Runs a command on a deployment. Creates no folder, table or queue.
async fn run_on_deployment(command: Option<&Command>) -> anyhow::Result<()> {
    let relay = async || {
        let relay = Relay::from_env().await;
        relay.context("--deployed wants a deployment's environment: eval \"$(scripts/stack-env STACK)\"")
    };
    match command {
        Some(Command::App(command)) => apps::command(command, &relay().await?, &mut std::io::stdout()).await,
        Some(Command::Login { app_id }) => login::login(app_id, &relay().await?, &mut std::io::stdout()).await,
        Some(Command::Provision) | None => {
            bail!("--deployed is for `app` and `login`: a deployment is made by `sam deploy`, and runs by itself")
        }
    }
}

/// Runs the relay until Ctrl-C or SIGTERM.
async fn run_relay(cli: &Cli, started: Instant) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let running = run::start(cli).await?;
    running.print();
    let stopped = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    let guide = async {
        if let (Some(simulator), Some(api)) = (&running.simulator, &running.api) {
            simulation::play(running.home.relay.clone(), simulator, api, started).await?;
        } else if running.api.is_some() {
            println!("\nMake an app:  cargo run -- app create NAME --token TOKEN --callback URL");
            println!("Log it in:    cargo run -- login APP_ID");
        }
        println!("\nCtrl-C stops it.");
        std::future::pending::<anyhow::Result<()>>().await
    };
    let outcome = tokio::select! {
        () = stopped => Ok(()),
        outcome = guide => outcome,
    };
    println!("stopping");
    running.stop().await;
    outcome
}
