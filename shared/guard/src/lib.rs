//! Which addresses the relay may call for an app: callbacks, and the URLs of media to send. A client of this crate dials
//! only addresses that the [`Policy`] allows, however a name resolves.

mod policy;
mod resolver;

use std::{error::Error, sync::Arc};

pub use policy::{Allowed, InvalidEntry, Policy, Refused};
use resolver::VettedResolver;

/// Builds a client that resolves host names to allowed addresses only. `builder` must not follow redirects. The caller
/// checks each URL with [`Policy::check_url`] first: a literal address is never resolved.
pub fn client(builder: reqwest::ClientBuilder, policy: &Arc<Policy>) -> Result<reqwest::Client, reqwest::Error> {
    builder.dns_resolver(Arc::new(VettedResolver::new(Arc::clone(policy)))).build()
}

/// Why a failed request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// The policy allows none of the host's addresses.
    Refused(Refused),
    /// No answer, or an incomplete one. The text does not contain the URL, whose query may contain secrets.
    Unreachable(String),
}

/// Tells a refused address from a failure of the network.
pub fn failed(error: reqwest::Error) -> Failed {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return Failed::Refused(refused.clone());
        }
    }
    Failed::Unreachable(if timed_out { "it took too long".to_owned() } else { cause.to_string() })
}
