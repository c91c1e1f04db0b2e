//! Confinement: from here on this process writes beneath its mailboxes and reads what a delivery needs, and nothing
//! else of the file system, whatever a name leads to by then (Landlock, landlock(7); rows M01, M02).
//!
//! A second wall behind the user's own rights and names that are looked at: what is swapped for a link or for another
//! folder once the wall stands leads nowhere (`postroad_net::confine`). With it goes "no new privileges": a program with a set-uid or set-gid bit (sendmail with its
//! `postdrop`, what users have in `~/.postroad/programs`) would fail in ways of its own. So where rules may run programs
//! there is no wall; where they may not, nothing can be executed at all. Nor is there one where an inbox is a mailbox
//! file: it is in a folder of others', and its lock may take a program with such a bit.
//!
//! | | written beneath | read beneath |
//! |---|---|---|
//! | one-shot | the mailbox (what is there of the way to it), the traces | /proc; with rules scripts' folders and what libraries read |
//! | LMTP | all mailboxes, the socket's folder (sockets alone), where large letters wait, the traces | the same, the folders of users and aliases |
//!
//! Folders can be listed everywhere: those above a new mailbox are synced, and are opened for that. Networks and
//! sockets are as before.

use std::fmt;
use std::path::{Path, PathBuf};

use postroad_config::Config;
use postroad_disk::{OsDisk, make_way_to};
use postroad_net::confine::{self, Ground};
use postroad_observe::trace::Journal;

use crate::events;
use crate::lmtp::scratch_folder;
use crate::rules::{Book as _, Rules};

/// Time zones, the host's name service, random octets, /proc for what the system is: what libraries may read for rules.
const SYSTEM: [&str; 7] =
    ["/etc", "/usr", "/lib", "/lib64", PROC, "/dev/null", "/run/systemd/resolve"];
const PROC: &str = "/proc";

/// How far it went.
#[derive(Debug)]
pub(crate) enum Confined {
    Whole,
    /// The kernel knows less than we ask for.
    InPart,
    No(Why),
}

/// Why nothing was done.
#[derive(Debug)]
pub(crate) enum Why {
    /// Rules may run programs, which need what we would take from them.
    Programs,
    /// Their letters leave through a program with a set-uid bit.
    HostUsers,
    /// Mailbox files may be locked by a program, which needs the same.
    MailboxFile,
    /// It has no Landlock, or one that can't move files from folder to folder.
    Kernel,
    /// It said no.
    Refused(Box<dyn std::error::Error>),
}

impl From<confine::Confined> for Confined {
    fn from(confined: confine::Confined) -> Self {
        match confined {
            confine::Confined::Whole => Self::Whole,
            confine::Confined::InPart => Self::InPart,
            confine::Confined::NotByThisKernel => Self::No(Why::Kernel),
            confine::Confined::Refused(error) => Self::No(Why::Refused(Box::new(error))),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Programs => f.write_str("rules may run programs"),
            Self::HostUsers => f.write_str("users of the host get letters"),
            Self::MailboxFile => f.write_str("a program may lock mailbox files"),
            Self::Kernel => f.write_str("the kernel can't"),
            Self::Refused(error) => write!(f, "{}", events::Chain(&**error)),
        }
    }
}

/// What is left open for one delivery into a mailbox; `scripts` are the folders of the rules that are there.
pub(crate) fn of_delivery(mailbox: PathBuf, scripts: Vec<PathBuf>) -> Ground {
    // Each name costs a letter a few calls of the system, and no rules need nothing.
    let read = match scripts.is_empty() {
        true => vec![PROC.into()],
        false => scripts.into_iter().chain(SYSTEM.map(PathBuf::from)).collect(),
    };
    Ground { written: vec![mailbox], read, ..Ground::default() }
}

/// For a server of all mailboxes.
fn of_server(config: &Config) -> Ground {
    let accounts = [&config.accounts.users, &config.accounts.aliases];
    let folders = accounts.into_iter().filter_map(|path| path.parent());
    Ground {
        written: vec![existing(&config.mda.mailboxes()), scratch_folder(config), traces(config)],
        sockets: config.mda.socket.parent().map(existing).into_iter().collect(),
        read: (config.mda.scripts().into_iter())
            .chain(folders.map(Path::to_owned))
            .chain(SYSTEM.map(PathBuf::from))
            .collect(),
        ..Ground::default()
    }
}

/// The folder itself, or where it is to be made.
pub(crate) fn existing(folder: &Path) -> PathBuf {
    let there = folder.ancestors().find(|folder| folder.exists());
    there.unwrap_or(Path::new("/")).to_owned()
}

/// The folder of traces, made where it isn't there yet: there is no way to leave open what isn't there.
pub(crate) fn traces(config: &Config) -> PathBuf {
    let trace = &config.trace;
    if !trace.dir.exists() {
        // Whoever can't is told so when there is something to say.
        let _ = Journal::open_at_once(&trace.dir, "mda", trace.size_max);
    }
    trace.dir.clone()
}

/// Confines a server of all mailboxes; to be called before it has threads.
pub fn server(config: &Config) {
    // As with traces; whoever can't is told when there is a letter.
    let _ = make_way_to(&OsDisk, &config.mda.mailboxes());
    let confined = match Rules::of_settings(config).may_run_programs() {
        true => Confined::No(Why::Programs),
        false if config.mda.host_users => Confined::No(Why::HostUsers),
        false if !config.mda.mbox.is_empty() => Confined::No(Why::MailboxFile),
        false => of_server(config).confine().into(),
    };
    events::confined(&confined);
}
