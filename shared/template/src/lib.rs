//! `template.yaml` as a machine without CloudFormation reads it: the table and the queues that a deployment has, made
//! there just as the template says.
//!
//! | module | holds |
//! |---|---|
//! | [`document`] | the template's text, its sections, its tags |
//! | [`stack`] | values under a stack's name and parameters: `!Ref`, `!Sub`, `!If`, conditions |
//! | [`deployment`] | the table and the queues, as what makes them wants to be told |
//! | [`provision`](provision()) | makes what is missing of them |

pub mod deployment;
pub mod document;
mod provision;
pub mod stack;

pub use deployment::Deployment;
pub use document::Document;
pub use provision::provision;
pub use stack::Stack;

/// The stack's name on a machine of its own.
pub const STACK: &str = "wechat-relay";
