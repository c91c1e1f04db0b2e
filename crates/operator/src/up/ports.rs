//! The well-known ports plus an offset, so that nobody has to be root.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use postroad_config::Config;

/// A service by its IANA name, and the port that IANA gave it (LMTP has none: RFC 2033 forbids 25, and
/// 24 is "any private mail system").
const SERVICES: [(&str, u16); 11] = [
    ("smtp", 25),
    ("submission", 587),
    ("submissions", 465),
    ("imap", 143),
    ("imaps", 993),
    ("pop3", 110),
    ("pop3s", 995),
    ("sieve", 4190),
    ("lmtp", 24),
    ("http", 80),
    ("https", 443),
];

/// From one offset to the next that is tried: no two services are a multiple of it apart, so two that start at once, each at
/// another offset, don't want the same port.
const OFFSET_STEP: u32 = 101;

/// What is added to the well-known ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offset {
    /// This much.
    Fixed(u16),
    /// The first that leaves all ports free.
    Auto,
}

impl FromStr for Offset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let highest = SERVICES.iter().map(|(_, port)| *port).max().unwrap_or(0);
        match text.parse::<u16>() {
            Ok(offset) if offset.checked_add(highest).is_some() => Ok(Self::Fixed(offset)),
            _ => Err(format!("write a number from 0 to {}, or \"auto\"", u16::MAX - highest)),
        }
    }
}

/// The ports of one start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) smtp: u16,
    pub(crate) submission: u16,
    pub(crate) submissions: u16,
    pub(crate) imap: u16,
    pub(crate) imaps: u16,
    pub(crate) pop3: u16,
    pub(crate) pop3s: u16,
    pub(crate) sieve: u16,
    pub(crate) lmtp: u16,
    pub(crate) http: u16,
    pub(crate) https: u16,
}

impl Ports {
    fn at(offset: u16) -> Self {
        let [smtp, submission, submissions, imap, imaps, pop3, pop3s, sieve, lmtp, http, https] =
            SERVICES.map(|(_, port)| port.saturating_add(offset));
        Self { smtp, submission, submissions, imap, imaps, pop3, pop3s, sieve, lmtp, http, https }
    }

    /// The ports at `offset`; for `auto`, at the first that leaves all of them free.
    pub(crate) fn choose(offset: Offset, hosts: &[IpAddr]) -> Result<Self> {
        if let Offset::Fixed(offset) = offset {
            return Ok(Self::at(offset));
        }
        // Many may start at once: each begins its search elsewhere.
        let first = std::process::id() % 500;
        let offsets = (0..500).map(|step| 10_000 + (first + step) % 500 * OFFSET_STEP);
        let is_free = |offset: &u16| {
            let ports = SERVICES.map(|(_, port)| port.saturating_add(*offset));
            let mut addresses = ports
                .into_iter()
                .flat_map(|port| hosts.iter().map(move |ip| SocketAddr::new(*ip, port)));
            addresses.all(|address| TcpListener::bind(address).is_ok())
        };
        let free = offsets.filter_map(|offset| u16::try_from(offset).ok()).find(is_free);
        free.map(Self::at).context("no offset leaves all ports free")
    }
}

/// A service and where it listens.
pub(crate) type Listener = (&'static str, SocketAddr);

/// What the agents will listen on, by the services' IANA names.
pub(crate) fn listeners(config: &Config) -> Vec<Listener> {
    let (mta, mda, maa) = (&config.mta, &config.mda, &config.maa);
    [
        ("smtp", &mta.smtp),
        ("submission", &mta.submission),
        ("submissions", &mta.submissions),
        ("lmtp", &mda.lmtp),
        ("imap", &maa.imap),
        ("imaps", &maa.imaps),
        ("pop3", &maa.pop3),
        ("pop3s", &maa.pop3s),
        ("sieve", &maa.managesieve),
        ("http", &maa.autoconfig.http),
        ("https", &maa.autoconfig.https),
    ]
    .into_iter()
    .flat_map(|(service, addresses)| addresses.iter().map(move |address| (service, *address)))
    .collect()
}

/// Says who is to blame before an agent fails: a port that is taken, by name.
pub(crate) fn all_free(listeners: &[Listener]) -> Result<()> {
    for (service, address) in listeners {
        if let Err(error) = TcpListener::bind(address) {
            bail!(
                "cannot listen on {address} for {service}: {error}; stop the program that has it (`ss -ltnp` shows it), or take other ports, as in --offset 20000 or --offset auto"
            );
        }
    }
    Ok(())
}

/// The loopback addresses of this host: a container may have no IPv6.
pub(crate) fn loopback() -> Vec<IpAddr> {
    let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    both.into_iter().filter(|ip| TcpListener::bind((*ip, 0)).is_ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets() {
        assert_eq!("10000".parse(), Ok(Offset::Fixed(10_000)));
        assert_eq!("auto".parse(), Ok(Offset::Auto));
        for text in ["", "-1", "65000", "many", "70000"] {
            assert!(text.parse::<Offset>().is_err(), "{text}");
        }
        let ports = Ports::at(10_000);
        assert_eq!((ports.smtp, ports.submissions, ports.lmtp), (10_025, 10_465, 10_024));
    }

    #[test]
    fn two_offsets_share_no_port() {
        for (service, one) in SERVICES {
            for (other_service, other) in SERVICES {
                let apart = u32::from(one.abs_diff(other));
                let is_shared = apart > 0 && apart.is_multiple_of(OFFSET_STEP);
                assert!(!is_shared, "{service} and {other_service}");
            }
        }
        let highest = SERVICES.iter().map(|(_, port)| u32::from(*port)).max().unwrap();
        assert!(10_000 + 499 * OFFSET_STEP + highest <= u32::from(u16::MAX));
    }

    #[test]
    fn a_port_that_is_taken_is_named_and_avoided() {
        let hosts = loopback();
        let ports = Ports::choose(Offset::Auto, &hosts).unwrap();
        let address = SocketAddr::new(hosts[0], ports.submission);
        let _taken = TcpListener::bind(address).unwrap();
        let error = all_free(&[("submission", address)]).unwrap_err().to_string();
        assert!(error.contains("for submission") && error.contains("--offset auto"), "{error}");
        assert_ne!(Ports::choose(Offset::Auto, &hosts).unwrap(), ports);
    }
}
