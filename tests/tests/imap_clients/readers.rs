//! Programs that a person reads mail with, or a script.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use postroad_tests::imap;
use postroad_tests::peers::{PASSWORD, Security, feed, getmail_destination, on_terminal};
use postroad_tests::process::run;

use super::place::{LETTERS, Place, letter};

/// What INBOX holds after [`by_keys`].
const INBOX: &[&str] = &["letter 1 \\Seen", "letter 2 \\Flagged", "letter 5", "letter 6"];

impl Place {
    /// Python's imaplib, and what it doesn't know; COMPRESS is one of the `also`.
    pub(super) fn imaplib(&self, security: Security<'_>, also: &[&str]) -> Result<()> {
        let mut command = self.stage.python("imap_cycle.py");
        command.args(also);
        match security {
            Security::ClearText => {}
            Security::Upgrade(ca) => {
                command.args(["--tls", "starttls", "--ca"]).arg(ca);
            }
            Security::Implicit(ca) => {
                command.args(["--tls", "implicit", "--ca"]).arg(ca);
            }
        }
        let port = self.account(security).server.port().to_string();
        run(command.args(["localhost", &port, "alice", PASSWORD]))
            .with_context(|| self.maa.log())?;
        self.expect("INBOX", INBOX)?;
        self.expect("Archive", &["letter 3", "letter 5"])?;
        self.expect("\"Entw&APw-rfe &- &ANw-briges.&ZeVnLA-\"", &["letter 7 \\Draft \\Seen"])
    }

    /// mutt, by keys; and a letter of its own, whose copy it keeps in Sent.
    pub(super) fn mutt(&self, security: Security<'_>) -> Result<()> {
        self.by_keys("mutt", security)?;
        let home = self.home("mutt")?;
        let rc = self.mutt_settings(&home, security) + "set record=\"=Sent\"\nset copy=yes\n";
        let rc = self.secret("muttrc-sends", &rc)?;
        let mut command = self.stage.command("mutt");
        command.env("HOME", &home).arg("-F").arg(&rc);
        feed(command.args(["-s", "letter 7", "bob@client.test"]), "Über alles\n")
            .with_context(|| self.maa.log())?;
        self.expect("Sent", &["letter 7 \\Seen"])
    }

    /// NeoMutt, by keys; and a letter of a local mailbox, which it copies into Sent. (It keeps no copy there of what it
    /// sends without a screen, and makes no mailbox for what comes from another place.)
    pub(super) fn neomutt(&self, security: Security<'_>) -> Result<()> {
        self.by_keys("neomutt", security)?;
        imap::Client::log_in(self.site.imap, "alice", PASSWORD)?.command("CREATE Sent")?;
        let local = self.home("neomutt/local")?;
        for folder in ["tmp", "new", "cur"] {
            fs::create_dir(local.join(folder))?;
        }
        fs::write(local.join("cur/1796000000.M7P1Q1.x:2,S"), letter(7).replace("\r\n", "\n"))?;
        let keys = "push \"<copy-message><kill-line>=Sent<enter><quit>\"\n";
        self.on_screen("neomutt", security, &local.display().to_string(), keys)?;
        self.expect("Sent", &["letter 7 \\Seen"])
    }

    /// mutt flags a letter, by keys.
    pub(super) fn mutt_flags(&self, number: usize) -> Result<()> {
        let security = Security::Implicit(self.ca());
        let inbox = format!("{}/INBOX", url(self, security));
        let keys = format!(
            "push \"<limit>~s letter.{number}<enter><flag-message><limit>~A<enter><sync-mailbox><quit>\"\n"
        );
        self.on_screen("mutt", security, &inbox, &keys)
    }

    /// aerc, by the commands that a person types into it.
    pub(super) fn aerc(&self) -> Result<()> {
        let home = self.home("aerc")?;
        let mut command = self.stage.python("aerc.py");
        command.arg(&home);
        command.args([self.site.imaps, self.site.imap].map(|at| at.port().to_string()));
        command.arg(self.ca()).args(["alice", PASSWORD]);
        run(&mut command).with_context(|| self.maa.log())?;
        self.expect("INBOX", INBOX)?;
        self.expect("Archive", &["letter 3", "letter 5"])
    }

    fn by_keys(&self, program: &str, security: Security<'_>) -> Result<()> {
        let inbox = format!("{}/INBOX", url(self, security));
        self.on_screen(program, security, &inbox, &by_keys())?;
        self.expect("INBOX", INBOX)?;
        self.expect("Archive", &["letter 3", "letter 5"])
    }

    /// Has a program of mutt's kind open a mailbox, and press keys.
    fn on_screen(
        &self,
        program: &str,
        security: Security<'_>,
        mailbox: &str,
        keys: &str,
    ) -> Result<()> {
        let home = self.home(program)?;
        let rc = self.mutt_settings(&home, security) + keys;
        let rc = self.secret(&format!("{program}rc"), &rc)?;
        // One that asks a person instead is an error.
        let program = format!(
            "timeout --foreground --kill-after=5 50 {program} -F {} -f {mailbox}",
            rc.display()
        );
        let mut command = self.stage.command("script");
        on_terminal(command.env("HOME", &home), &program).with_context(|| self.maa.log())
    }

    fn mutt_settings(&self, home: &Path, security: Security<'_>) -> String {
        let tls = match security {
            Security::ClearText => "set ssl_starttls=no\nset ssl_force_tls=no\n".to_owned(),
            Security::Upgrade(ca) | Security::Implicit(ca) => {
                format!("set ssl_force_tls=yes\nset certificate_file=\"{}\"\n", ca.display())
            }
        };
        format!(
            "set imap_user=\"alice\"\nset imap_pass=\"{PASSWORD}\"\nset folder=\"{url}\"\nset from=\"alice@our.test\"
set confirmcreate=no\nset confirmappend=no\nset quit=yes\nset wait_key=no\nset move=no\nset delete=yes\nset record=\"\"
set sleep_time=0\nset mark_old=no\nset sendmail=\"/bin/true\"\nset tmpdir=\"{home}\"\n{tls}",
            url = url(self, security),
            home = home.display(),
        )
    }

    /// curl lists, reads, flags and stores.
    pub(super) fn curl(&self, security: Security<'_>) -> Result<()> {
        let curl = |path: &str, arguments: &[&str]| {
            let mut command = self.stage.command("curl");
            command.args(["--silent", "--show-error", "--user", &format!("alice:{PASSWORD}")]);
            match security {
                Security::ClearText => {}
                Security::Upgrade(ca) | Security::Implicit(ca) => {
                    command.arg("--ssl-reqd").arg("--cacert").arg(ca);
                }
            }
            command.args(arguments).arg(format!("{}/{path}", url(self, security)));
            let output = run(&mut command).with_context(|| self.maa.log())?;
            anyhow::Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        ensure!(curl("", &[])?.contains("INBOX"));
        for (path, end) in [
            ("INBOX;MAILINDEX=1", "\r\n\r\nthis is 1\r\n"),
            ("INBOX;UID=3;SECTION=TEXT", "this is 3\r\n"),
            ("INBOX;UID=4;SECTION=HEADER.FIELDS%20(SUBJECT)", "Subject: letter 4\r\n\r\n"),
        ] {
            let came = curl(path, &[])?;
            ensure!(came.ends_with(end), "{path}: {came:?}");
        }
        curl("INBOX", &["--request", "STORE 2 +FLAGS (\\Flagged)"])?;
        curl("INBOX", &["--request", "CREATE Archive"])?;
        curl("INBOX", &["--request", "MOVE 3:4 Archive"])?;
        let file = self.stage.write("letter", "Subject: letter 7\r\n\r\nBody\r\n")?;
        curl("Archive", &["--upload-file", &file.display().to_string()])?;
        // It reads what marks a letter as read, a header, too.
        self.expect("INBOX", &["letter 1 \\Seen", "letter 2 \\Flagged", "letter 5", "letter 6"])?;
        self.expect("Archive", &["letter 3 \\Seen", "letter 4 \\Seen", "letter 7 \\Seen"])
    }

    /// fetchmail takes all letters away, by IMAP or POP3.
    pub(super) fn fetchmail(&self, protocol: &str, security: Security<'_>) -> Result<()> {
        let home = self.home("fetchmail")?;
        let letters = self.home("fetchmail/letters")?;
        let tls = match security {
            Security::ClearText => "sslproto ''".to_owned(),
            Security::Upgrade(ca) => {
                format!("sslproto 'tls1.2+' sslcertck sslcertfile '{}'", ca.display())
            }
            Security::Implicit(ca) => format!("ssl sslcertck sslcertfile '{}'", ca.display()),
        };
        let server = match (protocol, security) {
            ("POP3", Security::Implicit(_)) => self.site.pop3s,
            ("POP3", _) => self.site.pop3,
            _ => self.account(security).server,
        };
        let rc = format!(
            "poll localhost protocol {protocol} port {} user 'alice' password '{PASSWORD}' {tls} nokeep fetchall no rewrite\n  mda \"sh -c 'cat > {}/$$'\"\n",
            server.port(),
            letters.display(),
        );
        let rc = self.secret("fetchmailrc", &rc)?;
        let mut command = self.stage.command("fetchmail");
        run(command.env("FETCHMAILHOME", &home).arg("-f").arg(&rc).arg("--nosyslog"))
            .with_context(|| self.maa.log())?;
        self.took_all(&letters)
    }

    /// getmail takes all letters, and puts them into Archive.
    pub(super) fn getmail(&self, security: Security<'_>) -> Result<()> {
        imap::Client::log_in(self.site.imap, "alice", PASSWORD)?.command("CREATE Archive")?;
        let home = self.home("getmail")?;
        let letters = self.home("getmail/letters")?;
        let (kind, tls) = match security {
            Security::ClearText => ("SimpleIMAPRetriever", String::new()),
            Security::Upgrade(ca) | Security::Implicit(ca) => {
                ("SimpleIMAPSSLRetriever", format!("ca_certs = {}\n", ca.display()))
            }
        };
        let rc = format!(
            "[retriever]\ntype = {kind}\nserver = localhost\nport = {}\nusername = alice\npassword = {PASSWORD}\nmailboxes = (\"INBOX\",)\nmove_on_delete = Archive\n{tls}
{}[options]\nverbose = 0\nreceived = false\ndelivered_to = false\ndelete = true\n",
            self.account(security).server.port(),
            getmail_destination(&letters),
        );
        let rc = self.secret("getmailrc", &rc)?;
        let mut command = self.stage.command("getmail");
        run(command.arg("--getmaildir").arg(&home).arg("--rcfile").arg(&rc))
            .with_context(|| self.maa.log())?;
        self.took_all(&letters)
    }

    /// Whether the files in a folder are alice's letters, and none is left in INBOX.
    fn took_all(&self, folder: &Path) -> Result<()> {
        let mut letters: Vec<String> = fs::read_dir(folder)?
            .map(|entry| Ok(fs::read_to_string(entry?.path())?.replace("\r\n", "\n")))
            .map(|letter: Result<String>| {
                Ok(letter?.lines().last().context("an empty letter")?.to_owned())
            })
            .collect::<Result<_>>()?;
        letters.sort();
        let all: Vec<String> = (1..=LETTERS).map(|number| format!("this is {number}")).collect();
        ensure!(letters == all, "{letters:?} came:\n{}", self.maa.log());
        self.expect("INBOX", &[])
    }
}

/// Reads 1, flags 2, moves 3, copies 5 and deletes 4.
fn by_keys() -> String {
    // Without a space within: that would end the pattern.
    let only = |number: usize| format!("<limit>~s letter.{number}<enter>");
    let keys = [
        (1, "<display-message><exit>"),
        (2, "<flag-message>"),
        (3, "<save-message><kill-line>=Archive<enter>"),
        (5, "<copy-message><kill-line>=Archive<enter>"),
        (4, "<delete-message>"),
    ]
    .map(|(number, keys)| only(number) + keys)
    .concat();
    format!("push \"{keys}<limit>~A<enter><sync-mailbox><quit>\"\n")
}

fn url(place: &Place, security: Security<'_>) -> String {
    let scheme = match security {
        Security::ClearText | Security::Upgrade(_) => "imap",
        Security::Implicit(_) => "imaps",
    };
    format!("{scheme}://localhost:{}", place.account(security).server.port())
}
