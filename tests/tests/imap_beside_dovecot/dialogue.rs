//! A connection whose responses are read by the client's side of our own IMAP.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, bail, ensure};
use postroad_imap::client::{Receiver, Step};
use postroad_imap::response::{Data, Response, Status, StatusResponse};
use postroad_tests::peers::PASSWORD;
use postroad_tests::process::PATIENCE;

/// A connection.
pub(super) struct Dialogue {
    stream: TcpStream,
    receiver: Receiver,
    commands: usize,
}

/// What was said to a command.
pub(super) struct Said {
    pub(super) data: Vec<Data>,
    pub(super) end: StatusResponse,
    /// Long pieces of letters, in their order.
    pub(super) pieces: Vec<Vec<u8>>,
}

impl Dialogue {
    /// Connects, and logs alice in.
    pub(super) fn log_in(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut dialogue = Self { stream, receiver: Receiver::new(), commands: 0 };
        let greeting = dialogue.response(&mut Vec::new())?;
        ensure!(matches!(greeting, Response::Status(_)), "{greeting:?}");
        dialogue.ok(&format!("LOGIN alice {PASSWORD}"))?;
        Ok(dialogue)
    }

    /// What is said to a command, however it ends.
    pub(super) fn ask(&mut self, command: &str) -> Result<Said> {
        self.commands += 1;
        let tag = format!("d{}", self.commands);
        self.stream.write_all(format!("{tag} {command}\r\n").as_bytes())?;
        let (mut data, mut pieces) = (Vec::new(), Vec::new());
        loop {
            let response = self.response(&mut pieces).with_context(|| command.to_owned())?;
            match response {
                Response::Data(told) => data.push(told),
                Response::Status(status) if status.tag.is_some() => {
                    return Ok(Said { data, end: status, pieces });
                }
                Response::Status(_) => {}
                Response::Continue(_) => bail!("{command}: nothing was to be continued"),
            }
        }
    }

    /// The same where it has to succeed.
    pub(super) fn ok(&mut self, command: &str) -> Result<Said> {
        let said = self.ask(command)?;
        ensure!(said.end.status == Status::Ok, "{command}: {:?}", said.end);
        Ok(said)
    }

    fn response(&mut self, pieces: &mut Vec<Vec<u8>>) -> Result<Response> {
        loop {
            match self.receiver.step() {
                Step::Response(response) => return Ok(response),
                Step::NeedInput => {
                    let mut buffer = [0; 1 << 16];
                    let octets = self.stream.read(&mut buffer)?;
                    ensure!(octets > 0, "the connection is closed");
                    self.receiver.push(&buffer[..octets]);
                }
                Step::Literal { .. } => pieces.push(Vec::new()),
                Step::Content(octets) => {
                    pieces.last_mut().context("a piece of no literal")?.extend(octets);
                }
                Step::LiteralEnd => {}
                Step::Unknown(line) => {
                    bail!("a line that is none: {:?}", String::from_utf8_lossy(&line))
                }
                Step::Broken(why) => bail!("{why}"),
            }
        }
    }
}
