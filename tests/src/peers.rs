//! Everybody else's mail software, as Debian ships it.
//!
//! A [`Stage`] is a test's own view of the system: the unpacked packages lie over `/usr` and
//! `/etc`, in a mount namespace that ends with the process. Servers get a PID namespace too, so
//! that ending their first process ends them all. As root a stage has system users, as Postfix and
//! Dovecot insist on; without root a user namespace carries the plain tools (swaks, msmtp, …).

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;

mod clients;
mod debian;
mod dovecot;
mod exim;
mod nsd;
mod opensmtpd;
mod postfix;
mod sendmail;
mod sink;
mod stage;

pub use clients::{Account, Security, fed, feed, getmail_destination, on_terminal, python_script};
pub use debian::Packages;
pub use dovecot::{Dovecot, DovecotSetup};
pub use exim::{Exim, EximSetup};
pub use nsd::{DeadNameServer, Nsd};
pub use opensmtpd::{OpenSmtpd, OpenSmtpdSetup};
pub use postfix::{Postfix, PostfixSetup};
pub use sendmail::Sendmail;
pub use sink::{Sink, Source};
pub use stage::{MAIL_GROUP, PASSWORD, Stage, User};

use crate::process::{outcome, run};
use crate::suite;

/// What a test needs of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Programs that run as anybody.
    Tools,
    /// Servers with system users and compiled-in paths: root.
    Servers,
}

/// Why a test with peers can't run here.
#[derive(Debug)]
pub struct Unavailable(String);

impl Unavailable {
    /// For this reason.
    pub(crate) fn because(reason: &str) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Stage {
    /// A stage with most peers for the calling test; `None`, said loudly, where this machine can't have one.
    ///
    /// # Errors
    ///
    /// When the peers can't be downloaded; in CI, as root, also when anything else is missing.
    pub fn set_up(needs: Needs) -> Result<Option<Self>> {
        Self::set_up_with(needs, Packages::Most)
    }

    /// The same with other packages: those that can't stand beside the others.
    ///
    /// # Errors
    ///
    /// As [`Stage::set_up`].
    pub fn set_up_with(needs: Needs, packages: Packages) -> Result<Option<Self>> {
        type Tree = OnceLock<Result<PathBuf, String>>;
        static TREES: [Tree; Packages::ALL.len()] =
            [const { OnceLock::new() }; Packages::ALL.len()];
        if let Err(unavailable) = available(needs) {
            skip(&unavailable)?;
            return Ok(None);
        }
        let tree = TREES[packages as usize].get_or_init(|| {
            debian::tree(&suite::target_dir(), packages).map_err(|error| format!("{error:#}"))
        });
        match tree {
            Ok(tree) => Self::new(tree.clone()).map(Some),
            Err(error) => {
                skip(&Unavailable(format!("the peers can't be downloaded: {error}")))?;
                Ok(None)
            }
        }
    }
}

fn available(needs: Needs) -> Result<(), Unavailable> {
    let unavailable = |reason: &str| Err(Unavailable::because(reason));
    for tool in ["apt-get", "dpkg-deb", "unshare"] {
        if outcome(Command::new(tool).arg("--version")).is_err() {
            return unavailable(&format!("{tool} is not here"));
        }
    }
    if needs == Needs::Servers && !geteuid().is_root() {
        return unavailable("it needs root");
    }
    if run(stage::namespace().arg("true")).is_err() {
        return unavailable("mount namespaces are not allowed here");
    }
    Ok(())
}

/// Says on standard error and in `target/peers/skipped.txt` that the calling test did nothing.
pub(crate) fn skip(unavailable: &Unavailable) -> Result<()> {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test").to_owned();
    let line = format!("SKIPPED: {test} because {unavailable}");
    if std::env::var("CI").is_ok_and(|ci| ci == "true") && geteuid().is_root() {
        bail!("nothing may be skipped in CI: {line}");
    }
    eprintln!("{line}");
    let path = skipped_file();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::options().create(true).append(true).open(&path)?;
    writeln!(file, "{line}").with_context(|| format!("cannot write {}", path.display()))
}

/// Where the skipped tests of a run are listed.
#[must_use]
pub fn skipped_file() -> PathBuf {
    suite::target_dir().join("peers/skipped.txt")
}
