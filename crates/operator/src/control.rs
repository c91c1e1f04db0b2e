//! Asking an agent over its control socket ([`postroad_observe::control`]).
//!
//! While the transfer agent is stopped, its own program stands in for it ([`Agent::reach`]): it knows the queue's
//! files, and takes the queue's lock, so that nothing is changed behind a running agent's back.

use std::fs;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use postroad_config::{Config, Loaded};
use postroad_observe::control::{Answer, FRAME_OCTETS_MAX, Request, decode, encode};

use crate::up;

/// How long the agent may take for a line of its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An agent that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The transfer agent.
    Mta,
    /// The access agent.
    Maa,
}

impl Asked {
    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mta => "the transfer agent",
            Self::Maa => "the access agent",
        }
    }

    /// Its program, and its unit.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Mta => "postroad-mta",
            Self::Maa => "postroad-maa",
        }
    }

    fn socket(self, config: &Config) -> &Path {
        match self {
            Self::Mta => &config.mta.control,
            Self::Maa => &config.maa.control,
        }
    }

    fn connect(self, socket: &Path) -> Result<UnixStream> {
        UnixStream::connect(socket).map_err(|error| self.unreachable(socket, error))
    }

    fn unreachable(self, socket: &Path, error: io::Error) -> anyhow::Error {
        let (name, socket) = (self.name(), socket.display());
        let what = match error.kind() {
            ErrorKind::PermissionDenied => {
                format!("you may not ask {name} at {socket}: only root and the user it runs as may")
            }
            kind if nobody_there(kind) => format!(
                "{name} isn't running, or is only starting or stopping: nobody listens at {socket} (systemctl status {}, or postroad up)",
                self.program()
            ),
            _ => format!("cannot reach {name} at {socket}"),
        };
        anyhow::Error::new(error).context(what)
    }
}

/// A connection to an agent.
#[derive(Debug)]
pub(crate) struct Agent {
    asked: Asked,
    reader: BufReader<UnixStream>,
    stand_in: Option<Child>,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The running agent.
    Agent,
    /// Its program, on the files of the stopped one.
    StandIn,
}

impl Agent {
    /// Connects to the running transfer agent, or starts somebody who knows its queue.
    pub(crate) fn reach(loaded: &Loaded) -> Result<Self> {
        let socket = &loaded.config.mta.control;
        match UnixStream::connect(socket) {
            Ok(stream) => Self::over(Asked::Mta, stream, None),
            Err(error) if nobody_there(error.kind()) => Self::stand_in(loaded),
            Err(error) => Err(Asked::Mta.unreachable(socket, error)),
        }
    }

    fn stand_in(loaded: &Loaded) -> Result<Self> {
        let queue = &loaded.config.mta.queue;
        let owner = fs::metadata(queue).with_context(|| {
            format!(
                "the transfer agent isn't running, and there is no queue in {}: has it ever run with these settings?",
                queue.display()
            )
        })?;
        let (ours, theirs) = UnixStream::pair().context("cannot make a pair of sockets")?;
        let mut command = Command::new(up::program("postroad-mta")?);
        command.arg("--config").arg(&loaded.path).arg("control").stdin(OwnedFd::from(theirs));
        // Files that root leaves in the queue would lock the agent out of it.
        if rustix::process::geteuid().is_root() && owner.uid() != 0 {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let child = command.spawn().context("cannot start postroad-mta in the agent's place")?;
        Self::over(Asked::Mta, ours, Some(child))
    }

    fn over(asked: Asked, stream: UnixStream, stand_in: Option<Child>) -> Result<Self> {
        stream.set_read_timeout(Some(PATIENCE)).context("cannot use the control socket")?;
        stream.set_write_timeout(Some(PATIENCE)).context("cannot use the control socket")?;
        Ok(Self { asked, reader: BufReader::new(stream), stand_in })
    }

    pub(crate) fn speaker(&self) -> Speaker {
        if self.stand_in.is_some() { Speaker::StandIn } else { Speaker::Agent }
    }

    /// Sends `request` and hands each answer but the last to `each`, with the octets that follow it; gives
    /// the number of messages that the last one names.
    pub(crate) fn ask(
        &mut self,
        request: &Request,
        mut each: impl FnMut(Answer, Vec<u8>) -> Result<()>,
    ) -> Result<u64> {
        let (line, name) = (encode(request)?, self.asked.name());
        let asked = self.reader.get_mut().write_all(&line);
        asked.with_context(|| format!("cannot ask {name}"))?;
        loop {
            match self.read_answer()? {
                Answer::Done { messages } => return Ok(messages),
                Answer::Failed { reason } => match self.speaker() {
                    Speaker::Agent => bail!("{name} says: {reason}"),
                    Speaker::StandIn => bail!("{reason}"),
                },
                Answer::Content { octets, octets_in_all } => {
                    let content = self.read_octets(octets)?;
                    each(Answer::Content { octets, octets_in_all }, content)?;
                }
                answer => each(answer, Vec::new())?,
            }
        }
    }

    fn read_answer(&mut self) -> Result<Answer> {
        let (mut line, name) = (Vec::new(), self.asked.name());
        self.reader
            .by_ref()
            .take(FRAME_OCTETS_MAX as u64 + 1)
            .read_until(b'\n', &mut line)
            .with_context(|| format!("{name} doesn't answer"))?;
        if line.is_empty() {
            bail!("{name} closed the connection: its log says why");
        }
        decode(&line).with_context(|| format!("{name}'s answer makes no sense"))
    }

    fn read_octets(&mut self, octets: u64) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        let read = self.reader.by_ref().take(octets).read_to_end(&mut content);
        if read.context("the transfer agent doesn't answer")? as u64 != octets {
            bail!("the transfer agent closed the connection in the middle of a message");
        }
        Ok(content)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // The end of input ends a stand-in, and the queue is free again when it has ended.
        let _ = self.reader.get_ref().shutdown(Shutdown::Both);
        if let Some(child) = &mut self.stand_in {
            let _ = child.wait();
        }
    }
}

fn nobody_there(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// Whether an agent that was to be asked doesn't run.
pub(crate) fn is_not_running(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| nobody_there(error.kind()))
}

/// Asks a running agent one thing: [`Agent::ask`] on a connection of its own.
pub(crate) fn ask(
    asked: Asked,
    config: &Config,
    request: &Request,
    each: impl FnMut(Answer) -> Result<()>,
) -> Result<u64> {
    ask_at(asked, asked.socket(config), request, each)
}

fn ask_at(
    asked: Asked,
    socket: &Path,
    request: &Request,
    mut each: impl FnMut(Answer) -> Result<()>,
) -> Result<u64> {
    let mut agent = Agent::over(asked, asked.connect(socket)?, None)?;
    agent.ask(request, |answer, _| each(answer))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    /// A transfer agent that gives `answers` to whatever it is asked first; its folder and its socket.
    pub(crate) fn agent(answers: Vec<Vec<u8>>) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("mta.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            for answer in answers {
                // The other side may have had enough.
                let _ = stream.write_all(&answer);
            }
        });
        (dir, socket)
    }

    #[track_caller]
    fn check(answers: Vec<Vec<u8>>, expected: Result<u64, &str>) {
        let (_dir, socket) = agent(answers);
        let got = ask_at(Asked::Mta, &socket, &Request::Status, |_| Ok(()));
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(expected)) => {
                let got = format!("{got:#}");
                assert!(got.contains(expected), "{got}");
            }
            (got, expected) => panic!("{got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn answers_are_read_to_the_last() {
        let done = encode(&Answer::Done { messages: 3 }).unwrap();
        let content = encode(&Answer::Content { octets: 2, octets_in_all: 9 }).unwrap();
        let content = [content.as_slice(), b"{\n"].concat();
        check(vec![content.clone(), content, done], Ok(3));
        let failed = encode(&Answer::Failed { reason: "no such message".into() }).unwrap();
        check(vec![failed], Err("says: no such message"));
    }

    #[test]
    fn o02_answers_that_are_none_end_it() {
        check(vec![], Err("closed the connection"));
        check(vec![b"hello\n".to_vec()], Err("makes no sense"));
        check(vec![b"{\"v\":9,\"answer\":\"done\",\"messages\":1}\n".to_vec()], Err("version 9"));
        check(vec![vec![b'x'; 2 * FRAME_OCTETS_MAX]], Err("longer than"));
        let content = encode(&Answer::Content { octets: 9, octets_in_all: 9 }).unwrap();
        check(vec![content, b"short".to_vec()], Err("in the middle of a message"));
    }

    #[test]
    fn a_socket_that_is_not_there_says_what_to_do() {
        let error =
            ask_at(Asked::Mta, Path::new("/nonexistent/mta.sock"), &Request::Status, |_| Ok(()))
                .unwrap_err();
        assert!(error.to_string().contains("isn't running"), "{error}");
        assert!(is_not_running(&error));
        for (kind, expected) in [
            (ErrorKind::PermissionDenied, "only root and the user it runs as may"),
            (ErrorKind::ConnectionRefused, "systemctl status postroad-mta"),
            (ErrorKind::TimedOut, "cannot reach the transfer agent at /run/mta.sock"),
        ] {
            let error = Asked::Mta.unreachable(Path::new("/run/mta.sock"), kind.into());
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
