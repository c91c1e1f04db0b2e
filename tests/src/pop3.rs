//! A line client for POP3, in clear text.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};

use crate::process::PATIENCE;

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
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
        let mut client = Self { stream: BufReader::new(stream) };
        client.status()?;
        Ok(client)
    }

    /// Connects and logs in.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub fn log_in(address: SocketAddr, user: &str, password: &str) -> Result<Self> {
        let mut client = Self::connect(address)?;
        client.command(&format!("USER {user}"))?;
        client.command(&format!("PASS {password}"))?;
        Ok(client)
    }

    /// Sends a command; gives what follows `+OK`.
    ///
    /// # Errors
    ///
    /// On `-ERR`.
    pub fn command(&mut self, line: &str) -> Result<String> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.status().with_context(|| line.split(' ').next().unwrap_or_default().to_owned())
    }

    /// Sends a command, and reads the lines of its answer, without stuffing and dot.
    ///
    /// # Errors
    ///
    /// On `-ERR`.
    pub fn lines(&mut self, line: &str) -> Result<Vec<u8>> {
        self.command(line)?;
        let mut octets = Vec::new();
        loop {
            let start = octets.len();
            self.stream.read_until(b'\n', &mut octets)?;
            match octets.get(start..) {
                Some(b".\r\n") => {
                    octets.truncate(start);
                    return Ok(octets);
                }
                Some([b'.', ..]) => {
                    octets.remove(start);
                }
                Some([]) | None => anyhow::bail!("the server closed the connection"),
                Some(_) => {}
            }
        }
    }

    /// Every message, in order.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub fn messages(&mut self) -> Result<Vec<Vec<u8>>> {
        let list = String::from_utf8(self.lines("LIST")?)?;
        let numbers = list.lines().filter_map(|line| line.split(' ').next());
        numbers.map(|number| self.lines(&format!("RETR {number}"))).collect()
    }

    fn status(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).context("cannot read from the server")?;
        ensure!(line.starts_with("+OK"), "the server said {line:?}");
        Ok(line.trim_end().trim_start_matches("+OK").trim_start().to_owned())
    }
}
