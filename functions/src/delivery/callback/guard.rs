//! Resolves a callback's host name and lets the connection see vetted addresses only. The connection goes to what was
//! vetted here and nowhere else, so a second DNS answer changes nothing.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::{Policy, Refused};

#[derive(Debug)]
pub struct VettedResolver {
    policy: Arc<Policy>,
}

impl VettedResolver {
    pub fn new(policy: Arc<Policy>) -> Self {
        Self { policy }
    }
}

impl Resolve for VettedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            // The port is the URL's; 0 leaves it to the connector.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(vet(&policy, name.as_str(), found)?)
        })
    }
}

/// The addresses that may be called.
fn vet(policy: &Policy, name: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Addrs, Refused> {
    let named = policy.names(name);
    let vetted: Vec<_> = found.filter(|address| named || policy.admits(address.ip())).collect();
    if vetted.is_empty() { Err(Refused::Name(name.to_owned())) } else { Ok(Box::new(vetted.into_iter())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_addresses_only_public_ones_are_called() {
        let found = || ["127.0.0.1:0", "8.8.8.8:0", "[::1]:0"].map(|address| address.parse().unwrap()).into_iter();
        let vetted = |policy: &Policy, found| vet(policy, "a.example", found).map(Iterator::collect::<Vec<_>>);
        assert_eq!(vetted(&Policy::default(), found()).unwrap(), ["8.8.8.8:0".parse().unwrap()]);
        let named = Policy::parse("a.example").unwrap();
        assert_eq!(vetted(&named, found()).unwrap().len(), 3);
        let inner = ["10.0.0.1:0".parse().unwrap()].into_iter();
        assert_eq!(vet(&Policy::default(), "a.example", inner).err(), Some(Refused::Name("a.example".to_owned())));
    }
}
