//! What operators call by hand: `postroad-maa fsck` and `postroad-maa export dovecot`.
//!
//! They do to mailboxes what the agent does, so the agent may go on meanwhile; a program that is given a mailbox back may
//! not. They run as the mailboxes' owner: what they write is to be the owner's.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use postroad_accounts::{UserName, UserNameError};
use postroad_config::Config;
use postroad_disk::{Disk as _, DiskError, OsDisk, Owner};
use postroad_fulltext::{Index, Told};
use postroad_store::{
    Checked, CheckedFolder, Courier, Existence, FolderError, Folders, FsckError, MailboxError,
    MailboxName, Mailboxes, Maildir, Mended, Usage,
};

/// Why a tool hasn't done what it was called for.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// Neither a user's name nor a path.
    #[error("{name}")]
    Name {
        /// What it was.
        name: String,
        /// Why it is none.
        source: UserNameError,
    },
    /// The mailbox is somebody else's.
    #[error("{} is another user's; run this as that one", path.display())]
    NotOurs {
        /// The mailbox.
        path: PathBuf,
    },
    /// There is no mailbox, or it can't be looked at.
    #[error("there is no mailbox to look at")]
    NoMailbox(#[source] DiskError),
    /// A path to something else: it isn't made into one.
    #[error("{} is no Maildir, there is neither cur nor new in it", path.display())]
    NotAMailbox {
        /// The path.
        path: PathBuf,
    },
    /// While looking through it.
    #[error("cannot look through {}", path.display())]
    Fsck {
        /// The mailbox.
        path: PathBuf,
        /// Why.
        source: FsckError,
    },
    /// Its folders.
    #[error("cannot list the folders of {}", path.display())]
    Folders {
        /// The mailbox.
        path: PathBuf,
        /// Why.
        source: FolderError,
    },
    /// One of them.
    #[error("cannot write the numbers of {}", folder.to_utf8())]
    Export {
        /// Which one.
        folder: MailboxName,
        /// Why.
        source: MailboxError,
    },
    /// Nobody reads what is said.
    #[error("cannot say what was done")]
    Say(#[from] io::Error),
}

/// The mailboxes of users, or at paths.
struct Mailbox {
    courier: Courier,
    all: Arc<Mailboxes>,
    inbox: Maildir,
}

impl Mailbox {
    /// What `who` means: a path, if there is a slash in it; else a user.
    fn of(config: &Config, who: &str) -> Result<Self, ToolError> {
        let is_path = who.contains('/');
        let path = match is_path {
            true => PathBuf::from(who),
            false => {
                let name = UserName::parse(who)
                    .map_err(|source| ToolError::Name { name: who.to_owned(), source })?;
                config.mda.maildir_of(name.as_str())
            }
        };
        let path = OsDisk.resolve(&path).map_err(ToolError::NoMailbox)?;
        if OsDisk.stat(&path).map_err(ToolError::NoMailbox)?.owner != Owner::Ours {
            return Err(ToolError::NotOurs { path });
        }
        if is_path && !["cur", "new"].iter().any(|part| OsDisk.stat(&path.join(part)).is_ok()) {
            return Err(ToolError::NotAMailbox { path });
        }
        let disk = Arc::new(OsDisk);
        Ok(Self {
            courier: Courier::new(disk.clone(), &config.hostname),
            all: Arc::new(Mailboxes::new(disk, &config.hostname)),
            inbox: Maildir::at(path),
        })
    }

    fn find(&self, name: &MailboxName) -> Result<Maildir, ToolError> {
        let found = Folders::of(&self.courier, &self.inbox).find(name);
        let path = || self.inbox.root().to_owned();
        found.map_err(|source| ToolError::Folders { path: path(), source })
    }

    fn fill_cache(&self, folder: &Maildir, each: &mut dyn FnMut()) -> Result<usize, MailboxError> {
        let mut open = self.all.open(folder)?;
        open.refresh()?;
        postroad_catalog::fill(Arc::new(OsDisk), &mut open, each)
    }

    fn not_looked_through(&self, source: FsckError) -> ToolError {
        ToolError::Fsck { path: self.inbox.root().to_owned(), source }
    }
}

/// Hears what a tool does.
pub trait Listener {
    /// So many letters more are read.
    fn expects(&mut self, letters: usize);

    /// One was.
    fn has_read(&mut self);

    /// What was done, in a line.
    ///
    /// # Errors
    /// Where that goes nowhere: nothing more is done.
    fn hears(&mut self, line: &str) -> io::Result<()>;
}

/// Looks through mailboxes, makes anew all but UIDs, and says what was done.
///
/// # Errors
/// The first mailbox with which that can't be done.
pub fn fsck(config: &Config, who: &[String], listener: &mut dyn Listener) -> Result<(), ToolError> {
    for who in who {
        let mailbox = Mailbox::of(config, who)?;
        let Checked { folders, usage } =
            postroad_store::fsck(&mailbox.courier, &mailbox.all, &mailbox.inbox)
                .map_err(|source| mailbox.not_looked_through(source))?;
        listener.expects(folders.iter().map(|folder| folder.letters).sum());
        for CheckedFolder { name, letters, mended } in folders {
            let mut done: Vec<String> = mended.into_iter().filter_map(words).collect();
            let folder = mailbox.find(&name)?;
            let told = Index::mend(Arc::new(OsDisk), &folder);
            if told.map_err(|error| mailbox.not_looked_through(FsckError::Store(error.into())))?
                == Told::Damaged
            {
                done.push("the index of texts was damaged, and comes again".to_owned());
            }
            if done.is_empty() {
                done.push("sound".to_owned());
            }
            let filled = mailbox.fill_cache(&folder, &mut || listener.has_read());
            let filled = filled.map_err(|source| {
                let name = name.clone();
                mailbox.not_looked_through(FsckError::Mailbox { name, source })
            })?;
            if filled > 0 {
                done.push("the cache was made anew".to_owned());
            }
            let (name, done) = (shown(&name), done.join("; "));
            listener.hears(&format!("{who} {name}: {letters} letters; {done}"))?;
        }
        if let Some(Usage { octets, letters }) = usage {
            listener.hears(&format!("{who}: holds {octets} octets in {letters} letters"))?;
        }
    }
    Ok(())
}

/// What was done, where it is worth saying.
fn words(mended: Mended) -> Option<String> {
    Some(match mended {
        Mended::Completed => "missing directories made".to_owned(),
        Mended::Numbered => "had no UIDs, has some now".to_owned(),
        Mended::TakenOver => "goes on with the UIDs of Dovecot or Courier".to_owned(),
        Mended::NumberedAnew => {
            "its register was damaged: letters have new UIDs, and clients fetch them again"
                .to_owned()
        }
        Mended::Sizes(letters) => format!("{letters} names told a wrong size, and tell none now"),
        Mended::CacheRemoved => return None,
    })
}

/// Writes Dovecot's files from our numbers, so that it goes on with them.
///
/// # Errors
/// The first mailbox with which that can't be done.
pub fn export_to_dovecot(
    config: &Config,
    who: &[String],
    listener: &mut dyn Listener,
) -> Result<(), ToolError> {
    for who in who {
        let mailbox = Mailbox::of(config, who)?;
        let listed = Folders::of(&mailbox.courier, &mailbox.inbox).list();
        let path = || mailbox.inbox.root().to_owned();
        for listed in listed.map_err(|source| ToolError::Folders { path: path(), source })? {
            if listed.existence == Existence::NonExistent {
                continue;
            }
            let folder = mailbox.find(&listed.name)?;
            let exported = mailbox.all.open(&folder).and_then(|mut open| open.export_to_dovecot());
            let exported = exported.map_err(|source| {
                let folder = listed.name.clone();
                ToolError::Export { folder, source }
            })?;
            let lost = match exported.without_keywords {
                0 => String::new(),
                some => format!("; {some} lose keywords: a folder has letters for 26"),
            };
            let name = shown(&listed.name);
            let letters = exported.letters;
            let line =
                format!("{who} {name}: {letters} letters; Dovecot goes on with their UIDs{lost}");
            listener.hears(&line)?;
        }
    }
    Ok(())
}

/// A name, so that it does nothing to a terminal: what control characters there are stay on disk.
fn shown(name: &MailboxName) -> String {
    name.to_utf8().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Heard {
        lines: String,
        expected: usize,
        read: usize,
    }

    impl Listener for Heard {
        fn expects(&mut self, letters: usize) {
            self.expected += letters;
        }

        fn has_read(&mut self) {
            self.read += 1;
        }

        fn hears(&mut self, line: &str) -> io::Result<()> {
            self.lines += &format!("{line}\n");
            Ok(())
        }
    }

    fn run(
        tool: fn(&Config, &[String], &mut dyn Listener) -> Result<(), ToolError>,
        who: &str,
    ) -> Result<String, ToolError> {
        let mut heard = Heard::default();
        tool(&Config::default(), &[who.to_owned()], &mut heard)?;
        assert_eq!(heard.read, heard.expected);
        Ok(heard.lines)
    }

    #[test]
    fn a_mailbox_is_looked_through_and_given_to_dovecot() {
        let dir = tempfile::tempdir().unwrap();
        for part in ["cur", "new", "tmp", ".Entw&APw-rfe/cur", ".Entw&APw-rfe/new"] {
            std::fs::create_dir_all(dir.path().join(part)).unwrap();
        }
        std::fs::write(dir.path().join("cur/1.a:2,S"), "x\n").unwrap();
        let who = dir.path().canonicalize().unwrap().display().to_string();
        let said = run(fsck, &who).unwrap();
        let expected = format!(
            "{who} INBOX: 1 letters; had no UIDs, has some now; the cache was made anew\n\
             {who} Entwürfe: 0 letters; missing directories made; had no UIDs, has some now\n"
        );
        assert_eq!(said, expected);
        assert!(run(fsck, &who).unwrap().contains("INBOX: 1 letters; sound; the cache"));
        std::fs::write(dir.path().join("postroad-text"), "?").unwrap();
        assert!(
            run(fsck, &who).unwrap().contains("; the index of texts was damaged, and comes again")
        );
        assert!(!dir.path().join("postroad-text").exists());
        let said = run(export_to_dovecot, &who).unwrap();
        let goes_on = "Dovecot goes on with their UIDs";
        let wanted =
            [format!("INBOX: 1 letters; {goes_on}"), format!("Entwürfe: 0 letters; {goes_on}")];
        assert_eq!(said, wanted.map(|line| format!("{who} {line}\n")).concat());
        let list = std::fs::read_to_string(dir.path().join("dovecot-uidlist")).unwrap();
        assert!(list.starts_with("3 V") && list.ends_with("\n1 :1.a:2,S\n"), "{list}");
    }

    #[test]
    fn what_dovecot_has_numbered_is_said_to_go_on() {
        let dir = tempfile::tempdir().unwrap();
        for part in ["cur", "new", "tmp"] {
            std::fs::create_dir(dir.path().join(part)).unwrap();
        }
        std::fs::write(dir.path().join("cur/1.a:2,S"), "x\n").unwrap();
        std::fs::write(dir.path().join("dovecot-uidlist"), "3 V7 N6\n5 :1.a:2,S\n").unwrap();
        let who = dir.path().canonicalize().unwrap().display().to_string();
        let said = run(fsck, &who).unwrap();
        assert!(said.contains("; goes on with the UIDs of Dovecot or Courier;"), "{said}");
    }

    #[test]
    fn who_is_nobody_has_no_mailbox() {
        let error = run(fsck, ".hidden").unwrap_err();
        assert!(matches!(error, ToolError::Name { .. }), "{error}");
        let error = run(fsck, "/nowhere/at/all").unwrap_err();
        assert!(matches!(error, ToolError::NoMailbox(_)), "{error}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().display().to_string();
        for tool in [fsck, export_to_dovecot] {
            let error = run(tool, &path).unwrap_err();
            assert!(matches!(error, ToolError::NotAMailbox { .. }), "{error}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
