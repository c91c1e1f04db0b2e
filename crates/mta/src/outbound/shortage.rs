//! What this host has too little of: descriptors, memory, ports. It says nothing about a next hop, so it
//! counts as no attempt, and is looked at again a second later.

use std::fmt;
use std::io;
use std::net::IpAddr;

use postroad_net::listen::is_out_of_resources;
use postroad_protocol::reply::Reply;
use postroad_queue::spool::ContentError;

/// The system's words, as in "Too many open files".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shortage(pub(crate) String);

impl Shortage {
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        is_out_of_resources(error).then(|| Self(error.to_string()))
    }

    /// The same of a connection. No port is left where IPv4 finds no address to come from; with IPv6 that is
    /// what a host says which hasn't got any.
    pub(crate) fn of_connection(
        error: &io::Error,
        to: Option<IpAddr>,
        from: Option<IpAddr>,
    ) -> Option<Self> {
        let all_ports_taken = error.kind() == io::ErrorKind::AddrNotAvailable
            && from.is_none()
            && to.is_some_and(|to| to.is_ipv4());
        if all_ports_taken {
            return Some(Self("no local port is left".to_owned()));
        }
        Self::of(error)
    }

    pub(crate) fn of_content(error: &ContentError) -> Option<Self> {
        match error {
            ContentError::Disk { source, .. } => Self::of(&source.source),
            ContentError::Unknown(_) | ContentError::Damaged(_) => None,
        }
    }

    /// RFC 3463 §3.4: X.3.1 is a mail system that is full.
    pub(crate) fn reply(&self) -> Reply {
        Reply::new(451, (4, 3, 1), format!("the sending host is short of resources: {self}"))
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_this_host_counts() {
        let (v4, v6): (IpAddr, IpAddr) =
            ([192, 0, 2, 1].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into());
        const EMFILE: i32 = 24;
        const ENFILE: i32 = 23;
        const ENOMEM: i32 = 12;
        const ENOBUFS: i32 = 105;
        const EADDRNOTAVAIL: i32 = 99;
        const ECONNREFUSED: i32 = 111;
        const ENETUNREACH: i32 = 101;
        for (errno, to, from, short) in [
            (EMFILE, Some(v6), None, true),
            (ENFILE, Some(v4), Some(v4), true),
            (ENOMEM, None, None, true),
            (ENOBUFS, Some(v4), None, true),
            (EADDRNOTAVAIL, Some(v4), None, true),
            (EADDRNOTAVAIL, Some(v6), None, false),
            (EADDRNOTAVAIL, Some(v4), Some(v4), false), // mta.source isn't ours.
            (ECONNREFUSED, Some(v4), None, false),
            (ENETUNREACH, Some(v4), None, false),
        ] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(Shortage::of_connection(&error, to, from).is_some(), short, "{error}");
        }
    }
}
