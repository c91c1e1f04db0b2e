//! Which name servers are asked, and how names go to DNS and come back: the same for all who ask.
//!
//! What an answer means, and how long it is waited for, is the askers'.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::ProtoError;
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{ResolverBuilder, TokioResolver};

/// A resolver that asks these name servers, or those of /etc/resolv.conf where none are named; without that file the one on
/// this host, as resolv.conf(5) has it.
pub fn builder(servers: &[SocketAddr]) -> ResolverBuilder<TokioRuntimeProvider> {
    let (config, options) = settings(servers);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
}

/// These name servers, as [`builder`] has them, each by itself.
pub fn name_servers(servers: &[SocketAddr]) -> Vec<NameServerConfig> {
    settings(servers).0.name_servers().to_vec()
}

fn settings(servers: &[SocketAddr]) -> (ResolverConfig, ResolverOpts) {
    let these = |servers: &[SocketAddr]| {
        let servers = servers.iter().copied().map(name_server).collect();
        // No search list: names are asked for as they are.
        (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
    };
    match servers {
        [] => {
            let this_host = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
            read_system_conf().unwrap_or_else(|_| these(&[this_host]))
        }
        servers => these(servers),
    }
}

/// Over UDP, and TCP where an answer is long.
fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    connections.iter_mut().for_each(|connection| connection.port = address.port());
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// A name to be asked for as it is: its final dot keeps the search list of /etc/resolv.conf out of it.
///
/// # Errors
/// Where it is no name that DNS could know.
pub fn absolute(name: &str) -> Result<Name, ProtoError> {
    Name::from_ascii(format!("{name}."))
}

/// A host in lower case, without the final dot; empty where there is none, as in a null MX (RFC 7505).
pub fn host(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

/// The address that a record holds.
pub fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_whole_and_come_back_bare() {
        let name = absolute("MX.Example").expect("a name");
        assert!(name.is_fqdn());
        assert_eq!(host(&name), "mx.example");
        assert_eq!(host(&Name::root()), "");
        assert!(absolute("a..b").is_err());
    }

    #[test]
    fn servers_that_are_named_are_the_only_ones() {
        let at: SocketAddr = "192.0.2.1:5353".parse().expect("an address");
        let servers = name_servers(&[at]);
        let ports: Vec<u16> =
            servers.iter().flat_map(|it| &it.connections).map(|it| it.port).collect();
        assert_eq!((servers.len(), ports), (1, vec![5353, 5353]));
        assert!(!name_servers(&[]).is_empty());
    }
}
