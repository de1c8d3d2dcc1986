//! Resolves a host name to allowed addresses only. The connection uses these addresses and does not resolve
//! again, so a later DNS answer cannot change the target.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::policy::{Policy, Refused};

#[derive(Debug)]
pub(crate) struct VettedResolver {
    policy: Arc<Policy>,
}

impl VettedResolver {
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        Self { policy }
    }
}

impl Resolve for VettedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            // The connector replaces port 0 with the URL's.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(vet(&policy, name.as_str(), found)?)
        })
    }
}

/// The addresses among `found` that may be called.
fn vet(policy: &Policy, name: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Addrs, Refused> {
    let named = policy.allows_host(name);
    let vetted: Vec<_> = found.filter(|address| named || policy.allows_address(address.ip())).collect();
    if vetted.is_empty() { Err(Refused::Name(name.to_owned())) } else { Ok(Box::new(vetted.into_iter())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_addresses_of_a_host_are_called() {
        let found = || ["127.0.0.1:0", "8.8.8.8:0", "[::1]:0"].map(|address| address.parse().unwrap()).into_iter();
        let vetted = |policy: &Policy, found| vet(policy, "a.example", found).map(Iterator::collect::<Vec<_>>);
        assert_eq!(vetted(&Policy::default(), found()).unwrap(), ["8.8.8.8:0".parse().unwrap()]);
        let named = Policy::parse("a.example").unwrap();
        assert_eq!(vetted(&named, found()).unwrap().len(), 3);
        let inner = ["10.0.0.1:0".parse().unwrap()].into_iter();
        assert_eq!(vet(&Policy::default(), "a.example", inner).err(), Some(Refused::Name("a.example".to_owned())));
    }
}
