//! Where a worker has what it serves, and what is done there before its wall stands.
//!
//! | worker | may write beneath | who says so |
//! |---|---|---|
//! | of a user of ours | the Maildir, the folder of rules, the traces | the front |
//! | of a user of the host, for mail | `~/Maildir` | `postroad-as`, which has looked the home up |
//! | of a user of the host, for rules | `~/sieve` | the same |
//!
//! The front has no rights in a home, and a front that somebody has taken over gets none by naming a folder: of a user of
//! the host it says no path. `~/.postroad.sieve`, which the delivery agent runs, lies in the home itself: it becomes a link
//! into `~/sieve` before the wall, and so rules have a process of their own, which isn't started by whoever reads mail.

use std::io;
use std::path::{Path, PathBuf};

use postroad_config::personal_scripts;
use postroad_disk::{OsDisk, make_way_to};
use postroad_observe::trace::Journal;

use super::WorkerError;
use crate::handover::Places;
use crate::{events, rules};

/// Whose process a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// A user's of ours, as the agent itself.
    Ours,
    /// That of the user of the host who it runs as.
    OfHost(Part),
}

/// What of a user of the host is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// `~/Maildir`, by IMAP and POP3.
    Mail,
    /// `~/sieve`, by ManageSieve.
    Rules,
}

impl Part {
    /// As `postroad-as` and the worker are called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Rules => "rules",
        }
    }
}

/// What a user of the host has in the home, as the delivery agent knows it.
const MAILDIR: &str = "Maildir";
const MAIN_SCRIPT: &str = ".postroad.sieve";
/// Where the mailbox files of a host's users are (Filesystem Hierarchy Standard 3.0 §5.11).
const SPOOL: &str = "/var/mail";

/// Where everything is.
#[derive(Debug)]
pub(super) struct Ground {
    /// The directory that stays the same for as long as the worker is there.
    pub(super) home: PathBuf,
    pub(super) maildir: PathBuf,
    pub(super) scripts: Option<PathBuf>,
    pub(super) written: Vec<PathBuf>,
    /// Where the delivery agent files what comes for who has no Maildir.
    mailbox_file: Option<PathBuf>,
    trace: Option<(PathBuf, u64)>,
}

impl Ground {
    /// Finds it.
    pub(super) fn find(whose: Whose, places: Option<Places>) -> Result<Self, WorkerError> {
        match (whose, places) {
            (Whose::Ours, Some(places)) => Ok(Self::of_ours(places)),
            (Whose::OfHost(part), None) => {
                let home = std::env::var_os("HOME").map(PathBuf::from);
                let home = home.filter(|home| home.is_absolute()).ok_or(WorkerError::NotOurs)?;
                let name = std::env::var_os("USER").ok_or(WorkerError::NotOurs)?;
                Ok(Self::in_home(&home, &Path::new(SPOOL).join(name), part))
            }
            (Whose::Ours, None) | (Whose::OfHost(_), Some(_)) => Err(WorkerError::NotOurs),
        }
    }

    fn of_ours(Places { maildir, scripts, trace, trace_octets_max }: Places) -> Self {
        let written = [Some(&maildir), Some(&trace), scripts.as_ref()];
        let written = written.into_iter().flatten().cloned().collect();
        let home = maildir.clone();
        let trace = Some((trace, trace_octets_max));
        Self { home, maildir, scripts, written, mailbox_file: None, trace }
    }

    fn in_home(home: &Path, mailbox_file: &Path, part: Part) -> Self {
        let maildir = home.join(MAILDIR);
        let (home, scripts) = match part {
            Part::Mail => (maildir.clone(), None),
            Part::Rules => {
                let scripts = personal_scripts(&home.join(MAIN_SCRIPT));
                (scripts.clone().unwrap_or_else(|| maildir.clone()), scripts)
            }
        };
        let mailbox_file = Some(mailbox_file.to_owned());
        Self { written: vec![home.clone()], home, maildir, scripts, mailbox_file, trace: None }
    }

    /// Makes what isn't there: there is no way to leave open what isn't there.
    pub(super) fn make(&self, whose: Whose) -> io::Result<()> {
        match whose {
            Whose::Ours => {
                make_mailbox(&self.maildir)?;
                self.scripts.as_deref().map_or(Ok(()), make_folder)
            }
            Whose::OfHost(Part::Mail) => {
                self.no_mailbox_file()?;
                make_mailbox(&self.maildir)
            }
            Whose::OfHost(Part::Rules) => {
                let main = self.maildir.with_file_name(MAIN_SCRIPT);
                rules::store::prepare(&main).map_err(io::Error::other)
            }
        }
    }

    /// A Maildir that comes beside a mailbox file would have letters from now on, and those before would be seen by nobody.
    fn no_mailbox_file(&self) -> io::Result<()> {
        let Self { maildir, mailbox_file, .. } = self;
        let file = mailbox_file.as_ref().filter(|file| file.exists());
        match file.filter(|_| maildir.symlink_metadata().is_err()) {
            None => Ok(()),
            Some(file) => Err(io::Error::other(format!(
                "the inbox is the mailbox file {}, which isn't served: as the user, make {} with tmp, new and cur in it, and letters go there",
                file.display(),
                maildir.display()
            ))),
        }
    }

    /// Where letters that were fetched are traced. Users of the host have no rights there.
    pub(super) fn journal(&self, user: &str) -> Journal {
        let Some((trace, octets_max)) = &self.trace else { return Journal::none() };
        Journal::open(trace, "maa", *octets_max).unwrap_or_else(|error| {
            events::no_journal(user, &error);
            Journal::none()
        })
    }
}

/// The Maildir of a user who has got no letter yet. One that is there is never mended: a folder that is missing is an
/// error to be told, not an empty mailbox (row M15).
fn make_mailbox(maildir: &Path) -> io::Result<()> {
    if maildir.symlink_metadata().is_ok() {
        return Ok(());
    }
    ["tmp", "new", "cur"].into_iter().try_for_each(|folder| make_folder(&maildir.join(folder)))
}

fn make_folder(path: &Path) -> io::Result<()> {
    make_way_to(&OsDisk, path).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places {
            maildir: "/elsewhere/mail".into(),
            scripts: None,
            trace: "/elsewhere/trace".into(),
            trace_octets_max: 1,
        }
    }

    #[test]
    fn who_runs_as_a_user_of_the_host_is_told_no_path() {
        for part in [Part::Mail, Part::Rules] {
            assert!(Ground::find(Whose::OfHost(part), Some(places())).is_err());
        }
        assert!(Ground::find(Whose::Ours, None).is_err());
        assert!(Ground::find(Whose::Ours, Some(places())).is_ok());
    }

    #[test]
    fn one_part_is_not_the_other_s_to_write() {
        let (home, file) = (Path::new("/home/alice"), Path::new("/var/mail/alice"));
        let written = |part| Ground::in_home(home, file, part).written;
        assert_eq!(written(Part::Mail), [Path::new("/home/alice/Maildir")]);
        assert_eq!(written(Part::Rules), [Path::new("/home/alice/sieve")]);
    }

    #[test]
    fn mail_makes_a_maildir_and_leaves_rules_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("mbox");
        let make = |part| Ground::in_home(home.path(), &file, part).make(Whose::OfHost(part));
        std::fs::write(&file, "").unwrap();
        let refused = make(Part::Mail).unwrap_err().to_string();
        assert!(refused.contains("mbox, which isn't served"), "{refused}");
        std::fs::remove_file(&file).unwrap();
        make(Part::Mail).unwrap();
        let there = |name: &str| home.path().join(name).symlink_metadata().is_ok();
        assert!(there("Maildir/tmp") && there("Maildir/new") && there("Maildir/cur"));
        // Where there is one, letters go there.
        std::fs::write(&file, "").unwrap();
        make(Part::Mail).unwrap();
        assert!(!there("sieve") && !there(".postroad.sieve"));
        make(Part::Rules).unwrap();
        assert!(there("sieve"));
        let link = std::fs::read_link(home.path().join(".postroad.sieve")).unwrap();
        assert_eq!(link, Path::new("sieve/.active.sieve"));
    }
}
