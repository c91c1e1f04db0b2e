//! Where a user's scripts lie, and which of them is run.
//!
//! ```text
//! sieve/alice.sieve              what the delivery agent runs: a link to alice/.active.sieve
//! sieve/alice/NAME.sieve         the scripts; `include` finds them there, too
//! sieve/alice/.active.sieve      a link to one of them, or to .none.sieve
//! sieve/alice/.none.sieve        an empty script: all is kept in the inbox
//! ```
//! The first is the front's to make ([`prepare`]), once; all others are in a folder that the user's worker has rights to.
//! A script that is there already becomes `main`. All calls block.
//!
//! Each change is a rename, so that a letter that comes meanwhile meets the rules of before or those of after.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use postroad_config::personal_scripts;
use postroad_managesieve::name::ScriptName;
use postroad_managesieve::server::{Active, Failure};
use rustix::fs::OFlags;

use crate::limits;

const SUFFIX: &str = ".sieve";
const ACTIVE: &str = ".active.sieve";
const NONE: &str = ".none.sieve";
/// What a change is before its rename.
const NEW: &str = ".new";
/// What a script is called that was there before.
const MAIN: &str = "main.sieve";

/// Why something isn't done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The client is told why.
    #[error("{0:?}")]
    Not(Failure),
    /// The system failed.
    #[error("cannot {operation} {}", path.display())]
    System {
        /// The verb.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is run is a link of somebody else's making.
    #[error(
        "{} is a link that ManageSieve doesn't know: put the script itself there, or leave the user's rules to whoever made the link",
        .0.display()
    )]
    Link(PathBuf),
}

type Result<T> = std::result::Result<T, StoreError>;

/// Has the delivery agent run what the user chooses, from `main` on.
pub(crate) fn prepare(main: &Path) -> Result<()> {
    let not_a_path = || StoreError::Link(main.to_owned());
    let folder = personal_scripts(main).ok_or_else(not_a_path)?;
    let name = folder.file_name().ok_or_else(not_a_path)?;
    let target = Path::new(name).join(ACTIVE);
    match fs::read_link(main) {
        Ok(link) if link == target => return Ok(()),
        Ok(_) => return Err(StoreError::Link(main.to_owned())),
        // Neither is an error: nothing there, and no link.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {}
        Err(error) => return Err(system("read", main)(error)),
    }
    fs::create_dir_all(&folder).map_err(system("make", &folder))?;
    let store = Store::at(&folder);
    let none = folder.join(NONE);
    if !exists(&none)? {
        store.write(&none, b"")?;
    }
    if exists(main)? {
        // Under a second name for as long as it takes: letters of this moment wait.
        let kept = folder.join(MAIN);
        fs::hard_link(main, &kept).map_err(system("keep", &kept))?;
        store.link(MAIN)?;
    } else if !exists(&folder.join(ACTIVE))? {
        store.link(NONE)?;
    }
    replace_link(&target, main)?;
    main.parent().map_or(Ok(()), sync)
}

/// A user's scripts.
#[derive(Debug)]
pub(crate) struct Store<'a>(&'a Path);

impl<'a> Store<'a> {
    pub(crate) fn at(folder: &'a Path) -> Self {
        Self(folder)
    }

    fn path(&self, name: &ScriptName) -> PathBuf {
        self.0.join(format!("{name}{SUFFIX}"))
    }

    /// Whether there is room for one of that name.
    pub(super) fn have_space(&self, name: &ScriptName) -> Result<()> {
        match exists(&self.path(name))? || self.names()?.len() < limits::SCRIPTS_MAX {
            true => Ok(()),
            false => Err(StoreError::Not(Failure::TooMany)),
        }
    }

    pub(super) fn put(&self, name: &ScriptName, text: &[u8]) -> Result<()> {
        self.have_space(name)?;
        self.write(&self.path(name), text)
    }

    pub(super) fn get(&self, name: &ScriptName) -> Result<Vec<u8>> {
        let path = self.path(name);
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let open = OpenOptions::new().read(true).custom_flags(flags).open(&path);
        let file = open.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Not(Failure::Nonexistent),
            _ => system("open", &path)(error),
        })?;
        let mut text = Vec::new();
        // Whoever puts longer ones there by hand gets them back by hand.
        let most = postroad_managesieve::limits::SCRIPT_OCTETS_MAX as u64 + 1;
        file.take(most).read_to_end(&mut text).map_err(system("read", &path))?;
        match text.len() as u64 == most {
            true => Err(StoreError::Not(Failure::TooLong)),
            false => Ok(text),
        }
    }

    /// All, by name.
    pub(super) fn list(&self) -> Result<Vec<(ScriptName, Active)>> {
        let active = self.active()?;
        let names = self.names()?.into_iter().map(|name| {
            let is_active = active.as_ref() == Some(&name);
            (name, if is_active { Active::Yes } else { Active::No })
        });
        Ok(names.collect())
    }

    pub(super) fn set_active(&self, name: Option<&ScriptName>) -> Result<()> {
        match name {
            None => self.link(NONE),
            Some(name) if exists(&self.path(name))? => self.link(&format!("{name}{SUFFIX}")),
            Some(_) => Err(StoreError::Not(Failure::Nonexistent)),
        }
    }

    pub(super) fn delete(&self, name: &ScriptName) -> Result<()> {
        let path = self.path(name);
        if !exists(&path)? {
            return Err(StoreError::Not(Failure::Nonexistent));
        }
        // RFC 5804 §2.10: the active one MUST NOT be deleted.
        if self.active()?.as_ref() == Some(name) {
            return Err(StoreError::Not(Failure::Active));
        }
        fs::remove_file(&path).map_err(system("remove", &path))?;
        sync(self.0)
    }

    pub(super) fn rename(&self, from: &ScriptName, to: &ScriptName) -> Result<()> {
        let text = self.get(from)?;
        let (old, new) = (self.path(from), self.path(to));
        if exists(&new)? {
            return Err(StoreError::Not(Failure::Exists));
        }
        // A copy first: at no moment is there nothing behind the link, or a script with two names.
        self.write(&new, &text)?;
        if self.active()?.as_ref() == Some(from) {
            self.set_active(Some(to))?;
        }
        fs::remove_file(&old).map_err(system("remove", &old))?;
        sync(self.0)
    }

    fn active(&self) -> Result<Option<ScriptName>> {
        let path = self.0.join(ACTIVE);
        match fs::read_link(&path) {
            Ok(target) => Ok(target.to_str().and_then(script_of_file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(system("read", &path)(error)),
        }
    }

    fn names(&self) -> Result<Vec<ScriptName>> {
        let list = system("list", self.0);
        let entries = fs::read_dir(self.0).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(list)?;
        let names = entries.iter().filter_map(|entry| script_of_file(entry.file_name().to_str()?));
        let mut names: Vec<ScriptName> = names.collect();
        names.sort();
        Ok(names)
    }

    /// Puts a file in place of what is there, durably.
    fn write(&self, path: &Path, text: &[u8]) -> Result<()> {
        let new = self.0.join(NEW);
        remove(&new)?;
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600).custom_flags(flags);
        let written = options.open(&new).and_then(|mut file| {
            file.write_all(text)?;
            file.sync_all()
        });
        written.map_err(system("write", &new))?;
        fs::rename(&new, path).map_err(system("rename", &new))?;
        sync(self.0)
    }

    /// Has that file run from now on.
    fn link(&self, file: &str) -> Result<()> {
        replace_link(Path::new(file), &self.0.join(ACTIVE))?;
        sync(self.0)
    }
}

/// Puts a link in place of what is there.
fn replace_link(target: &Path, path: &Path) -> Result<()> {
    let mut new = path.file_name().unwrap_or_default().to_owned();
    new.push(NEW);
    let new = path.with_file_name(new);
    remove(&new)?;
    symlink(target, &new).map_err(system("make", &new))?;
    fs::rename(&new, path).map_err(system("rename", &new))
}

fn script_of_file(name: &str) -> Option<ScriptName> {
    ScriptName::parse(name.strip_suffix(SUFFIX)?.as_bytes())
}

/// Whether there is something, whatever it is.
fn exists(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(system("look at", path)(error)),
    }
}

/// What an interrupted change has left.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(system("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(system("sync", folder))
}

fn system(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::System { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ScriptName {
        ScriptName::parse(text.as_bytes()).unwrap()
    }

    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap() }
        }

        fn main(&self) -> PathBuf {
            self.dir.path().join("alice.sieve")
        }

        fn folder(&self) -> PathBuf {
            self.dir.path().join("alice")
        }

        /// What the delivery agent would run.
        fn runs(&self) -> String {
            fs::read_to_string(self.main()).unwrap()
        }
    }

    #[test]
    fn what_is_run_follows_the_user() {
        let place = Place::new();
        prepare(&place.main()).unwrap();
        prepare(&place.main()).unwrap();
        let folder = place.folder();
        let store = Store::at(&folder);
        assert_eq!((store.list().unwrap(), place.runs().as_str()), (vec![], ""));
        store.put(&name("a"), b"keep;").unwrap();
        store.put(&name("b"), b"discard;").unwrap();
        store.set_active(Some(&name("a"))).unwrap();
        assert_eq!(place.runs(), "keep;");
        store.put(&name("a"), b"stop;").unwrap();
        assert_eq!(place.runs(), "stop;");
        store.rename(&name("a"), &name("c")).unwrap();
        assert_eq!(place.runs(), "stop;");
        let list = vec![(name("b"), Active::No), (name("c"), Active::Yes)];
        assert_eq!(store.list().unwrap(), list);
        store.set_active(None).unwrap();
        assert_eq!(place.runs(), "");
        store.delete(&name("c")).unwrap();
        assert_eq!(store.list().unwrap(), [(name("b"), Active::No)]);
    }

    #[test]
    fn what_is_not_done() {
        let place = Place::new();
        prepare(&place.main()).unwrap();
        let folder = place.folder();
        let store = Store::at(&folder);
        store.put(&name("a"), b"keep;").unwrap();
        store.put(&name("b"), b"keep;").unwrap();
        store.set_active(Some(&name("a"))).unwrap();
        let not = |result: Result<()>| match result {
            Err(StoreError::Not(failure)) => failure,
            other => panic!("{other:?}"),
        };
        assert_eq!(not(store.delete(&name("a"))), Failure::Active);
        assert_eq!(not(store.delete(&name("x"))), Failure::Nonexistent);
        assert_eq!(not(store.rename(&name("a"), &name("b"))), Failure::Exists);
        assert_eq!(not(store.rename(&name("x"), &name("y"))), Failure::Nonexistent);
        assert_eq!(not(store.set_active(Some(&name("x")))), Failure::Nonexistent);
        assert_eq!(not(store.get(&name("x")).map(drop)), Failure::Nonexistent);
        for n in 2..limits::SCRIPTS_MAX {
            store.put(&name(&n.to_string()), b"").unwrap();
        }
        assert_eq!(not(store.put(&name("more"), b"")), Failure::TooMany);
        store.put(&name("a"), b"stop;").unwrap();
        // A link in a script's place leads nowhere.
        symlink("/etc/passwd", folder.join("link.sieve")).unwrap();
        assert!(matches!(store.get(&name("link")), Err(StoreError::System { .. })));
    }

    #[test]
    fn a_script_that_is_there_becomes_main_and_a_link_is_left_alone() {
        let place = Place::new();
        fs::write(place.main(), "discard;").unwrap();
        prepare(&place.main()).unwrap();
        let folder = place.folder();
        let store = Store::at(&folder);
        assert_eq!(store.list().unwrap(), [(name("main"), Active::Yes)]);
        assert_eq!(
            (place.runs().as_str(), store.get(&name("main")).unwrap()),
            ("discard;", b"discard;".into())
        );
        let place = Place::new();
        symlink("dotfiles/rules", place.main()).unwrap();
        assert!(matches!(prepare(&place.main()), Err(StoreError::Link(_))));
        assert_eq!(fs::read_link(place.main()).unwrap(), Path::new("dotfiles/rules"));
    }
}
