//! Running programs: argv only and no shell, in a world of our making, within limits of time and output
//! (rows M07 to M09). What rules pipe to runs so, and the program that letters leave by.
//!
//! ```text
//! us ── /proc/self/exe run-program … ──► supervisor ──► program ─► whatever it starts
//!          input: a sealed file            report ◄── output, exit code, the time
//! ```
//! A process of ours stands between ([`supervisor`]): it is small and alone, so it can close what it was left,
//! set signals, umask and limits, and become the parent of all that forks away. When the time is up it ends all
//! of that, and only then says so.
//!
//! How a program's end counts, where a letter depends on it:
//!
//! | it | is | for `pipe` |
//! |---|---|---|
//! | exits with 0 | `Verdict::Taken` | the letter is the program's |
//! | exits with 75 (`EX_TEMPFAIL`) or 111 (qmail's), is ended by a signal, takes too long | `Verdict::Later` | nothing is kept, and all of it comes again |
//! | cannot be started for want of memory, processes, … | `Verdict::Later` | the same |
//! | exits with anything else, 64 to 78, 99, 100 and 126, 127 too | `Verdict::Never` | the letter is in the inbox, the log says why |
//! | cannot be started as it is (no program, no permission) | `Verdict::Never` | the same |
//!
//! Postfix and qmail bounce where we keep: no sender hears of a program that its user broke. qmail's 99 means
//! "taken, and stop", which a program that knows nothing of qmail doesn't mean.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{MemfdFlags, SealFlags};

use crate::limits;

mod report;
pub mod supervisor;

pub(crate) use report::{Ended, How};

/// The word that makes of our program a supervisor.
pub const WORD: &str = "run-program";

/// Ourselves, also when the file has another name by now or none.
const OURSELVES: &str = "/proc/self/exe";

/// What programs find others by.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// What it is called by. It may be a link, and some programs do what that says.
    pub(crate) name: PathBuf,
    /// The file that is executed: where the link led when it was looked at, and not where it leads by now.
    pub(crate) file: PathBuf,
}

impl Program {
    /// The one at that path, whatever it is.
    pub(crate) fn at(path: &Path) -> Self {
        Self { name: path.to_owned(), file: path.to_owned() }
    }
}

/// A program that is to be run.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) program: &'a Program,
    pub(crate) arguments: Vec<&'a OsStr>,
    /// All that is in its environment beside `PATH`.
    pub(crate) environment: &'a [(&'a str, &'a OsStr)],
    /// The folder that it runs in; `/` where that isn't there.
    pub(crate) folder: &'a Path,
    /// What it reads, as it stands.
    pub(crate) input: &'a [u8],
    pub(crate) output: Output,
    pub(crate) deadline: Instant,
}

/// What of its standard output is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// So many octets; the rest is read and dropped, so that it never waits for us.
    Beginning(usize),
    /// All, but no more than so many octets: then it is ended.
    Whole(usize),
}

/// What a program's end means for the letter that it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Taken,
    /// The letter comes again.
    Later,
    /// It would end so each time.
    Never,
}

impl Ended {
    pub(crate) fn verdict(&self) -> Verdict {
        // EX_TEMPFAIL, and qmail's word for it.
        const LATER: [i32; 2] = [75, 111];
        // ENOENT, ENOEXEC, EACCES, ENOTDIR, E2BIG: none of them passes.
        const NEVER: [i32; 5] = [2, 8, 13, 20, 7];
        match self.how {
            How::Exited(0) => Verdict::Taken,
            How::Exited(code) if LATER.contains(&code) => Verdict::Later,
            How::NotStarted(error) if NEVER.contains(&error) => Verdict::Never,
            How::Signal(_) | How::TooLong | How::NotStarted(_) => Verdict::Later,
            How::Exited(_) | How::TooMuch => Verdict::Never,
        }
    }
}

/// How it ended and what it said, on one line that no terminal obeys.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            How::Exited(code) => write!(f, "exit code {code}")?,
            How::Signal(signal) => write!(f, "ended by signal {signal}")?,
            How::TooLong => write!(f, "it takes too long and was ended")?,
            How::TooMuch => write!(f, "it says too much and was ended")?,
            How::NotStarted(error) => {
                write!(f, "cannot be started: {}", io::Error::from_raw_os_error(error))?;
            }
        }
        let said = self.said.trim_ascii();
        match said.is_empty() {
            true => Ok(()),
            false => write!(f, ", saying {:?}", String::from_utf8_lossy(said)),
        }
    }
}

/// Runs one to its end; blocks, until its deadline and not much longer.
///
/// # Errors
/// Where our own part fails, for want of memory, say: "later".
pub(crate) fn run(job: &Job<'_>) -> io::Result<Ended> {
    let mut input = sealed(job.input)?;
    let (report, report_end) = io::pipe()?;
    let time_left = job.deadline.saturating_duration_since(Instant::now());
    let (way, most) = match job.output {
        Output::Beginning(most) => (report::BEGINNING, most),
        Output::Whole(most) => (report::WHOLE, most),
    };
    let mut supervisor = Command::new(OURSELVES)
        .arg(WORD)
        .arg(time_left.as_millis().to_string())
        .args([way, &most.to_string()])
        .args([&job.program.file, &job.program.name])
        .args(&job.arguments)
        .env_clear()
        .env("PATH", PATH)
        .envs(job.environment.iter().copied())
        .current_dir(if job.folder.is_dir() { job.folder } else { Path::new("/") })
        .stdin(input.try_clone()?)
        .stdout(report_end)
        .stderr(Stdio::null())
        .spawn()?;
    let heard = hear(report, job.deadline + limits::PROGRAM_GRACE, most);
    if heard.is_err() {
        // It hangs in what even SIGKILL doesn't end.
        let _ = supervisor.kill();
    }
    // Where our caller ignores SIGCHLD it is gone already.
    let _ = supervisor.wait();
    let mut ended = report::read(&heard?)
        .ok_or_else(|| io::Error::other("what watches over the program has ended early"))?;
    // The descriptor is one with the program's: what it has read is behind us.
    ended.unread = job.input.len() as u64 != input.stream_position()?;
    Ok(ended)
}

/// The octets as a file that nobody changes.
fn sealed(octets: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(rustix::fs::memfd_create("letter", flags)?);
    file.write_all(octets)?;
    file.rewind()?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file)
}

/// All of a report, until `until`.
fn hear(mut report: io::PipeReader, until: Instant, output_max: usize) -> io::Result<Vec<u8>> {
    let most = output_max.saturating_add(report::OVERHEAD_OCTETS_MAX);
    let mut heard = Vec::new();
    let mut block = vec![0; limits::PROGRAM_BLOCK_OCTETS];
    loop {
        if !wait_for(&mut [PollFd::new(&report, PollFlags::IN)], Some(until))? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let octets = report.read(&mut block)?;
        heard.extend_from_slice(block.get(..octets).unwrap_or_default());
        match octets {
            0 => return Ok(heard),
            _ if heard.len() > most => return Err(io::Error::other("a report without end")),
            _ => {}
        }
    }
}

/// Waits for one of them; whether one came before `until`.
pub(crate) fn wait_for(of: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(|left| left.try_into().unwrap_or_default());
        match rustix::event::poll(of, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            found => return Ok(found? > 0),
        }
    }
}

/// One of the programs that may run at once, or letters that may be on their way.
pub(crate) struct Permit<'a>(&'a AtomicUsize);

impl<'a> Permit<'a> {
    /// # Errors
    /// How many there are, where that is `most`.
    pub(crate) fn take(under_way: &'a AtomicUsize, most: usize) -> Result<Self, usize> {
        let before = under_way.fetch_add(1, Ordering::Relaxed);
        let permit = Self(under_way);
        match before < most {
            true => Ok(permit),
            false => Err(before),
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m09_how_each_end_counts() {
        let verdict = |how| Ended { how, ..Ended::default() }.verdict();
        assert_eq!(verdict(How::Exited(0)), Verdict::Taken);
        for code in 1..256 {
            let expected = if [75, 111].contains(&code) { Verdict::Later } else { Verdict::Never };
            assert_eq!(verdict(How::Exited(code)), expected, "{code}");
        }
        for (how, expected) in [
            (How::Signal(9), Verdict::Later),
            (How::TooLong, Verdict::Later),
            (How::TooMuch, Verdict::Never),
            // ENOMEM, EAGAIN; ENOENT, ENOEXEC, EACCES.
            (How::NotStarted(12), Verdict::Later),
            (How::NotStarted(11), Verdict::Later),
            (How::NotStarted(2), Verdict::Never),
            (How::NotStarted(8), Verdict::Never),
            (How::NotStarted(13), Verdict::Never),
        ] {
            assert_eq!(verdict(how), expected, "{how:?}");
        }
    }

    #[test]
    fn what_it_said_is_one_line() {
        let said = b"no\nway \x1b[2J\n".to_vec();
        let ended = Ended { how: How::Exited(1), said, ..Ended::default() };
        assert_eq!(ended.to_string(), r#"exit code 1, saying "no\nway \u{1b}[2J""#);
    }

    #[test]
    fn so_many_at_once_and_no_more() {
        let under_way = AtomicUsize::new(0);
        let permits: Vec<_> = (0..3).map(|_| Permit::take(&under_way, 3).ok().unwrap()).collect();
        assert_eq!(Permit::take(&under_way, 3).err(), Some(3));
        drop(permits);
        assert!(Permit::take(&under_way, 3).is_ok());
    }
}
