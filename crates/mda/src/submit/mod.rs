//! Handing over letters that rules send on: accepted, or "later".
//!
//! By SMTP over a socket (`smtp.rs`) or through a program (`sendmail.rs`). Both block, within
//! [`limits::SUBMIT_TIME_MAX`]. A refusal is "later" too: the letter stays with whoever handed it in, and is
//! given back to its sender in the end, with what was said.

use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;
use postroad_config::{Config, Submit};
use postroad_protocol::client::Offer;
use postroad_protocol::envelope::Envelope;
use postroad_protocol::reply::Reply;

use crate::limits;
use crate::programs::Permit;

mod sendmail;
mod smtp;

/// A letter that is sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// What its content is (BODY=) is found out when it leaves.
    pub(crate) envelope: Envelope,
    pub(crate) kind: Kind,
    /// Line ends may be CRLF or LF.
    pub(crate) content: Bytes,
}

/// What depends on whether a letter leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The letter itself: a refusal is "later".
    Redirect,
    /// An answer to it: where nobody takes that, ever, the letter is delivered all the same.
    Answer,
}

/// Why letters could not be handed over. All of it is "later".
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmitError {
    #[error("{0} letters are being sent on already")]
    Busy(usize),
    #[error("cannot connect to {at}; [mda] submit says how letters leave that rules send on")]
    Connect {
        at: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{at} did not take a letter that rules send on: {reply}")]
    NotTaken { at: String, reply: Reply },
    #[error("cannot run {}", program.display())]
    Run {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} did not take a letter that rules send on: {why}", program.display())]
    Program { program: PathBuf, why: String },
}

/// How letters leave.
#[derive(Debug)]
pub(crate) struct Submitter {
    way: Way,
    /// What we call ourselves.
    name: String,
    time_max: Duration,
    under_way: AtomicUsize,
}

#[derive(Debug)]
enum Way {
    Smtp(smtp::Server),
    Program(PathBuf),
}

impl Submitter {
    /// By the setting `mda.submit`.
    pub(crate) fn new(config: &Config) -> Self {
        let way = match &config.mda.submit {
            Submit::Mta => Way::Smtp(smtp::Server::Unix(config.mta.socket.clone())),
            Submit::Unix(path) => Way::Smtp(smtp::Server::Unix(path.clone())),
            Submit::Smtp { host, port } => {
                Way::Smtp(smtp::Server::Tcp { host: host.clone(), port: *port })
            }
            Submit::Sendmail(path) => Way::Program(path.clone()),
        };
        Self::by(way, config)
    }

    /// Through a program that takes letters as sendmail does: for callers without settings of ours.
    pub(crate) fn program(program: PathBuf, config: &Config) -> Self {
        Self::by(Way::Program(program), config)
    }

    fn by(way: Way, config: &Config) -> Self {
        let time_max = limits::part_of(config.mda.delivery_time_max, limits::SUBMIT_TIME_MAX);
        Self { way, name: config.hostname.clone(), time_max, under_way: AtomicUsize::new(0) }
    }

    /// Whether letters leave through a program.
    pub(crate) fn is_program(&self) -> bool {
        matches!(self.way, Way::Program(_))
    }

    /// Whether letters can leave, as far as it shows.
    pub(crate) fn is_there(&self) -> bool {
        match &self.way {
            Way::Smtp(smtp::Server::Unix(path)) | Way::Program(path) => path.exists(),
            Way::Smtp(smtp::Server::Tcp { .. }) => true,
        }
    }

    /// Hands all of them over; says whether who has them now knows DSN.
    pub(crate) fn send(&self, letters: &[Outgoing]) -> Result<Offer, SubmitError> {
        if letters.is_empty() {
            return Ok(Offer::Absent);
        }
        let _permit =
            Permit::take(&self.under_way, limits::SUBMITS_MAX).map_err(SubmitError::Busy)?;
        let deadline = Instant::now() + self.time_max;
        match &self.way {
            Way::Smtp(server) => smtp::send(server, &self.name, letters, deadline),
            Way::Program(program) => letters
                .iter()
                .try_for_each(|letter| sendmail::send(program, letter, deadline))
                .map(|()| Offer::Absent),
        }
    }
}
