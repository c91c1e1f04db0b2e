//! A client that asks and reads, and makes nothing of it: what is measured is the server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use postroad_tests::peers::PASSWORD;

/// Longer than anything that is measured takes.
const TIMEOUT: Duration = Duration::from_secs(300);
const READ_OCTETS: usize = 1024 * 1024;

pub(super) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    tag: u32,
}

/// What came of a command.
pub(super) struct Answer {
    pub(super) took: Duration,
    pub(super) octets: u64,
    /// The last octets, up to the tagged line's end.
    pub(super) end: String,
}

impl Client {
    /// Logged in.
    pub(super) fn log_in(imap: SocketAddr, user: &str) -> anyhow::Result<Self> {
        let mut client = Self::connect(imap)?;
        client.until(b"* OK")?;
        client.command(&format!("LOGIN {user} {PASSWORD}"))?;
        Ok(client)
    }

    fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, buffer: vec![0; READ_OCTETS], tag: 0 })
    }

    /// Says a command and reads up to its end, which has to be an OK.
    pub(super) fn command(&mut self, command: &str) -> anyhow::Result<Answer> {
        self.tag += 1;
        // No letter holds such a line.
        let tag = format!("Zq{}x", self.tag);
        let begun = Instant::now();
        self.stream.write_all(format!("{tag} {command}\r\n").as_bytes())?;
        let mut answer = self.read_to(&format!("{tag} "), begun)?;
        let at = answer.end.rfind(&format!("{tag} ")).unwrap_or_default();
        let last = answer.end.split_off(at);
        ensure!(last.starts_with(&format!("{tag} OK")), "{}: {}", shown(command), last.trim());
        answer.end = last;
        Ok(answer)
    }

    /// Reads up to the line that begins so.
    fn read_to(&mut self, begin: &str, begun: Instant) -> anyhow::Result<Answer> {
        let mut octets = 0;
        let mut end: Vec<u8> = Vec::new();
        loop {
            let read = self.stream.read(&mut self.buffer)?;
            ensure!(read > 0, "the server has closed the connection");
            octets += read as u64;
            let new = self.buffer.get(..read).unwrap_or_default();
            // The tagged line is short, and comes last.
            let keep = end.len().saturating_sub(1024);
            end.drain(..keep);
            end.extend_from_slice(new.get(read.saturating_sub(4096)..).unwrap_or_default());
            if end.ends_with(b"\r\n") && ends_in(&end, begin.as_bytes()) {
                let end = String::from_utf8_lossy(&end).into_owned();
                return Ok(Answer { took: begun.elapsed(), octets, end });
            }
        }
    }

    /// Reads until these octets have come.
    pub(super) fn until(&mut self, wanted: &[u8]) -> anyhow::Result<Instant> {
        let mut all = Vec::new();
        loop {
            let read = self.stream.read(&mut self.buffer)?;
            if read == 0 {
                bail!("the server has closed the connection");
            }
            all.extend_from_slice(self.buffer.get(..read).unwrap_or_default());
            if all.windows(wanted.len()).any(|window| window == wanted) && all.ends_with(b"\r\n") {
                return Ok(Instant::now());
            }
        }
    }

    /// Says something, without waiting.
    pub(super) fn say(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(self.stream.write_all(format!("{line}\r\n").as_bytes())?)
    }
}

/// Whether the last line begins so.
fn ends_in(octets: &[u8], begin: &[u8]) -> bool {
    let body = octets.get(..octets.len().saturating_sub(2)).unwrap_or_default();
    let start = body.windows(2).rposition(|pair| pair == b"\r\n").map_or(0, |at| at + 2);
    body.get(start..).is_some_and(|line| line.starts_with(begin))
}

fn shown(command: &str) -> String {
    command.chars().take(80).collect()
}
