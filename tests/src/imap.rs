//! A line client for IMAP, in clear text: what a test sends goes as it is, and what comes back is text.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};

use crate::process::PATIENCE;

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    commands: usize,
}

impl Client {
    /// Connects, and reads the greeting.
    ///
    /// # Errors
    ///
    /// When there is no server, or it refuses.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(stream), commands: 0 };
        let greeting = client.response()?;
        ensure!(greeting.starts_with("* OK"), "{greeting}");
        Ok(client)
    }

    /// Connects and logs in.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub fn log_in(address: SocketAddr, user: &str, password: &str) -> Result<Self> {
        let mut client = Self::connect(address)?;
        client.command(&format!("LOGIN {user} {password}"))?;
        Ok(client)
    }

    /// Sends a command; gives the untagged responses to it, literals within them.
    ///
    /// # Errors
    ///
    /// Where it isn't answered by OK.
    pub fn command(&mut self, command: &str) -> Result<Vec<String>> {
        self.commands += 1;
        let tag = format!("t{} ", self.commands);
        self.stream.get_mut().write_all(format!("{tag}{command}\r\n").as_bytes())?;
        let mut responses = Vec::new();
        loop {
            let response = self.response().with_context(|| command.to_owned())?;
            match response.strip_prefix(&tag) {
                Some(status) => {
                    ensure!(status.starts_with("OK"), "{command}: {status}");
                    return Ok(responses);
                }
                None => responses.push(response),
            }
        }
    }

    /// Adds a letter to a mailbox.
    ///
    /// # Errors
    ///
    /// Where it isn't taken.
    pub fn append(&mut self, mailbox: &str, flags: &str, letter: &str) -> Result<Vec<String>> {
        self.command(&format!("APPEND {mailbox} ({flags}) {{{}+}}\r\n{letter}", letter.len()))
    }

    /// Sends octets, whatever they are.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn send(&mut self, octets: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(octets)?)
    }

    /// The next line, with the literals that are in it.
    ///
    /// # Errors
    ///
    /// When the connection is gone, or nothing comes in time.
    pub fn response(&mut self) -> Result<String> {
        let mut response = String::new();
        loop {
            let read = self.stream.read_line(&mut response)?;
            ensure!(read > 0, "the connection is closed");
            let line = response.trim_end_matches(['\r', '\n']);
            let literal = line.strip_suffix('}').and_then(|line| line.rsplit_once('{'));
            let Some(Ok(octets)) = literal.map(|(_, octets)| octets.parse()) else {
                return Ok(line.to_owned());
            };
            let mut text = vec![0; octets];
            self.stream.read_exact(&mut text)?;
            response.push_str(&String::from_utf8_lossy(&text));
        }
    }
}
