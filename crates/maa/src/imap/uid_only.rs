//! UIDONLY (RFC 9586): a client that has enabled it names letters by their UIDs alone, and is told of them so: by UIDFETCH in
//! place of FETCH, by VANISHED in place of EXPUNGE. What is written is decided in [`Enabled::named`](super::capability::Enabled).

use postroad_imap::command::{Command, SearchKey};
use postroad_imap::response::Code;
use postroad_imap::value::{Numbers, SequenceSet};

use super::ending::Refused;

/// # Errors
/// RFC 9586 §3: BAD for a command that names letters by their sequence numbers.
pub(super) fn check(command: &Command) -> Result<(), Refused> {
    match has_sequence_numbers(command) {
        false => Ok(()),
        true => Err(Refused::bad("After ENABLE UIDONLY letters have UIDs and no other numbers")
            .with(Code::UidRequired)),
    }
}

fn has_sequence_numbers(command: &Command) -> bool {
    let key = match command {
        Command::Fetch(Numbers::Sequence, _)
        | Command::Store(Numbers::Sequence, _)
        | Command::Copy(Numbers::Sequence, ..)
        | Command::Move(Numbers::Sequence, ..)
        | Command::Replace(Numbers::Sequence, _)
        | Command::Search(Numbers::Sequence, _)
        | Command::Sort(Numbers::Sequence, _)
        | Command::Thread(Numbers::Sequence, _) => return true,
        // Which number had which UID, for QRESYNC.
        Command::Select(select) => {
            return select.qresync.as_ref().is_some_and(|known| known.matches.is_some());
        }
        Command::Search(Numbers::Uid, search) => &search.key,
        Command::Sort(Numbers::Uid, sort) => &sort.key,
        Command::Thread(Numbers::Uid, thread) => &thread.key,
        _ => return false,
    };
    is_among(key)
}

fn is_among(key: &SearchKey) -> bool {
    match key {
        SearchKey::And(keys) => keys.iter().any(is_among),
        SearchKey::Or(keys) => is_among(&keys.0) || is_among(&keys.1),
        SearchKey::Not(key) | SearchKey::Fuzzy(key) => is_among(key),
        // What was saved is letters, and no numbers.
        SearchKey::Sequence(set) => *set != SequenceSet::Saved,
        _ => false,
    }
}
