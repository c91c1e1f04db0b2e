//! Exim, as Debian ships it but for the ports. The place of its settings is compiled in.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::Stage;
use crate::process::{Process, free_port, listens};

/// What a test wants Exim to do with mail, in the language of its settings.
#[derive(Debug, Clone, Default)]
pub struct EximSetup {
    /// Lines for the first part.
    pub main: String,
    /// Routers.
    pub routers: String,
    /// Transports.
    pub transports: String,
}

impl EximSetup {
    /// Hands everything on to one host.
    #[must_use]
    pub fn relay_to(host: SocketAddr) -> Self {
        Self {
            main: String::new(),
            routers: format!(
                "relay:\n  driver = manualroute\n  domains = *\n  transport = remote\n  \
                 route_list = * {} byname\n  self = send\n",
                host.ip()
            ),
            transports: format!(
                "remote:\n  driver = smtp\n  port = {}\n  allow_localhost\n  hosts_try_dane =\n",
                host.port()
            ),
        }
    }
}

/// A running Exim.
#[derive(Debug)]
pub struct Exim {
    /// Where it takes SMTP.
    pub smtp: SocketAddr,
    spool: PathBuf,
    _process: Process,
}

impl Exim {
    /// Starts one on a stage with [`super::Packages::Exim`], and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn start(stage: &Stage, setup: &EximSetup) -> Result<Self> {
        let smtp = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let spool = stage.path("exim");
        fs::create_dir_all(&spool)?;
        stage.own(&spool, "Debian-exim")?;
        stage
            .write("etc/exim4/exim4.conf", &settings(smtp, &spool.display().to_string(), setup))?;
        let mut process = stage.serve("exim", "exim4", &["-bdf", "-q30m"])?;
        process.until("listened", || listens(smtp)).with_context(|| log(&spool))?;
        Ok(Self { smtp, spool, _process: process })
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> String {
        log(&self.spool)
    }
}

fn log(spool: &std::path::Path) -> String {
    let read = |name| fs::read_to_string(spool.join("log").join(name)).unwrap_or_default();
    ["mainlog", "paniclog"].map(read).concat()
}

fn settings(smtp: SocketAddr, spool: &str, setup: &EximSetup) -> String {
    let EximSetup { main, routers, transports } = setup;
    format!(
        "primary_hostname = exim.test\n\
         spool_directory = {spool}\n\
         log_file_path = {spool}/log/%slog\n\
         exim_path = /usr/sbin/exim4\n\
         exim_user = Debian-exim\n\
         exim_group = Debian-exim\n\
         daemon_smtp_ports = {port}\n\
         local_interfaces = 127.0.0.1\n\
         tls_advertise_hosts =\n\
         rfc1413_query_timeout = 0s\n\
         host_lookup =\n\
         acl_smtp_rcpt = acl_rcpt\n\
         smtp_accept_max = 200\n\
         smtp_accept_queue_per_connection = 0\n\
         smtp_accept_max_per_connection = 0\n\
         message_size_limit = 100M\n\
         {main}\n\
         begin acl\nacl_rcpt:\n  accept\n\
         begin routers\n{routers}\n\
         begin transports\n{transports}\n\
         begin retry\n* * F,2h,15m; G,16h,1h,1.5; F,4d,6h\n",
        port = smtp.port(),
    )
}
