//! Questions to DNS: which hosts take mail for a domain, and what their addresses are (RFC 5321 §5.1).
//!
//! [`Resolver`] asks, [`Candidates`] makes the list out of the answers and walks it. Only two answers are
//! final: the name doesn't exist, or it has no record of the kind. Everything else, be it SERVFAIL,
//! REFUSED, a time-out or nonsense, is temporary and never bounces a message (rows D01, D02).

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use postroad_config::Family;

mod candidates;
mod hickory;

pub use candidates::{ADDRESSES_MAX, Asked, Candidates, Host, MX_HOSTS_MAX, Site};
pub use hickory::Hickory;

/// A future that an object-safe trait gives back.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One MX record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mx {
    /// The lower, the sooner.
    pub preference: u16,
    /// The host, lower case, without the final dot; empty in a null MX (RFC 7505).
    pub host: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsError {
    /// The name doesn't exist.
    NoSuchName,
    /// The name exists and has no such record.
    NoSuchRecord,
    /// Nobody knows now; the words are for trace and log.
    Temporary(String),
    /// This host couldn't ask: it is short of descriptors or memory, in the system's words.
    Shortage(String),
}

impl std::fmt::Display for DnsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchName => f.write_str("no such name (NXDOMAIN)"),
            Self::NoSuchRecord => f.write_str("no such record"),
            Self::Temporary(words) | Self::Shortage(words) => f.write_str(words),
        }
    }
}

/// Asks DNS. Every question ends within a deadline of its own.
pub trait Resolver: Send + Sync {
    /// The MX records of a domain, in no order.
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>>;
    /// A and AAAA of a host, through CNAMEs; one of them where the family leaves out the other.
    fn addresses<'a>(
        &'a self,
        host: &'a str,
        family: Family,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>>;
}
