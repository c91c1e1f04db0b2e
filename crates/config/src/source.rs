//! How connections to other hosts leave this one: over which IP, and from which address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

/// Which addresses of a host are connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv6 and IPv4, the first that answers.
    #[default]
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

impl Family {
    /// Whether an address is one of the kind.
    pub fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => ip.is_ipv4(),
            Self::Ipv6 => ip.is_ipv6(),
        }
    }
}

/// Our own addresses for connections to other hosts; the system chooses where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "Vec<IpAddr>")]
pub struct Source {
    /// For connections over IPv4.
    pub ipv4: Option<Ipv4Addr>,
    /// For connections over IPv6.
    pub ipv6: Option<Ipv6Addr>,
}

impl Source {
    /// The address to bind to before connecting to `peer`. What stays on this host needs none of ours that is
    /// known elsewhere.
    pub fn towards(&self, peer: IpAddr) -> Option<IpAddr> {
        let own = match peer {
            IpAddr::V4(_) => self.ipv4.map(IpAddr::V4),
            IpAddr::V6(_) => self.ipv6.map(IpAddr::V6),
        };
        own.filter(|own| own.is_loopback() || !peer.to_canonical().is_loopback())
    }
}

impl TryFrom<Vec<IpAddr>> for Source {
    type Error = String;

    fn try_from(addresses: Vec<IpAddr>) -> Result<Self, String> {
        let mut source = Self::default();
        for address in addresses {
            if address.is_unspecified() || address.is_multicast() {
                return Err(format!(
                    "\"{address}\" is no host's address: leave it out, and the system chooses"
                ));
            }
            let before = match address {
                IpAddr::V4(v4) => source.ipv4.replace(v4).map(IpAddr::V4),
                IpAddr::V6(v6) => source.ipv6.replace(v6).map(IpAddr::V6),
            };
            if let Some(before) = before {
                return Err(format!(
                    "a connection has one source, not {before} and {address}: \
                     write one IPv4 and one IPv6 address at most"
                ));
            }
        }
        Ok(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_of_each_family() {
        let source = |addresses: &[&str]| {
            Source::try_from(addresses.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<_>>())
        };
        let both = source(&["192.0.2.1", "2001:db8::1"]).unwrap();
        let towards = |peer: &str| both.towards(peer.parse().unwrap()).map(|ip| ip.to_string());
        assert_eq!(towards("198.51.100.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(towards("2001:db8:1::1").as_deref(), Some("2001:db8::1"));
        assert_eq!((towards("127.0.0.1"), towards("::1")), (None, None));
        assert_eq!(source(&[]).unwrap(), Source::default());
        for bad in [&["192.0.2.1", "192.0.2.2"][..], &["0.0.0.0"], &["ff02::1"]] {
            assert!(source(bad).is_err(), "{bad:?}");
        }
    }
}
