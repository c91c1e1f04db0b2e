//! A user's script: found, looked at before it is believed, read, compiled, and kept compiled.
//!
//! Whoever can write a script can have the user's mail thrown away or sent elsewhere. So a script that others
//! than its user may have written is never run, and letters wait until that is mended (row M04): they are
//! neither bounced nor filed by half the rules.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use postroad_sieve::{Library, Location, Problems, Script, Unfit};
use postroad_store::FolderName;

use super::plan::is_inbox;
use super::trust::{Owners, Unusable};
use crate::limits;

/// A script that may be run.
#[derive(Debug)]
pub(crate) struct UserScript {
    /// The file.
    pub(crate) path: PathBuf,
    /// Which version of it: another one after each change.
    pub(crate) version: String,
    /// What it says, or what is wrong with it.
    pub(crate) compiled: Result<Script, Problems>,
    octets: usize,
}

/// Which file it is and when it was last changed, modes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            octets: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the file was changed long enough ago: in the same moment another change may leave the same times.
    fn is_settled(&self, now: SystemTime) -> bool {
        let seconds = u64::try_from(self.modified.0.max(self.changed.0)).unwrap_or_default();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        // Times to come are no better.
        now.duration_since(changed).is_ok_and(|age| age > limits::SCRIPT_SETTLES_AFTER)
    }
}

/// Scripts, kept compiled as long as their files stay as they are.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    kept: Mutex<HashMap<PathBuf, (Identity, Arc<UserScript>)>>,
}

impl Scripts {
    /// The script at the first of these paths where something is. `mailbox` is the one whose letters it is
    /// about: its owner may own the script.
    pub(crate) fn find(
        &self,
        paths: &[PathBuf],
        mailbox: &Path,
    ) -> Result<Option<Arc<UserScript>>, Unusable> {
        for path in paths {
            match std::fs::symlink_metadata(path) {
                Ok(metadata) => return self.load(path, metadata, mailbox).map(Some),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Unusable::Read { path: path.clone(), source }),
            }
        }
        Ok(None)
    }

    fn load(
        &self,
        path: &Path,
        metadata: Metadata,
        mailbox: &Path,
    ) -> Result<Arc<UserScript>, Unusable> {
        let owners = Owners::of(mailbox);
        let (file, metadata) = owners.script(path, metadata)?;
        let identity = Identity::of(&metadata);
        if let Some((known, script)) = self.lock().get(path)
            && *known == identity
        {
            return Ok(Arc::clone(script));
        }
        let (metadata, text) = owners.read(&file)?;
        let identity = Identity::of(&metadata);
        let library = Beside {
            main: path,
            owners: &owners,
            asked: Cell::default(),
            unusable: RefCell::default(),
        };
        let script = Arc::new(compile(path, identity, &text, &library));
        if let Some(error) = library.unusable.into_inner() {
            return Err(error);
        }
        // One that includes others changes when they do.
        if identity.is_settled(SystemTime::now()) && library.asked.get() == Asked::No {
            self.keep(path, identity, &script);
        }
        Ok(script)
    }

    fn keep(&self, path: &Path, identity: Identity, script: &Arc<UserScript>) {
        let mut kept = self.lock();
        kept.remove(path);
        let octets: usize = kept.values().map(|(_, script)| script.octets).sum();
        if kept.len() >= limits::SCRIPTS_KEPT_MAX
            || octets + script.octets > limits::SCRIPT_OCTETS_KEPT_MAX
        {
            kept.clear();
        }
        kept.insert(path.to_owned(), (identity, Arc::clone(script)));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (Identity, Arc<UserScript>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a script is that another one includes (RFC 6609 §3.2); there are none for all users.
pub(super) fn included(main: &Path, location: Location, name: &str) -> Option<PathBuf> {
    match location {
        Location::Global => None,
        Location::Personal => {
            Some(postroad_config::personal_scripts(main)?.join(format!("{name}.sieve")))
        }
    }
}

/// Scripts that one includes, looked at as it was.
struct Beside<'a> {
    main: &'a Path,
    owners: &'a Owners,
    asked: Cell<Asked>,
    unusable: RefCell<Option<Unusable>>,
}

/// Whether any was asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Asked {
    #[default]
    No,
    Yes,
}

impl Library for Beside<'_> {
    fn script(&self, location: Location, name: &str) -> Option<Vec<u8>> {
        self.asked.set(Asked::Yes);
        let path = included(self.main, location, name)?;
        let metadata = std::fs::symlink_metadata(&path).ok()?;
        let looked_at = self.owners.script(&path, metadata);
        let looked_at = looked_at.and_then(|(file, _)| self.owners.read(&file));
        match looked_at {
            Ok((_, text)) => Some(text),
            Err(error) => {
                self.unusable.replace(Some(error));
                None
            }
        }
    }

    fn unfit(&self, mailbox: &str) -> Option<Unfit> {
        unfit(mailbox)
    }
}

/// What is wrong with a mailbox's name that can't be one of a folder here.
pub(super) fn unfit(mailbox: &str) -> Option<Unfit> {
    if is_inbox(mailbox) {
        return None;
    }
    let error = FolderName::from_utf8(mailbox).err()?;
    // Where other servers have "/", Maildir++ has a dot.
    let dotted = mailbox.trim_matches('/').replace('/', ".");
    let hint = FolderName::from_utf8(&dotted).is_ok().then(|| format!("write \"{dotted}\""));
    Some(Unfit { problem: format!("\"{mailbox}\" can't be a folder: {error}"), hint })
}

fn compile(path: &Path, identity: Identity, text: &[u8], library: &Beside<'_>) -> UserScript {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Identity { inode, octets, modified: (seconds, nanoseconds), .. } = identity;
    UserScript {
        path: path.to_owned(),
        version: format!("{inode} {octets} {seconds}.{nanoseconds:09}"),
        compiled: postroad_sieve::compile_with(&name, text, library),
        octets: text.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use std::fs::File;

    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        scripts: Scripts,
    }

    impl Place {
        fn new() -> Self {
            let place = Self { dir: tempfile::tempdir().unwrap(), scripts: Scripts::default() };
            place.mode("", 0o700);
            place.write("a.sieve", "keep;");
            place
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.path(name), text).unwrap();
            self.mode(name, 0o600);
        }

        fn mode(&self, name: &str, mode: u32) {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(self.path(name), permissions).unwrap();
        }

        fn find(&self) -> Result<Option<Arc<UserScript>>, Unusable> {
            self.scripts.find(&[self.path("a.sieve"), self.path("b.sieve")], self.dir.path())
        }

        #[track_caller]
        fn is_unsafe(&self, expected: &str) {
            let error = self.find().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }

        /// As if the script had been there for long.
        fn settle(&self, name: &str) {
            let file = File::options().write(true).open(self.path(name)).unwrap();
            let long_ago = SystemTime::now() - Duration::from_secs(3_600);
            file.set_modified(long_ago).unwrap();
        }
    }

    #[test]
    fn the_first_that_is_there_or_none() {
        let place = Place::new();
        assert!(place.find().unwrap().unwrap().compiled.is_ok());
        std::fs::rename(place.path("a.sieve"), place.path("b.sieve")).unwrap();
        assert!(place.find().unwrap().unwrap().path.ends_with("b.sieve"));
        std::fs::remove_file(place.path("b.sieve")).unwrap();
        assert!(place.find().unwrap().is_none());
    }

    #[test]
    fn m04_what_others_may_have_written_is_not_run() {
        let place = Place::new();
        for mode in [0o620, 0o602, 0o666] {
            place.mode("a.sieve", mode);
            place.is_unsafe("others can write to it");
        }
        place.mode("a.sieve", 0o644);
        assert!(place.find().is_ok());
        for (mode, expected) in
            [(0o770, "can write to its folder"), (0o703, "can write"), (0o1700, "sticky")]
        {
            place.mode("", mode);
            place.is_unsafe(expected);
        }
        place.mode("", 0o755);
        std::fs::hard_link(place.path("a.sieve"), place.path("second")).unwrap();
        place.is_unsafe("second name");
        std::fs::remove_file(place.path("a.sieve")).unwrap();
        std::fs::create_dir(place.path("a.sieve")).unwrap();
        place.is_unsafe("not a file");
        std::fs::remove_dir(place.path("a.sieve")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, place.path("a.sieve"), fifo, 0o600.into(), 0).unwrap();
        place.is_unsafe("not a file");
        let device = place.scripts.find(&["/dev/null".into()], place.dir.path()).unwrap_err();
        assert!(device.to_string().contains("not a file"), "{device}");
    }

    #[test]
    fn m04_a_link_leads_to_a_script_of_its_owners_that_is_in_order() {
        let place = Place::new();
        std::fs::create_dir_all(place.path("dotfiles/mail")).unwrap();
        place.mode("dotfiles", 0o755);
        place.mode("dotfiles/mail", 0o755);
        place.write("dotfiles/mail/b.sieve", "discard;");
        let link = place.path("a.sieve");
        let absolute = place.path("dotfiles/mail/b.sieve").display().to_string();
        for (target, found) in [
            ("dotfiles/mail/b.sieve", true),
            ("dotfiles/../dotfiles/mail/b.sieve", true),
            (&absolute, true),
            ("dotfiles/missing", false),
            ("dotfiles", false),
            ("/dev/null", false),
            ("a.sieve", false),
        ] {
            std::fs::remove_file(&link).unwrap();
            symlink(target, &link).unwrap();
            let got = place.find();
            assert_eq!(got.is_ok_and(|script| script.is_some()), found, "{target}");
        }
        std::fs::remove_file(&link).unwrap();
        symlink("dotfiles/mail/b.sieve", &link).unwrap();
        // It goes by the link's name, also where it includes others.
        assert_eq!(place.find().unwrap().unwrap().path, link);
        // What it leads to is looked at, and the whole way there.
        for (name, wrong, right, why) in [
            ("dotfiles/mail/b.sieve", 0o666, 0o600, "others can write to it"),
            ("dotfiles/mail", 0o777, 0o755, "others can write to its folder"),
            ("dotfiles", 0o777, 0o755, "others can write to it, and put another file there"),
        ] {
            place.mode(name, wrong);
            place.is_unsafe(why);
            place.mode(name, right);
        }
        // Only root can give files away.
        if std::os::unix::fs::lchown(&link, Some(12_345), None).is_ok() {
            place.is_unsafe("it is a link to another owner's file");
        }
    }

    #[test]
    fn where_included_scripts_are() {
        for (main, path) in [
            ("/s/alice.sieve", "/s/alice/x.sieve"),
            ("/s/alice.b.sieve", "/s/alice.b/x.sieve"),
            ("/s/alice", "/s/alice.d/x.sieve"),
            ("/home/a/.postroad.sieve", "/home/a/sieve/x.sieve"),
            ("/home/a/.dovecot.sieve", "/home/a/sieve/x.sieve"),
        ] {
            let got = included(Path::new(main), Location::Personal, "x");
            assert_eq!(got.as_deref(), Some(Path::new(path)));
            assert_eq!(included(Path::new(main), Location::Global, "x"), None);
        }
    }

    #[test] // Tests RFC 6609 §3.2.
    fn m04_included_scripts_are_looked_at_like_others() {
        let place = Place::new();
        place.write("a.sieve", "require \"include\"; include \"b\";");
        assert!(place.find().unwrap().unwrap().compiled.is_ok());
        std::fs::create_dir(place.path("a")).unwrap();
        place.mode("a", 0o700);
        place.write("a/b.sieve", "kep;");
        let warnings = |place: &Place| {
            let script = place.find().unwrap().unwrap();
            script.compiled.as_ref().unwrap().warnings().len()
        };
        assert_eq!(warnings(&place), 1);
        place.write("a/b.sieve", "keep;");
        assert_eq!(warnings(&place), 0);
        assert!(place.scripts.lock().is_empty());
        place.mode("a/b.sieve", 0o622);
        place.is_unsafe("others can write to it");
    }

    #[test]
    fn m04_a_stranger_s_script_is_not_run() {
        let place = Place::new();
        // Only root can give files away.
        if std::os::unix::fs::chown(place.path("a.sieve"), Some(12_345), None).is_ok() {
            place.is_unsafe("belongs to somebody else");
            // The mailbox's owner is no stranger.
            std::fs::create_dir(place.path("mailbox")).unwrap();
            std::os::unix::fs::chown(place.path("mailbox"), Some(12_345), None).unwrap();
            let found = place.scripts.find(&[place.path("a.sieve")], &place.path("mailbox"));
            assert!(found.unwrap().is_some());
        }
    }

    #[test]
    fn kept_while_it_stays_as_it_is() {
        let place = Place::new();
        // What was written in this moment may change without leaving a trace.
        let (first, second) = (place.find().unwrap().unwrap(), place.find().unwrap().unwrap());
        assert!(!Arc::ptr_eq(&first, &second));
        let old = Identity { modified: (1, 0), changed: (1, 0), ..identity_of(&place) };
        assert!(old.is_settled(SystemTime::now()));
        place.settle("a.sieve");
        assert_ne!(place.find().unwrap().unwrap().version, first.version);
    }

    fn identity_of(place: &Place) -> Identity {
        Identity::of(&std::fs::symlink_metadata(place.path("a.sieve")).unwrap())
    }

    #[test]
    fn scripts_are_kept_up_to_a_bound() {
        let place = Place::new();
        let script = place.find().unwrap().unwrap();
        let identity = identity_of(&place);
        for n in 0..=limits::SCRIPTS_KEPT_MAX {
            assert!(place.scripts.lock().len() <= limits::SCRIPTS_KEPT_MAX);
            place.scripts.keep(&place.path(&n.to_string()), identity, &script);
        }
        assert_eq!(place.scripts.lock().len(), 1);
    }
}
