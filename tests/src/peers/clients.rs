//! Programs that send and read mail, run to their end.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};

use super::{PASSWORD, Stage};
use crate::process::{outcome, run};

/// How a client secures its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security<'a> {
    /// Not at all.
    ClearText,
    /// STARTTLS or STLS, trusting this authority alone.
    Upgrade(&'a Path),
    /// TLS from the first octet, trusting this authority alone.
    Implicit(&'a Path),
}

/// A server and a login.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Where the server listens.
    pub server: SocketAddr,
    /// How to connect.
    pub security: Security<'a>,
    /// The user; the password is [`PASSWORD`].
    pub user: &'a str,
}

impl Stage {
    /// swaks sends one letter; the flags are its own.
    ///
    /// # Errors
    ///
    /// When it can't be started.
    pub fn swaks(
        &self,
        server: SocketAddr,
        from: &str,
        to: &str,
        flags: &[&str],
    ) -> Result<Output> {
        outcome(
            self.command("swaks")
                .args([
                    "--server",
                    &server.to_string(),
                    "--from",
                    from,
                    "--to",
                    to,
                    "--helo",
                    "client.test",
                ])
                .args(flags),
        )
    }

    /// Python's smtplib sends files as they are, in one session, with a login where there is a user.
    ///
    /// # Errors
    ///
    /// When any is refused.
    pub fn smtplib(
        &self,
        account: &Account<'_>,
        from: &str,
        to: &str,
        files: &[PathBuf],
    ) -> Result<()> {
        let mut command = self.python("send.py");
        add_security(&mut command, account.security, "starttls");
        if !account.user.is_empty() {
            command.args(["--user", account.user, "--password", PASSWORD]);
        }
        command.arg(account.server.ip().to_string()).arg(account.server.port().to_string());
        run(command.args([from, to]).args(files))?;
        Ok(())
    }

    /// Python's poplib fetches a mailbox: message n is element n - 1.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub fn poplib(&self, account: &Account<'_>) -> Result<Vec<Vec<u8>>> {
        let folder = tempfile::tempdir_in(self.path(""))?;
        let mut command = self.python("fetch.py");
        add_security(&mut command, account.security, "stls");
        command.arg(account.server.ip().to_string()).arg(account.server.port().to_string());
        let uidls = run(command.args([account.user, PASSWORD]).arg(folder.path()))?;
        let count = String::from_utf8_lossy(&uidls.stdout).lines().count();
        (1..=count)
            .map(|number| Ok(fs::read(folder.path().join(format!("{number}.eml")))?))
            .collect()
    }

    /// Debian's Python with one of the scripts in `tests/python`.
    #[must_use]
    pub fn python(&self, script: &str) -> Command {
        let mut command = self.command("/usr/bin/python3");
        command.arg(python_script(script));
        command
    }

    /// msmtp submits a letter.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub fn msmtp(&self, account: &Account<'_>, from: &str, to: &str, letter: &str) -> Result<()> {
        let tls = match account.security {
            Security::ClearText => "tls off\n".to_owned(),
            Security::Upgrade(ca) => {
                format!("tls on\ntls_starttls on\ntls_trust_file {}\n", ca.display())
            }
            Security::Implicit(ca) => {
                format!("tls on\ntls_starttls off\ntls_trust_file {}\n", ca.display())
            }
        };
        let conf = format!(
            "account default\nhost 127.0.0.1\nport {}\nfrom {from}\nauth plain\nuser {}\npassword {PASSWORD}\n{tls}",
            account.server.port(),
            account.user,
        );
        let path = self.secret("msmtprc", &conf)?;
        feed(self.command("msmtp").arg("--file").arg(&path).args(["--", to]), letter)
    }

    /// fetchmail reads a mailbox and hands each letter to a command; gives their number.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn fetchmail(&self, account: &Account<'_>) -> Result<Vec<Vec<u8>>> {
        let folder = tempfile::tempdir_in(self.path(""))?;
        let letters = self.letters(folder.path())?;
        let tls = match account.security {
            Security::ClearText => "sslproto ''".to_owned(),
            Security::Upgrade(ca) => {
                format!("sslproto 'tls1.2+' sslcertck sslcertfile '{}'", ca.display())
            }
            Security::Implicit(ca) => format!("ssl sslcertck sslcertfile '{}'", ca.display()),
        };
        let rc = format!(
            "poll localhost protocol POP3 port {} uidl user '{}' password '{PASSWORD}' {tls} keep fetchall no rewrite\n  mda \"sh -c 'cat > {}/$$'\"\n",
            account.server.port(),
            account.user,
            letters.display(),
        );
        let path = self.secret("fetchmailrc", &rc)?;
        run(self
            .command("fetchmail")
            .env("FETCHMAILHOME", folder.path())
            .arg("-f")
            .arg(&path)
            .arg("--nosyslog"))?;
        files(&letters)
    }

    /// getmail reads a mailbox into a Maildir.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn getmail(&self, account: &Account<'_>) -> Result<Vec<Vec<u8>>> {
        let folder = tempfile::tempdir_in(self.path(""))?;
        let letters = self.letters(folder.path())?;
        let (kind, tls) = match account.security {
            Security::ClearText => ("SimplePOP3Retriever", String::new()),
            // getmail has no STLS.
            Security::Upgrade(ca) | Security::Implicit(ca) => {
                ("SimplePOP3SSLRetriever", format!("ca_certs = {}\n", ca.display()))
            }
        };
        let rc = format!(
            "[retriever]\ntype = {kind}\nserver = localhost\nport = {}\nusername = {}\npassword = {PASSWORD}\n{tls}
{}[options]\nverbose = 0\nreceived = false\ndelivered_to = false\n",
            account.server.port(),
            account.user,
            getmail_destination(&letters),
        );
        let path = self.secret("getmailrc", &rc)?;
        run(self
            .command("getmail")
            .arg("--getmaildir")
            .arg(folder.path())
            .arg("--rcfile")
            .arg(&path))?;
        files(&letters)
    }

    /// mutt opens a POP3 mailbox and saves every letter into a Maildir, as a person would by keys.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn mutt(&self, account: &Account<'_>) -> Result<Vec<Vec<u8>>> {
        let folder = tempfile::tempdir_in(self.path(""))?;
        let saved = folder.path().join("saved");
        let (scheme, tls) = match account.security {
            Security::ClearText => {
                ("pop", "set ssl_starttls=no\nset ssl_force_tls=no\n".to_owned())
            }
            Security::Upgrade(ca) => (
                "pop",
                format!("set ssl_force_tls=yes\nset certificate_file=\"{}\"\n", ca.display()),
            ),
            Security::Implicit(ca) => {
                ("pops", format!("set certificate_file=\"{}\"\n", ca.display()))
            }
        };
        let rc = format!(
            "set pop_user=\"{user}\"\nset pop_pass=\"{PASSWORD}\"\nset pop_delete=no\nset mbox_type=Maildir\nset confirmcreate=no
set confirmappend=no\nset quit=yes\nset wait_key=no\nset move=no\nset delete=no\nset record=\"\"\nset tmpdir=\"{folder}\"\nset folder=\"{folder}\"\n{tls}
push \"<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{saved}<enter><quit>\"\n",
            user = account.user,
            folder = folder.path().display(),
            saved = saved.display(),
        );
        let path = self.secret("muttrc", &rc)?;
        let mutt =
            format!("mutt -F {} -f {scheme}://localhost:{}", path.display(), account.server.port());
        let mut command = self.command("script");
        on_terminal(command.env("HOME", folder.path()), &mutt)?;
        let mut letters = files(&saved.join("new"))?;
        letters.extend(files(&saved.join("cur"))?);
        Ok(letters)
    }

    /// mutt, as a user of the stage, moves every letter of a mailbox file into another one in the user's home, as a
    /// person would by keys. What comes meanwhile stays.
    ///
    /// # Errors
    ///
    /// When it fails; where there is no letter it does.
    pub fn mutt_saves_all(&self, user: &str, mailbox: &str, saved: &str) -> Result<()> {
        let home = self.path("home").join(user);
        // Where a letter has come since it looked, it says so, and stays until it is asked to quit again.
        let rc = format!(
            "set mbox_type=mbox\nset confirmcreate=no\nset confirmappend=no\nset quit=yes\nset wait_key=no\nset move=no
set delete=yes\nset sleep_time=0\nset record=\"\"\nset tmpdir=\"{home}\"\nset folder=\"{home}\"
push \"<tag-pattern>~A<enter><tag-prefix><save-message><kill-line>{home}/{saved}<enter>{quit}\"\n",
            home = home.display(),
            quit = "<quit>".repeat(50),
        );
        let path = self.write(&format!("home/{user}/muttrc"), &rc)?;
        self.own(&path, user)?;
        // One that asks a person instead is an error; while it has a lock it doesn't hear that it shall end.
        let mutt = format!(
            "timeout --foreground --kill-after=5 50 mutt -z -F {} -f {mailbox}",
            path.display()
        );
        on_terminal(&mut self.command_as(user, "script")?, &mutt)
    }

    /// A folder for a client that hands each letter to `sh -c 'cat > FOLDER/$$'`: a process, hence a file, a letter.
    fn letters(&self, folder: &Path) -> Result<PathBuf> {
        let letters = folder.join("letters");
        fs::create_dir(&letters)?;
        Ok(letters)
    }

    /// A file with a password, as clients demand it: for its reader alone.
    fn secret(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.write(name, text)?;
        self.lock_away(&path)?;
        Ok(path)
    }
}

/// getmail's settings for a folder in which each letter becomes a file.
///
/// It waits in vain for a program that ends before it waits: this one looks whether it sleeps.
#[must_use]
pub fn getmail_destination(letters: &Path) -> String {
    let waits = "until grep -q '^State:.S' /proc/$PPID/status; do :; done";
    format!(
        "[destination]\ntype = MDA_external\npath = /bin/sh\narguments = (\"-c\", \"cat > {}/$$; {waits}\")
allow_root_commands = True\nunixfrom = False\n",
        letters.display()
    )
}

/// A script in `tests/python`.
#[must_use]
pub fn python_script(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/python")).join(name)
}

/// Runs a program that insists on a terminal: `command` is script(1), which has one.
///
/// # Errors
///
/// When it can't be started or fails; what it has shown is in the error.
pub fn on_terminal(command: &mut Command, program: &str) -> Result<()> {
    command.env("TERM", "vt100");
    let output = outcome(command.args(["--quiet", "--return", "--command", program, "/dev/null"]))?;
    ensure!(
        output.status.success(),
        "{program} failed:\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(())
}

fn add_security(command: &mut Command, security: Security<'_>, upgrade: &str) {
    let (how, ca) = match security {
        Security::ClearText => return,
        Security::Upgrade(ca) => (upgrade, ca),
        Security::Implicit(ca) => ("implicit", ca),
    };
    command.args(["--tls", how, "--ca"]).arg(ca);
}

/// Runs a command with `input` on its standard input.
///
/// # Errors
///
/// When it can't be started or fails.
pub fn feed(command: &mut Command, input: &str) -> Result<()> {
    let output = fed(command, input.as_bytes())?;
    ensure!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    Ok(())
}

/// Runs a command with `input` on its standard input, whatever its end is.
///
/// # Errors
///
/// When it can't be started.
pub fn fed(command: &mut Command, input: &[u8]) -> Result<Output> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot run {command:?}"))?;
    // A command that ends without reading all of it has its reasons, which its exit code tells.
    child.stdin.take().context("a pipe was asked for")?.write_all(input).ok();
    child.wait_with_output().with_context(|| format!("cannot wait for {command:?}"))
}

/// The contents of a folder's files, in the order of their names.
fn files(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| Ok(fs::read(path)?)).collect()
}
