//! The command line. Doc comments of the types are the help text.

use std::{collections::BTreeSet, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::channel::ChannelKind;

/// Relays a WeChat account to any program that speaks HTTP.
///
/// Without a command: starts the relay.
#[derive(Debug, Parser)]
#[command(name = "wechat-relay", version)]
pub struct Cli {
    /// The folder that keeps everything.
    #[arg(long, global = true, value_name = "DIR", default_value = "./.wechat-relay")]
    pub data: PathBuf,
    /// What the names of table and queues begin with, where several relays share the services that `AWS_ENDPOINT_URL`
    /// names.
    #[arg(long, global = true, value_name = "NAME", default_value = template::STACK)]
    pub stack: String,
    /// For `app` and `login`: work on the deployment that the environment describes (`scripts/stack-env` prints it), and
    /// on no folder.
    #[arg(long, global = true, conflicts_with_all = ["data", "stack"])]
    pub deployed: bool,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How the relay is run.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Where the API listens, on 127.0.0.1.
    #[arg(long, global = true, default_value_t = 9000)]
    pub port: u16,
    /// Point every WeChat host at one origin.
    #[arg(long, value_name = "URL")]
    pub wechat: Option<String>,
    /// Start a simulated WeChat, and play a phone, friends and a callback.
    #[arg(long, conflicts_with = "wechat")]
    pub simulate: bool,
    /// Start these parts only.
    #[arg(long, value_name = "PARTS", value_delimiter = ',', conflicts_with_all = ["without", "simulate"])]
    pub only: Vec<Part>,
    /// Start everything but these parts.
    #[arg(long, value_name = "PARTS", value_delimiter = ',', conflicts_with = "simulate")]
    pub without: Vec<Part>,
    /// Where the functions run, for a dispatcher that is invoked there (`cargo lambda watch`) instead of in this process.
    #[arg(long, value_name = "URL")]
    pub functions: Option<String>,
    /// Seconds between two messages sent for one account, once a burst of five is spent.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub pace: f64,
    /// Log filter, as in `info,worker=debug`. The embedded DynamoDB warns of every condition that fails, as they must.
    #[arg(long, global = true, env = "RUST_LOG", default_value = "warn,dynoxide=error")]
    pub log: String,
}

/// A part that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// The embedded DynamoDB, SQS and S3.
    Aws,
    /// The WeChat sessions.
    Worker,
    /// The API.
    Functions,
    /// Deliveries to callbacks, and the sweep.
    Dispatcher,
}

impl RunArgs {
    /// The parts to start.
    pub fn parts(&self) -> BTreeSet<Part> {
        let all = Part::value_variants().iter().copied();
        all.filter(|part| (self.only.is_empty() || self.only.contains(part)) && !self.without.contains(part)).collect()
    }
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Make and change apps.
    #[command(subcommand)]
    App(AppCommand),
    /// Log an app's account in: draws the QR code here.
    Login { app_id: String },
    /// Make what is missing of table and queues, on the running services of the data folder or those that
    /// `AWS_ENDPOINT_URL` names, and print the environment in which functions and a worker use them: a line a variable,
    /// for `--env-file`. The sealing key is among them.
    Provision,
}

#[derive(Debug, Clone, Subcommand)]
pub enum AppCommand {
    /// Make an app; prints its id and its secret, which is shown once.
    Create {
        name: String,
        /// The chat protocol that the app uses.
        #[arg(long, value_name = "CHANNEL", default_value_t)]
        channel: ChannelKind,
        /// What requests are signed with; choose it and keep it secret.
        #[arg(long)]
        token: String,
        /// Where messages are POSTed.
        #[arg(long, value_name = "URL")]
        callback: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the apps.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show an app.
    Show {
        app_id: String,
        #[arg(long)]
        json: bool,
    },
    /// Change an app.
    Update {
        app_id: String,
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        token: Option<String>,
        #[arg(long, value_name = "URL", conflicts_with = "no_callback")]
        callback: Option<String>,
        /// Take the callback away.
        #[arg(long)]
        no_callback: bool,
    },
    /// Give an app a new secret; the old one ends at once.
    Rotate {
        app_id: String,
        #[arg(long)]
        json: bool,
    },
    /// Let another WeChat account log in.
    Unbind { app_id: String },
    /// Remove an app and everything it has.
    Delete { app_id: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn parts_are_chosen_by_only_and_without() {
        let parts = |line: &str| parse(line).unwrap().run.parts().into_iter().collect::<Vec<_>>();
        assert_eq!(parts("relay"), [Part::Aws, Part::Worker, Part::Functions, Part::Dispatcher]);
        assert_eq!(parts("relay --only aws,worker"), [Part::Aws, Part::Worker]);
        assert_eq!(parts("relay --without aws"), [Part::Worker, Part::Functions, Part::Dispatcher]);
        assert!(parse("relay --only aws --without worker").is_err());
        assert!(parse("relay --simulate --wechat http://127.0.0.1:1").is_err());
    }

    #[test]
    fn the_data_folder_may_be_named_behind_a_command() {
        let cli = parse("relay app create demo --token t --data elsewhere").unwrap();
        assert_eq!(cli.data, PathBuf::from("elsewhere"));
    }
}
