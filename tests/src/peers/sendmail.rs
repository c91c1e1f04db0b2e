//! sendmail, as Debian ships it but for the ports: its settings are made by m4, as an admin makes them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;

use super::Stage;
use crate::process::{Process, free_port, listens, run};

const PROGRAM: &str = "/usr/libexec/sendmail/sendmail";
const MACROS: &str = "/usr/share/sendmail/cf/";

/// A running sendmail.
#[derive(Debug)]
pub struct Sendmail {
    /// Where it takes SMTP.
    pub smtp: SocketAddr,
    settings: PathBuf,
    process: Process,
}

impl Sendmail {
    /// Starts one on a stage with [`super::Packages::Sendmail`], and waits until it takes connections. `lines` are
    /// m4's, up to the mailers; mail for `domain` is local.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn start(stage: &Stage, domain: &str, lines: &str) -> Result<Self> {
        let smtp = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        fs::create_dir_all(stage.path("mqueue"))?;
        // It sleeps for a minute where this host's name leads to none with a dot in it.
        let host = fs::read_to_string("/proc/sys/kernel/hostname")?;
        let host = host.trim();
        stage.write(
            "etc/hosts",
            &format!("127.0.0.1 localhost\n127.0.0.2 {host}.sendmail.test {host}\n"),
        )?;
        stage.write("etc/mail/service.switch", "hosts files\naliases files\n")?;
        let macros = format!(
            "VERSIONID(`test')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `sendmail.test')dnl
define(`QUEUE_DIR', `{stage}/mqueue')dnl
define(`confPID_FILE', `{stage}/sendmail.pid')dnl
define(`STATUS_FILE', `{stage}/sendmail.st')dnl
define(`ALIAS_FILE', `null:none')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confFORWARD_PATH', `')dnl
define(`confTO_IDENT', `0')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
DAEMON_OPTIONS(`Port={port}, Addr=127.0.0.1, Name=MTA')dnl
LOCAL_DOMAIN(`{domain}')dnl
{lines}
MAILER(`smtp')dnl
",
            stage = stage.path("").display(),
            port = smtp.port(),
        );
        let macros = stage.write("etc/mail/postroad.mc", &macros)?;
        let made = run(stage
            .command("m4")
            .arg(format!("-D_CF_DIR_={MACROS}"))
            .arg(format!("{MACROS}m4/cf.m4"))
            .arg(macros))?;
        let settings =
            stage.write("etc/mail/postroad.cf", &String::from_utf8_lossy(&made.stdout))?;
        let process = stage.serve(
            "sendmail",
            PROGRAM,
            &["-bD", "-C", &settings.display().to_string(), "-q1h"],
        )?;
        let mut sendmail = Self { smtp, settings, process };
        sendmail.process.until("listened", || listens(smtp))?;
        Ok(sendmail)
    }

    /// What it wrote to standard error: its log goes to syslog, which isn't there.
    #[must_use]
    pub fn said(&self) -> String {
        self.process.log()
    }

    /// Runs it once more, with these flags, and gives what that says.
    ///
    /// # Errors
    ///
    /// When it refuses.
    pub fn control(&self, stage: &Stage, flags: &[&str]) -> Result<String> {
        let output = run(stage.command(PROGRAM).arg("-C").arg(&self.settings).args(flags))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
