//! Which addresses may be called: public ones, and those that the deployment allows.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use url::{Host, Url};

/// Why an address may not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it must begin with http:// or https:// and name a host")]
    Scheme,
    #[error("{0} is not a public address")]
    Address(IpAddr),
    #[error("{0} has no public address")]
    Name(String),
}

/// An entry of the allow-list: it may be called although it is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// A host name with all its addresses.
    Host(String),
    /// The addresses that share the first `bits` bits with `address`.
    Network { address: IpAddr, bits: u8 },
}

/// An entry that cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither a host name, nor an address, nor a network such as 10.0.0.0/8")]
pub struct InvalidEntry(String);

impl FromStr for Allowed {
    type Err = InvalidEntry;

    fn from_str(text: &str) -> Result<Self, InvalidEntry> {
        let error = || InvalidEntry(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        if let Ok(address) = address.parse::<IpAddr>() {
            let max = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Ok(max), |bits| bits.parse().map_err(|_| error()))?;
            return if bits <= max { Ok(Self::Network { address, bits }) } else { Err(error()) };
        }
        match Host::parse(text) {
            Ok(Host::Domain(name)) => Ok(Self::Host(name)),
            _ => Err(error()),
        }
    }
}

impl Allowed {
    fn contains(&self, candidate: IpAddr) -> bool {
        let Self::Network { address, bits } = self else { return false };
        let same_prefix = |one: u128, other: u128, width: u32| {
            let ignored = width.saturating_sub(u32::from(*bits));
            ignored >= width || one >> ignored == other >> ignored
        };
        match (address, candidate) {
            (IpAddr::V4(one), IpAddr::V4(other)) => same_prefix(one.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(one), IpAddr::V6(other)) => same_prefix(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

/// Allows public addresses and the entries of the deployment's allow-list.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allowed: Vec<Allowed>,
}

impl Policy {
    pub fn new(allowed: Vec<Allowed>) -> Self {
        Self { allowed }
    }

    /// Parses host names, addresses and networks, separated by commas.
    pub fn parse(list: &str) -> Result<Self, InvalidEntry> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Ok(Self::new(entries.map(str::parse).collect::<Result<_, _>>()?))
    }

    /// Whether the allow-list names this host.
    pub fn allows_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.allowed.iter().any(|allowed| matches!(allowed, Allowed::Host(name) if name.eq_ignore_ascii_case(host)))
    }

    /// Whether the address may be called.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|allowed| allowed.contains(address))
    }

    /// Refuses a URL that is not HTTP, or whose host is an address that may not be called. A host name passes: its
    /// addresses are checked when it is resolved.
    pub fn check_url(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme);
        }
        let address = match url.host() {
            None => return Err(Refused::Scheme),
            // The URL parser has normalised every notation of an IPv4 address (octal, hex, one number).
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
        };
        if self.allows_address(address) { Ok(()) } else { Err(Refused::Address(address)) }
    }
}

/// Whether an address is globally reachable, by IANA's registries of special-purpose addresses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        // This network, private, loopback, multicast, reserved and broadcast.
        [0 | 10 | 127 | 224.., ..]
        | [172, 16..32, ..]
        | [192, 168, ..]
        // Link-local, with the metadata service of most clouds; carrier-grade NAT, with that of Alibaba Cloud.
        | [169, 254, ..]
        | [100, 64..128, ..]
        // Protocol assignments, with that of Oracle Cloud; documentation, the 6to4 relay, benchmarks.
        | [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _]
        | [198, 18..20, ..] => false,
        _ => true,
    }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let inner = |high: u16, low: u16| is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // NAT64 and 6to4: as public as the IPv4 address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => inner(high, low),
        // Protocol assignments (Teredo and the like), documentation.
        [0x2001, 0..0x200 | 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => false,
        // Everything outside of global unicast is special.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_notation_of_an_internal_address_is_allowed() {
        let policy = Policy::default();
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "127.0.0.1.",
            "①27.0.0.1",
            "0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::10.0.0.1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
        ] {
            let url = Url::parse(&format!("http://{host}/")).unwrap();
            assert!(matches!(policy.check_url(&url), Err(Refused::Address(_))), "{host}");
        }
    }

    #[test]
    fn public_addresses_are_allowed_and_other_schemes_are_not() {
        let policy = Policy::default();
        for url in ["http://8.8.8.8/", "https://[2606:4700::1111]/", "http://172.32.0.1/", "https://example.com/"] {
            assert!(policy.check_url(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
        for url in ["file:///etc/passwd", "ftp://8.8.8.8/", "data:,x"] {
            assert_eq!(policy.check_url(&Url::parse(url).unwrap()), Err(Refused::Scheme), "{url}");
        }
    }

    #[test]
    fn the_allow_list_names_hosts_addresses_and_networks() {
        let policy = Policy::parse("Hook.internal, 10.1.0.0/16,fd00::/8, 192.168.0.7").unwrap();
        let allows = |address: &str| policy.allows_address(address.parse().unwrap());
        assert!(allows("10.1.255.1") && allows("::ffff:10.1.0.1") && allows("fd12::1") && allows("192.168.0.7"));
        assert!(!allows("10.2.0.1") && !allows("fc12::1") && !allows("192.168.0.8") && !allows("127.0.0.1"));
        assert!(policy.allows_host("hook.internal.") && !policy.allows_host("other.internal"));
        for wrong in ["10.0.0.0/33", "10.0.0.0/x", "a b"] {
            assert!(Policy::parse(wrong).is_err(), "{wrong}");
        }
    }
}
