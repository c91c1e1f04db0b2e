//! Postfix, as Debian ships it but for the ports.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Stage;
use crate::process::{Process, free_port, listens, until};

const MAIN: &str = "\
compatibility_level = 3.6
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps =
alias_database =
local_recipient_maps =
message_size_limit = 104857600
mailbox_size_limit = 0
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
";

/// Debian's master.cf without chroot.
///
/// Everybody logs through postlogd, over a socket that holds ten lines. Where it ends (by default after a hundred)
/// and ten more lines come before the master has started the next one, the master itself waits for ever to log
/// something, and nobody starts it: so this one doesn't end.
const MASTER: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 2 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd -o max_use=1000000 -o max_idle=1d
";

/// How often it is started at most.
const STARTS_MAX: usize = 3;
/// How long its greeting may take.
const GREETING: Duration = Duration::from_secs(10);

/// What a test adds to the stock configuration.
#[derive(Debug, Clone, Default)]
pub struct PostfixSetup {
    /// Lines for main.cf; they win over those above them.
    pub main: String,
    /// Lines for master.cf.
    pub master: String,
}

/// A running Postfix.
#[derive(Debug)]
pub struct Postfix {
    /// Where it takes SMTP.
    pub smtp: SocketAddr,
    queue: PathBuf,
    maillog: PathBuf,
    process: Process,
}

impl Postfix {
    /// Starts one, and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// When it doesn't start; its log is in the error.
    pub fn start(stage: &Stage, setup: &PostfixSetup) -> Result<Self> {
        let smtp = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (queue, data, maillog) =
            (stage.path("spool"), stage.path("data"), stage.path("log/maillog"));
        fs::create_dir_all(&queue)?;
        fs::create_dir_all(&data)?;
        stage.own(&data, "postfix")?;
        let own = format!(
            "queue_directory = {}\ndata_directory = {}\nmaillog_file = {}\nmaillog_file_prefixes = {}\n",
            queue.display(),
            data.display(),
            maillog.display(),
            stage.path("log").display(),
        );
        stage.write("etc/postfix/main.cf", &format!("{MAIN}{own}{}", setup.main))?;
        let smtpd = format!("127.0.0.1:{} inet n - n - - smtpd\n", smtp.port());
        stage.write("etc/postfix/master.cf", &format!("{smtpd}{MASTER}{}", setup.master))?;

        // Its processes log through one that it may be late to start, and then wait for that for ever: one that
        // doesn't greet is started again.
        let start = || stage.serve("postfix", "postfix", &["start-fg"]);
        let mut postfix = Self { smtp, queue, maillog, process: start()? };
        for _ in 0..STARTS_MAX {
            let started = postfix.process.until("listened", || listens(smtp));
            started.with_context(|| postfix.log())?;
            if greets(smtp) {
                // Its logger runs when the first client's line is there.
                let logs = || postfix.log().contains("disconnect from");
                until("postfix's logger", logs)?;
                return Ok(postfix);
            }
            postfix.process.kill()?;
            postfix.process = start()?;
        }
        bail!("postfix was started {STARTS_MAX} times and never greeted:\n{}", postfix.log())
    }

    /// Messages that are still queued.
    #[must_use]
    pub fn queued(&self) -> usize {
        ["incoming", "active", "deferred", "maildrop"]
            .iter()
            .map(|name| files_below(&self.queue.join(name)))
            .sum()
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.maillog).unwrap_or_default()
    }
}

/// Whether a server says something to a new client.
fn greets(server: SocketAddr) -> bool {
    let greeting = || {
        let mut stream = TcpStream::connect_timeout(&server, GREETING)?;
        stream.set_read_timeout(Some(GREETING))?;
        stream.read(&mut [0; 3])
    };
    greeting().is_ok_and(|octets| octets > 0)
}

/// Files in a folder and all below it.
fn files_below(folder: &std::path::Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 })
        .sum()
}
