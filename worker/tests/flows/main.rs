//! Flows through a worker, from a simulated WeChat to the embedded services and back.

mod contacts;
mod grants;
mod health;
mod jobs;
mod logins;
mod media;
mod messages;
mod restarts;
mod shards;
mod summaries;
mod support;
