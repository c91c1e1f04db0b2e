//! Lines and octets on a control connection.

use std::io;
use std::time::Duration;

use postroad_net::{Io, Lines};
use postroad_observe::control::{self as words, Answer, FrameError, Recipient, Request};

/// How long an operator's command may be silent, or not read what it is told.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a control connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("cannot talk to the operator's command")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// A connection, in lines.
pub(crate) struct Frames {
    lines: Lines,
}

impl Frames {
    pub(crate) fn new(io: Io) -> Self {
        Self { lines: Lines::new(io, words::FRAME_OCTETS_MAX, IDLE_TIMEOUT) }
    }

    /// The next request; `None` at the end. What can't be read is answered, and ends the connection.
    pub(crate) async fn request(&mut self) -> Result<Option<Request>, ControlError> {
        let Some(line) = self.lines.next().await? else { return Ok(None) };
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
        Ok(self.lines.send(octets).await?)
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
