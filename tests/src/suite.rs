//! Our own agents, as processes: the whole suite by `postroad up` ([`Up`]), or single agents with
//! settings of the test's own ([`Site`]).

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use crate::process::{Ending, Process, free_port, listens};
use crate::tls::Certificates;

/// [`crate::peers::PASSWORD`], with parameters that cost nothing.
pub const PASSWORD_HASH: &str = "{ARGON2ID}$argon2id$v=19$m=1024,t=1,p=1$Kz4tGPMvW+HL6GaXhXY+Xg$L6m2RbpWM9EQkeuXa1NCM+543J/f+PMm9T0T5rzd+KE";

/// The folder that cargo builds into.
///
/// # Panics
///
/// When a test isn't run from where cargo puts it.
#[must_use]
pub fn target_dir() -> PathBuf {
    let mut folder = binaries_dir();
    folder.pop();
    folder
}

/// The folder of the binaries that belong to the running test: `target/debug` or `target/release`.
///
/// # Panics
///
/// When a test isn't run from where cargo puts it.
#[must_use]
pub fn binaries_dir() -> PathBuf {
    // A test is target/PROFILE/deps/TEST-HASH; the bench is target/PROFILE/xtask.
    let program = std::env::current_exe().expect("a running program has a path");
    let folder = program.parent().expect("a program is in a folder");
    match folder.ends_with("deps") {
        true => folder.parent().expect("cargo puts deps into a profile's folder").to_owned(),
        false => folder.to_owned(),
    }
}

/// One of our binaries.
///
/// # Errors
///
/// When it isn't built: cargo builds no other package's binaries for a test.
pub fn binary(name: &str) -> Result<PathBuf> {
    let path = binaries_dir().join(name);
    ensure!(
        path.exists(),
        "{} is missing: run `cargo build --workspace --bins` first",
        path.display()
    );
    Ok(path)
}

/// Holds back all other heavy tests, in whichever process they are, until it is dropped.
///
/// # Errors
///
/// When the lock can't be taken.
pub fn heavy() -> Result<File> {
    let path = target_dir().join("heavy-test.lock");
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// What `postroad up --json` says when all is ready.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
    /// Ports by their IANA service names.
    pub ports: BTreeMap<String, u16>,
    /// The certificate of the authority that signed the suite's.
    pub ca: PathBuf,
    /// Users and their passwords.
    pub users: BTreeMap<String, String>,
    /// Users and their Maildirs.
    pub maildirs: BTreeMap<String, PathBuf>,
    /// The settings that the agents run with.
    pub config: PathBuf,
}

/// A running `postroad up`.
#[derive(Debug)]
pub struct Up {
    /// What it said when it was ready.
    pub ready: Ready,
    /// The process.
    pub process: Process,
}

impl Up {
    /// Starts it in `folder`, with more arguments, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it doesn't become ready, or says something else than it promised.
    pub fn start(folder: &Path, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(binary("postroad")?);
        command
            .args(["up", "--json", "--offset", "auto", "--dir"])
            .arg(folder.join("suite"))
            .args(arguments);
        let mut process = Process::spawn("postroad-up", command, folder, Ending::Gentle)?;
        let output = folder.join("postroad-up.out");
        let line = || fs::read_to_string(&output).unwrap_or_default();
        process.until("was ready", || line().ends_with('\n'))?;
        let ready = serde_json::from_str(&line())
            .with_context(|| format!("{:?} is not what up promised", line()))?;
        Ok(Self { ready, process })
    }

    /// The address of a service, by its IANA name.
    ///
    /// # Errors
    ///
    /// When up doesn't offer it.
    pub fn address(&self, service: &str) -> Result<SocketAddr> {
        let port =
            self.ready.ports.get(service).with_context(|| format!("up offers no {service}"))?;
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)))
    }

    /// The password of a user.
    ///
    /// # Errors
    ///
    /// When up has no such user.
    pub fn password(&self, user: &str) -> Result<&str> {
        self.ready
            .users
            .get(user)
            .map(String::as_str)
            .with_context(|| format!("up has no user {user}"))
    }

    /// The Maildir of a user.
    ///
    /// # Errors
    ///
    /// When up has no such user.
    pub fn maildir(&self, user: &str) -> Result<&Path> {
        self.ready
            .maildirs
            .get(user)
            .map(PathBuf::as_path)
            .with_context(|| format!("up has no user {user}"))
    }
}

impl Up {
    /// Our user agent with the account of one of up's users, as `arguments` have it.
    ///
    /// # Errors
    ///
    /// When it isn't built, or up has no such user.
    pub fn user_agent(&self, user: &str, arguments: &[&str]) -> Result<Command> {
        // A password is never in an argument: it stands in a file of the user's own.
        let home = self.ready.config.with_file_name(format!("home-{user}"));
        fs::create_dir_all(&home)?;
        let password = home.join("password");
        fs::write(&password, self.password(user)?)?;
        fs::set_permissions(&password, Permissions::from_mode(0o600))?;
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .env("HOME", &home)
            .env("XDG_DATA_HOME", home.join("data"))
            .env("POSTROAD_CONFIG", &self.ready.config)
            .env("POSTROAD_MUA_NAME", user)
            .env("POSTROAD_MUA_ADDRESS", format!("{user}@example.test"))
            .env("POSTROAD_MUA_USER", user)
            .env("POSTROAD_MUA_PASSWORD_FILE", &password)
            .env(
                "POSTROAD_MUA_SUBMISSION",
                format!("smtps://localhost:{}", self.address("submissions")?.port()),
            )
            .env(
                "POSTROAD_MUA_INBOX",
                format!("pop3s://localhost:{}", self.address("pop3s")?.port()),
            )
            .env("POSTROAD_MUA_TRUST", &self.ready.ca)
            .env("POSTROAD_MUA_OUTBOX", home.join("outbox"))
            .args(arguments);
        Ok(command)
    }

    /// `postroad`, the operator's command, on this suite.
    ///
    /// # Errors
    ///
    /// When it isn't built.
    pub fn operator(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary("postroad")?);
        command.env("POSTROAD_CONFIG", &self.ready.config).args(arguments);
        Ok(command)
    }
}

/// What a test adds to a site's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The list `[mta] networks`.
    pub networks: String,
    /// Lines of the table `[mta]`.
    pub mta: String,
    /// Lines of the table `[mda]`.
    pub mda: String,
    /// Tables after all others: `[[route]]`, `[mta.dns]` and the like.
    pub tables: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            networks: "[\"127.0.0.0/8\"]".into(),
            mta: String::new(),
            mda: String::new(),
            tables: String::new(),
        }
    }
}

impl Settings {
    /// With these tables, and nothing else out of the ordinary.
    #[must_use]
    pub fn tables(tables: impl Into<String>) -> Self {
        Self { tables: tables.into(), ..Self::default() }
    }

    /// With all mail for others going to this SMTP server.
    #[must_use]
    pub fn smart_host(server: SocketAddr) -> Self {
        Self::tables(format!("[[route]]\ndomain = \"*\"\nnext_hop = \"smtp://{server}\"\n"))
    }
}

/// One host of ours: a data folder and a `postroad.toml`, whose agents a test starts one by one.
///
/// Its name is `mx.our.test`, its domain `our.test`, its users are alice and bob, and it has a certificate for its name, `localhost` and 127.0.0.1.
#[derive(Debug)]
pub struct Site {
    /// `[mta] smtp`
    pub smtp: SocketAddr,
    /// `[mta] submission`
    pub submission: SocketAddr,
    /// `[mta] submissions`
    pub submissions: SocketAddr,
    /// `[mda] lmtp`
    pub lmtp: SocketAddr,
    /// `[maa] imap`
    pub imap: SocketAddr,
    /// `[maa] imaps`
    pub imaps: SocketAddr,
    /// `[maa] pop3`
    pub pop3: SocketAddr,
    /// `[maa] pop3s`
    pub pop3s: SocketAddr,
    /// `[maa] managesieve`
    pub managesieve: SocketAddr,
    /// Its certificate, and who signed it.
    pub certificates: Certificates,
    folder: TempDir,
}

impl Site {
    /// Writes the settings; starts nothing.
    ///
    /// # Errors
    ///
    /// When they can't be written.
    pub fn new(settings: &Settings) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("postroad-site-").tempdir()?;
        // Postfix calls our delivery agent as other users.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let [smtp, submission, submissions, lmtp, imap, imaps, pop3, pop3s, managesieve] =
            [(); 9].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let names = ["mx.our.test", "localhost", "127.0.0.1"];
        let certificates = Certificates::make(&folder.path().join("tls"), &names)?;
        fs::write(
            folder.path().join("users"),
            format!("alice:{PASSWORD_HASH}\nbob:{PASSWORD_HASH}\n"),
        )?;
        fs::write(folder.path().join("aliases"), "postmaster: alice\n")?;
        fs::create_dir(folder.path().join("run"))?;
        fs::create_dir(folder.path().join("mail"))?;
        let site = Self {
            smtp,
            submission,
            submissions,
            lmtp,
            imap,
            imaps,
            pop3,
            pop3s,
            managesieve,
            certificates,
            folder,
        };
        fs::write(site.config(), site.settings(settings))?;
        Ok(site)
    }

    fn settings(&self, settings: &Settings) -> String {
        let Self {
            smtp,
            submission,
            submissions,
            lmtp,
            imap,
            imaps,
            pop3,
            pop3s,
            managesieve,
            certificates,
            folder,
        } = self;
        format!(
            "data = \"{data}\"
hostname = \"mx.our.test\"
domains = [\"our.test\"]
[log]
level = \"debug\"
[tls]
certificate = \"{certificate}\"
key = \"{key}\"
trust = \"{ca}\"
[mta]
smtp = [\"{smtp}\"]
submission = [\"{submission}\"]
submissions = [\"{submissions}\"]
networks = {networks}
clear_text_login = \"loopback\"
{mta}
[mta.retry]
first = \"1s\"
longest = \"2s\"
[mda]
lmtp = [\"{lmtp}\"]
{mda}
[maa]
imap = [\"{imap}\"]
imaps = [\"{imaps}\"]
pop3 = [\"{pop3}\"]
pop3s = [\"{pop3s}\"]
managesieve = [\"{managesieve}\"]
clear_text_login = \"loopback\"
{tables}
",
            data = folder.path().display(),
            certificate = certificates.certificate.display(),
            key = certificates.key.display(),
            ca = certificates.ca.display(),
            networks = settings.networks,
            mta = settings.mta,
            mda = settings.mda,
            tables = settings.tables,
        )
    }

    /// A path in its data folder.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Its `postroad.toml`.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path("postroad.toml")
    }

    /// One of our programs with this site's settings, to run to its end.
    ///
    /// # Errors
    ///
    /// When it isn't built.
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(binary(program)?);
        command.env("POSTROAD_CONFIG", self.config());
        Ok(command)
    }

    /// Starts the transfer agent, and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn mta(&self) -> Result<Process> {
        self.agent("postroad-mta", &[self.smtp, self.submission, self.submissions], None)
    }

    /// Starts the delivery agent, and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn mda(&self) -> Result<Process> {
        self.agent("postroad-mda", &[self.lmtp], Some(&self.path("run/lmtp.sock")))
    }

    /// Starts the access agent, and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn maa(&self) -> Result<Process> {
        self.agent(
            "postroad-maa",
            &[self.imap, self.imaps, self.pop3, self.pop3s, self.managesieve],
            None,
        )
    }

    /// Starts an agent by another program, which gets the agent's command line behind its own arguments.
    /// Waits for nothing.
    ///
    /// # Errors
    ///
    /// When it isn't built, or can't be started.
    pub fn agent_by(&self, mut launcher: Command, name: &str) -> Result<Process> {
        launcher.arg(binary(name)?);
        self.spawn(launcher, name)
    }

    fn spawn(&self, mut command: Command, name: &str) -> Result<Process> {
        // Without a word it files one letter from standard input.
        command.args((name == "postroad-mda").then_some("serve"));
        command.arg("--config").arg(self.config());
        Process::spawn(name, command, self.folder.path(), Ending::Gentle)
    }

    fn agent(
        &self,
        name: &str,
        addresses: &[SocketAddr],
        socket: Option<&Path>,
    ) -> Result<Process> {
        let mut process = self.spawn(Command::new(binary(name)?), name)?;
        process.until("listened", || {
            addresses.iter().all(|&address| listens(address))
                && socket.is_none_or(|path| UnixStream::connect(path).is_ok())
        })?;
        Ok(process)
    }

    /// The messages in a user's `new/`, in the order of their names.
    ///
    /// # Errors
    ///
    /// When one can't be read.
    pub fn new_mail(&self, user: &str) -> Result<Vec<Vec<u8>>> {
        new_mail(&self.path("mail").join(user))
    }
}

/// The messages in a Maildir's `new/`, in the order of their names.
///
/// # Errors
///
/// When one can't be read.
pub fn new_mail(maildir: &Path) -> Result<Vec<Vec<u8>>> {
    let Ok(entries) = fs::read_dir(maildir.join("new")) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).with_context(|| format!("cannot read {}", path.display())))
        .collect()
}
