//! The process between us and a program: `postroad-mda run-program MILLISECONDS beginning|whole OCTETS FILE NAME
//! [ARGUMENT]…`.
//!
//! Environment, folder and standard input are the program's already. It is the only thread of its process, so
//! nothing is torn away from anybody when it closes and sets what the program must not inherit:
//!
//! | of our caller's or ours | for the program |
//! |---|---|
//! | descriptors beyond 2 | closed |
//! | terminal, session, process group | a session without a terminal, a group of its own |
//! | signals that are held or ignored | none |
//! | umask | 077 |
//! | core files | none; other limits stay, for a caller may mean them (Postfix's for the size of files) |
//!
//! What a program leaves running when it ends by itself goes on: that is how mail programs send in the
//! background. When the time is up nothing goes on.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions};

use super::report::{self, Ended, How};
use super::{Output, Program, wait_for};
use crate::limits;

/// Its own exit code where it was called wrongly or can't report.
const NO_REPORT: u8 = 2;

/// What is to be done.
struct Order {
    deadline: Instant,
    output: Output,
    program: Program,
    arguments: Vec<OsString>,
}

impl Order {
    fn read(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut word = || words.next()?.into_string().ok();
        let time: u64 = word()?.parse().ok()?;
        let way = word()?;
        let most = word()?.parse().ok()?;
        let output = match way.as_str() {
            report::BEGINNING => Output::Beginning(most),
            report::WHOLE => Output::Whole(most),
            _ => return None,
        };
        let deadline = Instant::now() + Duration::from_millis(time);
        let (file, name) = (words.next()?.into(), words.next()?.into());
        let program = Program { name, file };
        Some(Self { deadline, output, program, arguments: words.collect() })
    }
}

/// Is the supervisor that the words behind [`WORD`](super::WORD) ask for; gives the process's exit code. To be
/// called before anything is opened and before there are other threads.
pub fn supervise(words: impl Iterator<Item = OsString>) -> u8 {
    close_all_but_three();
    let Some(order) = Order::read(words) else { return NO_REPORT };
    let ended = watch(&order).unwrap_or_else(|error| Ended {
        how: How::NotStarted(error.raw_os_error().unwrap_or_default()),
        said: error.to_string().into_bytes(),
        ..Ended::default()
    });
    match io::stdout().write_all(&report::write(&ended)).and_then(|()| io::stdout().flush()) {
        Ok(()) => 0,
        Err(_) => NO_REPORT,
    }
}

/// What our caller left open is nobody's here.
fn close_all_but_three() {
    let Ok(folder) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers: Vec<i32> = folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // The folder's own is among them, and closed by now.
        let _ = nix::unistd::close(number);
    }
}

fn watch(order: &Order) -> io::Result<Ended> {
    // What can't be had here a sandbox has forbidden, and seen to.
    let _ = rustix::process::setsid();
    let _ =
        rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    rustix::process::umask(0o077.into());
    // What forks away comes to us.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    // Rust sees to SIGPIPE, which it ignores itself.
    let _handlers = end_ignoring(|signal| signal != Signal::PIPE.as_raw())?;
    SigSet::empty().thread_set_mask()?;

    let (output, output_end) = io::pipe()?;
    let (said, said_end) = io::pipe()?;
    let child = Command::new(&order.program.file)
        .arg0(&order.program.name)
        .args(&order.arguments)
        // Not ours: it may send signals to all of its own.
        .process_group(0)
        .stdout(output_end)
        .stderr(said_end)
        .spawn()?;
    let (wanted, whole) = match order.output {
        Output::Beginning(most) => (most, Exceeding::IsDropped),
        Output::Whole(most) => (most, Exceeding::Ends),
    };
    let mut output = Listener::new(output, wanted, whole);
    let mut said = Listener::new(said, limits::PROGRAM_OUTPUT_OCTETS_MAX, Exceeding::IsDropped);
    let how = until_it_ends(child, &mut output, &mut said, order.deadline)?;
    Ok(Ended { how, said: said.kept, output: output.kept, unread: false })
}

fn until_it_ends(
    mut child: Child,
    output: &mut Listener,
    said: &mut Listener,
    deadline: Instant,
) -> io::Result<How> {
    let pid = Pid::from_child(&child);
    let end = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        let end_is_near = PollFd::new(&end, PollFlags::IN);
        let mut polled = vec![end_is_near];
        polled.extend(output.poll());
        polled.extend(said.poll());
        let in_time = wait_for(&mut polled, Some(deadline))?;
        let has_ended = polled.first().is_some_and(|end| !end.revents().is_empty());
        if !in_time && !has_ended {
            end_all();
            return Ok(How::TooLong);
        }
        if has_ended {
            break;
        }
        output.read_what_is_there(1)?;
        said.read_what_is_there(1)?;
        if output.is_too_much() {
            end_all();
            return Ok(How::TooMuch);
        }
    }
    // What it has said is there by now; what others hold open isn't waited for.
    output.read_what_is_there(limits::PROGRAM_PIPE_BLOCKS_MAX)?;
    said.read_what_is_there(limits::PROGRAM_PIPE_BLOCKS_MAX)?;
    let status = child.wait()?;
    Ok(match (output.is_too_much(), status.code()) {
        (true, _) => How::TooMuch,
        (false, Some(code)) => How::Exited(code),
        (false, None) => {
            How::Signal(std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or_default())
        }
    })
}

/// What is done with octets beyond those that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exceeding {
    IsDropped,
    Ends,
}

/// One stream of what a program says.
struct Listener {
    /// `None` at its end.
    from: Option<PipeReader>,
    kept: Vec<u8>,
    most: usize,
    exceeding: Exceeding,
    exceeds: bool,
}

impl Listener {
    fn new(from: PipeReader, most: usize, exceeding: Exceeding) -> Self {
        Self { from: Some(from), kept: Vec::new(), most, exceeding, exceeds: false }
    }

    fn poll(&self) -> Option<PollFd<'_>> {
        self.from.as_ref().map(|from| PollFd::new(from, PollFlags::IN))
    }

    fn is_too_much(&self) -> bool {
        self.exceeds && self.exceeding == Exceeding::Ends
    }

    /// Reads without waiting, no more than so many blocks.
    fn read_what_is_there(&mut self, blocks: usize) -> io::Result<()> {
        let mut block = [0; limits::PROGRAM_BLOCK_OCTETS];
        for _ in 0..blocks {
            let Some(from) = &mut self.from else { return Ok(()) };
            if !wait_for(&mut [PollFd::new(from, PollFlags::IN)], Some(Instant::now()))? {
                return Ok(());
            }
            let octets = match from.read(&mut block) {
                Ok(0) => {
                    self.from = None;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let room = self.most.saturating_sub(self.kept.len());
            self.exceeds |= octets > room;
            self.kept.extend_from_slice(block.get(..octets.min(room)).unwrap_or_default());
        }
        Ok(())
    }
}

/// Ends all that came of the program: whatever loses its parent becomes our child.
fn end_all() {
    let until = Instant::now() + limits::PROGRAM_ENDING_TIME_MAX;
    while Instant::now() < until {
        for child in children() {
            // It may have just ended; its number is ours until it was waited for.
            let _ = rustix::process::kill_process(child, Signal::KILL);
        }
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            // They take a moment to die.
            Ok(None) => std::thread::sleep(Duration::from_millis(1)),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn children() -> Vec<Pid> {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    children
        .split_ascii_whitespace()
        .filter_map(|number| Pid::from_raw(number.parse().ok()?))
        .collect()
}

/// Ignored signals stay ignored across exec, caught ones become as they are by default: so each ignored one is
/// caught, that is among these, as long as what is given back lives.
pub(crate) fn end_ignoring(
    these: impl Fn(i32) -> bool,
) -> io::Result<Option<tokio::runtime::Runtime>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    let is_ignored = |signal: &i32| mask & (1 << (signal - 1)) != 0;
    let ignored: Vec<i32> = (1..=64).filter(is_ignored).filter(|signal| these(*signal)).collect();
    if ignored.is_empty() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    {
        let _inside = runtime.enter();
        for signal in ignored {
            // Those that can't be caught can't be ignored either, or mean a mistake of the program's own.
            let kind = tokio::signal::unix::SignalKind::from_raw(signal);
            let _ = tokio::signal::unix::signal(kind);
        }
    }
    Ok(Some(runtime))
}
