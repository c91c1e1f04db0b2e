//! Where a password comes from, and how it is kept out of sight (row U17).

use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::limits;

/// Where a password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// The first line of a file that nobody else can read.
    File(PathBuf),
    /// The first line that a program prints; program and arguments, no shell.
    Command(Vec<String>),
}

/// A password. It has no `Display`, and its `Debug` says nothing.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// For the few places that send or prove it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn for_tests(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Who has the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terminal {
    /// The command that wants the password: what is wrong may be written there.
    Ours,
    /// A screen.
    Taken,
}

/// Why there is no password. Never holds the password, nor what a command printed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file can't be read.
    #[error("cannot read the password file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error("others can read the password file {0}; run: chmod 600 {0}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// Nothing, or something no password is.
    #[error("{source_name} holds no password in its first line")]
    Empty {
        /// File or command.
        source_name: String,
    },
    /// The command didn't work.
    #[error("the password command {program} {problem}")]
    Command {
        /// The program.
        program: String,
        /// What went wrong.
        problem: String,
    },
}

impl PasswordSource {
    /// Reads the password.
    ///
    /// # Errors
    /// Where the file can't be read or others can read it, or the command fails.
    pub fn read(&self) -> Result<Password, PasswordError> {
        self.read_beside(Terminal::Ours)
    }

    /// The same, where somebody else may have the terminal: then the command's complaints aren't written into it.
    ///
    /// # Errors
    /// As [`PasswordSource::read`].
    pub(crate) fn read_beside(&self, terminal: Terminal) -> Result<Password, PasswordError> {
        let (text, source_name) = match self {
            Self::File(path) => (read_file(path)?, path.display().to_string()),
            Self::Command(words) => {
                (run(words, terminal)?, words.first().cloned().unwrap_or_default())
            }
        };
        let password = text.lines().next().unwrap_or_default();
        if password.is_empty() || password.contains('\0') {
            return Err(PasswordError::Empty { source_name });
        }
        Ok(Password(password.to_owned()))
    }
}

fn read_file(path: &Path) -> Result<String, PasswordError> {
    let failed = |source| PasswordError::Read { path: path.to_owned(), source };
    // The same open file is asked who may read it and is read: no name is looked up twice.
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        return Err(PasswordError::Open { path: path.to_owned() });
    }
    let mut text = String::new();
    file.take(limits::SETTINGS_OCTETS_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn run(words: &[String], terminal: Terminal) -> Result<String, PasswordError> {
    let (program, arguments) = words.split_first().ok_or(PasswordError::Command {
        program: String::new(),
        problem: "is empty; write [\"program\", \"argument\"]".into(),
    })?;
    let failed = |problem: String| PasswordError::Command { program: program.clone(), problem };
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(match terminal {
            Terminal::Ours => Stdio::inherit(),
            Terminal::Taken => Stdio::null(),
        })
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    let (sender, answer) = std::sync::mpsc::channel();
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut text = String::new();
            let read = out.take(limits::SETTINGS_OCTETS_MAX).read_to_string(&mut text);
            let _ = sender.send(read.map(|_| text));
        });
    }
    let text = answer.recv_timeout(limits::PASSWORD_COMMAND_TIMEOUT);
    if text.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed(format!("got lost: {error}")))?;
    match text {
        Ok(Ok(text)) if status.success() => Ok(text),
        Ok(Ok(_)) => Err(failed(format!("ended with {status}"))),
        Ok(Err(error)) => Err(failed(format!("printed no text: {error}"))),
        Err(_) => Err(failed(format!("said nothing for {} s", started.elapsed().as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn file(content: &str, mode: u32) -> (tempfile::TempDir, PasswordSource) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (dir, PasswordSource::File(path))
    }

    #[test]
    fn u17_a_file_that_others_can_read_is_refused() {
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let (_dir, source) = file("secret\n", mode);
            assert!(matches!(source.read(), Err(PasswordError::Open { .. })), "{mode:o}");
        }
        let (_dir, source) = file("secret\nmore\n", 0o600);
        assert_eq!(source.read().unwrap().expose(), "secret");
    }

    #[test]
    fn u17_no_debug_text_and_no_error_holds_the_password() {
        let (_dir, source) = file("hunter2\n", 0o600);
        assert!(!format!("{:?}", source.read().unwrap()).contains("hunter2"));
        let command = ["sh", "-c", "echo hunter2; exit 3"].map(String::from).to_vec();
        let error = PasswordSource::Command(command).read().unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2\n"));
    }

    #[test]
    fn the_first_line_of_a_command_is_the_password() {
        let source = PasswordSource::Command(["printf", "a b\\nc"].map(String::from).to_vec());
        assert_eq!(source.read().unwrap().expose(), "a b");
        for words in [vec![], vec!["/nowhere/at/all".to_owned()], vec!["true".to_owned()]] {
            assert!(PasswordSource::Command(words.clone()).read().is_err(), "{words:?}");
        }
    }
}
