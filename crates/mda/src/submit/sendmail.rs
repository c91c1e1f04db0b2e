//! A program that takes a letter on standard input, called as sendmail is: `sendmail -i -f FROM -- TO …`.
//!
//! How it is run is `programs`'. Exit code 0 means that it has the letter. What senders asked to be told doesn't go with
//! it: Postfix and sendmail would take `-N`, `-R` and `-V`, but Exim understands `-N` as "don't deliver" and `-R` as
//! "run the queue".

use std::ffi::OsStr;
use std::path::Path;
use std::time::Instant;

use postroad_protocol::address::ReversePath;

use super::{Outgoing, SubmitError};
use crate::limits;
use crate::line_ends::with_lf;
use crate::programs::{self, How, Job, Output, Program};

/// Hands one letter over.
pub(super) fn send(
    program: &Path,
    letter: &Outgoing,
    deadline: Instant,
) -> Result<(), SubmitError> {
    let sender = sender(&letter.envelope.reverse_path);
    let to: Vec<String> =
        letter.envelope.recipients.iter().map(|to| to.address.to_string()).collect();
    let arguments = ["-i", "-f", &sender, "--"].into_iter().chain(to.iter().map(String::as_str));
    let job = Job {
        program: &Program::at(program),
        arguments: arguments.map(OsStr::new).collect(),
        environment: &[],
        folder: Path::new("/"),
        input: &with_lf(&letter.content),
        output: Output::Beginning(limits::PROGRAM_OUTPUT_OCTETS_MAX),
        deadline,
    };
    let ended = programs::run(&job)
        .map_err(|source| SubmitError::Run { program: program.to_owned(), source })?;
    let failed = |why: String| SubmitError::Program { program: program.to_owned(), why };
    match ended.how {
        How::Exited(0) if ended.unread => Err(failed("it did not read all of it".to_owned())),
        How::Exited(0) => Ok(()),
        How::NotStarted(error) => {
            let source = std::io::Error::from_raw_os_error(error);
            Err(SubmitError::Run { program: program.to_owned(), source })
        }
        How::Exited(_) | How::Signal(_) | How::TooLong | How::TooMuch => {
            Err(failed(ended.to_string()))
        }
    }
}

/// As Dovecot and others call it for the null reverse-path.
fn sender(from: &ReversePath) -> String {
    match from {
        ReversePath::Null => "<>".to_owned(),
        ReversePath::Address(address) => address.to_string(),
    }
}
