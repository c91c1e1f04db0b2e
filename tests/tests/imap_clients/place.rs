//! A mailbox with letters, our agents before it, and the stage with the clients.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use postroad_tests::imap;
use postroad_tests::peers::{Account, Needs, PASSWORD, Packages, Security, Stage, feed};
use postroad_tests::process::{Process, run};
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site};

/// Letters that alice has at first: "letter 1" and so on.
pub(super) const LETTERS: usize = 6;

/// alice's mailbox.
pub(super) struct Place {
    pub(super) stage: Stage,
    pub(super) site: Site,
    pub(super) maa: Process,
    _mda: Process,
}

impl Place {
    /// One with [`LETTERS`]; `None` where this machine can't have the clients.
    pub(super) fn set_up() -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Readers)? else {
            return Ok(None);
        };
        let site = Site::new(&Settings::default())?;
        let mda = site.mda()?;
        let maa = site.maa()?;
        let place = Self { stage, site, maa, _mda: mda };
        place.deliver(1..=LETTERS)?;
        Ok(Some(place))
    }

    /// The user's password is kept as keys of SCRAM from now on.
    pub(super) fn give_keys(&self, user: &str) -> Result<()> {
        let mut command = self.site.command("postroad")?;
        feed(command.args(["user", "password", user, "--scram"]), &format!("{PASSWORD}\n"))?;
        run(self.site.command("postroad")?.arg("reload"))?;
        Ok(())
    }

    /// Delivers letters.
    pub(super) fn deliver(&self, numbers: impl IntoIterator<Item = usize>) -> Result<()> {
        let mut client = smtp::Client::connect(self.site.lmtp)?;
        client.expect("LHLO client.test", 250)?;
        for number in numbers {
            let reply = client.message(
                "anna@client.test",
                &["alice@our.test"],
                letter(number).as_bytes(),
            )?;
            ensure!(reply.code == 250, "{reply:?}");
        }
        Ok(())
    }

    /// How to come to the mailbox, by each way: its name, the account, and whose certificates are trusted.
    pub(super) fn account<'a>(&'a self, security: Security<'a>) -> Account<'a> {
        let server = match security {
            Security::ClearText | Security::Upgrade(_) => self.site.imap,
            Security::Implicit(_) => self.site.imaps,
        };
        Account { server, security, user: "alice" }
    }

    /// The authority that has signed the server's certificate.
    pub(super) fn ca(&self) -> &Path {
        &self.site.certificates.ca
    }

    /// What a mailbox holds, as a plain client of our own sees it: "SUBJECT FLAGS" for each letter, sorted.
    pub(super) fn holds(&self, mailbox: &str) -> Result<Vec<String>> {
        let mut client = imap::Client::log_in(self.site.imap, "alice", PASSWORD)?;
        client.command(&format!("EXAMINE {mailbox}"))?;
        let lines = client.command("UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")?;
        let mut letters: Vec<String> =
            lines.iter().map(|line| described(line)).collect::<Result<_>>()?;
        letters.sort();
        Ok(letters)
    }

    /// Numbers of INBOX that change with each letter and flag.
    pub(super) fn counts(&self) -> Result<Vec<String>> {
        imap::Client::log_in(self.site.imap, "alice", PASSWORD)?
            .command("STATUS INBOX (MESSAGES UIDNEXT HIGHESTMODSEQ)")
    }

    /// Says what is wrong where a mailbox doesn't hold these letters.
    pub(super) fn expect(&self, mailbox: &str, letters: &[&str]) -> Result<()> {
        let found = self.holds(mailbox).with_context(|| self.maa.log())?;
        ensure!(
            found == letters,
            "{mailbox} holds {found:?}, not {letters:?}:\n{}",
            self.maa.log()
        );
        Ok(())
    }

    /// A new folder on the stage, which is the client's home.
    pub(super) fn home(&self, name: &str) -> Result<std::path::PathBuf> {
        let home = self.stage.path(name);
        fs::create_dir_all(&home)?;
        Ok(home)
    }

    /// A client's settings, which hold a password.
    pub(super) fn secret(&self, name: &str, text: &str) -> Result<std::path::PathBuf> {
        let path = self.stage.write(name, text)?;
        self.stage.lock_away(&path)?;
        Ok(path)
    }
}

/// A letter as it is delivered.
pub(super) fn letter(number: usize) -> String {
    format!(
        "Subject: letter {number}\r\nFrom: Anna <anna@client.test>\r\nTo: alice@our.test\r\n\
         Date: Sun, 29 Nov 2026 12:{:02}:00 +0000\r\nMessage-ID: <{number}@client.test>\r\n\r\n\
         this is {number}\r\n",
        number % 60
    )
}

/// A letter of which FETCH has told flags and subject.
pub(super) fn described(line: &str) -> Result<String> {
    let between = |begin: &str, end: &str| {
        let (_, rest) = line.split_once(begin)?;
        Some(rest.split_once(end)?.0.to_owned())
    };
    let flags = between("FLAGS (", ")").with_context(|| line.to_owned())?;
    let subject = between("Subject: ", "\r\n").with_context(|| line.to_owned())?;
    let mut flags: Vec<&str> = flags.split(' ').filter(|flag| *flag != "\\Recent").collect();
    flags.sort_unstable();
    Ok([subject.as_str()].into_iter().chain(flags).collect::<Vec<_>>().join(" ").trim().to_owned())
}

/// Clear text, STARTTLS, and TLS from the first octet.
pub(super) fn ways(ca: &Path) -> [Security<'_>; 3] {
    [Security::ClearText, Security::Upgrade(ca), Security::Implicit(ca)]
}
