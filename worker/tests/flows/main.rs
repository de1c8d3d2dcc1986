//! The worker between a simulated WeChat and the embedded services.

mod contacts;
mod grants;
mod health;
mod jobs;
mod logins;
mod messages;
mod restarts;
mod shards;
mod support;
