//! A test's own view of the system, with the peers in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::process::{Ending, Process};
use crate::suite;
use crate::volume::Volume;

/// Everybody's password on every stage.
pub const PASSWORD: &str = "correct-horse";

/// A system user of a stage, beside those that the system has.
#[derive(Debug, Clone, Copy)]
pub struct User {
    /// The login name.
    pub name: &'static str,
    /// User and group id: above those that Debian gives out.
    pub id: u32,
}

/// The users that receive mail; a test may add more.
const PEOPLE: &[User] = &[User { name: "alice", id: 64_201 }, User { name: "bob", id: 64_202 }];

/// The users that the peers' packages would have made.
const DAEMONS: &[User] = &[
    User { name: "postfix", id: 64_101 },
    User { name: "postdrop", id: 64_102 },
    User { name: "dovecot", id: 64_103 },
    User { name: "dovenull", id: 64_104 },
    User { name: "nsd", id: 64_105 },
    User { name: "postroad", id: 64_106 },
    User { name: "Debian-exim", id: 64_107 },
    User { name: "opensmtpd", id: 64_108 },
    User { name: "opensmtpq", id: 64_109 },
    User { name: "postroad-mail", id: 64_110 },
    User { name: "smmsp", id: 64_111 },
];

/// A folder of the test's own that lies over `/etc` and `/usr` for the peers that it runs.
///
/// Dropping it removes the folder. Processes hold no reference to it: end them first.
#[derive(Debug)]
pub struct Stage {
    folder: TempDir,
    tree: PathBuf,
    /// Whose mounts are seen on it, beside the system's.
    mounts: Option<PathBuf>,
}

/// Debian's group `mail`.
pub const MAIL_GROUP: u32 = 8;

impl Stage {
    pub(super) fn new(tree: PathBuf) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("postroad-stage-").tempdir()?;
        // Peers drop their rights, and must still reach what is theirs.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let stage = Self { folder, tree, mounts: None };
        for name in ["etc", "usr/bin", "usr/sbin", "home", "log", "mail"] {
            fs::create_dir_all(stage.path(name))?;
        }
        stage.write("enter.sh", include_str!("enter.sh"))?;
        if geteuid().is_root() {
            // As Debian has /var/mail.
            chown(stage.path("mail"), None, Some(MAIL_GROUP))?;
            fs::set_permissions(stage.path("mail"), Permissions::from_mode(0o2775))?;
            stage.add_users()?;
        }
        Ok(stage)
    }

    /// Has all that is started from now on see a volume, and what is mounted beside it.
    pub fn stand_on(&mut self, volume: &Volume) {
        self.mounts = Some(volume.mounts());
    }

    /// A path in the stage's folder.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// A path in what the packages hold.
    #[must_use]
    pub fn unpacked(&self, relative: &str) -> PathBuf {
        self.tree.join(relative)
    }

    /// Writes a file into the stage's folder: `etc/…` and `usr/…` are seen as `/etc/…` and `/usr/…` on the stage.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub fn write(&self, relative: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(relative);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Leaves a file to the user that runs the test alone.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn lock_away(&self, path: &Path) -> Result<()> {
        fs::set_permissions(path, Permissions::from_mode(0o600))
            .with_context(|| format!("cannot chmod {}", path.display()))
    }

    /// Makes a user of the stage the owner of a file or folder.
    ///
    /// # Errors
    ///
    /// When there is no such user, or the system refuses.
    pub fn own(&self, path: &Path, user: &str) -> Result<()> {
        let user = Self::user(user)?;
        chown(path, Some(user.id), Some(user.id))
            .with_context(|| format!("cannot chown {}", path.display()))
    }

    /// Leaves a folder, and all in it, to a user by number.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn give(path: &Path, user: u32) -> Result<()> {
        chown(path, Some(user), Some(user))
            .with_context(|| format!("cannot chown {}", path.display()))?;
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                Self::give(&entry?.path(), user)?;
            }
        }
        Ok(())
    }

    /// A user of the stage.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn user(name: &str) -> Result<User> {
        let mut users = PEOPLE.iter().chain(DAEMONS);
        users
            .find(|user| user.name == name)
            .copied()
            .with_context(|| format!("no user {name} on the stage"))
    }

    /// A program on the stage, to run to its end. Its process id is that of the program.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.namespace();
        self.enter(&mut command, program);
        command
    }

    /// A program on the stage that reaches no network but a loopback of its own, which it has to raise first, and may listen
    /// on each port there. All that it starts ends with it.
    #[must_use]
    pub fn alone(&self, program: &str) -> Command {
        let mut command = self.namespace();
        command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        self.enter(&mut command, program);
        command
    }

    /// A program on the stage, run as one of its users.
    ///
    /// # Errors
    ///
    /// When there is no such user.
    pub fn command_as(&self, user: &str, program: &str) -> Result<Command> {
        let id = Self::user(user)?.id;
        let mut command = self.command("setpriv");
        command
            .args([format!("--reuid={id}"), format!("--regid={id}")])
            .args(["--clear-groups", program]);
        command.env("HOME", self.path("home").join(user)).env("USER", user).env("LOGNAME", user);
        Ok(command)
    }

    /// Starts a server on the stage; its log is `log/NAME.log`.
    ///
    /// # Errors
    ///
    /// When it can't be started.
    pub fn serve(&self, name: &str, program: &str, arguments: &[&str]) -> Result<Process> {
        let mut command = self.namespace();
        // Killing the first process of a PID namespace ends all others in it.
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        self.enter(&mut command, program);
        command.args(arguments);
        Process::spawn(name, command, &self.path("log"), Ending::Sudden)
    }

    fn namespace(&self) -> Command {
        let Some(mounts) = &self.mounts else { return namespace() };
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount={}", mounts.display())).args(["unshare", "--mount"]);
        command
    }

    fn enter(&self, command: &mut Command, program: &str) {
        command
            .arg("sh")
            .arg(self.path("enter.sh"))
            .args([&self.tree, self.folder.path(), &suite::binaries_dir()])
            .arg(program)
            // Peers run as in a fresh login: what cargo and the tester's shell set is not for them.
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    }

    fn add_users(&self) -> Result<()> {
        for database in ["etc/passwd", "etc/group"] {
            self.write(database, &fs::read_to_string(Path::new("/").join(database))?)?;
        }
        DAEMONS.iter().try_for_each(|user| self.add_user(user))?;
        PEOPLE.iter().try_for_each(|user| self.add_person(user))
    }

    /// Adds a user that receives mail, with a home.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn add_person(&self, user: &User) -> Result<()> {
        self.add_user(user)?;
        let home = self.path("home").join(user.name);
        fs::create_dir(&home)?;
        chown(&home, Some(user.id), Some(user.id))?;
        Ok(())
    }

    fn add_user(&self, User { name, id }: &User) -> Result<()> {
        let home = self.path("home").join(name);
        let passwd = format!("{name}:x:{id}:{id}:{name}:{}:/bin/sh\n", home.display());
        for (database, line) in [("etc/passwd", passwd), ("etc/group", format!("{name}:x:{id}:\n"))]
        {
            let mut text = fs::read_to_string(self.path(database))?;
            text.retain_lines(name);
            self.write(database, &(text + &line))?;
        }
        Ok(())
    }
}

/// Changes to /etc/passwd and the like.
trait Database {
    /// Removes the line of a name.
    fn retain_lines(&mut self, without: &str);
}

impl Database for String {
    fn retain_lines(&mut self, without: &str) {
        let kept = self.lines().filter(|line| line.split(':').next() != Some(without));
        *self = kept.map(|line| format!("{line}\n")).collect();
    }
}

/// `unshare` with what every stage needs; a command follows.
pub(super) fn namespace() -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !geteuid().is_root() {
        command.args(["--map-current-user", "--keep-caps"]);
    }
    command
}
