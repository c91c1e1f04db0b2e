//! POP3: what a program asks that takes all letters.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use postroad_tests::peers::PASSWORD;

use super::servers::Server;

/// Letters of the mailbox at most.
pub(super) const LETTERS: u64 = 10_000;
const LIST: &str = "POP3 LIST";
const RETR: &str = "POP3 RETR of all";

type Rows = Vec<(&'static str, BTreeMap<&'static str, f64>)>;

/// Logs in, lists all letters and takes one after the other.
pub(super) fn run(server: &Server, user: &str, letters: u64) -> anyhow::Result<Rows> {
    let stream = TcpStream::connect(server.pop3).context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut session = Session { stream: BufReader::with_capacity(1 << 20, stream) };
    session.line()?;
    session.say(&format!("USER {user}"))?;
    let begun = Instant::now();
    session.say(&format!("PASS {PASSWORD}"))?;
    session.say("LIST")?;
    let listed = session.lines()?;
    let list = begun.elapsed();
    ensure!(listed.count == letters, "{} of {letters} letters are listed", listed.count);
    let begun = Instant::now();
    let mut octets = 0;
    for number in 1..=letters {
        session.say(&format!("RETR {number}"))?;
        octets += session.lines()?.octets;
    }
    let retr = begun.elapsed();
    session.say("QUIT")?;
    let row = |case, took: std::time::Duration, octets: u64| {
        (case, BTreeMap::from([("ms", took.as_secs_f64() * 1e3), ("octets", octets as f64)]))
    };
    Ok(vec![row(LIST, list, listed.octets), row(RETR, retr, octets)])
}

struct Session {
    stream: BufReader<TcpStream>,
}

struct Lines {
    count: u64,
    octets: u64,
}

impl Session {
    /// Says a command, whose answer has to be +OK.
    fn say(&mut self, command: &str) -> anyhow::Result<()> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        self.line().with_context(|| command.split(' ').next().unwrap_or_default().to_owned())
    }

    fn line(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        ensure!(line.starts_with("+OK"), "{line:?}");
        Ok(())
    }

    /// The lines up to the dot.
    fn lines(&mut self) -> anyhow::Result<Lines> {
        let (mut line, mut lines) = (Vec::new(), Lines { count: 0, octets: 0 });
        loop {
            line.clear();
            ensure!(self.stream.read_until(b'\n', &mut line)? > 0, "the server has gone");
            if line == b".\r\n" {
                return Ok(lines);
            }
            lines.count += 1;
            lines.octets += line.len() as u64;
        }
    }
}
