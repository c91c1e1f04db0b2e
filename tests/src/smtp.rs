//! A line client for SMTP and LMTP that sends whatever it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};

use crate::process::PATIENCE;

/// One reply: its code, and its text with the lines joined by `\n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// What follows them on each line.
    pub text: String,
}

impl Reply {
    /// The queue id of `250 2.0.0 Ok: queued as ID`.
    #[must_use]
    pub fn queue_id(&self) -> Option<&str> {
        self.text.rsplit_once("queued as ")?.1.split_whitespace().next()
    }
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    /// What the server said first.
    pub greeting: Reply,
}

impl Client {
    /// Connects, and reads the greeting.
    ///
    /// # Errors
    ///
    /// When there is no server, or it doesn't speak.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            stream: BufReader::new(stream),
            greeting: Reply { code: 0, text: String::new() },
        };
        client.greeting = client.reply()?;
        Ok(client)
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(octets).context("cannot write to the server")
    }

    /// Reads one reply.
    ///
    /// # Errors
    ///
    /// When the connection ends, or what comes is no reply.
    pub fn reply(&mut self) -> Result<Reply> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            let octets = self.stream.read_line(&mut line).context("cannot read a reply")?;
            ensure!(octets > 0, "the server closed the connection");
            let line = line.trim_end_matches(['\r', '\n']);
            let code = line.get(..3).and_then(|digits| digits.parse().ok());
            let code = code.with_context(|| format!("{line:?} is no reply"))?;
            text.push_str(line.get(4..).unwrap_or_default());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, text });
            }
            text.push('\n');
        }
    }

    /// Sends a line, and reads the reply.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn command(&mut self, line: &str) -> Result<Reply> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// As [`Client::command`]; any reply but one of this class (2 or 3) is an error.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub fn expect(&mut self, line: &str, code: u16) -> Result<Reply> {
        let reply = self.command(line)?;
        ensure!(reply.code == code, "{line} was answered {reply:?}, not {code}");
        Ok(reply)
    }

    /// One message from `MAIL` to the reply after its data, which is given back; dots are stuffed here.
    ///
    /// # Errors
    ///
    /// When anything before the data is refused.
    pub fn message(&mut self, from: &str, to: &[&str], octets: &[u8]) -> Result<Reply> {
        self.expect(&format!("MAIL FROM:<{from}>"), 250)?;
        for recipient in to {
            self.expect(&format!("RCPT TO:<{recipient}>"), 250)?;
        }
        self.expect("DATA", 354)?;
        self.send(&stuffed(octets))?;
        self.reply()
    }
}

/// Dot-stuffed, and ended by the dot.
fn stuffed(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + 64);
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") && !out.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
