//! Lines and octets on a control connection.

use std::time::Duration;

use postroad_net::Io;
use postroad_observe::control::{self as words, Answer, FrameError, Recipient, Request};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

/// How long an operator's command may be silent, or not read what it is told.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Octets that are to be read within [`IDLE_TIMEOUT`].
const WRITE_OCTETS: usize = 64 * 1024;

/// Why a control connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("cannot talk to the operator's command")]
    Io(#[from] std::io::Error),
    #[error("the operator's command is silent")]
    Silent,
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// A connection, in lines.
pub(crate) struct Frames {
    io: BufReader<Io>,
}

impl Frames {
    pub(crate) fn new(io: Io) -> Self {
        Self { io: BufReader::new(io) }
    }

    /// The next request; `None` at the end. What can't be read is answered, and ends the connection.
    pub(crate) async fn request(&mut self) -> Result<Option<Request>, ControlError> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.io).take(words::FRAME_OCTETS_MAX as u64 + 1);
        let read = bounded.read_until(b'\n', &mut line);
        if timeout(IDLE_TIMEOUT, read).await.map_err(|_| ControlError::Silent)?? == 0 {
            return Ok(None);
        }
        match words::decode(&line) {
            Ok(request) => Ok(Some(request)),
            Err(error) => {
                self.send(&Answer::Failed { reason: error.to_string() }).await?;
                Err(error.into())
            }
        }
    }

    pub(crate) async fn send(&mut self, answer: &Answer) -> Result<(), ControlError> {
        self.send_octets(&words::encode(answer)?).await
    }

    /// Sends octets as they are.
    pub(crate) async fn send_octets(&mut self, octets: &[u8]) -> Result<(), ControlError> {
        for part in octets.chunks(WRITE_OCTETS) {
            let write = async {
                self.io.write_all(part).await?;
                self.io.flush().await
            };
            timeout(IDLE_TIMEOUT, write).await.map_err(|_| ControlError::Silent)??;
        }
        Ok(())
    }
}

/// The line for an answer that names recipients: as many of the first as it may name and as fit into it.
/// Gives how many these are, too.
pub(crate) fn encode_some(
    recipients: &[Recipient],
    answer: impl Fn(&[Recipient]) -> Answer,
) -> Result<(Vec<u8>, usize), FrameError> {
    let mut count = recipients.len().min(words::RECIPIENTS_MAX);
    loop {
        match words::encode(&answer(recipients.get(..count).unwrap_or_default())) {
            // Long replies of many hosts.
            Err(FrameError::TooLong) if count > 1 => count /= 2,
            line => return line.map(|line| (line, count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_replies_take_places_of_recipients() {
        let recipient = |last: &str| Recipient {
            address: format!("{}@example.org", "a".repeat(64)),
            state: words::State::Waiting,
            attempts: 1,
            due: Some(1),
            last: Some(last.to_owned()),
            left_alone: None,
            next_hop: None,
            notify: None,
            orcpt: None,
        };
        let answer = |some: &[Recipient]| Answer::Recipients { recipients: some.to_vec() };
        for (last, expected) in [("450 later".to_owned(), 50), ("\u{1}".repeat(1_024), 6)] {
            let (line, count) = encode_some(&vec![recipient(&last); 100], answer).unwrap();
            assert_eq!(count, expected);
            assert!(line.len() <= words::FRAME_OCTETS_MAX);
        }
    }
}
