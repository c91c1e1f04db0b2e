//! The programs that rules may run: those in one folder, and none where there is no such folder.
//!
//! Whoever can put something there can run it as the mailboxes' owner, so folder and file are looked at as scripts
//! are (row M04). The file may be a link, as in `ln -s /usr/bin/vacation ~/.postroad/programs/`.
//!
//! What a program gets: its letter with LF line ends, as from procmail; for `pipe` with our trace fields on top,
//! for `filter` as the script sees it. Its environment is `PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL`, `SENDER`
//! (empty for the null reverse-path), `RECIPIENT`, `ORIG_RECIPIENT` and `HOST`, and nothing else.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;
use postroad_config::Config;
use postroad_sieve::{Call, ProgramError, Programs, Ran, Try, Wanted};
use postroad_store::Draft;

use super::Parcel;
use super::trust::{Owners, Unusable};
use crate::limits;
use crate::line_ends::with_lf;
use crate::programs::{self, Ended, Job, Output, Permit, Program, Verdict};

/// Where users of the host have them.
const IN_HOME: &str = ".postroad/programs";

/// The folder, and what depends on whose rules may run what is in it.
#[derive(Debug)]
pub(crate) struct ProgramFolder {
    path: Option<PathBuf>,
    /// Why there is none.
    missing: &'static str,
    home: PathBuf,
    time_max: Duration,
    output_max: usize,
    under_way: AtomicUsize,
}

/// Why nothing can be said of a letter that a program should have had: it comes again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramTrouble {
    #[error("{0} programs are running already")]
    Busy(usize),
    #[error("cannot run {}", program.display())]
    Run {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} did not take a letter that rules pipe to it: {why}", program.display())]
    NotNow { program: PathBuf, why: String },
}

/// Letters that one user's rules give to programs.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    pub(super) all: Vec<Piping>,
    /// For the inbox, if one of them isn't taken.
    pub(super) spare: Option<Draft>,
}

impl Pipes {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// A letter that is ready for a program.
#[derive(Debug)]
pub(super) struct Piping {
    pub(super) program: Program,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(&'static str, OsString)>,
    pub(super) content: Bytes,
    pub(super) failure: Try,
    pub(super) if_not_taken: IfNotTaken,
    /// Which rule wants it.
    pub(super) by: String,
}

/// What becomes of a letter that a program never takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfNotTaken {
    Kept,
    /// Others have it, or nobody wants it.
    Left,
}

/// What came of them.
#[derive(Debug, Default)]
pub(crate) struct Piped {
    /// To be delivered with the rest.
    pub(crate) kept: Option<Draft>,
    /// What to say afterwards.
    pub(crate) notes: Vec<String>,
}

impl ProgramFolder {
    /// By the setting `mda.programs`.
    pub(crate) fn of_settings(config: &Config) -> Self {
        let path = Some(&config.mda.programs).filter(|path| !path.as_os_str().is_empty());
        Self {
            path: path.cloned(),
            missing: "[mda] programs names no folder of programs",
            home: PathBuf::from("/"),
            time_max: limits::part_of(config.mda.delivery_time_max, limits::PROGRAMS_TIME_MAX),
            output_max: usize::try_from(config.mda.message_size_max).unwrap_or(usize::MAX),
            under_way: AtomicUsize::new(0),
        }
    }

    /// Of a user of the host, who wants programs to be run by making the folder.
    pub(crate) fn in_home(home: &Path, config: &Config) -> Self {
        let path = home.join(IN_HOME);
        Self {
            path: path.is_dir().then_some(path),
            missing: "there is no folder ~/.postroad/programs",
            home: home.to_owned(),
            ..Self::of_settings(config)
        }
    }

    /// Whether any may be run.
    pub(super) fn is_there(&self) -> bool {
        self.path.is_some()
    }

    /// The program of this name, for rules about `mailbox`.
    ///
    /// # Errors
    /// What is wrong with it, and how to mend it.
    pub(super) fn find(&self, name: &str, mailbox: &Path) -> Result<Program, String> {
        let Some(folder) = &self.path else {
            return Err(format!("the program \"{name}\" can't be run: {}", self.missing));
        };
        match Owners::of(mailbox).program(&folder.join(name)) {
            Ok(program) => Ok(program),
            Err(Unusable::Read { source, .. }) => {
                Err(format!("the program \"{name}\" can't be run: {source}"))
            }
            Err(Unusable::Unsafe { path, why }) => Err(format!(
                "the program \"{name}\" is not run, because of {}: {why}",
                path.display()
            )),
        }
    }

    /// All that is in the environment of a program beside `PATH`.
    pub(super) fn environment(&self, parcel: &Parcel<'_>) -> Vec<(&'static str, OsString)> {
        let to = parcel.to.to_string();
        [
            ("HOME", self.home.clone().into_os_string()),
            ("USER", parcel.user.into()),
            ("LOGNAME", parcel.user.into()),
            ("SHELL", "/bin/sh".into()),
            ("SENDER", parcel.return_path.to_string().into()),
            ("RECIPIENT", to.clone().into()),
            ("ORIG_RECIPIENT", to.into()),
            ("HOST", parcel.host.into()),
        ]
        .into()
    }

    /// When those of a delivery that begins now have to have ended.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.time_max
    }

    /// Gives letters to programs, one after the other; blocks.
    pub(super) fn give(&self, pipes: Pipes, deadline: Instant) -> Result<Piped, ProgramTrouble> {
        let Pipes { all, spare } = pipes;
        let (mut notes, mut is_kept) = (Vec::new(), false);
        for piping in &all {
            let Piping { program, by, .. } = piping;
            let name = program.name.file_name().unwrap_or_default().to_string_lossy();
            let why = match (self.run(piping, deadline), piping.failure) {
                (Ok(ended), _) if ended.verdict() == Verdict::Taken => {
                    notes.push(format!("given to the program \"{name}\"{by}"));
                    continue;
                }
                (Ok(ended), Try::No) if ended.verdict() == Verdict::Later => {
                    let (program, why) = (program.name.clone(), ended.to_string());
                    return Err(ProgramTrouble::NotNow { program, why });
                }
                (Ok(ended), Try::No | Try::Yes) => ended.to_string(),
                (Err(trouble), Try::No) => return Err(trouble),
                (Err(trouble), Try::Yes) => crate::events::Chain(&trouble).to_string(),
            };
            let kept = match piping.if_not_taken {
                IfNotTaken::Kept => "; kept in the inbox",
                IfNotTaken::Left => "",
            };
            is_kept |= piping.if_not_taken == IfNotTaken::Kept;
            notes.push(format!("not taken by the program \"{name}\"{by}: {why}{kept}"));
        }
        Ok(Piped { kept: spare.filter(|_| is_kept), notes })
    }

    fn run(&self, piping: &Piping, deadline: Instant) -> Result<Ended, ProgramTrouble> {
        let environment: Vec<(&str, &OsStr)> =
            piping.environment.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
        self.run_job(&Job {
            program: &piping.program,
            arguments: piping.arguments.iter().map(OsString::as_os_str).collect(),
            environment: &environment,
            folder: &self.home,
            input: &with_lf(&piping.content),
            output: Output::Beginning(limits::PROGRAM_OUTPUT_OCTETS_MAX),
            deadline,
        })
    }

    fn run_job(&self, job: &Job<'_>) -> Result<Ended, ProgramTrouble> {
        let _permit =
            Permit::take(&self.under_way, limits::PROGRAMS_MAX).map_err(ProgramTrouble::Busy)?;
        let run = |source| ProgramTrouble::Run { program: job.program.name.clone(), source };
        programs::run(job).map_err(run)
    }
}

/// The programs that one letter's rules ask for while they run.
pub(super) struct ForLetter<'a> {
    pub(super) folder: &'a ProgramFolder,
    pub(super) parcel: &'a Parcel<'a>,
    pub(super) mailbox: &'a Path,
    /// Told of each that begins and that has ended.
    pub(super) watch: &'a dyn Fn(Busy),
    /// Set by the first one.
    deadline: std::cell::OnceCell<Instant>,
    pub(super) notes: RefCell<Vec<String>>,
    /// Why the letter has to come again.
    pub(super) trouble: RefCell<Option<ProgramTrouble>>,
}

/// Whether rules wait for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    WithProgram,
    WithLetter,
}

impl<'a> ForLetter<'a> {
    pub(super) fn new(
        folder: &'a ProgramFolder,
        parcel: &'a Parcel<'a>,
        mailbox: &'a Path,
        watch: &'a dyn Fn(Busy),
    ) -> Self {
        let (deadline, notes, trouble) = Default::default();
        Self { folder, parcel, mailbox, watch, deadline, notes, trouble }
    }

    fn note(&self, what: String) {
        self.notes.borrow_mut().push(what);
    }
}

impl Programs for ForLetter<'_> {
    fn run(&self, call: &Call<'_>) -> Result<Ran, ProgramError> {
        let program =
            self.folder.find(call.program, self.mailbox).map_err(ProgramError::Unknown)?;
        let environment = self.folder.environment(self.parcel);
        let environment: Vec<(&str, &OsStr)> =
            environment.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
        let arguments: Vec<OsString> = arguments(call.arguments);
        (self.watch)(Busy::WithProgram);
        let ended = self.folder.run_job(&Job {
            program: &program,
            arguments: arguments.iter().map(OsString::as_os_str).collect(),
            environment: &environment,
            folder: &self.folder.home,
            input: &with_lf(call.input),
            output: match call.output {
                Wanted::Nothing => Output::Beginning(0),
                Wanted::Beginning(most) => Output::Beginning(most),
                Wanted::Whole => Output::Whole(self.folder.output_max),
            },
            deadline: *self.deadline.get_or_init(|| self.folder.deadline()),
        });
        (self.watch)(Busy::WithLetter);
        match ended {
            Ok(ended) if ended.verdict() == Verdict::Taken => {
                self.note(format!("the program \"{}\" ran", call.program));
                Ok(Ran::Output(ended.output))
            }
            Ok(ended) => {
                self.note(format!("the program \"{}\" failed: {ended}", call.program));
                Err(ProgramError::Failed(ended.to_string()))
            }
            Err(trouble) => {
                let why = trouble.to_string();
                self.trouble.borrow_mut().get_or_insert(trouble);
                Err(ProgramError::Failed(why))
            }
        }
    }
}

pub(super) fn arguments(arguments: &[Vec<u8>]) -> Vec<OsString> {
    arguments.iter().map(|argument| OsString::from_vec(argument.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn m04_programs_that_others_may_have_written_are_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let config = postroad_config::parse("x".as_ref(), "").unwrap().config;
        let none = ProgramFolder::in_home(dir.path(), &config).find("x", dir.path());
        assert!(none.unwrap_err().contains("no folder ~/.postroad/programs"));
        assert!(ProgramFolder::of_settings(&config).find("x", dir.path()).is_err());

        let folder = dir.path().join(IN_HOME);
        std::fs::create_dir_all(&folder).unwrap();
        chmod(&folder, 0o700);
        chmod(folder.parent().unwrap(), 0o700);
        let program = folder.join("x");
        std::fs::write(&program, "").unwrap();
        let programs = ProgramFolder::in_home(dir.path(), &config);
        let find = |name: &str| programs.find(name, dir.path());
        chmod(&program, 0o700);
        assert_eq!(find("x"), Ok(Program::at(&program)));
        for (mode, expected) in [(0o600, "chmod +x"), (0o720, "chmod go-w"), (0o702, "chmod go-w")]
        {
            chmod(&program, mode);
            assert!(find("x").unwrap_err().contains(expected));
        }
        chmod(&program, 0o755);
        for path in [&folder, folder.parent().unwrap()] {
            chmod(path, 0o770);
            assert!(find("x").unwrap_err().contains("can write to its folder"));
            chmod(path, 0o755);
        }
        assert!(find("missing").unwrap_err().contains("No such file"));
        std::fs::create_dir(folder.join("folder")).unwrap();
        assert!(find("folder").unwrap_err().contains("not a file"));

        // A link is as good as what it leads to.
        symlink("/bin/cat", folder.join("cat")).unwrap();
        let file = Path::new("/bin/cat").canonicalize().unwrap();
        assert_eq!(find("cat"), Ok(Program { name: folder.join("cat"), file }));
        let elsewhere = dir.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::copy("/bin/true", elsewhere.join("y")).unwrap();
        symlink(elsewhere.join("y"), folder.join("y")).unwrap();
        chmod(&elsewhere, 0o777);
        assert!(find("y").unwrap_err().contains("can write to its folder"));
        // Whoever can rename a folder on the way puts another program there.
        std::fs::create_dir(elsewhere.join("bin")).unwrap();
        std::fs::rename(elsewhere.join("y"), elsewhere.join("bin/y")).unwrap();
        std::fs::remove_file(folder.join("y")).unwrap();
        symlink(elsewhere.join("bin/y"), folder.join("y")).unwrap();
        assert!(find("y").unwrap_err().contains("put another file there"));
        chmod(&elsewhere, 0o1777);
        assert!(find("y").is_ok());
    }
}
