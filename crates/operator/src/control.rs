//! Asking the transfer agent over its control socket ([`postroad_observe::control`]).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use postroad_observe::control::{Answer, FRAME_OCTETS_MAX, Request, decode, encode};

/// How long the agent may take for a line of its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends `request` and hands each answer but the last to `each`; gives the number of messages that the
/// last one names.
pub(crate) fn ask(
    socket: &Path,
    request: &Request,
    mut each: impl FnMut(Answer) -> Result<()>,
) -> Result<u64> {
    let unreachable = || {
        format!(
            "cannot reach the transfer agent at {}: is it running (systemctl status postroad-mta, or postroad up), and may you ask it (its user or root)?",
            socket.display()
        )
    };
    let mut stream = UnixStream::connect(socket).with_context(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE)).with_context(unreachable)?;
    stream.set_write_timeout(Some(PATIENCE)).with_context(unreachable)?;
    stream.write_all(&encode(request)?).context("cannot ask the transfer agent")?;
    let mut reader = BufReader::new(stream);
    loop {
        match read_answer(&mut reader)? {
            Answer::Done { messages } => return Ok(messages),
            Answer::Failed { reason } => bail!("the transfer agent says: {reason}"),
            answer => each(answer)?,
        }
    }
}

fn read_answer(reader: &mut BufReader<UnixStream>) -> Result<Answer> {
    let mut line = Vec::new();
    let limit = FRAME_OCTETS_MAX as u64 + 1;
    reader
        .by_ref()
        .take(limit)
        .read_until(b'\n', &mut line)
        .context("the transfer agent doesn't answer")?;
    if line.is_empty() {
        bail!("the transfer agent closed the connection: its log says why");
    }
    decode(&line).context("the transfer agent's answer makes no sense")
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
        let got = ask(&socket, &Request::Status, |_| Ok(()));
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
        let content = encode(&Answer::Content { text: "x".into(), octets: 1 }).unwrap();
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
    }

    #[test]
    fn a_socket_that_is_not_there_says_what_to_do() {
        let error =
            ask(Path::new("/nonexistent/mta.sock"), &Request::Status, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("is it running"), "{error}");
    }
}
