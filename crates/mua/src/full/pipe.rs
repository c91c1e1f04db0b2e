//! Letters given to a program of the user's, and what it says of them.
//!
//! It has no terminal: the screen keeps that. What it writes, errors too, is a page to be read. A program that doesn't end is
//! ended.

use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use postroad_catalog::LetterFile;
use postroad_tui::data::{LetterId, LineKind, Page, PageLine};
use postroad_tui::effect::Job;
use postroad_tui::msg::What;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::limits::{PAGE_LINES_MAX, PAGE_OCTETS_MAX, PIPE_WAIT, READ_OCTETS};
use super::wake::Teller;
use crate::safe_line;
use crate::safe_text::SafeText;

/// Letters, in their order, and what they are for.
#[derive(Debug)]
pub(super) struct Piped {
    pub(super) job: Job,
    pub(super) first: LetterId,
    pub(super) letters: Vec<LetterFile>,
    pub(super) command: String,
}

/// Gives them to it, in a thread of their own.
///
/// # Errors
/// Where the system has no thread left.
pub(super) fn start(piped: Piped, tell: Teller) -> io::Result<()> {
    thread::Builder::new().name("pipe".into()).spawn(move || {
        let done = said(Given::Letters(&piped.letters), shell(&piped.command), PIPE_WAIT);
        match page_of(piped.first, &piped.command, done) {
            Ok(page) => tell.tell(piped.job, What::Output(page)),
            Err(words) => tell.failed(piped.job, words, ""),
        }
    })?;
    Ok(())
}

/// Gives octets to a command of the user's shell, and waits for what it says.
///
/// # Errors
/// In words, where it can't be started, or says that it has failed.
pub(super) fn given(letter: LetterId, octets: &[u8], command: &str) -> Result<Arc<Page>, SafeText> {
    page_of(letter, command, said(Given::Octets(octets), shell(command), PIPE_WAIT))
}

/// The same of a program, which no shell starts.
///
/// # Errors
/// As there.
pub(super) fn given_to(
    letter: LetterId,
    octets: &[u8],
    words: &[String],
) -> Result<Arc<Page>, SafeText> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("cannot start an empty command".into());
    };
    let mut command = Command::new(program);
    command.args(arguments);
    page_of(letter, program, said(Given::Octets(octets), command, PIPE_WAIT))
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

fn page_of(letter: LetterId, command: &str, said: io::Result<Said>) -> Result<Arc<Page>, SafeText> {
    let command = SafeText::line(command).cut(40);
    match said {
        Ok(Said { output, trouble: None }) => Ok(page(letter, &output).into()),
        Ok(Said { output, trouble: Some(trouble) }) => {
            let first = String::from_utf8_lossy(&output);
            let first = SafeText::line(first.lines().next().unwrap_or_default()).cut(60);
            Err(safe_line!("{} {trouble}: {}", command.as_str(), first.as_str()))
        }
        Err(error) => Err(safe_line!("cannot start {}: {error}", command.as_str())),
    }
}

/// What a program gets.
#[derive(Debug, Clone, Copy)]
enum Given<'g> {
    Letters(&'g [LetterFile]),
    Octets(&'g [u8]),
}

/// What a program has written, and whether it went wrong.
#[derive(Debug)]
struct Said {
    output: Vec<u8>,
    trouble: Option<String>,
}

fn said(given: Given<'_>, mut command: Command, most: Duration) -> io::Result<Said> {
    let (reading, writing) = io::pipe()?;
    // What it has started ends with it.
    command.process_group(0).stdin(Stdio::piped()).stdout(writing.try_clone()?).stderr(writing);
    let mut child = command.spawn()?;
    // Both of its ends of the pipe: else it would never be empty.
    drop(command);
    let input = child.stdin.take();
    thread::scope(|scope| {
        let writer = thread::Builder::new().spawn_scoped(scope, move || {
            if let Some(mut input) = input {
                // Who has read enough reads no more.
                let _ = match given {
                    Given::Letters(letters) => {
                        letters.iter().try_for_each(|letter| write(letter, &mut input))
                    }
                    Given::Octets(octets) => input.write_all(octets),
                };
            }
        });
        let heard = hear(reading, Instant::now() + most);
        if !matches!(heard, Heard::All(_)) {
            end(&child);
        }
        let status = child.wait()?;
        writer?.join().ok();
        Ok(match heard {
            Heard::All(output) if status.success() => Said { output, trouble: None },
            Heard::All(output) => Said { output, trouble: Some(format!("failed ({status})")) },
            Heard::TooMuch(output) => Said { output, trouble: None },
            Heard::TooLate(output) => Said { output, trouble: Some("didn't end in time".into()) },
        })
    })
}

fn write(letter: &LetterFile, input: &mut impl io::Write) -> io::Result<()> {
    let letter = letter.open().map_err(io::Error::other)?;
    let mut piece = vec![0; READ_OCTETS * 16];
    let mut at = 0;
    loop {
        let read = letter.read_at(&mut piece, at).map_err(io::Error::other)?;
        if read == 0 {
            return input.flush();
        }
        input.write_all(piece.get(..read).unwrap_or_default())?;
        at += read as u64;
    }
}

fn end(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// What came before its end, more than is shown, or until it was too late.
#[derive(Debug)]
enum Heard {
    All(Vec<u8>),
    TooMuch(Vec<u8>),
    TooLate(Vec<u8>),
}

fn hear(mut reading: PipeReader, until: Instant) -> Heard {
    let mut output = Vec::new();
    let mut piece = [0; READ_OCTETS];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut wanted = [PollFd::from_borrowed_fd(reading.as_fd(), PollFlags::IN)];
        let is_there = poll(&mut wanted, Timespec::try_from(left).ok().as_ref());
        match is_there {
            Ok(0) => return Heard::TooLate(output),
            Err(rustix::io::Errno::INTR) => continue,
            Ok(_) | Err(_) => {}
        }
        match reading.read(&mut piece) {
            Ok(0) | Err(_) => return Heard::All(output),
            Ok(read) => output.extend_from_slice(piece.get(..read).unwrap_or_default()),
        }
        if output.len() > PAGE_OCTETS_MAX {
            return Heard::TooMuch(output);
        }
    }
}

pub(super) fn page(letter: LetterId, output: &[u8]) -> Page {
    let text = String::from_utf8_lossy(output);
    let lines = text.trim_end().lines().take(PAGE_LINES_MAX);
    let line = |line: &str| PageLine { kind: LineKind::Text, text: SafeText::block(line) };
    let lines = lines.map(line).collect();
    let (head, parts, links) = (Vec::new(), Vec::new(), Vec::new());
    let (trust, invitation, explained) = (None, None, Vec::new());
    let unsubscribe = None;
    Page {
        letter,
        head,
        lines,
        parts,
        links,
        unsubscribe,
        original: None,
        invitation,
        trust,
        seal: None,
        explained,
        cut: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, most: Duration) -> (String, Option<String>) {
        let said = said(Given::Letters(&[]), shell(command), most).unwrap();
        (String::from_utf8(said.output).unwrap(), said.trouble)
    }

    #[test]
    fn what_a_program_says_is_heard_errors_too() {
        let long = Duration::from_secs(60);
        assert_eq!(check("echo one; echo two >&2", long), ("one\ntwo\n".into(), None));
        assert_eq!(check("cat", long), (String::new(), None));
        let (output, trouble) = check("echo no; exit 3", long);
        assert_eq!(output, "no\n");
        assert!(trouble.unwrap().contains('3'));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_what_it_has_started() {
        let (output, trouble) =
            check("echo one; sleep 1000 & sleep 1000", Duration::from_millis(300));
        assert_eq!((output.as_str(), trouble.as_deref()), ("one\n", Some("didn't end in time")));
    }

    #[test]
    fn octets_are_given_as_they_are() {
        let octets: Vec<u8> = (0..=255).collect();
        let said = said(
            Given::Octets(&octets),
            shell("od -An -tu1 -v | tail -n 1"),
            Duration::from_secs(60),
        );
        let said = String::from_utf8(said.unwrap().output).unwrap();
        assert!(said.trim().starts_with("240 ") && said.trim().ends_with(" 255"), "{said}");
    }

    #[test]
    fn what_is_too_long_to_be_shown_ends_there() {
        let (output, trouble) = check("yes", Duration::from_secs(60));
        assert!(output.len() > PAGE_OCTETS_MAX && trouble.is_none());
    }
}
