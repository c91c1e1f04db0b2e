//! Dovecot: LMTP, IMAP and POP3 on Maildirs.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{PASSWORD, Stage};
use crate::process::{Process, free_port, listens};
use crate::suite::binary;

/// Whom it takes mail for, and what else its settings say.
#[derive(Debug, Clone)]
pub struct DovecotSetup {
    /// What stands in `userdb { }`.
    pub users: String,
    /// More settings, behind all others.
    pub more: String,
}

impl Default for DovecotSetup {
    /// Everybody on the stage, into `home/NAME/Maildir`.
    fn default() -> Self {
        Self { users: "driver = passwd".into(), more: String::new() }
    }
}

/// A running Dovecot.
#[derive(Debug)]
pub struct Dovecot {
    /// Where it takes LMTP.
    pub lmtp: SocketAddr,
    /// Where it serves POP3, in clear text.
    pub pop3: SocketAddr,
    /// Where it serves IMAP, in clear text.
    pub imap: SocketAddr,
    process: Process,
}

impl Dovecot {
    /// Our user agent on alice's account at one, with a home of its own.
    ///
    /// # Errors
    ///
    /// When our program isn't built, or the home can't be written.
    pub fn our_agent(home: &Path, imap: SocketAddr, arguments: &[&str]) -> Result<Command> {
        let password = home.join("password");
        fs::write(&password, PASSWORD)?;
        fs::set_permissions(&password, Permissions::from_mode(0o600))?;
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .env("HOME", home)
            .env("POSTROAD_CONFIG", "/nonexistent")
            .env("POSTROAD_MUA_ADDRESS", "alice@x.example")
            .env("POSTROAD_MUA_USER", "alice")
            .env("POSTROAD_MUA_PASSWORD_FILE", &password)
            .env("POSTROAD_MUA_INBOX", format!("imap://127.0.0.1:{}", imap.port()))
            .env("POSTROAD_MUA_OUTBOX", home.join("outbox"))
            .env("XDG_STATE_HOME", home.join("state"))
            .args(arguments);
        Ok(command)
    }

    /// Starts one that takes mail for everybody on the stage, and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// When it doesn't start; its log is in the error.
    pub fn start(stage: &Stage) -> Result<Self> {
        Self::start_with(stage, &DovecotSetup::default())
    }

    /// Starts one with this setup.
    ///
    /// # Errors
    ///
    /// As [`Dovecot::start`].
    pub fn start_with(stage: &Stage, setup: &DovecotSetup) -> Result<Self> {
        let DovecotSetup { users, more } = setup;
        let (lmtp, pop3, imap) = (free_port(), free_port(), free_port());
        let conf = format!(
            "base_dir = {base}
state_dir = {base}
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
log_path = /dev/stderr
postmaster_address = postmaster@dovecot.test
hostname = dovecot.test
mail_location = maildir:~/Maildir
first_valid_uid = 1
auth_failure_delay = 0
auth_username_format = %Ln
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  {users}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
{more}
",
            base = stage.path("run/dovecot").display(),
        );
        let path = stage.write("etc/dovecot/postroad.conf", &conf)?;
        let process =
            stage.serve("dovecot", "dovecot", &["-F", "-c", &path.display().to_string()])?;
        let [lmtp, pop3, imap] =
            [lmtp, pop3, imap].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let mut dovecot = Self { lmtp, pop3, imap, process };
        let all_listen = || [lmtp, pop3, imap].into_iter().all(listens);
        dovecot.process.until("listened", all_listen)?;
        Ok(dovecot)
    }
}
