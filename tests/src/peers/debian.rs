//! Debian's packages, downloaded and unpacked under `target/peers`, never installed.
//!
//! `apt-get` works on lists and an archive folder of ours, so that neither stale lists nor missing
//! rights of the system matter; what the system has already isn't fetched again, but for the
//! peers themselves.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::run;

/// Packages that are downloaded together and laid over the system together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// All peers but those that can't stand beside Postfix.
    Most,
    /// Exim.
    Exim,
    /// Programs that read mail over IMAP.
    Readers,
    /// Programs that know more ways to log in than a password.
    Logins,
    /// OpenSMTPD.
    OpenSmtpd,
    /// sendmail, with what makes its settings.
    Sendmail,
    /// Thunderbird, with a screen that nobody sees.
    Thunderbird,
    /// A terminal, and programs that read and write mail in one.
    Screens,
    /// Programs that sign and encrypt.
    Seals,
}

impl Packages {
    pub(super) const ALL: [Self; 9] = [
        Self::Most,
        Self::Exim,
        Self::Readers,
        Self::Logins,
        Self::OpenSmtpd,
        Self::Sendmail,
        Self::Thunderbird,
        Self::Screens,
        Self::Seals,
    ];

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Most => MOST,
            Self::Exim => &["exim4-base", "exim4-daemon-light", "strace"],
            Self::Readers => READERS,
            Self::Logins => &["curl", "gsasl", "mpop", "msmtp", "python3", "python3-jwt"],
            Self::OpenSmtpd => &["opensmtpd", "strace"],
            Self::Sendmail => &["m4", "sendmail-base", "sendmail-bin", "sendmail-cf", "strace"],
            Self::Thunderbird => &["fonts-dejavu-core", "mutt", "python3", "thunderbird", "xvfb"],
            Self::Screens => SCREENS,
            Self::Seals => &["gnupg", "openssl", "python3", "strace"],
        }
    }

    /// Changes with the packages, and with the release of Debian.
    fn fingerprint(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.names().hash(&mut hasher);
        fs::read("/etc/os-release").ok().hash(&mut hasher);
        hasher.finish()
    }
}

const MOST: &[&str] = &[
    "dovecot-core",
    "dovecot-imapd",
    "dovecot-lmtpd",
    "dovecot-pop3d",
    "dovecot-sieve",
    "fetchmail",
    "getmail6",
    "git",
    "git-email",
    "libio-socket-ssl-perl",
    "liblockfile-bin",
    "libmailtools-perl",
    "maildrop",
    "msmtp",
    "mutt",
    "nsd",
    "perl",
    "postfix",
    "procmail",
    "python3",
    "strace",
    "swaks",
];

const READERS: &[&str] = &[
    "aerc",
    "curl",
    "fetchmail",
    "getmail6",
    "isync",
    "libxml2-utils",
    "mutt",
    "neomutt",
    "offlineimap3",
    "python3",
    "sieve-connect",
];

const SCREENS: &[&str] = &[
    "bsd-mailx",
    "golang-github-gatherstars-com-jwz-dev",
    "libpython3.11-testsuite",
    "mutt",
    "ncurses-term",
    "neomutt",
    "notmuch",
    "python3",
    "python3-jsonschema",
    "s-nail",
    "strace",
    "tmux",
];

/// The folder that holds the unpacked packages; downloads them where an earlier run didn't.
pub(super) fn tree(target: &Path, packages: Packages) -> Result<PathBuf> {
    let peers = target.join("peers");
    fs::create_dir_all(&peers).with_context(|| format!("cannot make {}", peers.display()))?;
    // Tests are processes that start at the same time: one downloads, the others wait.
    let lock = File::create(peers.join("lock"))?;
    lock.lock()?;

    let tree = peers.join(format!("debian-{:016x}", packages.fingerprint()));
    if tree.exists() {
        return Ok(tree);
    }
    let partial = peers.join("partial");
    fs::remove_dir_all(&partial).ok();
    download(&partial, packages.names())?;
    unpack(&partial, &partial.join("tree"), packages.names().len())?;
    fs::rename(partial.join("tree"), &tree)?;
    fs::remove_dir_all(&partial)?;
    Ok(tree)
}

fn download(folder: &Path, packages: &[&str]) -> Result<()> {
    for part in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(folder.join(part))?;
    }
    eprintln!("downloading the peers: {}", packages.join(" "));
    // A source that can't be reached need not be one that the peers come from.
    let update = run(apt_get(folder).arg("update"));
    run(apt_get(folder)
        .args(["install", "--download-only", "--reinstall", "--no-install-recommends", "--yes"])
        .args(packages))
    .context(
        update.map_or_else(|error| format!("{error:#}"), |_| "cannot download the peers".into()),
    )?;
    Ok(())
}

fn apt_get(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
    for (key, value) in [
        ("Dir::State::Lists", folder.join("lists")),
        ("Dir::Cache", folder.to_owned()),
        ("Dir::Cache::Archives", folder.join("archives")),
        ("Acquire::Languages", "none".into()),
        // Nothing of the system is written: no lock of its is needed, nor its user for downloads.
        ("Debug::NoLocking", "true".into()),
        ("APT::Sandbox::User", "root".into()),
    ] {
        command.arg("-o").arg(format!("{key}={}", value.display()));
    }
    command
}

fn unpack(folder: &Path, tree: &Path, at_least: usize) -> Result<()> {
    fs::create_dir(tree)?;
    let mut count = 0;
    for entry in fs::read_dir(folder.join("archives"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg-deb").arg("--extract").arg(&path).arg(tree))?;
            count += 1;
        }
    }
    ensure!(count >= at_least, "apt-get downloaded only {count} packages");
    // /lib and the like are links into /usr by now, but some packages still use the old paths.
    for old in ["bin", "sbin", "lib", "lib64"].map(|name| tree.join(name)) {
        if old.exists() {
            run(Command::new("cp")
                .args(["--archive", "--update"])
                .arg(&old)
                .arg(tree.join("usr")))?;
        }
    }
    Ok(())
}
