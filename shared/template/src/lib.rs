//! Reads `template.yaml`, and creates a deployment's table and queues from it on a machine without CloudFormation.

pub mod deployment;
pub mod document;
mod provision;
pub mod stack;

pub use deployment::Deployment;
pub use document::Document;
pub use provision::provision;
pub use stack::Stack;

/// The stack's name for a relay on one machine.
pub const STACK: &str = "wechat-relay";
