//! `postroad-mda import`: rules of other delivery agents as a script. `postroad_import` translates; here are files.
//!
//! They are read as scripts are (row M04): only what the user or root may have written, and what nobody else can
//! write to; no links, no second names, nothing but files. That goes for those that are included, too.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use postroad_import::{Files, Imported, Whose};

use super::trust::{Owners, Unusable};

/// Whose rules they are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    /// procmail: `.procmailrc`.
    Procmail,
    /// maildrop: `.mailfilter`.
    Maildrop,
    /// sendmail, and those that follow it: `.forward`.
    Sendmail,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file isn't there, or isn't believed.
    #[error(transparent)]
    Rules(Unusable),
    /// What was made can't be put there.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Translates a file; what it includes is read as well.
///
/// # Errors
/// Where the file itself can't be read, or isn't believed.
pub fn import(agent: Agent, path: &Path) -> Result<Imported, ImportError> {
    let read = |source| Unusable::Read { path: path.to_owned(), source };
    let whole = std::path::absolute(path).map_err(read).map_err(ImportError::Rules)?;
    let files = Trusted { owners: Owners::of(whole.parent().unwrap_or(Path::new("/"))) };
    let text = files.trusted(&whole).map_err(ImportError::Rules)?;
    // It is its owner's, whoever imports it.
    let owner = std::fs::symlink_metadata(&whole).map(|metadata| metadata.uid());
    let owner = owner.ok().and_then(|uid| User::from_uid(Uid::from_raw(uid)).ok().flatten());
    let beside = whole.parent().unwrap_or(Path::new("/")).display().to_string();
    let (home, user) = match owner {
        Some(owner) => (owner.dir.display().to_string(), owner.name),
        None => (beside, "nobody".to_owned()),
    };
    let file = path.display().to_string();
    let whose = Whose { file: &file, home: &home, user: &user };
    Ok(match agent {
        Agent::Procmail => postroad_import::procmail(whose, &text, &files),
        Agent::Maildrop => postroad_import::mailfilter(whose, &text, &files),
        Agent::Sendmail => postroad_import::forward(whose, &text, &files),
    })
}

/// Puts the scripts that an imported one runs into a folder, for their owner alone; none that is there is replaced.
///
/// # Errors
/// The first that can't be written.
pub fn write_programs(imported: &Imported, folder: &Path) -> Result<(), ImportError> {
    for program in &imported.programs {
        let path = folder.join(&program.name);
        let failed = |source| ImportError::Write { path: path.clone(), source };
        let mut file = File::create_new(&path).map_err(failed)?;
        let written = file
            .set_permissions(std::fs::Permissions::from_mode(0o700))
            .and_then(|()| file.write_all(program.text.as_bytes()));
        written.map_err(failed)?;
    }
    Ok(())
}

/// Writes the script into a file that isn't there yet.
///
/// # Errors
/// Where it is there, or can't be written.
pub fn write_script(imported: &Imported, path: &Path) -> Result<(), ImportError> {
    let written = File::create_new(path).and_then(|mut file| {
        // Others can't write to it, whatever the umask says: it wouldn't be followed.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(imported.sieve.as_bytes())
    });
    written.map_err(|source| ImportError::Write { path: path.to_owned(), source })
}

struct Trusted {
    owners: Owners,
}

impl Trusted {
    fn trusted(&self, path: &Path) -> Result<Vec<u8>, Unusable> {
        let read = |source| Unusable::Read { path: path.to_owned(), source };
        // Before anything is opened: of a device that alone may do something.
        let metadata = std::fs::symlink_metadata(path).map_err(read)?;
        self.owners.check_file(path, &metadata)?;
        self.owners.check_folder_of(path)?;
        self.owners.read(path).map(|(_, text)| text)
    }
}

impl Files for Trusted {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.trusted(Path::new(path)).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            let home = Self(tempfile::tempdir().unwrap());
            home.mode("", 0o700);
            home
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn mode(&self, name: &str, mode: u32) {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(self.path(name), permissions).unwrap();
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.path(name), text).unwrap();
            self.mode(name, 0o600);
        }

        #[track_caller]
        fn is_refused(&self, expected: &str) {
            let refused = import(Agent::Sendmail, &self.path(".forward")).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn m04_a_forward_that_others_may_have_written_is_not_read() {
        let home = Home::new();
        home.write(".forward", "ann@x.example\n");
        for mode in [0o620, 0o602, 0o666] {
            home.mode(".forward", mode);
            home.is_refused("others can write to it");
        }
        home.mode(".forward", 0o600);
        assert!(import(Agent::Sendmail, &home.path(".forward")).is_ok());
        for (mode, expected) in
            [(0o770, "can write to its folder"), (0o703, "can write"), (0o1700, "sticky")]
        {
            home.mode("", mode);
            home.is_refused(expected);
        }
        home.mode("", 0o700);
        std::fs::hard_link(home.path(".forward"), home.path("second")).unwrap();
        home.is_refused("second name");
        std::fs::remove_file(home.path(".forward")).unwrap();
        home.is_refused("cannot read the rules");
        symlink(home.path("second"), home.path(".forward")).unwrap();
        home.is_refused("symbolic link");
    }

    #[test]
    fn m04_a_forward_that_is_no_file_is_not_opened() {
        let home = Home::new();
        std::fs::create_dir(home.path(".forward")).unwrap();
        home.is_refused("not a file");
        std::fs::remove_dir(home.path(".forward")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, home.path(".forward"), fifo, 0o600.into(), 0).unwrap();
        home.is_refused("not a file");
        // Nor a device, wherever it is.
        let refused = import(Agent::Sendmail, Path::new("/dev/null")).unwrap_err();
        assert!(refused.to_string().contains("not a file"), "{refused}");
    }

    #[test]
    fn m04_a_stranger_s_forward_is_not_read() {
        let home = Home::new();
        home.write(".forward", "ann@x.example\n");
        let metadata = std::fs::metadata(home.path(".forward")).unwrap();
        // Whoever it is that runs this test, the file is theirs: it is a stranger's for another one.
        let stranger = Owners::of_nobody(metadata.uid() + 1);
        let refused = stranger.check_file(&home.path(".forward"), &metadata);
        // Root may do anything.
        assert_eq!(refused.is_err(), metadata.uid() != 0);
    }

    #[test]
    fn m04_included_files_are_looked_at_like_others() {
        let home = Home::new();
        let list = home.path("list").display().to_string();
        home.write(".forward", &format!(":include:{list}\n"));
        home.write("list", "ann@x.example, bob@x.example\n");
        let imported = import(Agent::Sendmail, &home.path(".forward")).unwrap();
        assert!(imported.sieve.contains("redirect \"bob@x.example\";"), "{}", imported.sieve);
        assert!(imported.findings.is_empty());
        home.mode("list", 0o666);
        let imported = import(Agent::Sendmail, &home.path(".forward")).unwrap();
        assert!(!imported.sieve.contains("redirect \"bob"), "{}", imported.sieve);
        assert!(imported.left_something());
    }

    #[test]
    fn what_is_made_replaces_nothing() {
        let home = Home::new();
        home.write(".procmailrc", ":0\n| gzip >>all.gz\n");
        let imported = import(Agent::Procmail, &home.path(".procmailrc")).unwrap();
        let (script, folder) = (home.path("new.sieve"), home.path("programs"));
        std::fs::create_dir(&folder).unwrap();
        write_script(&imported, &script).unwrap();
        write_programs(&imported, &folder).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&script), 0o600);
        assert_eq!(mode(&folder.join("procmailrc-1")), 0o700);
        assert!(write_script(&imported, &script).is_err());
        assert!(write_programs(&imported, &folder).is_err());
    }
}
