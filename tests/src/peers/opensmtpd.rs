//! OpenSMTPD, as Debian ships it but for the ports. The place of its queue is compiled in.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;

use super::Stage;
use crate::process::{Process, free_port, listens, run};

/// What a test wants OpenSMTPD to do with mail, in the language of its settings.
#[derive(Debug, Clone, Default)]
pub struct OpenSmtpdSetup {
    /// Tables, actions and matches.
    pub rules: String,
}

impl OpenSmtpdSetup {
    /// Hands everything on to one host.
    #[must_use]
    pub fn relay_to(host: SocketAddr) -> Self {
        let rules = format!(
            "action \"out\" relay host smtp://{host}\nmatch from any for any action \"out\"\n"
        );
        Self { rules }
    }
}

/// A running OpenSMTPD.
#[derive(Debug)]
pub struct OpenSmtpd {
    /// Where it takes SMTP.
    pub smtp: SocketAddr,
    process: Process,
}

impl OpenSmtpd {
    /// Starts one on a stage with [`super::Packages::OpenSmtpd`], and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn start(stage: &Stage, setup: &OpenSmtpdSetup) -> Result<Self> {
        let smtp = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        // A /var of its own: with its queue, and the empty folder that it locks itself in.
        for (folder, mode) in
            [("var/spool/smtpd", 0o711), ("var/lib/opensmtpd/empty", 0o755), ("var/run", 0o755)]
        {
            fs::create_dir_all(stage.path(folder))?;
            fs::set_permissions(stage.path(folder), Permissions::from_mode(mode))?;
        }
        let settings = format!(
            "smtp max-message-size \"100M\"\nsmtp limit max-mails 10000000\n\
             listen on 127.0.0.1 port {} hostname opensmtpd.test\n{}",
            smtp.port(),
            setup.rules
        );
        let settings = stage.write("etc/postroad-smtpd.conf", &settings)?;
        stage.lock_away(&settings)?;
        // It looks every client's name up by itself: not beyond this host.
        stage.write("etc/resolv.conf", "lookup file\n")?;
        let start = format!(
            "mount --bind {} /var && exec smtpd -d -f {}",
            stage.path("var").display(),
            settings.display()
        );
        let mut process = stage.serve("opensmtpd", "sh", &["-c", &start])?;
        process.until("listened", || listens(smtp))?;
        Ok(Self { smtp, process })
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Gives it a command by smtpctl, and what that says.
    ///
    /// # Errors
    ///
    /// When it refuses.
    pub fn control(&self, stage: &Stage, command: &str) -> Result<String> {
        let smtpctl = format!(
            // It looks whether the program is the queue's group's: a copy is, on an unpacked package nothing.
            "mount --bind {} /var && cp /usr/sbin/smtpctl {copy} && chgrp opensmtpq {copy} && chmod g+s {copy} && \
             mount --bind {copy} /usr/sbin/smtpctl && exec smtpctl {command}",
            stage.path("var").display(),
            copy = stage.path("smtpctl").display()
        );
        let output = run(stage.command("sh").args(["-c", &smtpctl]))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
