//! A program that takes a letter on standard input, called as sendmail is: `sendmail -i -f FROM -- TO …`.
//!
//! No shell, a clean environment, nothing of ours open but standard input and output, a time limit, and as much
//! of its answer as somebody will read (rows M07 to M09). Exit code 0 means that it has the letter.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use postroad_protocol::address::ReversePath;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::{Outgoing, SubmitError, with_lf};
use crate::{children, limits};

/// How long its last words, or what is left of the letter in a pipe, are waited for when it has ended: a child
/// of it may hold them.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Hands one letter over.
pub(super) fn send(
    program: &Path,
    letter: &Outgoing,
    deadline: Instant,
) -> Result<(), SubmitError> {
    let run = |source| SubmitError::Run { program: program.to_owned(), source };
    children::heed_their_ends().map_err(run)?;
    let (output, output_end) = io::pipe().map_err(run)?;
    let mut child = Command::new(program)
        .args(["-i", "-f", &sender(&letter.from), "--"])
        .args(letter.to.iter().map(ToString::to_string))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir("/")
        // Of its own, so that it can be ended with all that it has started.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(output_end.try_clone().map_err(run)?)
        .stderr(output_end)
        .spawn()
        .map_err(run)?;
    let said = in_thread("program-output", move || first_octets(output)).map_err(run)?;
    let content = with_lf(&letter.content);
    let stdin = child.stdin.take();
    let written = in_thread("program-input", move || match stdin {
        Some(mut stdin) => stdin.write_all(&content),
        None => Err(io::ErrorKind::BrokenPipe.into()),
    })
    .map_err(run)?;
    let ended = wait(&mut child, deadline).map_err(run)?;
    let failed = |why: String| SubmitError::Program { program: program.to_owned(), why };
    let Some(status) = ended else {
        return Err(failed("it takes too long and was ended".to_owned()));
    };
    if !status.success() {
        let said = said.recv_timeout(LAST_WORDS).unwrap_or_default();
        return Err(failed(format!(
            "{status}, saying {:?}",
            String::from_utf8_lossy(&said).trim()
        )));
    }
    match written.recv_timeout(LAST_WORDS) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(failed("it did not read all of it".to_owned())),
    }
}

/// As Dovecot and others call it for the null reverse-path.
fn sender(from: &ReversePath) -> String {
    match from {
        ReversePath::Null => "<>".to_owned(),
        ReversePath::Address(address) => address.to_string(),
    }
}

fn in_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Receiver<T>> {
    let (tell, hear) = mpsc::sync_channel(1);
    let work = move || {
        // Who waits may have given up.
        let _ = tell.send(work());
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(hear)
}

/// The beginning of what it says; the rest is read and dropped, so that it never waits for us.
fn first_octets(mut output: io::PipeReader) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut block = [0; 1024];
    loop {
        match output.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return kept,
            Ok(octets) => {
                let room = limits::PROGRAM_OUTPUT_OCTETS_MAX.saturating_sub(kept.len());
                kept.extend_from_slice(block.get(..octets.min(room)).unwrap_or_default());
            }
        }
    }
}

/// Waits for its end; `None` where it had to be ended.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let pid = Pid::from_child(child);
    let ended = in_thread("program-end", move || {
        // Looked at, not taken: its number is nobody else's until we say so below.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(pid), options))
    })?;
    let in_time = ended.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok();
    if !in_time {
        // Where it has just ended by itself there is nobody to hear it.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait()?;
    Ok(in_time.then_some(status))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use postroad_protocol::address::Address;
    use postroad_protocol::envelope::{Notify, Utf8};

    use super::*;
    use crate::submit::Kind;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// Runs a program of these lines, which finds its folder in `$D`.
        fn send(&self, lines: &str, time_max: Duration) -> Result<(), SubmitError> {
            let program = self.path("program");
            let text = format!("#!/bin/sh\nD={}\n{lines}\n", self.0.path().display());
            std::fs::write(&program, text).unwrap();
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
            let letter = Outgoing {
                from: ReversePath::parse("-x;id@x.example").unwrap_or(ReversePath::Null),
                to: ["$(id)@y.example", "-oQ@y.example"]
                    .iter()
                    .filter_map(|to| Address::parse(to).ok())
                    .collect(),
                utf8: Utf8::Ascii,
                notify: Notify::Unsaid,
                kind: Kind::Redirect,
                content: b"A: b\r\n\r\nc\r\n".as_slice().into(),
            };
            send(&program, &letter, Instant::now() + time_max)
        }

        fn read(&self, name: &str) -> String {
            std::fs::read_to_string(self.path(name)).unwrap()
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn m07_m08_arguments_are_arguments_and_the_environment_is_clean() {
        let place = Place::new();
        let lines = "printf '%s\\n' \"$@\" > $D/args; env > $D/env; cat > $D/letter";
        place.send(lines, LONG).unwrap();
        let arguments = place.read("args");
        let arguments: Vec<&str> = arguments.lines().collect();
        assert_eq!(arguments.get(..2), Some(&["-i", "-f"][..]));
        assert_eq!(arguments.get(3), Some(&"--"), "{arguments:?}");
        assert!(arguments.contains(&"-oQ@y.example"), "{arguments:?}");
        assert_eq!(place.read("letter"), "A: b\n\nc\n");
        let environment = place.read("env");
        let names = environment.lines().filter_map(|line| line.split('=').next());
        assert!(
            names.clone().all(|name| ["PATH", "PWD", "D", "_", "SHLVL", "OLDPWD"].contains(&name)),
            "{environment}"
        );
    }

    #[test]
    fn m09_what_a_program_can_do_to_us() {
        let place = Place::new();
        let why = |lines: &str, time_max| place.send(lines, time_max).unwrap_err().to_string();
        assert!(why("cat > /dev/null; echo 'no way' >&2; exit 75", LONG).contains("no way"));
        assert!(why("kill -9 $$", LONG).contains("signal"));
        let endless = why("exec sleep 1000", Duration::from_millis(50));
        assert!(endless.contains("takes too long"), "{endless}");
        let long = why("cat > /dev/null; yes | head -c 1000000; exit 1", LONG);
        assert!(long.len() < 3 * limits::PROGRAM_OUTPUT_OCTETS_MAX, "{}", long.len());
        assert!(!long.contains('\n'));
        let missing = send(Path::new("/nowhere"), &letter(), Instant::now() + LONG);
        assert!(matches!(missing, Err(SubmitError::Run { .. })));
    }

    fn letter() -> Outgoing {
        Outgoing {
            from: ReversePath::Null,
            to: vec![Address::parse("a@b.example").unwrap()],
            utf8: Utf8::Ascii,
            notify: Notify::Unsaid,
            kind: Kind::Redirect,
            content: bytes::Bytes::new(),
        }
    }
}
