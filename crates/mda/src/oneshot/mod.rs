//! One letter on standard input, as procmail, maildrop and dovecot-lda are called.
//!
//! [`deliver`] reads it, files it and gives a [`Verdict`]. There are four ways to end ([`Exit`]), and every
//! doubt is "try later": each MTA makes something else of every other code (101 of a panic and 2 of a usage
//! error are bounces with Postfix), and kills a command that takes too long (which is a bounce too).

use std::fmt;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use postroad_config::{Config, Mda};
use postroad_disk::NoLinks;
use postroad_net::confine::Ground;
use postroad_observe::log;
use postroad_protocol::address::ReversePath;
use postroad_protocol::reply::{EnhancedStatus, Reply, Severity};
use postroad_store::Courier;

use crate::confine::{self, Confined, Why};
use crate::dot_lock::DotLockFile;
use crate::events::Chain;
use crate::letter::Header;
use crate::replies;
use crate::rules::Book;

mod call;
mod command_line;
mod delivery;
mod flags;
mod host_user;
mod inherited;
mod input;
mod personality;
mod plain;
mod recipient;
mod refilter;
mod second_process;
mod several;
mod signals;
mod watch;

pub use call::{AddedField, Call, Environment, MissingFolder, Repeated};
pub use command_line::{Misuse, Wanted, read as read_command_line};
use delivery::Delivery;
pub(crate) use input::Input;
pub use personality::{LeftBehind, Personality};
pub use plain::deliver_plain;
use recipient::{Recipient, SettingsFrom};
pub use refilter::{Listener, Mode, Refilter, Refiltered, refilter};
pub use second_process::by_second_process;
pub use several::{Ended, for_each};
use signals::Signals;
use watch::{Clock, within};

/// What we are called in the host's log.
const LOG_NAME: &str = "postroad-mda";

/// The settings that are read where the caller names none and the file is there.
const SETTINGS: &str = "/etc/postroad/postroad.toml";

/// RFC 3463 §3.2, bad destination mailbox address.
const NO_SUCH_MAILBOX: EnhancedStatus = EnhancedStatus::of(5, 1, 1);

/// How a one-shot delivery ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: filed, and safe.
    Filed,
    /// 67 (EX_NOUSER): there is no such user.
    NoUser,
    /// 75 (EX_TEMPFAIL): not now; whoever called keeps the letter.
    TryLater,
    /// 77 (EX_NOPERM): refused, with the reason.
    Refused,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Filed => 0,
            Self::NoUser => 67,
            Self::TryLater => 75,
            Self::Refused => 77,
        }
    }
}

/// How a delivery ended, and what the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    reply: Reply,
    known: Known,
}

/// Whether it was delivered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    No,
    /// At that time, where the account says so.
    Since(Option<SystemTime>),
}

impl Verdict {
    /// Try later, for this reason.
    pub fn try_later(text: &str) -> Self {
        replies::try_later(text).into()
    }

    /// The arguments or settings are wrong. That must not bounce a letter either.
    pub fn misconfigured(text: &str) -> Self {
        replies::misconfigured(text).into()
    }

    /// All is done, and was before.
    fn known_already(reply: Reply, since: Option<SystemTime>) -> Self {
        Self { reply, known: Known::Since(since) }
    }

    /// What there is to say of a delivery that went well, to a person: a transfer agent has no use for it.
    pub fn remark(&self) -> Option<String> {
        let Known::Since(since) = self.known else { return None };
        let when = since.and_then(|since| {
            let since = jiff::Zoned::try_from(since).ok()?;
            Some(format!("delivered on {}", since.strftime("%F at %H:%M")))
        });
        let when = when.unwrap_or_else(|| "delivered before".to_owned());
        Some(format!("known already: {when}; not stored again (--again stores it)"))
    }

    /// How the process ends.
    pub fn exit(&self) -> Exit {
        match self.reply.severity() {
            Severity::Success => Exit::Filed,
            Severity::Intermediate | Severity::Temporary => Exit::TryLater,
            Severity::Permanent if self.reply.status() == Some(NO_SUCH_MAILBOX) => Exit::NoUser,
            Severity::Permanent => Exit::Refused,
        }
    }
}

/// `4.2.2 The mailbox is full, try again later`: Postfix reads the enhanced status code at the beginning of a
/// command's output.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reply.status_or_class())?;
        self.reply.lines().iter().try_for_each(|line| write!(f, " {line}"))
    }
}

/// Files the letter on `input`. Always ends: after `mda.delivery_time_max`, after a panic, and when a signal asks
/// the process to end, with [`Exit::TryLater`]: where it hangs, by `end` in another thread, which has to end the process.
/// To be called before there are other threads.
pub fn deliver(
    call: Call,
    environment: Environment,
    input: impl AsFd,
    end: impl FnOnce(&Verdict) + Send + 'static,
) -> Verdict {
    let work = |letter, clock: &Clock| file(&call, &environment, letter, clock);
    watched(&call, input, work, end)
}

/// Does `work` with the letter, and ends as [`deliver`] does.
fn watched(
    call: &Call,
    input: impl AsFd,
    work: impl FnOnce(Letter, &Clock) -> Result<Verdict, Reply>,
    end: impl FnOnce(&Verdict) + Send + 'static,
) -> Verdict {
    let signals = match Signals::hold() {
        Ok(signals) => signals,
        Err(error) => return Verdict::try_later(&format!("cannot hold signals: {error}")),
    };
    let letter = match inherited::put_in_order().and_then(|()| letter(call, input)) {
        Ok(letter) => letter,
        Err(reply) => return reply.into(),
    };
    // Until the settings are read: their disk may hang, too.
    let work = |clock: &Clock| work(letter, clock).unwrap_or_else(Verdict::from);
    within(Mda::default().delivery_time_max, &signals, work, end).verdict
}

impl From<Reply> for Verdict {
    fn from(reply: Reply) -> Self {
        Self { reply, known: Known::No }
    }
}

/// What is wrong with the command line: try later.
impl From<Misuse> for Verdict {
    fn from(misuse: Misuse) -> Self {
        Self::misconfigured(&misuse.to_string())
    }
}

/// Becomes the owner of the mailboxes where we are root, before a session on standard input: sendmail calls
/// its local mailer so.
///
/// # Errors
/// Why that can't be done.
pub fn become_owner_of_mailboxes(config: &Config) -> Result<(), Verdict> {
    match postroad_host::caller() {
        0 => host_user::become_owner_of(&config.data).map_err(Verdict::from),
        _ => Ok(()),
    }
}

fn file(
    call: &Call,
    environment: &Environment,
    letter: Letter,
    clock: &Clock,
) -> Result<Verdict, Reply> {
    let (config, settings) = settings(call.config.clone())?;
    if settings == SettingsFrom::Nowhere {
        log::start_with_the_hosts(LOG_NAME);
    }
    clock.time_max(config.mda.delivery_time_max);
    let recipient = recipient::find(call, environment, &config, settings)?;
    let rules = delivery::rules(&recipient, &config, settings);
    Ready { config, settings, recipient, rules }.file(call, environment, letter, clock)
}

/// What is known before the letter is opened, by the mailbox's owner.
struct Ready<B> {
    config: Config,
    settings: SettingsFrom,
    recipient: Recipient,
    rules: B,
}

impl<B: Book> Ready<B> {
    fn file(
        self,
        call: &Call,
        environment: &Environment,
        letter: Letter,
        clock: &Clock,
    ) -> Result<Verdict, Reply> {
        // Its owner gets no file that only others may read.
        let letter = letter.open()?;
        // Of one letter's process nobody wants to read it.
        self.confine();
        let Self { config, settings, recipient, rules } = self;
        let mut input = Input::new(letter, config.mda.message_size_max);
        let start = call.add_fields(input.header()?);
        let mut header = Header::read(&start);
        if header.is_looping(&recipient.address) {
            return Err(replies::looping());
        }
        header.take_out_delivered_to(&recipient.address);
        let return_path = call.sender(environment).or_else(|| header.return_path.clone());
        let courier = Courier::new(Arc::new(NoLinks), &config.hostname)
            .with_dot_locker(Arc::new(DotLockFile::default()));
        let inbox = courier.resolve(&recipient.maildir).map_err(delivery::not_filed)?;
        let delivery = Delivery {
            courier,
            maildir: recipient::folder(inbox, call, &NoLinks),
            return_path: return_path.unwrap_or(ReversePath::Null),
            uid: postroad_host::caller(),
            recipient,
            rules,
            config,
            settings,
            header,
            aim: call.aim(),
            speaks_for: environment.speaks_for(),
            repeated: call.repeated,
            clock,
        };
        delivery.run(&start, input)
    }

    /// Before the first octet of the letter is read.
    fn confine(&self) -> Confined {
        let Self { config, settings, recipient, rules } = self;
        let are_there = recipient.scripts.iter().any(|script| script.symlink_metadata().is_ok());
        if are_there && rules.may_run_programs() {
            return Confined::No(Why::Programs);
        }
        if recipient.maildir.inbox_file().is_some() {
            return Confined::No(Why::MailboxFile);
        }
        let mut ground = ground(recipient);
        ground.written.extend((*settings == SettingsFrom::File).then(|| confine::traces(config)));
        ground.confine().into()
    }
}

/// The mailbox and its rules.
fn ground(recipient: &Recipient) -> Ground {
    // Where they are links, what they lead to is read.
    let targets = recipient.scripts.iter().filter_map(|script| script.canonicalize().ok());
    let scripts = recipient.scripts.iter().filter(|script| script.symlink_metadata().is_ok());
    let folders =
        scripts.cloned().chain(targets).filter_map(|path| path.parent().map(Path::to_owned));
    confine::of_delivery(confine::existing(recipient.maildir.root()), folders.collect())
}

/// Where the letter is.
enum Letter {
    On(File),
    In(PathBuf),
}

fn letter(call: &Call, input: impl AsFd) -> Result<Letter, Reply> {
    match &call.letter {
        Some(path) => Ok(Letter::In(path.clone())),
        None => inherited::letter_on(input).map(Letter::On),
    }
}

impl Letter {
    fn open(self) -> Result<File, Reply> {
        match self {
            Self::On(file) => Ok(file),
            Self::In(path) => File::open(&path).map_err(|error| {
                let text = format!("cannot read the letter in {}: {error}", path.display());
                replies::misconfigured(&text)
            }),
        }
    }
}

/// The settings: the file that the caller names, or the host's where there is one, or none at all.
fn settings(named: Option<PathBuf>) -> Result<(Config, SettingsFrom), Reply> {
    let wrong =
        |error: postroad_config::ConfigError| replies::misconfigured(&Chain(&error).to_string());
    let path = match named {
        Some(path) => path,
        None if Path::new(SETTINGS).exists() => SETTINGS.into(),
        None => return Ok((postroad_config::built_in(), SettingsFrom::Nowhere)),
    };
    Ok((postroad_config::load(&path).map_err(wrong)?.config, SettingsFrom::File))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_already_is_said_to_people_alone() {
        let known = Verdict::known_already(replies::repeated(), Some(SystemTime::UNIX_EPOCH));
        let remark = known.remark().unwrap();
        assert!(remark.starts_with("known already: delivered on 19"), "{remark}");
        assert!(remark.ends_with("; not stored again (--again stores it)"), "{remark}");
        assert_eq!((known.exit(), Verdict::try_later("x").remark()), (Exit::Filed, None));
    }

    #[test]
    fn four_ways_to_end() {
        for (reply, exit) in [
            (Reply::new(250, (2, 0, 0), "x"), 0),
            (replies::unknown_user(), 67),
            (replies::looping(), 77),
            (replies::too_big(1), 77),
            (replies::try_later("x"), 75),
            (replies::misconfigured("x"), 75),
        ] {
            assert_eq!(Verdict::from(reply.clone()).exit().code(), exit, "{reply}");
        }
    }
}
