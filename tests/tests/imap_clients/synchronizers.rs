//! Programs that keep a copy of a mailbox, and carry changes both ways.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use postroad_tests::imap;
use postroad_tests::peers::{PASSWORD, Security};
use postroad_tests::process::run;

use super::place::{Place, letter};

/// A copy of the mailbox, and the command that brings both together.
pub(super) struct Copy<'a> {
    place: &'a Place,
    program: &'static str,
    settings: PathBuf,
    /// INBOX's.
    pub(super) maildir: PathBuf,
}

impl<'a> Copy<'a> {
    /// mbsync's.
    pub(super) fn mbsync(place: &'a Place, security: Security<'_>) -> Result<Self> {
        let home = place.home("mbsync")?;
        let tls = match security {
            Security::ClearText => "SSLType None".to_owned(),
            Security::Upgrade(ca) => {
                format!("SSLType STARTTLS\nCertificateFile {}", ca.display())
            }
            Security::Implicit(ca) => format!("SSLType IMAPS\nCertificateFile {}", ca.display()),
        };
        let rc = format!(
            "IMAPStore far\nHost localhost\nPort {port}\nUser alice\nPass {PASSWORD}\n{tls}

MaildirStore near\nPath {home}/mail/\nInbox {home}/mail/INBOX\nSubFolders Verbatim

Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nRemove Both\nExpunge Both\nSyncState *\nCopyArrivalDate yes\n",
            port = place.account(security).server.port(),
            home = home.display(),
        );
        fs::create_dir_all(home.join("mail"))?;
        let settings = place.secret("mbsyncrc", &rc)?;
        Ok(Self { place, program: "mbsync", settings, maildir: home.join("mail/INBOX") })
    }

    /// OfflineIMAP's.
    pub(super) fn offlineimap(place: &'a Place, security: Security<'_>) -> Result<Self> {
        let home = place.home("offlineimap")?;
        let tls = match security {
            Security::ClearText => "ssl = no\nstarttls = no\n".to_owned(),
            Security::Upgrade(ca) => {
                format!("ssl = no\nstarttls = yes\nsslcacertfile = {}\n", ca.display())
            }
            Security::Implicit(ca) => format!("ssl = yes\nsslcacertfile = {}\n", ca.display()),
        };
        let rc = format!(
            "[general]\naccounts = all\nmetadata = {home}/state\n
[Account all]\nlocalrepository = near\nremoterepository = far\n
[Repository near]\ntype = Maildir\nlocalfolders = {home}/mail\nsync_deletes = yes\n
[Repository far]\ntype = IMAP\nremotehost = localhost\nremoteport = {port}\nremoteuser = alice\nremotepass = {PASSWORD}\nsync_deletes = yes\n{tls}",
            port = place.account(security).server.port(),
            home = home.display(),
        );
        let settings = place.secret("offlineimaprc", &rc)?;
        Ok(Self { place, program: "offlineimap", settings, maildir: home.join("mail/INBOX") })
    }

    /// Brings both together; gives what the program says of that.
    pub(super) fn run(&self) -> Result<String> {
        let mut command = self.place.stage.command(self.program);
        command.env("HOME", self.place.stage.path(self.program));
        match self.program {
            "mbsync" => command.args(["--verbose", "--all", "--config"]).arg(&self.settings),
            _ => command.args(["-o", "-u", "basic", "-c"]).arg(&self.settings),
        };
        let output = run(&mut command).with_context(|| self.place.maa.log())?;
        let said = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// mbsync asks for COMPRESS wherever it is offered, and gets it.
    pub(super) fn is_deflated(&self) -> Result<()> {
        let mut command = self.place.stage.command(self.program);
        command.env("HOME", self.place.stage.path(self.program));
        command.args(["--debug-net", "--all", "--config"]).arg(&self.settings);
        let output = run(&mut command).with_context(|| self.place.maa.log())?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let (_, behind) = said.split_once("COMPRESS DEFLATE").context("it wasn't asked for")?;
        ensure!(behind.contains("OK DEFLATE is active"), "{said}");
        Ok(())
    }

    /// A further run finds nothing to do, on either side.
    fn rests(&self) -> Result<()> {
        let before = (self.files()?, self.place.counts()?);
        let said = self.run()?;
        let after = (self.files()?, self.place.counts()?);
        ensure!(before == after, "{before:?} became {after:?}: {said}");
        Ok(())
    }

    /// Letters of the copy of INBOX by their number, and their files.
    pub(super) fn files(&self) -> Result<BTreeMap<String, PathBuf>> {
        let mut files = BTreeMap::new();
        for folder in ["new", "cur"] {
            for entry in fs::read_dir(self.maildir.join(folder))? {
                let path = entry?.path();
                let text = fs::read_to_string(&path)?;
                let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
                files.insert(subject.context("a letter without a subject")?.to_owned(), path);
            }
        }
        Ok(files)
    }

    /// The same letters and flags here as there.
    pub(super) fn mirrors(&self) -> Result<()> {
        let near: Vec<String> =
            self.files()?.iter().map(|(subject, path)| described(subject, path)).collect();
        let near: Vec<&str> = near.iter().map(String::as_str).collect();
        self.place.expect("INBOX", &near)
    }
}

impl Copy<'_> {
    /// Copies all; changes both sides, and each change comes to the other.
    pub(super) fn cycle(&self) -> Result<()> {
        self.run()?;
        self.mirrors()?;
        self.rests()?;

        let files = self.files()?;
        let file = |number: usize| {
            files.get(&format!("letter {number}")).with_context(|| format!("no letter {number}"))
        };
        set_flags(file(1)?, "S")?;
        set_flags(file(2)?, "FS")?;
        fs::remove_file(file(3)?)?;
        set_flags(file(4)?, "ST")?;
        let text = letter(7).replace("\r\n", "\n");
        fs::write(self.maildir.join("cur/1796000000.M7P1Q1.near:2,RS"), text)?;
        let mut far = imap::Client::log_in(self.place.site.imap, "alice", PASSWORD)?;
        far.command("SELECT INBOX")?;
        far.command("UID STORE 5 +FLAGS (\\Answered)")?;
        far.command("UID STORE 6 +FLAGS.SILENT (\\Deleted)")?;
        far.command("EXPUNGE")?;
        far.append("INBOX", "\\Flagged", &letter(8))?;

        self.run()?;
        // OfflineIMAP leaves what is marked to others.
        let marked = (self.program == "offlineimap").then_some("letter 4 \\Deleted \\Seen");
        let held: Vec<&str> = ["letter 1 \\Seen", "letter 2 \\Flagged \\Seen"]
            .into_iter()
            .chain(marked)
            .chain(["letter 5 \\Answered", "letter 7 \\Answered \\Seen", "letter 8 \\Flagged"])
            .collect();
        self.place.expect("INBOX", &held)?;
        self.mirrors()?;
        self.rests()
    }

    /// A mailbox that is made here, there, and one that is gone; names that aren't ASCII.
    pub(super) fn folders(&self) -> Result<()> {
        let mut far = imap::Client::log_in(self.place.site.imap, "alice", PASSWORD)?;
        far.command("CREATE \"Entw&APw-rfe\"")?;
        far.append("\"Entw&APw-rfe\"", "\\Draft", &letter(9))?;
        let near = self.maildir.with_file_name("Near");
        for folder in ["tmp", "new", "cur"] {
            fs::create_dir_all(near.join(folder))?;
        }
        fs::write(near.join("new/1796000000.M9P1Q1.near"), letter(10).replace("\r\n", "\n"))?;
        self.run()?;
        self.place.expect("Near", &["letter 10"])?;
        let drafts = self.maildir.with_file_name("Entw&APw-rfe");
        let drafts = [fs::read_dir(drafts.join("new"))?, fs::read_dir(drafts.join("cur"))?];
        ensure!(drafts.into_iter().flatten().count() == 1, "{} has not fetched all", self.program);
        self.rests()
    }
}

/// Renames a file as a program does that sets flags.
pub(super) fn set_flags(path: &Path, flags: &str) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).context("a name")?;
    let name = name.split_once(":2,").map_or(name, |(name, _)| name);
    let folder = path.parent().and_then(Path::parent).context("a folder")?;
    fs::rename(path, folder.join("cur").join(format!("{name}:2,{flags}")))?;
    Ok(())
}

/// As [`Place::holds`] has it.
fn described(subject: &str, path: &Path) -> String {
    let name = path.display().to_string();
    let letters = name.rsplit_once(":2,").map_or("", |(_, letters)| letters);
    let flags = [
        ('R', "\\Answered"),
        ('T', "\\Deleted"),
        ('D', "\\Draft"),
        ('F', "\\Flagged"),
        ('S', "\\Seen"),
    ];
    flags
        .iter()
        .filter(|(letter, _)| letters.contains(*letter))
        .fold(subject.to_owned(), |described, (_, flag)| described + " " + flag)
}
