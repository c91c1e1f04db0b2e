//! Where the delivery agent is called in tests: settings, two users, a home.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

/// The program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_postroad-mda");

/// What it becomes where it can't do by itself what is asked for.
pub(crate) const WHOLE: &str = env!("CARGO_BIN_EXE_postroad-mda-whole");

/// It has no queue id: each time that it is handed over it is another one.
pub(crate) const LETTER: &str = "Received: from x by mx.our.example with ESMTP; date\n\
    Message-ID: <a@x.example>\nSubject: hello\n\n.one\nFrom here on\n";

/// A folder with settings, two users and a home.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        // As root, we become the owner of the data: a user who may come in here.
        std::fs::set_permissions(place.dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        place.write(
            "users",
            "alice:{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$\
            aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\n",
        );
        place.write(
            "postroad.toml",
            &format!("data = {:?}\ndomains = [\"our.example\"]\n", place.dir.path()),
        );
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program where everybody may execute it: a tree where nobody else may look has it out of somebody's reach.
    pub(crate) fn program(&self) -> PathBuf {
        for (file, name) in [(BINARY, "postroad-mda"), (WHOLE, "postroad-mda-whole")] {
            if !self.path(name).exists() {
                std::fs::copy(file, self.path(name)).unwrap();
            }
        }
        self.path("postroad-mda")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// Calls with the settings.
    pub(crate) fn call(&self, arguments: &[&str]) -> Called {
        let config = self.path("postroad.toml").to_str().unwrap().to_owned();
        self.run(&[&["--config", &config], arguments].concat(), &[], LETTER.as_bytes())
    }

    /// Calls with nothing but these arguments, variables and letter.
    pub(crate) fn run(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        letter: &[u8],
    ) -> Called {
        let mut command = Command::new(BINARY);
        call_by(command.args(arguments).env_clear().envs(variables.iter().copied()), letter)
    }

    pub(crate) fn letters(&self, maildir: impl AsRef<Path>) -> Vec<String> {
        let oracle = maildir::Maildir::from(self.dir.path().join(maildir));
        oracle
            .list_new()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    }

    /// Gives alice a script.
    pub(crate) fn script(&self, text: &str) {
        let folder = self.path("sieve");
        let _ = std::fs::create_dir(&folder);
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
        self.write("sieve/alice.sieve", text);
    }

    /// Has letters leave through a program of these lines, which finds its folder in `$D`.
    pub(crate) fn leave_by(&self, lines: &str) {
        let program = self.path("sendmail");
        let text = format!("#!/bin/sh\nD={}\n{lines}\n", self.dir.path().display());
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let settings = format!(
            "data = {:?}\ndomains = [\"our.example\"]\nmda.submit = \"sendmail:{}\"\n",
            self.dir.path(),
            program.display()
        );
        self.write("postroad.toml", &settings);
    }
}

/// Calls in this way, with this letter in a pipe.
pub(crate) fn call_by(command: &mut Command, letter: &[u8]) -> Called {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who refuses at once doesn't read.
    let _ = child.stdin.take().unwrap().write_all(letter);
    Called(child.wait_with_output().unwrap())
}

pub(crate) struct Called(pub(crate) Output);

impl Called {
    /// Checks exit code and first line.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, first_line: &str) {
        let said = String::from_utf8_lossy(&self.0.stderr).into_owned();
        assert_eq!(self.0.status.code(), Some(code), "{said}");
        assert!(said.lines().next().unwrap_or_default().starts_with(first_line), "{said}");
        assert!(self.0.stdout.is_empty());
    }
}

/// A delivery in whose letter more is to come.
pub(crate) struct UnderWay {
    pub(crate) child: Child,
    letter: ChildStdin,
}

impl UnderWay {
    /// Begins one for alice, whose letter is being read by now.
    pub(crate) fn begin(place: &Place) -> Self {
        let mut child = Command::new(BINARY)
            .args(["-d", "alice"])
            .env_clear()
            .env("POSTROAD_CONFIG", place.path("postroad.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Longer than a pipe holds: when it is written, the beginning was read.
        let mut letter = child.stdin.take().unwrap();
        letter.write_all(b"A: b\n\n").unwrap();
        letter.write_all(&vec![b'x'; 1 << 20]).unwrap();
        Self { child, letter }
    }

    /// Ends the letter.
    pub(crate) fn end(self) -> Called {
        drop(self.letter);
        Called(self.child.wait_with_output().unwrap())
    }

    /// Waits for an end before the letter's.
    pub(crate) fn wait_for_end(self) -> Called {
        let Self { child, letter } = self;
        let called = Called(child.wait_with_output().unwrap());
        drop(letter);
        called
    }
}
