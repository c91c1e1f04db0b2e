//! The servers, and a mailbox of its own for each run: the same letters by links, so that no copy is colder than another.

use std::any::Any;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use postroad_tests::peers::{Dovecot, DovecotSetup, Needs, Stage};
use postroad_tests::process::free_port;
use postroad_tests::suite::PASSWORD_HASH;

use super::DOVECOT;
use crate::bench::OURS;
use crate::bench::measure::Group;
use crate::bench::peers::{agent, config, loopback};

/// Whose Dovecot's mailboxes are: a user of the stage.
const OWNER: &str = "alice";
/// Users there may be: one for each run.
const USERS: usize = 100;

/// A server under measurement; dropping it ends it.
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) imap: SocketAddr,
    pub(super) pop3: SocketAddr,
    /// What ends when this does; before its group, which must be empty to go.
    _running: Box<dyn Any>,
    pub(super) group: Group,
    /// Where its users' mailboxes are.
    mail: PathBuf,
    below: &'static str,
    owner: Option<u32>,
}

impl Server {
    /// The user's inbox.
    pub(super) fn inbox(&self, user: &str) -> PathBuf {
        self.mail.join(user).join(self.below)
    }

    /// Gives a user the letters.
    pub(super) fn copy(&self, master: &Path, user: &str) -> anyhow::Result<()> {
        let inbox = self.inbox(user);
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(inbox.join(part)).context("cannot make a Maildir")?;
        }
        for letter in fs::read_dir(master)? {
            let letter = letter?;
            fs::hard_link(letter.path(), inbox.join("cur").join(letter.file_name()))?;
        }
        if let Some(owner) = self.owner {
            for part in ["", "tmp", "new", "cur"] {
                std::os::unix::fs::chown(inbox.join(part), Some(owner), Some(owner))?;
            }
            std::os::unix::fs::chown(self.mail.join(user), Some(owner), Some(owner))?;
        }
        Ok(())
    }

    /// Takes them away.
    pub(super) fn remove(&self, user: &str) -> anyhow::Result<()> {
        fs::remove_dir_all(self.mail.join(user)).context("cannot remove a Maildir")
    }
}

/// Ours, with settings as they ship.
pub(super) fn postroad(folder: &Path) -> anyhow::Result<Server> {
    fs::create_dir_all(folder)?;
    let (imap, pop3) = (loopback(free_port()), loopback(free_port()));
    let more = format!(
        "[maa]\nimap = [\"{imap}\"]\npop3 = [\"{pop3}\"]\nmanagesieve = []\nclear_text_login = \"loopback\"\n"
    );
    let settings = config(folder, loopback(free_port()), &more)?;
    let data = folder.join("data");
    let users: String =
        (0..USERS).map(|number| format!("user{number}:{PASSWORD_HASH}\n")).collect();
    fs::write(data.join("users"), users).context("cannot write the users")?;
    let start = || agent("postroad-maa", &["--config"], &settings, folder, imap);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let (group, running) = Group::around(&format!("access-{name}"), start)?;
    let mail = data.join("mail");
    Ok(Server {
        name: OURS,
        imap,
        pop3,
        mail,
        below: "",
        owner: None,
        _running: Box::new(running),
        group,
    })
}

/// Dovecot on a stage of its own; every name is a user.
pub(super) fn dovecot() -> anyhow::Result<Server> {
    let stage = Stage::set_up(Needs::Servers)?.context("no Dovecot here")?;
    let mail = stage.path("home").join(OWNER);
    let owner = Stage::user(OWNER)?.id;
    let home = mail.display();
    let users = format!(
        "driver = static\n  args = uid={owner} gid={owner} home={home}/%n allow_all_users=yes"
    );
    let setup = DovecotSetup { users, more: String::new() };
    let start = || Dovecot::start_with(&stage, &setup);
    let (group, dovecot) = Group::around(&format!("access-{DOVECOT}"), start)?;
    let (imap, pop3) = (dovecot.imap, dovecot.pop3);
    Ok(Server {
        name: DOVECOT,
        imap,
        pop3,
        mail,
        below: "Maildir",
        owner: Some(owner),
        _running: Box::new((dovecot, stage)),
        group,
    })
}
