//! Somebody's home, with the user agent under all of its names.
#![allow(dead_code, reason = "each test program takes what it needs")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A home folder with nothing in it but links to the program.
pub(crate) struct Home {
    pub(crate) dir: tempfile::TempDir,
    submission: String,
}

impl Home {
    pub(crate) fn new(submission: impl Into<String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["mail", "sendmail", "mailq"] {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_postroad-mua"), dir.path().join(name))
                .unwrap();
        }
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(dir.path().join("Maildir").join(part)).unwrap();
        }
        Self { dir, submission: submission.into() }
    }

    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let path = match program {
            "postroad-mua" => PathBuf::from(env!("CARGO_BIN_EXE_postroad-mua")),
            name => self.dir.path().join(name),
        };
        let mut command = Command::new(path);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("POSTROAD_CONFIG", "/nonexistent")
            .env("POSTROAD_MUA_ADDRESS", "us@our.example")
            .env("POSTROAD_MUA_SUBMISSION", &self.submission)
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(program, arguments).spawn().unwrap();
        // A program that refuses its arguments doesn't read what comes.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    #[track_caller]
    pub(crate) fn check(
        &self,
        program: &str,
        arguments: &[&str],
        input: &str,
        status: i32,
    ) -> Output {
        let output = self.run(program, arguments, input);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{program} {arguments:?}: {words}");
        output
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.dir.path().join(".local/state/postroad/outbox")
    }
}

/// A port where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("smtp://{}", listener.local_addr().unwrap())
}
