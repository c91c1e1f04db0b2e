//! Programs beside this one: their words are arguments, never a shell's; what they get and give has bounds; each has a
//! deadline, and is ended with all that it has started.

use std::ffi::OsString;
use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::{SealError, limits};

/// What is to be run.
pub(crate) struct Call<'c> {
    /// How it is called where something goes wrong.
    pub(crate) name: &'static str,
    pub(crate) program: &'c Path,
    pub(crate) words: Vec<OsString>,
    /// Set before the program starts; `None` takes one away.
    pub(crate) environment: Vec<(&'static str, Option<OsString>)>,
    /// What it reads.
    pub(crate) input: Vec<u8>,
    /// The most that it may write.
    pub(crate) octets_max: u64,
    pub(crate) timeout: Duration,
}

/// What came of it.
pub(crate) struct Answer {
    pub(crate) output: Vec<u8>,
    /// What it said beside that.
    pub(crate) said: String,
    pub(crate) is_success: bool,
}

/// Which of its streams has ended, and how.
enum End {
    Output(std::io::Result<Vec<u8>>),
    Said(String),
}

pub(crate) fn run(call: Call<'_>) -> Result<Answer, SealError> {
    let program = call.name;
    let failed = |problem: String| SealError::Program { program, problem };
    let mut command = Command::new(call.program);
    command.args(&call.words).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, value) in &call.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut child = command.spawn().map_err(|error| failed(format!("cannot start it: {error}")))?;
    let until = Instant::now() + call.timeout;
    let answer = streams(&mut child, &call, until).and_then(|(output, said)| {
        // One that has closed its streams may go on all the same.
        let ended = ended(&mut child, until);
        match ended.map_err(|error| failed(format!("it got lost: {error}")))? {
            Some(status) => Ok(Answer { output, said, is_success: status.success() }),
            None => Err(late(&call)),
        }
    });
    if answer.is_err() {
        end(&mut child);
    }
    answer
}

fn late(call: &Call<'_>) -> SealError {
    let seconds = call.timeout.as_secs();
    let problem = format!("it hasn't ended within {seconds} s, and was stopped");
    SealError::Program { program: call.name, problem }
}

/// Waits for its end; `None` where that doesn't come in time.
fn ended(child: &mut Child, until: Instant) -> std::io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if left.is_zero() => return Ok(None),
            None => thread::sleep(pause.min(left)),
        }
        pause = pause.saturating_mul(2).min(Duration::from_millis(50));
    }
}

/// Feeds it and reads what it writes, each in a thread: none of the three may wait for another.
fn streams(
    child: &mut Child,
    call: &Call<'_>,
    until: Instant,
) -> Result<(Vec<u8>, String), SealError> {
    let program = call.name;
    let failed = |problem: String| SealError::Program { program, problem };
    // Where the system has no thread left, that is said: the program isn't to fall.
    let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
        let started = thread::Builder::new().name(name.to_owned()).spawn(work);
        started.map(drop).map_err(|error| failed(format!("cannot listen to it: {error}")))
    };
    let (tell, told) = mpsc::channel();
    if let Some(mut input) = child.stdin.take() {
        let octets = call.input.clone();
        // One that has seen enough closes it: what it says of that counts.
        start("input", Box::new(move || drop(input.write_all(&octets))))?;
    }
    if let Some(output) = child.stdout.take() {
        let (tell, most) = (tell.clone(), call.octets_max.saturating_add(1));
        let read = move || {
            let mut octets = Vec::new();
            let read = output.take(most).read_to_end(&mut octets);
            drop(tell.send(End::Output(read.map(|_| octets))));
        };
        start("output", Box::new(read))?;
    }
    if let Some(mut said) = child.stderr.take() {
        let read = move || {
            let mut words = Vec::new();
            let read = (&mut said).take(limits::SAID_OCTETS_MAX).read_to_end(&mut words);
            drop(read.and_then(|_| std::io::copy(&mut said, &mut std::io::sink())));
            drop(tell.send(End::Said(String::from_utf8_lossy(&words).into_owned())));
        };
        start("errors", Box::new(read))?;
    }
    let (mut output, mut words) = (None, None);
    while output.is_none() || words.is_none() {
        match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(End::Output(Ok(octets))) if octets.len() as u64 > call.octets_max => {
                return Err(SealError::TooLarge(call.octets_max));
            }
            Ok(End::Output(octets)) => {
                let read = octets.map_err(|error| failed(format!("cannot read it: {error}")));
                output = Some(read?);
            }
            Ok(End::Said(said)) => words = Some(said),
            Err(_) => return Err(late(call)),
        }
    }
    Ok((output.unwrap_or_default(), words.unwrap_or_default()))
}

/// Ends it and all that it has started.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    drop(child.kill());
    drop(child.wait());
}

/// Where a program is, if the user has it.
pub(crate) fn find(name: &str) -> Option<std::path::PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| {
            rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(words: &[&str], input: &str, octets_max: u64) -> Result<Answer, SealError> {
        let shell = find("sh").unwrap();
        run(Call {
            name: "sh",
            program: &shell,
            words: words.iter().map(OsString::from).collect(),
            environment: Vec::new(),
            input: input.into(),
            octets_max,
            timeout: Duration::from_millis(1_500),
        })
    }

    #[test]
    fn what_goes_in_and_out_and_how_long_it_takes_has_bounds() {
        let answer = call(&["-c", "cat; echo no >&2; exit 3"], "yes", 3).unwrap();
        assert_eq!((answer.output.as_slice(), answer.said.as_str()), (&b"yes"[..], "no\n"));
        assert!(!answer.is_success);
        assert!(matches!(call(&["-c", "cat"], "four", 3), Err(SealError::TooLarge(3))));
        assert!(matches!(
            call(&["-c", "exec cat /dev/zero"], "", 1000),
            Err(SealError::TooLarge(_))
        ));
        let error = call(&["-c", "sleep 60 & sleep 60"], "", 10).err().unwrap();
        assert!(error.to_string().contains("hasn't ended"), "{error}");
        let error = call(&["-c", "exec 0<&- 1>&- 2>&-; sleep 60"], "", 10).err().unwrap();
        assert!(error.to_string().contains("hasn't ended"), "{error}");
        // A program that doesn't read what it gets.
        assert!(call(&["-c", "exec 0<&-; echo x"], &"y".repeat(1 << 20), 10).is_ok());
    }
}
