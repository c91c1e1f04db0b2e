//! What the supervisor says of a program: a line, then octets. `exited 75 4 0` and the four octets it said.

use crate::limits;

/// How a program ended, and what it said.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) how: How,
    /// On standard error, the beginning.
    pub(crate) said: Vec<u8>,
    /// On standard output, as much as was wanted.
    pub(crate) output: Vec<u8>,
    /// Whether some of its input was not read.
    pub(crate) unread: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Exited(i32),
    Signal(i32),
    TooLong,
    TooMuch,
    /// What the system said.
    NotStarted(i32),
}

impl Default for How {
    fn default() -> Self {
        Self::Exited(0)
    }
}

/// The words for [`Output`](super::Output).
pub(super) const BEGINNING: &str = "beginning";
pub(super) const WHOLE: &str = "whole";

/// The longest line.
const LINE_OCTETS_MAX: usize = 100;
/// All of a report but the output.
pub(super) const OVERHEAD_OCTETS_MAX: usize = LINE_OCTETS_MAX + limits::PROGRAM_OUTPUT_OCTETS_MAX;

pub(super) fn write(ended: &Ended) -> Vec<u8> {
    let (word, number) = match ended.how {
        How::Exited(code) => ("exited", code),
        How::Signal(signal) => ("signal", signal),
        How::TooLong => ("too-long", 0),
        How::TooMuch => ("too-much", 0),
        How::NotStarted(error) => ("not-started", error),
    };
    let mut report =
        format!("{word} {number} {} {}\n", ended.said.len(), ended.output.len()).into_bytes();
    report.extend_from_slice(&ended.said);
    report.extend_from_slice(&ended.output);
    report
}

/// `None` where it isn't whole.
pub(super) fn read(report: &[u8]) -> Option<Ended> {
    let (line, octets) = report.split_at_checked(memchr::memchr(b'\n', report)?)?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (word, number) = (words.next()?, words.next()?.parse().ok()?);
    let how = match word {
        "exited" => How::Exited(number),
        "signal" => How::Signal(number),
        "too-long" => How::TooLong,
        "too-much" => How::TooMuch,
        "not-started" => How::NotStarted(number),
        _ => return None,
    };
    let mut length = || words.next()?.parse::<usize>().ok();
    let (said, output) = (length()?, length()?);
    let (said, rest) = octets.get(1..)?.split_at_checked(said)?;
    let is_whole = rest.len() == output;
    is_whole.then(|| Ended { how, said: said.to_vec(), output: rest.to_vec(), unread: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_as_it_was_written_and_not_in_part() {
        for how in [How::Exited(75), How::Signal(9), How::TooLong, How::TooMuch, How::NotStarted(2)]
        {
            let ended = Ended {
                how,
                said: b"a\nb".to_vec(),
                output: b"exited 0 0 0\n".to_vec(),
                unread: false,
            };
            let report = write(&ended);
            assert_eq!(read(&report), Some(ended));
            assert!((0..report.len()).all(|end| read(&report[..end]).is_none()));
        }
        for report in [&b"running 0 tests\n"[..], b"", b"\n", b"exited x 0 0\n", b"exited 0\n"] {
            assert_eq!(read(report), None);
        }
    }
}
