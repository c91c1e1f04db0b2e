//! nsd: an authoritative name server on loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::{Context, Result};

use super::Stage;
use crate::process::{Process, free_port, listens};

/// A running nsd.
#[derive(Debug)]
pub struct Nsd {
    /// Where it answers, over UDP and TCP.
    pub address: SocketAddr,
    _process: Process,
}

impl Nsd {
    /// Serves these zones, each a name and the lines of its file; SOA and NS are added.
    /// A zone without lines answers SERVFAIL, as one does whose file is broken.
    ///
    /// # Errors
    ///
    /// When it doesn't start; its log is in the error.
    pub fn start(stage: &Stage, zones: &[(&str, &str)]) -> Result<Self> {
        Self::start_at(stage, SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())), zones)
    }

    /// The same at an address of the test's choice.
    ///
    /// # Errors
    ///
    /// As [`Nsd::start`].
    pub fn start_at(stage: &Stage, address: SocketAddr, zones: &[(&str, &str)]) -> Result<Self> {
        let mut conf = format!(
            "server:
    ip-address: {ip}
    port: {port}
    username: \"\"
    chroot: \"\"
    server-count: 1
    database: \"\"
    pidfile: \"\"
    zonesdir: \"{folder}\"
    xfrdfile: \"{folder}/xfrd.state\"
    xfrdir: \"{folder}\"
    zonelistfile: \"{folder}/zone.list\"
    logfile: \"\"
remote-control:
    control-enable: no
",
            ip = address.ip(),
            port = address.port(),
            folder = stage.path("zones").display(),
        );
        for (name, records) in zones {
            conf.push_str(&format!("zone:\n    name: \"{name}\"\n    zonefile: \"{name}.zone\"\n"));
            let head =
                "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n";
            let text = if records.is_empty() {
                "this is no zone file\n".into()
            } else {
                format!("{head}{records}\n")
            };
            stage.write(&format!("zones/{name}.zone"), &text)?;
        }
        let path = stage.write("etc/nsd/postroad.conf", &conf)?;
        let mut process = stage.serve("nsd", "nsd", &["-d", "-c", &path.display().to_string()])?;
        process.until("listened", || listens(address))?;
        Ok(Self { address, _process: process })
    }
}

/// A name server that takes questions and never answers.
#[derive(Debug)]
pub struct DeadNameServer {
    /// Where it listens.
    pub address: SocketAddr,
    _udp: UdpSocket,
    _tcp: TcpListener,
}

impl DeadNameServer {
    /// Starts listening.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub fn start() -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (udp, tcp) = (UdpSocket::bind(address), TcpListener::bind(address));
        let cannot = || format!("cannot bind {address}");
        Ok(Self { address, _udp: udp.with_context(cannot)?, _tcp: tcp.with_context(cannot)? })
    }
}
