//! A host with a mailbox for each kind of trouble, and what keeps the trouble up until it is mended.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use postroad_tests::hang::Hang;
use postroad_tests::mbox;
use postroad_tests::peers::{MAIL_GROUP, Needs, Packages, Stage, User};
use postroad_tests::process::{Ending, Process, listens, run, until};
use postroad_tests::suite::{Settings, Site, new_mail};
use postroad_tests::volume::Volume;
use rustix::process::{Pid, Signal, kill_process};

use crate::lines;

/// The domain of all addresses.
pub(crate) const DOMAIN: &str = "our.test";

/// Who gets a letter, each into another trouble; and who sent them, and so gets those that come back.
const PEOPLE: &[&str] =
    &["sender", "fine", "refuses", "full", "quota", "locked", "broken", "panic", "slow", "killed"];

/// The first of their user ids.
const FIRST_ID: u32 = 64_301;

/// Room for an inbox, and no more than it takes a moment to fill.
const MEBIBYTES: u64 = 16;

/// Our program, as transfer agents call it. For one user the system has no random octets, which is a panic in Rust's
/// own library: a real one, in a program that is as it is shipped.
const PROGRAM: &str = r#"#!/bin/sh
if [ -e @NO_RANDOM_OCTETS@ ]; then
    case " $* $USER $LOGNAME " in
    *panic*)
        exec strace -f -qqq -o /dev/null -e trace=getrandom -e inject=getrandom:error=EIO /mnt/postroad-mda "$@" ;;
    esac
fi
exec /mnt/postroad-mda "$@"
"#;

/// The file that says so, as long as it is there.
const NO_RANDOM_OCTETS: &str = "no-random-octets";

/// A letter that says of itself that it is as large as all letters of one user may be.
const OLD_LETTER: &str = "Maildir/cur/1.a.host,S=16384:2,S";

/// What the mailboxes are, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mailboxes {
    /// Maildirs, each its user's: users of the host.
    Theirs,
    /// Files in `/var/mail`, each its user's.
    TheirFiles,
    /// Maildirs, all the delivery agent's: users of ours.
    Agents,
}

/// What Postfix lets a mailbox file grow to where it is told so.
pub(crate) const FILE_OCTETS_MAX: usize = 65_536;

/// The user that our LMTP server runs as, as by its systemd unit.
const AGENT: &str = "postroad-mail";

/// All of it. Fields are dropped in this order.
pub(crate) struct Host {
    slow: Option<Hang>,
    killed: Option<Hang>,
    server: Option<Process>,
    pub(crate) site: Site,
    pub(crate) stage: Stage,
    volume: Volume,
    tools: Stage,
    mailboxes: Mailboxes,
}

impl Host {
    /// With these packages; `None` where this machine can't have it.
    pub(crate) fn set_up(packages: Packages, mailboxes: Mailboxes) -> Result<Option<Self>> {
        let Some(tools) = Stage::set_up(Needs::Servers)? else { return Ok(None) };
        let Some(stage) = Stage::set_up_with(Needs::Servers, packages)? else {
            return Ok(None);
        };
        let Some(volume) = Volume::ext4(MEBIBYTES)? else { return Ok(None) };
        let home = stage.path("home");
        let mda = format!(
            "maildir = \"{home}/{{user}}/Maildir\"\nsieve = \"{home}/{{user}}/.postroad.sieve\"\n\
             delivery_time_max = \"3s\"\n",
            home = home.display()
        );
        let tables = "[mda.quota]\nstorage = \"16KiB\"\nwarn_at = []\n".into();
        let site = Site::new(&Settings { mda, tables, ..Settings::default() })?;
        let users = fs::read_to_string(site.path("users"))?;
        let hash = users.lines().find_map(|line| line.strip_prefix("alice:")).context("alice")?;
        let users: Vec<String> = PEOPLE.iter().map(|name| format!("{name}:{hash}\n")).collect();
        fs::write(site.path("users"), users.concat())?;
        stage.write("etc/postroad/postroad.toml", &fs::read_to_string(site.config())?)?;
        let flag = stage.path(NO_RANDOM_OCTETS).display().to_string();
        let program = PROGRAM.replace("@NO_RANDOM_OCTETS@", &flag);
        let program = stage.write("usr/bin/postroad-mda", &program)?;
        fs::set_permissions(program, Permissions::from_mode(0o755))?;

        for (name, id) in PEOPLE.iter().zip(FIRST_ID..) {
            stage.add_person(&User { name, id })?;
        }
        let mut host =
            Self { slow: None, killed: None, server: None, site, stage, volume, tools, mailboxes };
        match mailboxes {
            Mailboxes::Theirs | Mailboxes::Agents => host.make_maildirs()?,
            Mailboxes::TheirFiles => host.make_files()?,
        }
        host.stage.stand_on(&host.volume);
        host.write_rules()?;
        host.make_trouble()?;
        Ok(Some(host))
    }

    /// A path in somebody's home, as the test sees it.
    fn home(&self, user: &str, name: &str) -> PathBuf {
        match (user, self.mailboxes) {
            ("full", Mailboxes::Theirs | Mailboxes::Agents) => self.volume.path("full").join(name),
            _ => self.stage.path("home").join(user).join(name),
        }
    }

    /// A user's file in `/var/mail`, as the test sees it.
    fn file(&self, user: &str) -> PathBuf {
        match user {
            "full" => self.volume.path("full"),
            _ => self.stage.path("mail").join(user),
        }
    }

    /// All people, and whose what is theirs is.
    fn owners(&self) -> Result<Vec<(&'static str, u32)>> {
        let agent = Stage::user(AGENT)?.id;
        let owner = |id| if self.mailboxes == Mailboxes::Agents { agent } else { id };
        Ok(PEOPLE.iter().zip(FIRST_ID..).map(|(user, id)| (*user, owner(id))).collect())
    }

    fn make_maildirs(&self) -> Result<()> {
        fs::create_dir(self.volume.path("full"))?;
        self.volume.mount_at("full", &self.stage.path("home/full"))?;
        for (user, id) in self.owners()? {
            let own = |name: &str| chown(self.home(user, name), Some(id), Some(id));
            for folder in ["", "Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
                fs::create_dir_all(self.home(user, folder))?;
                own(folder)?;
            }
            if user == "quota" {
                fs::write(self.home(user, OLD_LETTER), "old")?;
                own(OLD_LETTER)?;
            }
        }
        Ok(())
    }

    /// As the admin is told to.
    fn make_files(&self) -> Result<()> {
        let lines = lines::of(self, "mbox.md", "sh mailboxes")?;
        let lines = lines.replace("alice bob", &PEOPLE.join(" "));
        run(self.stage.command("sh").args(["-e", "-c", &lines]))?;
        // One of them is on the volume.
        let (_, id) = *self.owners()?.iter().find(|(user, _)| *user == "full").context("full")?;
        fs::write(self.file("full"), "")?;
        chown(self.file("full"), Some(id), Some(MAIL_GROUP))?;
        self.volume.mount_at("full", &self.stage.path("mail/full"))?;
        // What it begins with is no letter.
        fs::write(self.file("quota"), "x".repeat(FILE_OCTETS_MAX - 99))?;
        Ok(())
    }

    fn write_rules(&self) -> Result<()> {
        for (user, id) in self.owners()? {
            let script = match user {
                "refuses" => "require \"reject\";\nreject \"Write to Bob instead.\";\n",
                "broken" => "fileint \"Lists\";\n",
                _ => continue,
            };
            let path = self.home(user, ".postroad.sieve");
            fs::write(&path, script)?;
            chown(path, Some(id), Some(id))?;
        }
        Ok(())
    }

    /// What a delivery to a user opens, to write there.
    fn written(&self, user: &str) -> PathBuf {
        match self.mailboxes {
            Mailboxes::TheirFiles => self.file(user),
            Mailboxes::Theirs | Mailboxes::Agents => self.home(user, "Maildir/tmp"),
        }
    }

    fn make_trouble(&mut self) -> Result<()> {
        self.volume.fill(0)?;
        let mode = if self.mailboxes == Mailboxes::TheirFiles { 0o400 } else { 0o500 };
        fs::set_permissions(self.written("locked"), Permissions::from_mode(mode))?;
        self.stage.write(NO_RANDOM_OCTETS, "")?;
        let hang = |user: &str| Hang::start(&self.tools, user, &[&self.written(user)]).map(Some);
        (self.slow, self.killed) = (hang("slow")?, hang("killed")?);
        Ok(())
    }

    /// Ends all trouble.
    pub(crate) fn mend(&mut self) -> Result<()> {
        self.volume.make_room()?;
        fs::set_permissions(self.written("locked"), Permissions::from_mode(0o700))?;
        fs::remove_file(self.stage.path(NO_RANDOM_OCTETS))?;
        match self.mailboxes {
            Mailboxes::TheirFiles => fs::write(self.file("quota"), "")?,
            // As by a program that knows nothing of quotas: what was counted counts no more.
            Mailboxes::Theirs | Mailboxes::Agents => {
                fs::remove_file(self.home("quota", OLD_LETTER))?;
                fs::remove_file(self.home("quota", "Maildir/maildirsize"))?;
            }
        }
        (self.slow, self.killed) = (None, None);
        // A server leaves a mailbox that hung alone for a minute; one that was started anew knows of none.
        self.serve_again()
    }

    fn serve_again(&mut self) -> Result<()> {
        match self.server.take() {
            Some(server) => {
                drop(server);
                self.serve()
            }
            None => Ok(()),
        }
    }

    /// Starts our server anew, and has the system give it no thread more until the answer is dropped: tokio panics
    /// then. `None` without a server.
    pub(crate) fn panicking_server(&mut self) -> Result<Option<Process>> {
        self.serve_again()?;
        let Some(server) = &self.server else { return Ok(None) };
        let id = server.id().to_string();
        let mut strace = self.tools.command("strace");
        strace.args(["-f", "-qqq", "-o", "/dev/null", "-p", &id]);
        strace.args(["-e", "trace=clone,clone3", "-e", "inject=clone,clone3:error=EAGAIN"]);
        let strace = Process::spawn("strace", strace, &self.stage.path("log"), Ending::Gentle)?;
        until("strace at all threads", || is_traced(&id).unwrap_or(false))?;
        Ok(Some(strace))
    }

    /// Kills who is in the middle of a delivery for "killed"; whether there was somebody.
    pub(crate) fn kill(&mut self) -> Result<bool> {
        let Some(first) = self.killed.as_ref().and_then(|hang| hang.waited().first().copied())
        else {
            return Ok(false);
        };
        kill_process(Pid::from_raw(first).context("no such process")?, Signal::KILL)
            .context("cannot kill the delivery agent")?;
        self.serve_again()?;
        Ok(true)
    }

    /// Gives all that is ours to the user that our server runs as.
    pub(crate) fn belongs_to_agent(&self) -> Result<()> {
        let postroad = Stage::user(AGENT)?.id.to_string();
        run(std::process::Command::new("chown").arg("-R").arg(&postroad).arg(self.site.path("")))?;
        Ok(())
    }

    /// Starts our LMTP server, and waits until it takes connections.
    pub(crate) fn serve(&mut self) -> Result<()> {
        self.belongs_to_agent()?;
        let mut server =
            self.site.agent_by(self.stage.command_as(AGENT, "env")?, "postroad-mda")?;
        let (lmtp, socket) = (self.site.lmtp, self.site.path("run/lmtp.sock"));
        server.until("listened", || listens(lmtp) && UnixStream::connect(&socket).is_ok())?;
        // Whoever delivers shares a group with us, or is root.
        fs::set_permissions(&socket, Permissions::from_mode(0o666))?;
        self.server = Some(server);
        Ok(())
    }

    /// What our server said.
    pub(crate) fn said(&self) -> String {
        self.server.as_ref().map(Process::log).unwrap_or_default()
    }

    /// What is in a mailbox.
    pub(crate) fn letters(&self, user: &str) -> Result<Vec<String>> {
        if self.mailboxes == Mailboxes::TheirFiles {
            // One that hangs can't be opened; by then it is empty.
            let file = self.file(user);
            let is_empty = fs::metadata(&file)?.len() == 0;
            return if is_empty { Ok(Vec::new()) } else { Ok(mbox::letters(&fs::read(file)?)) };
        }
        let letters = new_mail(&self.home(user, "Maildir"))?;
        Ok(letters.iter().map(|letter| String::from_utf8_lossy(letter).into_owned()).collect())
    }
}

/// Whether all threads of a process are being traced.
fn is_traced(id: &str) -> Result<bool> {
    let mut threads = fs::read_dir(format!("/proc/{id}/task"))?;
    let traced = threads.try_fold(true, |all, thread| {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        Ok::<_, std::io::Error>(all && !status.contains("TracerPid:\t0\n"))
    });
    Ok(traced?)
}
