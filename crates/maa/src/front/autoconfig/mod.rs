//! What mail programs are told, so that a person types an address and a password and nothing else.
//!
//! | looking for | it is in |
//! |---|---|
//! | what listens, and so is told | here |
//! | Thunderbird's file, and all who read it | `mozilla` |
//! | Outlook's question and answer | `outlook` |
//! | a profile for Apple's devices | `apple` |
//! | paths, methods, sizes, patience | `http` |
//!
//! Whoever asks isn't logged in: what is told depends on the settings and on the address's domain, never on whether there is
//! such a user. Services are told of that take passwords inside TLS alone.

use std::net::SocketAddr;

use postroad_net::Peer;
use postroad_protocol::address::{Address, Domain};

mod apple;
mod http;
mod mozilla;
mod outlook;
#[cfg(test)]
mod tests;

pub(crate) use http::serve;

/// What a service is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Imap,
    Pop3,
    Submission,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// Before the first octet.
    AtOnce,
    /// By STARTTLS or STLS.
    Upgrade,
}

/// A socket that takes logins inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) protocol: Protocol,
    pub(crate) encryption: Encryption,
    pub(crate) address: SocketAddr,
}

/// All that may be told.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    host: Domain,
    domains: Vec<Domain>,
    services: Vec<Service>,
    https: Option<SocketAddr>,
}

/// What one client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Offer<'a> {
    host: &'a Domain,
    services: Vec<Told>,
}

/// A service as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    protocol: Protocol,
    encryption: Encryption,
    port: u16,
}

impl Book {
    /// `services` come in the order in which clients should try them; `https` is where we serve HTTPS ourselves.
    pub(crate) fn new(
        host: Domain,
        domains: Vec<Domain>,
        services: Vec<Service>,
        https: Option<SocketAddr>,
    ) -> Self {
        Self { host, domains, services, https }
    }

    /// What listens where `client` reaches it. Of a protocol that listens beyond this host, only that is told: whoever
    /// comes through a web server of this host comes from elsewhere.
    fn offer(&self, client: Peer) -> Offer<'_> {
        let is_public = |service: &&Service| !service.address.ip().to_canonical().is_loopback();
        let mut told: Vec<Told> = Vec::new();
        for service in &self.services {
            let of_protocol = |other: &&Service| other.protocol == service.protocol;
            let has_public = self.services.iter().filter(of_protocol).any(|s| is_public(&s));
            let is_reachable = match has_public {
                true => is_public(&service),
                false => client.is_this_host(),
            };
            let Service { protocol, encryption, address } = *service;
            let service = Told { protocol, encryption, port: address.port() };
            if is_reachable && !told.contains(&service) {
                told.push(service);
            }
        }
        Offer { host: &self.host, services: told }
    }

    /// Whether users of ours have addresses there.
    fn is_ours(&self, domain: &Domain) -> bool {
        self.domains.contains(domain)
    }

    /// An address of ours, as far as its domain says so. One that no XML file can hold is none.
    fn address(&self, text: &str) -> Option<Address> {
        let address = Address::parse(text).ok()?;
        let is_xml = |c: char| !matches!(c, '\u{fffe}' | '\u{ffff}');
        (self.is_ours(&address.domain) && text.chars().all(is_xml)).then_some(address)
    }
}

impl Offer<'_> {
    /// Those of a protocol.
    fn of(&self, protocol: Protocol) -> impl Iterator<Item = &Told> {
        self.services.iter().filter(move |service| service.protocol == protocol)
    }
}
