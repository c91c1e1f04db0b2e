//! `postroad-as USER [-f SENDER] [-a ADDRESS] [-r ADDRESS] [-m FOLDER]`: becomes a user of this host for good, and
//! then is `postroad-mda`, which files the letter on standard input.
//! `postroad-as --serve USER mail|rules`: becomes one, and then is `postroad-maa worker`, which serves the user's mailbox
//! or rules to the clients that the access agent hands over on standard input, a socket.
//!
//! For transfer agents that call local mailers as root, as sendmail does, for the LMTP server of settings with
//! `mda.host_users`, and for the access agent, where the file of users says `host_user=yes`. The latter two aren't root: there
//! this file is `root:postroad` with mode 4750, and who may execute it may deliver to every user. Nothing installs it so by
//! itself. To read mail is more than to deliver it, so that takes two groups more, and nobody is in them from the start:
//! the caller is in [`CALLERS`], and the user in [`SERVED`].
//!
//! It reads no settings and no octet of mail. Whoever calls says who it is for, who sent it and which folder, or which part
//! is served, and no more: all else that the agents would obey (settings, rules, files, where a mailbox is) is not passed on.
//!
//! It ends as the agent does, or itself with 67 (no such user) or 75 (try later), and the reason on standard
//! error, the enhanced status code first.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use postroad_host::{BecomeError, CALLERS, HostUser, LookUpError, SERVED};

mod call;
mod install;
mod world;

use call::{Call, Work};

/// Why there is no agent instead of us.
enum Refusal {
    /// RFC 3463 §3.2; EX_NOUSER.
    NoUser,
    /// What is wrong, and what to do. It must not bounce a letter.
    TryLater(String),
}

impl Refusal {
    fn code(&self) -> u8 {
        match self {
            Self::NoUser => 67,
            Self::TryLater(_) => 75,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser => f.write_str("5.1.1 No such user here"),
            Self::TryLater(why) => write!(f, "4.3.5 {why}"),
        }
    }
}

fn main() -> ExitCode {
    // "Try later", whatever goes wrong: the 101 of a panic is a bounce with Postfix.
    std::panic::set_hook(Box::new(|_| {}));
    let ended = std::panic::catch_unwind(|| run(std::env::args_os().skip(1)));
    let refusal = match ended {
        Ok(Err(refusal)) => refusal,
        Ok(Ok(never)) => match never {},
        Err(_) => Refusal::TryLater("postroad-as has broken down".to_owned()),
    };
    // Whether anybody listens or not.
    let _ = writeln!(std::io::stderr(), "{refusal}");
    refusal.code().into()
}

/// No value: where all goes well we aren't there any more.
enum Never {}

fn run(words: impl Iterator<Item = OsString>) -> Result<Never, Refusal> {
    let call = Call::read(words).map_err(Refusal::TryLater)?;
    let user = user(&call.user)?;
    let (programs, words, environment) = match call.work {
        Work::File(flags) => (install::DELIVERY, flags, world::of_letter(&user)),
        Work::Serve(part) => {
            may_be_served(&user)?;
            let words = ["worker", part.word()].map(OsString::from).to_vec();
            (install::ACCESS, words, world::of_user(&user))
        }
    };
    let name = programs.first().copied().unwrap_or_default();
    let agent = install::folder_with(programs).map_err(Refusal::TryLater)?.join(name);
    world::put_in_order().map_err(Refusal::TryLater)?;
    user.become_for_good().map_err(|error| match error {
        BecomeError::NoPerson(_) => Refusal::NoUser,
        BecomeError::Refused { uid, source } => {
            Refusal::TryLater(format!("cannot become uid {uid}: {source}"))
        }
        error => Refusal::TryLater(error.to_string()),
    })?;
    // As the user: the home may be on a file server that gives root nothing.
    let folder = [user.home.as_path(), Path::new("/")];
    if !folder.iter().any(|folder| std::env::set_current_dir(folder).is_ok()) {
        return Err(Refusal::TryLater("there is no folder to be in".to_owned()));
    }
    let failed = Command::new(&agent).arg0(name).args(words).env_clear().envs(environment).exec();
    Err(Refusal::TryLater(format!("cannot execute {}: {failed}", agent.display())))
}

/// Row M03: root by that or any other name is nobody, and so are the system's accounts.
fn user(name: &str) -> Result<HostUser, Refusal> {
    let found = postroad_host::by_name(name).map_err(|error| unanswered(&error))?;
    found.filter(HostUser::gets_mail).ok_or(Refusal::NoUser)
}

/// Row M03. Who may execute us at all isn't asked to prove that a user has logged in: whoever is in both groups is trusted
/// with these mailboxes, and with no others.
fn may_be_served(user: &HostUser) -> Result<(), Refusal> {
    let is_caller = postroad_host::caller_is_in(CALLERS).map_err(|error| unanswered(&error))?;
    if !is_caller {
        return Err(Refusal::TryLater(format!("only who is in the group {CALLERS} has mail read")));
    }
    match user.is_in(SERVED).map_err(|error| unanswered(&error))? {
        true => Ok(()),
        false => Err(Refusal::TryLater(format!(
            "{name} is not in the group {SERVED}: usermod -aG {SERVED} {name}",
            name = user.name
        ))),
    }
}

fn unanswered(error: &LookUpError) -> Refusal {
    let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Refusal::TryLater(format!("{error}: {why}"))
}
