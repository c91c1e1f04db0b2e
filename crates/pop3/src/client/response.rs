//! Responses off the wire: first lines (RFC 1939 §3, RFC 2449 §8), and the lines of listings.

use super::Outcome;
use crate::command::MessageNumber;
use crate::limits;
use crate::unique_id::UniqueId;

/// What a server said behind `-ERR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The response code without its brackets, in upper case: `IN-USE`, `AUTH`, `SYS/TEMP`.
    pub code: Option<String>,
    /// Its words, as they came.
    pub text: String,
}

/// Reads the first line of a response: the text behind `+OK`, or a refusal.
pub(super) fn first_line(line: &[u8]) -> Result<Result<String, Refusal>, &'static str> {
    let text = String::from_utf8_lossy(line).into_owned();
    let (status, rest) = text.split_once(' ').unwrap_or((&text, ""));
    match status {
        "+OK" => Ok(Ok(rest.to_owned())),
        "-ERR" => Ok(Err(refusal(rest))),
        _ => Err("a response is neither +OK nor -ERR"),
    }
}

fn refusal(text: &str) -> Refusal {
    match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((code, text)) => {
            Refusal { code: Some(code.to_ascii_uppercase()), text: text.trim_start().to_owned() }
        }
        None => Refusal { code: None, text: text.to_owned() },
    }
}

/// `nn mm`; what follows is nobody's business (RFC 1939 §5).
pub(super) fn drop_listing(text: &str) -> Option<(u32, u64)> {
    let mut words = text.split(' ');
    let (count, octets) = (words.next()?, words.next()?);
    let count = count.parse().ok().filter(|count| *count <= limits::MESSAGES_MAX)?;
    Some((count, octets.parse().ok()?))
}

/// A listing that is coming in.
#[derive(Debug)]
pub(super) enum Listing {
    Sizes(Vec<(MessageNumber, u64)>),
    UniqueIds(Vec<(MessageNumber, UniqueId)>),
}

pub(super) enum Progress {
    More(Listing),
    Done(Outcome),
}

impl Listing {
    /// Takes the next line.
    pub(super) fn line(mut self, line: &[u8]) -> Result<Progress, &'static str> {
        if line == b"." {
            return Ok(Progress::Done(match self {
                Self::Sizes(sizes) => Outcome::Sizes(sizes),
                Self::UniqueIds(ids) => Outcome::UniqueIds(ids),
            }));
        }
        let line = std::str::from_utf8(line).map_err(|_| MALFORMED)?;
        let (number, rest) = line.split_once(' ').ok_or(MALFORMED)?;
        let number = MessageNumber::parse(number).ok_or(MALFORMED)?;
        let kept = match &mut self {
            Self::Sizes(sizes) => {
                // RFC 1939 §5 lets a server say more behind the size.
                let size = rest.split(' ').next().and_then(|size| size.parse().ok());
                sizes.push((number, size.ok_or(MALFORMED)?));
                sizes.len()
            }
            Self::UniqueIds(ids) => {
                let id = UniqueId::parse(rest.trim_end().as_bytes()).ok_or(MALFORMED)?;
                ids.push((number, id));
                ids.len()
            }
        };
        // U13: a server that says 2^32 messages doesn't get our memory.
        match kept <= limits::MESSAGES_MAX as usize {
            true => Ok(Progress::More(self)),
            false => Err("it has too many messages"),
        }
    }
}

const MALFORMED: &str = "a line of its listing is malformed";
